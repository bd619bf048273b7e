//===- Passes.td - From stablehlo to linalg -------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_CONVERSION_STABLEHLOTOLINALG_PASSES
#define STEELYARD_CONVERSION_STABLEHLOTOLINALG_PASSES

include "mlir/Pass/PassBase.td"

def ConvertStableHLOToLinalg : Pass<"convert-stablehlo-to-linalg", "::mlir::ModuleOp"> {
  let summary = "lowers stablehlo, and scaled operations on plain tensors, to linalg and scf";
  let description = [{
    Elementwise operations become `linalg.generic` with scalar bodies; floats
    narrower than 32 bits are computed in float32 and rounded once to their type.
    Reductions accumulate in float32 at least; prefix sums and what else cannot be a `linalg` operation are `scf.for`
    nests on tensors. Contractions become `host.gemm`, in float32, or float64 where an operand or the algorithm is; that is as exact as
    any `precision` and narrower algorithm asks for. An algorithm of TF32 operands and one product (JAX's TF32_TF32_F32) and one with
    imprecise accumulation (FAST_ACCUM) are passed on as what a target may do. One of other types is an error.
    Unsigned integers become signless. `scaled.rescale` becomes three multiplications in the loop by
    `scaled.rescale_factors` made before it. `while`, `case` and `if` become `scf.while` and `scf.if`; a loop also ends
    when its call is cancelled (`host.poll`). Scatters and sorts (by merging) become `scf.for` on tensors.

    ```mlir
    %2 = stablehlo.add %0, %1 : tensor<4xf32>
    // becomes
    %2 = linalg.generic {...} ins(%0, %1) outs(%empty) { arith.addf ... }
    ```

    Elementary functions that the math dialect lacks, or that are not within 3 ulp on the CPU, are expanded. With
    `keep-functions` those that it has are left to the target: tanh, log, log1p, expm1, sin, cos and tan.
    Loops on tensors whose iterations are independent are marked `steelyard.parallel`.

    Numerics: as the StableHLO specification, the order of sums aside; integer division by zero gives all ones.
  }];
  let options = [Option<"keepFunctions", "keep-functions", "bool", "false",
                        "Elementary functions stay operations of the math dialect">,
                 Option<"workByDestination", "work-by-destination", "int64_t", "-1",
                        "Scatters of at most so many elements of the result times index vectors become linalg.generic over the "
                        "elements, which ask all index vectors: more work, all of it independent. Of larger ones what has its own part of the "
                        "result is done in parallel loops. -1: one after the other">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::scaled::ScaledDialect",
                           "::steelyard::host::HostDialect"];
}

#endif // STEELYARD_CONVERSION_STABLEHLOTOLINALG_PASSES
