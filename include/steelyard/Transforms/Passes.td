//===- Passes.td - Passes that cross dialects ------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TRANSFORMS_PASSES
#define STEELYARD_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def Normalise : Pass<"normalise", "::mlir::ModuleOp"> {
  let summary = "brings what a frontend printed into the form that passes work on";
  let description = [{
    Calls are inlined and private functions removed; `optimization_barrier` and
    the annotations `custom_call @Sharding` are dropped (both are identities on values). `custom_call @check.*` become
    operations of `check`; `chlo.square` and `chlo.tan` become stablehlo's, the other functions of `chlo` stay for the
    lowering. Canonicalisation folds what folds without rounding: shapes, splats, integers. What later passes do not
    work on is an error at its location: recursion, dynamic shapes, operations of other dialects, custom calls
    other than `check.*`.

    ```mlir
    %0 = call @relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
    // becomes
    %0 = stablehlo.maximum %x, %zero : tensor<4xf32>
    ```

    Numerics: bit for bit. Options: none.
  }];
  let dependentDialects = ["::mlir::stablehlo::StableHLODialect", "::mlir::check::CheckDialect"];
}

#endif // STEELYARD_TRANSFORMS_PASSES
