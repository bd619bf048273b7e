//===- Passes.td - Casts as integer arithmetic -----------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_CONVERSION_CASTTOARITH_PASSES
#define STEELYARD_CONVERSION_CASTTOARITH_PASSES

include "mlir/Pass/PassBase.td"

def ConvertScaledCastToArith : Pass<"convert-scaled-cast-to-arith"> {
  let summary = "lowers scaled.cast, scaled.rescale and its factors on scalars and vectors to arith";
  let description = [{
    Every format is decoded and encoded by arithmetic on the bits with selects,
    without branches or tables, so that loops over scalars vectorise. `arith.extf`
    and `arith.truncf` from or to floats of fewer than 16 bits are lowered alike
    (they don't saturate), and so are `arith.truncf` to bf16, which some processors do with
    subnormals flushed, and from f64 to f16, which is a library call.
    float32 to f16, nearest even, is the processor's own conversion, with one NaN for all.
    4- and 6-bit codes are one a byte; `arith.bitcast` between a small float and its bits
    appears here only.
    ```mlir
    %q = scaled.cast %x {saturate} : f32 -> f8E4M3FN
    // becomes
    %bits = arith.bitcast %x : f32 to i32
    ...
    %byte = arith.trunci %code : i32 to i8
    %q = arith.bitcast %byte : i8 to f8E4M3FN
    ```
    `scaled.rescale` becomes three multiplications by powers of two made once for all elements,
    `scaled.rescale_factors` the integer operations that make them.

    Numerics: bit for bit what Numerics/Round.h says, also where the processor
    flushes subnormals; rescale and conversions between f32 and f64 are the
    processor's and follow its mode.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

def VerifyNoArithOnSmallFloats : Pass<"verify-no-arith-on-small-floats"> {
  let summary = "proves that no arithmetic on floats of fewer than 16 bits is left";
  let description = [{
    MLIR leaves conversions of such floats in place without a word. This pass makes each operation of `arith` and `math`
    on them, and each of `vector` that computes, an error at its location: only `arith.bitcast`, `arith.select` and
    constants may touch them.

    Numerics: nothing changes.
  }];
}

#endif // STEELYARD_CONVERSION_CASTTOARITH_PASSES
