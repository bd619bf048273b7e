//===- Passes.td - Passes that make and remove scaled tensors ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_SCALED_TRANSFORMS_PASSES
#define STEELYARD_DIALECT_SCALED_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def Scalify : Pass<"scalify", "::mlir::ModuleOp"> {
  let summary = "gives every float tensor a scale and a narrow storage type";
  let description = [{
    Scale propagation (arXiv:2407.17353) as a forward walk over each function.
    Every float value becomes a `!scaled.tensor` of the storage type with one power-of-two scale. An operation's rule
    (ScalePropagationOpInterface) gets its operands as float32 data and integer exponents; its result is computed in
    float32 and rounded once, to storage. Where the rule does not prove that storage holds the result's magnitude
    well, `scaled.normalize` first moves its amax into the exponent. Functions keep the user's types:
    arguments are scaled at entry, results are real values again.

    ```mlir
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = stablehlo.multiply %x, %x : tensor<4xf32>
      return %0 : tensor<4xf32>
    }
    // becomes
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      %zero = scaled.constant_exponent 0 : tensor<i32>
      %n, %e = scaled.normalize %x, %zero : tensor<4xf32>
      %d = scaled.cast %n {saturate} : tensor<4xf32> -> tensor<4xf16>
      %w = stablehlo.convert %d : (tensor<4xf16>) -> tensor<4xf32>
      %p = stablehlo.multiply %w, %w : tensor<4xf32>
      %pe = scaled.exponent_add %e, %e : tensor<i32>
      ...
    }
    ```

    An operation without a rule is computed on real float32 values, with a remark that names it.

    Numerics: the function computed is the same in exact arithmetic; every float result is rounded to storage,
    except tensors of one element, which stay float32, as do constants that repeat one number: they take no room, and
    hyperparameters and counters are among them (β₂ = .999 is .99902 in float16).
    Where a mask's finite "minus infinity" (a constant of 2^14 or more, as -1e9) is chosen for some elements, and in what is computed of
    them until exp or its like takes them in, float16 would hold the other elements as zeros: such values stay float32.
    Beside a number of 2^101 or more in a float64 program, as float64's least is, they stay float64, with a remark.
    Data in float16 is normalised to an amax in [2^10, 2^11), so that most of the format's range lies below: elements
    2^24 times smaller keep their 11 bits, those 2^34 times smaller are not yet zero. In bfloat16, and in float32, amax is in [1, 2).
    Real values are float32 inside: where a rule has to leave scaled form (exp, tanh and their like), magnitudes beyond float32's
    become infinite or zero.

    `state=scaled`: arguments donated to a result (`tf.aliasing_output`), and those results, are scaled tensors in the
    function's signature too, so that state is never widened between calls; `steelyard.user_type` keeps the user's type.
    State that averages squares and is proved never to become negative, as Adam's second moment is, is kept as its square root
    (`steelyard.state_form = "root"`), with a remark: squares of values that storage tells apart would spread over twice its exponents.
    Its new value stays float32 until the root is taken. Whoever gives its first value must see that that is
    not negative; `second-moments=value` keeps all state as it is. Such an average in the user's type is read and written in
    float32, with a remark.

    `state-rounding=stochastic`: such state is rounded up with a probability equal to the fraction that rounding would
    drop, so that updates too small for storage still add up (an average with β₂ = .999 otherwise stops moving in
    float16; the root of v does so too, and a remark says it). The random bits are a function of a key (`scaled.random_bits`), which is state itself: the last argument and
    result, `seed` before the first call, one more in each.
  }];
  let options = [
    Option<"storage", "storage", "std::string", "\"f16\"", "Element type of data: f16 or bf16">,
    Option<"state", "state", "std::string", "\"user\"", "Donated arguments: user (the user's types) or scaled">,
    Option<"stateRounding", "state-rounding", "std::string", "\"nearest\"", "How scaled state is rounded: nearest or stochastic">,
    Option<"seed", "seed", "int64_t", "0", "The first key of stochastic rounding">,
    Option<"secondMoments", "second-moments", "std::string", "\"root\"", "How scaled state that averages squares is kept: root or value">
  ];
  let dependentDialects = ["::mlir::scaled::ScaledDialect", "::mlir::stablehlo::StableHLODialect"];
}

def FuseCasts : Pass<"fuse-casts"> {
  let summary = "drops the rounding of values that are not materialised";
  let description = [{
    A value that one elementwise operation or reduction reads, and nobody else, lives inside
    of a fused loop: it stays float32, and only what leaves the loop is rounded. Each rounding that is dropped has a
    remark. `scaled.normalize` stays in place, so the float32 values
    cannot overflow where storage did not.

    ```mlir
    %h = scaled.cast %x : tensor<4xf32> -> tensor<4xf16>
    %w = stablehlo.convert %h : (tensor<4xf16>) -> tensor<4xf32>
    %y = stablehlo.sqrt %w : tensor<4xf32>
    // becomes
    %y = stablehlo.sqrt %x : tensor<4xf32>
    ```

    Numerics: changes rounding: fewer of them.
  }];
}

def ObserveToResults : Pass<"observe-to-results", "::mlir::ModuleOp"> {
  let summary = "returns what the taps of a function see";
  let description = [{
    Each `scaled.observe` in a function's own block becomes one more result, `steelyard.observed` its tap's name: of a
    scaled tensor the exponent, of another tensor the tensor. Without this pass taps are identities.

    ```mlir
    %o = scaled.observe %q "0.activation" : !scaled.tensor<4x8xf8E4M3FN, exp>
    // becomes
    %d, %e = scaled.unpack %q : <4x8xf8E4M3FN, exp> -> tensor<4x8xf8E4M3FN>, tensor<i32>
    return ..., %e : ..., tensor<i32>
    ```

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::scaled::ScaledDialect"];
}

def ScaledToPairs : Pass<"scaled-to-pairs", "::mlir::ModuleOp"> {
  let summary = "splits every scaled tensor into its data and its exponent";
  let description = [{
    The last pass to see `!scaled.tensor`: values, arguments and results become two (the exponent's
    argument or result carries `steelyard.scale_of`, the index of its data), argument attributes and aliasing
    indices move along; `quantize`, `dequantize`, `normalize` and `dot_general` become operations on
    plain tensors. Kinds and granularities of scales other than one exponent a tensor are refused. At the end no scaled type
    is left, in attributes neither: that is verified.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::scaled::ScaledDialect", "::mlir::stablehlo::StableHLODialect"];
}

#endif // STEELYARD_DIALECT_SCALED_TRANSFORMS_PASSES
