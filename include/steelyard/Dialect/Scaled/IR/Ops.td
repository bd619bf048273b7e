//===- Ops.td - Operations on scaled tensors and exponents ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_SCALED_IR_OPS
#define STEELYARD_DIALECT_SCALED_IR_OPS

include "steelyard/Dialect/Scaled/IR/Types.td"
include "steelyard/Interfaces/Contraction.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Scaled_Op<string mnemonic, list<Trait> traits = []> : Op<Scaled_Dialect, mnemonic, traits>;

def Scaled_FloatTensor : RankedTensorOf<[AnyFloat], [], "float tensor">;
def Scaled_DataTensor : RankedTensorOf<[AnyFloat, AnyI<8>, AnyI<16>], [], "tensor of floats or codes">;
def Scaled_ScaleTensor : RankedTensorOf<[I<32>, AnyFloat], [], "tensor of scales">;
/// Exponents of two, e in [-2^20, 2^20]: a tensor in the graph, of rank 0 for one exponent a tensor; a scalar inside a
/// lowered region.
/// One exponent of two of a whole tensor.
def Scaled_ExponentTensor : Type<CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && ::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 0 && ::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isSignlessInteger(32)">, "tensor<i32>", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI32Type())">;
def Scaled_Exponent : AnyTypeOf<[RankedTensorOf<[I32]>, I32], "exponent or exponents (i32 or tensor of i32)">;
def Scaled_FloatOrCodeLike : AnyTypeOf<[AnyFloat, AnyI<8>, AnyI<16>, VectorOfAnyRankOf<[AnyFloat, AnyI<8>, AnyI<16>]>,
                                        RankedTensorOf<[AnyFloat, AnyI<8>, AnyI<16>]>], "float or code, scalar, vector or tensor">;
def Scaled_FloatLike : AnyTypeOf<[AnyFloat, VectorOfAnyRankOf<[AnyFloat]>, RankedTensorOf<[AnyFloat]>], "float, scalar, vector or tensor">;
def Scaled_BitsLike : AnyTypeOf<[I32, VectorOfAnyRankOf<[I32]>, RankedTensorOf<[I32]>], "i32, scalar, vector or tensor">;

//===----------------------------------------------------------------------===//
// Joining and splitting
//===----------------------------------------------------------------------===//

