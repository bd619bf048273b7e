//===- Passes.td - Passes that cross dialects ------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TRANSFORMS_PASSES
#define STEELYARD_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def Normalise : Pass<"normalise", "::mlir::ModuleOp"> {
  let summary = "brings what a frontend printed into the form that passes work on";
  let description = [{
    Calls and composites are inlined and private functions removed; `optimization_barrier` and
    the annotations `custom_call @Sharding`, `sdy.mesh` (of one device) and `sdy.sharding_constraint` are dropped (identities on values). `custom_call @check.*` become
    operations of `check`; `chlo.square` and `chlo.tan` become stablehlo's, `chlo.top_k` a sort and slices, `rng_bit_generator`
    integer operations, `map` its computation on whole tensors; the other functions of `chlo` stay for the lowering. Canonicalisation folds what folds without rounding: shapes, splats, integers. What later passes do not
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

def HoistSlices : Pass<"hoist-slices", "::mlir::ModuleOp"> {
  let summary = "cuts joined tensors apart before what is computed on them, instead of after";
  let description = [{
    A result that only slices read, each within one piece of the concatenations that it is made from, is computed piece by
    piece. So every piece has its own scale and, in a contraction, its own formats: the gradients of a recurrent cell's
    gates, which JAX joins for one contraction with the layer's input, may be far apart. Through elementwise operations,
    reductions, transposes, broadcasts, reshapes and the free dimensions of contractions, where nothing else reads
    what is in between; no work is done twice.

    ```mlir
    %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x16xf32>
    %w = stablehlo.dot_general %x, %g, contracting_dims = [0] x [0] : (tensor<2x5xf32>, tensor<2x16xf32>) -> tensor<5x16xf32>
    %wi = stablehlo.slice %w [0:5, 0:8] : (tensor<5x16xf32>) -> tensor<5x8xf32>
    %wf = stablehlo.slice %w [0:5, 8:16] : (tensor<5x16xf32>) -> tensor<5x8xf32>
    // becomes
    %wi = stablehlo.dot_general %x, %i, contracting_dims = [0] x [0] : (tensor<2x5xf32>, tensor<2x8xf32>) -> tensor<5x8xf32>
    %wf = stablehlo.dot_general %x, %f, contracting_dims = [0] x [0] : (tensor<2x5xf32>, tensor<2x8xf32>) -> tensor<5x8xf32>
    ```

    Numerics: the same function of the same elements, with the order of sums as it was. Options: none.
  }];
  let dependentDialects = ["::mlir::stablehlo::StableHLODialect"];
}

def Quantize : Pass<"quantize", "::mlir::ModuleOp"> {
  let summary = "puts the operands of contractions into narrow formats, by a recipe";
  let description = [{
    Works on scaled graphs and on plain ones. Each operand's role (weight, activation, gradient) is found from,
    in this order, the attribute `steelyard.roles` on the contraction, JAX's name stack in locations, and the structure
    of the graph; a remark names the formats and that evidence. A contraction that is left alone has a remark
    saying why. Two gradients (E5M2 x E5M2) are never contracted in FP8.

    ```mlir
    %r = scaled.dot_general %a, %b ... : (!scaled.tensor<4x8xf16, exp>, !scaled.tensor<8x4xf16, exp>) -> ...
    // becomes
    %qa = scaled.quantize %a : !scaled.tensor<4x8xf16, exp> -> !scaled.tensor<4x8xf8E4M3FN, exp>
    %qb = scaled.quantize %b : !scaled.tensor<8x4xf16, exp> -> !scaled.tensor<8x4xf8E4M3FN, exp>
    %r = scaled.dot_general %qa, %qb ...
    ```

    A recipe may keep state between steps, as `fp8-delayed` its histories: each becomes a last argument of the function, with
    its first value, and a last result (`steelyard.state`, `steelyard.initial`, `tf.aliasing_output`). An operand
    of several contractions is quantised once for each role. `observe=true` puts a `scaled.observe` on each, named
    as its state would be ("0.activation", numbered in the order of the contractions); -observe-to-results returns what they see.

    `fast-accumulate=true` lets targets sum the products of 8-bit operands in fewer bits (on a GPU about 14); without it only those
    may be whose algorithm in the program allows it.

    Numerics: changes rounding: operands are rounded to the recipe's formats.
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", "\"fp8-current\"", "Name of the recipe">,
    ListOption<"recipeOptions", "options", "std::string", "The recipe's own options, name=value">,
    Option<"fastAccumulate", "fast-accumulate", "bool", "false", "Let sums of products of 8 bits have fewer bits than float32's">,
    Option<"observe", "observe", "bool", "false", "Put a tap on every quantised operand, named NUMBER.ROLE">
  ];
  let dependentDialects = ["::mlir::scaled::ScaledDialect"];
}

#endif // STEELYARD_TRANSFORMS_PASSES
