//===- Passes.td - Casts as integer arithmetic -----------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_CONVERSION_CASTTOARITH_PASSES
#define STEELYARD_CONVERSION_CASTTOARITH_PASSES

include "mlir/Pass/PassBase.td"

def ConvertScaledCastToArith : Pass<"convert-scaled-cast-to-arith"> {
  let summary = "lowers scaled.cast and scaled.rescale on scalars and vectors to arith";
  let description = [{
    Every format is decoded and encoded by integer arithmetic with selects,
    without branches or tables, so that the code vectorises; float16 and bfloat16 to
    nearest use the processor's conversions where they give the same bits.
    `arith.bitcast` between a small float and its bits appears here only.

    Numerics: bit for bit what `scaled.cast` and `scaled.rescale` say.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def VerifyNoArithOnSmallFloats : Pass<"verify-no-arith-on-small-floats"> {
  let summary = "proves that no arithmetic on floats of fewer than 16 bits is left";
  let description = [{
    MLIR leaves conversions of such floats in place without a word. This pass makes each an error at its location:
    only `arith.bitcast`, `arith.select` and constants may touch them.
  }];
}

#endif // STEELYARD_CONVERSION_CASTTOARITH_PASSES