def Scaled_PackOp : Scaled_Op<"pack", [Pure]> {
  let summary = "joins data and scales to a scaled tensor";
  let description = [{
    One scale operand a level, in the order of the type's levels. No arithmetic.
    ```mlir
    %x = scaled.pack %data, %e : tensor<4x8xf16>, tensor<i32> -> !scaled.tensor<4x8xf16, exp>
    ```
  }];
  let arguments = (ins Scaled_DataTensor:$data, Variadic<Scaled_ScaleTensor>:$scales);
  let results = (outs Scaled_TensorType:$result);
  let assemblyFormat = "$data `,` $scales attr-dict `:` type($data) `,` type($scales) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Scaled_UnpackOp : Scaled_Op<"unpack", [Pure]> {
  let summary = "splits a scaled tensor into data and scales";
  let description = [{
    ```mlir
    %data, %e = scaled.unpack %x : !scaled.tensor<4x8xf16, exp> -> tensor<4x8xf16>, tensor<i32>
    ```
  }];
  let arguments = (ins Scaled_TensorType:$input);
  let results = (outs Scaled_DataTensor:$data, Variadic<Scaled_ScaleTensor>:$scales);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($data) `,` type($scales)";
  let builders = [OpBuilder<(ins "::mlir::Value":$input)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

def Scaled_CastOp : Scaled_Op<"cast", [Pure, SameOperandsAndResultShape, Elementwise, Scalarizable, Vectorizable, Tensorizable]> {
  let summary = "converts between float formats, every choice spelled out";
  let description = [{
    The only rounding in a scaled program. Each element is converted to the
    result's format with one rounding: `rounding` says how, `saturate` whether
    what exceeds the largest finite value (infinities too) becomes that value;
    without it such values become what the format has, infinity before NaN (toward zero only
    infinities do). NaN stays NaN where the format has one. f8E8M0FNU takes the floor of the
    exponent whatever the rounding. Numerics/Round.h has every case. `source_format` and `result_format` name the format where the element
    type is an integer holding codes. Stochastic rounding takes 32 random bits an
    element: `random`.
    ```mlir
    %q = scaled.cast %x {saturate} : tensor<4xf32> -> tensor<4xf8E4M3FN>
    %s = scaled.cast %x random %bits {rounding = #scaled.rounding<stochastic>} : tensor<4xf32>, tensor<4xi32> -> tensor<4xf16>
    ```
    Widening conversions are exact.
  }];
  let arguments = (ins Scaled_FloatOrCodeLike:$input, Optional<Scaled_BitsLike>:$random,
                       DefaultValuedAttr<Scaled_RoundingAttr, "::mlir::scaled::Rounding::NearestEven">:$rounding,
                       UnitAttr:$saturate,
                       OptionalAttr<Scaled_FormatAttr>:$source_format, OptionalAttr<Scaled_FormatAttr>:$result_format);
  let results = (outs Scaled_FloatOrCodeLike:$result);
  let assemblyFormat = [{
    $input (`random` $random^)? attr-dict `:` type($input) (`,` type($random)^)? `->` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input,
                                 CArg<"bool", "false">:$saturate,
                                 CArg<"::mlir::scaled::Rounding", "::mlir::scaled::Rounding::NearestEven">:$rounding,
                                 CArg<"::mlir::Value", "{}">:$random)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Scaled_QuantizeOp : Scaled_Op<"quantize", [Pure, AttrSizedOperandSegments]> {
  let summary = "chooses a scale and rounds to a format";
  let description = [{
    The input is a float tensor or a scaled tensor, the result a scaled tensor
    with one power-of-two scale: with a = amax over the finite elements of the
    input, the exponent is the least e with a × 2^-e ≤ max(format) × 2^-margin
    (arXiv:2309.17224's FP8-AMAX rule, taken from exponent bits, not from a
    logarithm), plus the input's own exponent. All zero: the least exponent. With `exponent` that is the result's exponent,
    whatever the data: what does not fit overflows or, with `saturate`, becomes the largest number. Only what is finite
    saturates: infinities and NaN in the data become the format's (NaN where it has no infinity), so that a result never
    hides them. That differs from `cast`, whose `saturate` includes infinities.
    ```mlir
    %q = scaled.quantize %x {saturate} : !scaled.tensor<4x8xf16, exp> -> !scaled.tensor<4x8xf8E4M3FN, exp>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Scaled_FloatTensor, Scaled_TensorType]>:$input,
                       Optional<Scaled_ExponentTensor>:$exponent, Optional<RankedTensorOf<[I32]>>:$random,
                       DefaultValuedAttr<Scaled_RoundingAttr, "::mlir::scaled::Rounding::NearestEven">:$rounding,
                       UnitAttr:$saturate, DefaultValuedAttr<I64Attr, "0">:$margin);
  let results = (outs Scaled_TensorType:$result);
  let assemblyFormat = [{
    $input (`exponent` $exponent^)? (`random` $random^)? attr-dict `:` type($input) (`,` type($random)^)? `->` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input,
                                 CArg<"bool", "true">:$saturate, CArg<"int64_t", "0">:$margin, CArg<"::mlir::Value", "{}">:$exponent)>];
  let hasVerifier = 1;
}

def Scaled_DequantizeOp : Scaled_Op<"dequantize", [Pure]> {
  let summary = "the value of a scaled tensor as a float tensor";
  let description = [{
    data × 2^e with one rounding to the result's element type (nearest, ties to even; not saturating).
  }];
  let arguments = (ins Scaled_TensorType:$input);
  let results = (outs Scaled_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Powers of two
//===----------------------------------------------------------------------===//

def Scaled_RescaleOp : Scaled_Op<"rescale", [Pure, AllTypesMatch<["data", "result"]>]> {
  let summary = "data × 2^delta with one rounding, any delta";
  let description = [{
    Like C's scalbn: exact unless the result is subnormal or overflows, and then
    rounded once. One delta for all elements, or a tensor of them of the data's rank, where a size of 1 stands for the
    whole dimension; any i32 is allowed.
    ```mlir
    %y = scaled.rescale %x, %delta : tensor<4x8xf32>, tensor<i32>
    %z = scaled.rescale %x, %deltas : tensor<4x8xf32>, tensor<4x1xi32>
    ```
    With the attribute `scaled.in_place` the CPU writes the result over the data where nothing reads these any more.
  }];
  let arguments = (ins Scaled_FloatLike:$data, Scaled_Exponent:$delta);
  let results = (outs Scaled_FloatLike:$result);
  let assemblyFormat = "$data `,` $delta attr-dict `:` type($data) `,` type($delta)";
  let hasFolder = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static constexpr ::llvm::StringLiteral kInPlace = "scaled.in_place";
  }];
}

def Scaled_RescaleFactorsOp : Scaled_Op<"rescale_factors", [Pure, AllTypesMatch<["first", "second", "third"]>]> {
  let summary = "three powers of two whose product, one after the other, rescales";
  let description = [{
    With delta clamped to what matters, ((x × first) × second) × third = `scaled.rescale` of x by
    delta, bit for bit, for every x of the results' type: up, only the last product can overflow to what the others
    would not; down, if a product that is not the last rounds, it is subnormal and the later factors, at most
    2^-precision, make it what one rounding would. Rescaling a tensor takes its factors once, out of the loop.
    A constant delta within the normal exponents gives 2^delta, 1, 1.
    ```mlir
    %a, %b, %c = scaled.rescale_factors %delta : f32
    ```
  }];
  let arguments = (ins I32:$delta);
  let results = (outs AnyTypeOf<[F32, F64]>:$first, AnyTypeOf<[F32, F64]>:$second, AnyTypeOf<[F32, F64]>:$third);
  let assemblyFormat = "$delta attr-dict `:` type($first)";
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$delta), [{
    build($_builder, $_state, type, type, type, delta);
  }]>];
  let hasFolder = 1;
}

def Scaled_AmaxExponentOp : Scaled_Op<"amax_exponent", [Pure]> {
  let summary = "floor(log2 amax) over the finite elements";
  let description = [{
    NaN and infinities are skipped; with no finite element but zeros the result
    is the least exponent, -2^20. Taken from the bits: exact, and independent of the order.
    With `significand_limit` s, 1 is added where amax > s × 2^floor(log2 amax): the least k with amax ≤ s × 2^k,
    which is what fits a format whose largest number has significand s.
  }];
  let arguments = (ins Scaled_FloatTensor:$data, OptionalAttr<F64Attr>:$significand_limit);
  let results = (outs Scaled_ExponentTensor:$exponent);
  let assemblyFormat = "$data attr-dict `:` type($data)";
  let builders = [OpBuilder<(ins "::mlir::Value":$data), [{
    build($_builder, $_state, ::mlir::RankedTensorType::get({}, $_builder.getI32Type()), data, ::mlir::FloatAttr());
  }]>];
}

def Scaled_NormalizeOp : Scaled_Op<"normalize", [Pure, AllTypesMatch<["data", "result"]>]> {
  let summary = "moves the magnitude of the data into the exponent";
  let description = [{
    With k = `scaled.amax_exponent` of the data less `magnitude` m, which is 0 unless given: result = data × 2^-k, exponent
    = e + k; the value is unchanged and the largest finite element's magnitude is in [2^m, 2^(m+1)). All zero: the
    data as it is and the least exponent.
    ```mlir
    %d, %e1 = scaled.normalize %x, %e to 10 : tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Scaled_FloatTensor:$data, Scaled_ExponentTensor:$exponent,
                       DefaultValuedAttr<I32Attr, "0">:$magnitude);
  let results = (outs Scaled_FloatTensor:$result, Scaled_ExponentTensor:$result_exponent);
  let assemblyFormat = "$data `,` $exponent (`to` $magnitude^)? attr-dict `:` type($data)";
  let builders = [OpBuilder<(ins "::mlir::Value":$data, "::mlir::Value":$exponent, CArg<"int32_t", "0">:$magnitude), [{
    build($_builder, $_state, data.getType(), exponent.getType(), data, exponent, magnitude);
  }]>];
}

class Scaled_ExponentBinaryOp<string mnemonic, list<Trait> traits = []>
    : Scaled_Op<mnemonic, traits # [Pure, SameOperandsAndResultType]> {
  let arguments = (ins Scaled_Exponent:$lhs, Scaled_Exponent:$rhs);
  let results = (outs Scaled_Exponent:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Scaled_ExponentAddOp : Scaled_ExponentBinaryOp<"exponent_add", [Commutative]> {
  let summary = "the exponent of a product: clamped sum, the least exponent absorbs";
}
def Scaled_ExponentSubOp : Scaled_ExponentBinaryOp<"exponent_sub"> {
  let summary = "the exponent of a quotient: clamped difference";
  let description = [{
    A least left operand absorbs. A least right operand (a divisor known to be zero) counts as 0: the quotient's
    infinities and NaNs are in the data.
  }];
}
def Scaled_ExponentMaxOp : Scaled_ExponentBinaryOp<"exponent_max", [Commutative]> {
  let summary = "where scales are joined: maximum, the least exponent is neutral";
}
def Scaled_ExponentDeltaOp : Scaled_ExponentBinaryOp<"exponent_delta"> {
  let summary = "lhs - rhs, not clamped: what `rescale` takes to move data from exponent lhs to rhs";
}

def Scaled_ExponentHalfOp : Scaled_Op<"exponent_half", [Pure, AllTypesMatch<["exponent", "half", "odd"]>]> {
  let summary = "the exponent of a square root";
  let description = [{
    half = floor(e / 2) and odd = e - 2 × half in {0, 1}: sqrt(d × 2^e) = sqrt(d × 2^odd) × 2^half.
    The least exponent gives itself, odd 0.
  }];
  let arguments = (ins Scaled_Exponent:$exponent);
  let results = (outs Scaled_Exponent:$half, Scaled_Exponent:$odd);
  let assemblyFormat = "$exponent attr-dict `:` type($exponent)";
  let builders = [OpBuilder<(ins "::mlir::Value":$exponent), [{
    build($_builder, $_state, exponent.getType(), exponent.getType(), exponent);
  }]>];
}

def Scaled_ConstantExponentOp : Scaled_Op<"constant_exponent", [Pure, ConstantLike]> {
  let summary = "a constant exponent";
  let description = [{
    Of a scale: in ±2^20. The difference of two, which -canonicalize folds to such a constant, is in ±2^21.
  }];
  let arguments = (ins I32Attr:$value);
  let results = (outs Scaled_Exponent:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let builders = [OpBuilder<(ins "int64_t":$value), [{
    build($_builder, $_state, ::mlir::RankedTensorType::get({}, $_builder.getI32Type()),
          $_builder.getI32IntegerAttr(static_cast<int32_t>(value)));
  }]>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

class Scaled_ContractionOp<string mnemonic> : Scaled_Op<mnemonic, [Pure, ContractionOpInterface]> {
  let results = (outs Scaled_TensorType:$result);
  let extraClassDeclaration = [{
    ::mlir::Value createScaled(::mlir::OpBuilder &builder, ::mlir::Value lhs, ::mlir::Value rhs);
    ::llvm::SmallVector<int64_t> getContractedDimensions(unsigned index);
  }];
  let hasVerifier = 1;
}

def Scaled_DotGeneralOp : Scaled_ContractionOp<"dot_general"> {
  let summary = "a contraction of scaled operands, accumulated in float32";
  let description = [{
    Dimensions as in StableHLO's `dot_general`: result dimensions are batch, lhs
    free, rhs free. The data is contracted with float32 products and sums; the
    result is that accumulator, not rounded, with exponent e_lhs + e_rhs.
    `fast_accumulate`: of products of 8-bit data fewer bits may be summed, where a target is faster so.
    ```mlir
    %r = scaled.dot_general %a, %b batching_dims = [] x [] contracting_dims = [1] x [0]
      : (!scaled.tensor<32x64xf8E4M3FN, exp>, !scaled.tensor<64x10xf8E4M3FN, exp>) -> !scaled.tensor<32x10xf32, exp>
    ```
  }];
  let arguments = (ins Scaled_TensorType:$lhs, Scaled_TensorType:$rhs,
                       DenseI64ArrayAttr:$lhs_batching, DenseI64ArrayAttr:$rhs_batching,
                       DenseI64ArrayAttr:$lhs_contracting, DenseI64ArrayAttr:$rhs_contracting,
                       UnitAttr:$fast_accumulate);
  let assemblyFormat = [{
    $lhs `,` $rhs `batching_dims` `=` $lhs_batching `x` $rhs_batching
    `contracting_dims` `=` $lhs_contracting `x` $rhs_contracting attr-dict `:` functional-type(operands, results)
  }];
}

def Scaled_ConvDimensionNumbers
    : Attr<CPred<"::llvm::isa<::mlir::stablehlo::ConvDimensionNumbersAttr>($_self)">, "#stablehlo.conv attribute"> {
  let storageType = "::mlir::stablehlo::ConvDimensionNumbersAttr";
  let returnType = "::mlir::stablehlo::ConvDimensionNumbersAttr";
  let convertFromStorage = "$_self";
}

def Scaled_ConvolutionOp : Scaled_ContractionOp<"convolution"> {
  let summary = "a convolution of scaled operands, accumulated in float32";
  let description = [{
    Dimensions, window and groups as in StableHLO's `convolution`. Padding is zero, which has every scale. The data is
    convolved with float32 products and sums; the result is that accumulator, not rounded, with exponent
    e_lhs + e_rhs. `fast_accumulate` is `dot_general`'s.
    ```mlir
    %r = scaled.convolution %x, %w
      {dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>, padding = dense<1> : tensor<2x2xi64>}
      : (!scaled.tensor<8x28x28x16xf8E4M3FN, exp>, !scaled.tensor<3x3x16x32xf8E4M3FN, exp>) -> !scaled.tensor<8x28x28x32xf32, exp>
    ```
  }];
  let arguments = (ins Scaled_TensorType:$lhs, Scaled_TensorType:$rhs,
                       OptionalAttr<DenseI64ArrayAttr>:$window_strides, OptionalAttr<I64ElementsAttr>:$padding,
                       OptionalAttr<DenseI64ArrayAttr>:$lhs_dilation, OptionalAttr<DenseI64ArrayAttr>:$rhs_dilation,
                       OptionalAttr<DenseBoolArrayAttr>:$window_reversal,
                       Scaled_ConvDimensionNumbers:$dimension_numbers,
                       DefaultValuedAttr<I64Attr, "1">:$feature_group_count,
                       DefaultValuedAttr<I64Attr, "1">:$batch_group_count,
                       UnitAttr:$fast_accumulate);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    ::mlir::Value createScaled(::mlir::OpBuilder &builder, ::mlir::Value lhs, ::mlir::Value rhs);
    ::llvm::SmallVector<int64_t> getContractedDimensions(unsigned index);
    ::mlir::stablehlo::WindowAttributes getWindowAttributes() {
      return {getWindowStrides(), getPadding(), getLhsDilation(), getRhsDilation(), getWindowReversal()};
    }
  }];
}

//===----------------------------------------------------------------------===//
// Randomness, observation, edges
//===----------------------------------------------------------------------===//

def Scaled_RandomBitsOp : Scaled_Op<"random_bits", [Pure]> {
  let summary = "32 random bits an element, a function of key, stream and index";
  let description = [{
    Counter-based: element i of stream s under key k depends on (k, s, i) alone, so
    the result is the same on every target and for any number of threads. The
    function is Squares (arXiv:2004.06278), four rounds, with counter (s << 40) + i and the key (k × 2 + 1) ×
    0x9E3779B97F4A7C15 | 1.
  }];
  let arguments = (ins 0DTensorOf<[I64]>:$key, I64Attr:$stream);
  let results = (outs RankedTensorOf<[I32]>:$result);
  let assemblyFormat = "$key `stream` $stream attr-dict `:` type($key) `->` type($result)";
}

def Scaled_ObserveOp : Scaled_Op<"observe", [AllTypesMatch<["input", "result"]>,
                                              DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "a named tap for statistics; the identity";
  let arguments = (ins AnyType:$input, StrAttr:$tap);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input $tap attr-dict `:` type($input)";
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::llvm::StringRef":$tap), [{
    build($_builder, $_state, input.getType(), input, $_builder.getStringAttr(tap));
  }]>];
}

def Scaled_EdgeOp : Scaled_Op<"edge", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "multiplies by one constant forward and another backward";
  let description = [{
    The primitive of unit scaling (arXiv:2303.11257): the value is input × forward, and a derivative rule
    multiplies the cotangent by `backward` instead of `forward`.
  }];
  let arguments = (ins AnyTypeOf<[Scaled_FloatTensor, Scaled_TensorType]>:$input, F64Attr:$forward, F64Attr:$backward);
  let results = (outs AnyTypeOf<[Scaled_FloatTensor, Scaled_TensorType]>:$result);
  let assemblyFormat = "$input `forward` $forward `backward` $backward attr-dict `:` type($input)";
  let hasVerifier = 1;
}

#endif // STEELYARD_DIALECT_SCALED_IR_OPS
