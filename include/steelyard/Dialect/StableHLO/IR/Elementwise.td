//===- Elementwise.td - Elementwise operations -*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_ELEMENTWISE
#define STEELYARD_DIALECT_STABLEHLO_IR_ELEMENTWISE

include "steelyard/Dialect/StableHLO/IR/Attributes.td"

/// Result and operands have one type (C1). Printed as one type, read also as a function type.
class StableHLO_UnaryOp<string mnemonic, string what, Type type>
    : StableHLO_Op<mnemonic, [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = what;
  let arguments = (ins type:$operand);
  let results = (outs type:$result);
  let assemblyFormat = "$operand attr-dict `:` custom<SameType>(type($operand), type($result))";
}

/// A function with an accuracy that can be asked for.
class StableHLO_FunctionOp<string mnemonic, string what>
    : StableHLO_UnaryOp<mnemonic, what, StableHLO_FloatTensor> {
  let arguments = (ins StableHLO_FloatTensor:$operand, OptionalAttr<StableHLO_ResultAccuracy>:$result_accuracy);
}

class StableHLO_BinaryOp<string mnemonic, string what, Type type, list<Trait> traits = []>
    : StableHLO_Op<mnemonic, traits # [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = what;
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs type:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` custom<SameType>(type($lhs), type($rhs), type($result))";
}

def StableHLO_AbsOp : StableHLO_UnaryOp<"abs", "absolute value", StableHLO_SignedRealTensor>;
def StableHLO_NegateOp : StableHLO_UnaryOp<"negate", "negation", StableHLO_NumberTensor> {
  let hasFolder = 1;
}
def StableHLO_SignOp : StableHLO_UnaryOp<"sign", "sign: -1, 0, 1 or NaN", StableHLO_SignedTensor>;
def StableHLO_ExponentialOp : StableHLO_FunctionOp<"exponential", "e^x">;
def StableHLO_ExponentialMinusOneOp : StableHLO_FunctionOp<"exponential_minus_one", "e^x - 1">;
def StableHLO_LogOp : StableHLO_FunctionOp<"log", "natural logarithm">;
def StableHLO_LogPlusOneOp : StableHLO_FunctionOp<"log_plus_one", "log(1 + x)">;
def StableHLO_SqrtOp : StableHLO_FunctionOp<"sqrt", "square root">;
def StableHLO_RsqrtOp : StableHLO_FunctionOp<"rsqrt", "1 / sqrt(x)">;
def StableHLO_CbrtOp : StableHLO_FunctionOp<"cbrt", "cube root">;
def StableHLO_TanhOp : StableHLO_FunctionOp<"tanh", "hyperbolic tangent">;
def StableHLO_LogisticOp : StableHLO_FunctionOp<"logistic", "1 / (1 + e^-x)">;
def StableHLO_SineOp : StableHLO_FunctionOp<"sine", "sine">;
def StableHLO_CosineOp : StableHLO_FunctionOp<"cosine", "cosine">;
def StableHLO_TanOp : StableHLO_FunctionOp<"tan", "tangent">;
def StableHLO_FloorOp : StableHLO_UnaryOp<"floor", "largest integer not above", StableHLO_RealTensor>;
def StableHLO_CeilOp : StableHLO_UnaryOp<"ceil", "least integer not below", StableHLO_RealTensor>;
def StableHLO_RoundNearestEvenOp : StableHLO_UnaryOp<"round_nearest_even", "nearest integer, ties to even", StableHLO_RealTensor>;
def StableHLO_RoundNearestAfzOp : StableHLO_UnaryOp<"round_nearest_afz", "nearest integer, ties away from zero", StableHLO_RealTensor>;
def StableHLO_NotOp : StableHLO_UnaryOp<"not", "bitwise or logical complement", StableHLO_BitsTensor> {
  let hasFolder = 1;
}
def StableHLO_PopcntOp : StableHLO_UnaryOp<"popcnt", "number of bits set", StableHLO_IntTensor> {
  let hasFolder = 1;
}
def StableHLO_CountLeadingZerosOp
    : StableHLO_UnaryOp<"count_leading_zeros", "number of zero bits above the highest bit set", StableHLO_IntTensor> {
  let hasFolder = 1;
}

def StableHLO_AddOp : StableHLO_BinaryOp<"add", "sum; on booleans or", StableHLO_Tensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_SubtractOp : StableHLO_BinaryOp<"subtract", "difference", StableHLO_NumberTensor> {
  let hasFolder = 1;
}
def StableHLO_MultiplyOp : StableHLO_BinaryOp<"multiply", "product; on booleans and", StableHLO_Tensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_DivideOp : StableHLO_BinaryOp<"divide", "quotient; integers toward zero", StableHLO_NumberTensor> {
  let hasFolder = 1;
}
def StableHLO_MaximumOp : StableHLO_BinaryOp<"maximum", "the larger; NaN if either is", StableHLO_Tensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_MinimumOp : StableHLO_BinaryOp<"minimum", "the smaller; NaN if either is", StableHLO_Tensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_PowerOp : StableHLO_BinaryOp<"power", "lhs to the power of rhs", StableHLO_NumberTensor>;
def StableHLO_RemainderOp : StableHLO_BinaryOp<"remainder", "remainder with the sign of the dividend", StableHLO_NumberTensor> {
  let hasFolder = 1;
}
def StableHLO_Atan2Op : StableHLO_BinaryOp<"atan2", "angle of the point (rhs, lhs)", StableHLO_FloatTensor>;
def StableHLO_AndOp : StableHLO_BinaryOp<"and", "bitwise and", StableHLO_BitsTensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_OrOp : StableHLO_BinaryOp<"or", "bitwise or", StableHLO_BitsTensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_XorOp : StableHLO_BinaryOp<"xor", "bitwise exclusive or", StableHLO_BitsTensor, [Commutative]> {
  let hasFolder = 1;
}
def StableHLO_ShiftLeftOp : StableHLO_BinaryOp<"shift_left", "lhs × 2^rhs; 0 from the width on", StableHLO_IntTensor> {
  let hasFolder = 1;
}
def StableHLO_ShiftRightLogicalOp : StableHLO_BinaryOp<"shift_right_logical", "logical shift", StableHLO_IntTensor> {
  let hasFolder = 1;
}
def StableHLO_ShiftRightArithmeticOp : StableHLO_BinaryOp<"shift_right_arithmetic", "arithmetic shift", StableHLO_IntTensor> {
  let hasFolder = 1;
}

def StableHLO_IsFiniteOp : StableHLO_Op<"is_finite", [Pure, Elementwise, SameOperandsAndResultShape, InferTypeOpAdaptor]> {
  let summary = "neither infinite nor NaN";
  let arguments = (ins StableHLO_RealTensor:$x);
  let results = (outs StableHLO_PredTensor:$y);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def StableHLO_ConvertOp : StableHLO_Op<"convert", [Pure, Elementwise, SameOperandsAndResultShape]> {
  let summary = "conversion between element types";
  let description = [{
    Floats round to nearest, ties to even, and do not saturate; float to integer rounds toward zero; to boolean
    is a comparison with zero.
  }];
  let arguments = (ins StableHLO_Tensor:$operand);
  let results = (outs StableHLO_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` custom<SameType>(type($operand), type($result))";
  let builders = [OpBuilder<(ins "::mlir::Value":$operand, "::mlir::Type":$elementType)>];
  let hasFolder = 1;
}

def StableHLO_BitcastConvertOp : StableHLO_Op<"bitcast_convert", [Pure]> {
  let summary = "the same bits as another element type";
  let description = [{
    Wider elements become a last dimension of narrower ones, and back, the lowest bits first.
  }];
  let arguments = (ins StableHLO_Tensor:$operand);
  let results = (outs StableHLO_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def StableHLO_CompareOp : StableHLO_Op<"compare", [Pure, Elementwise, SameTypeOperands, SameOperandsAndResultShape, InferTypeOpAdaptor]> {
  let summary = "elementwise comparison";
  let arguments = (ins StableHLO_Tensor:$lhs, StableHLO_Tensor:$rhs,
                       StableHLO_ComparisonDirectionAttr:$comparison_direction,
                       OptionalAttr<StableHLO_ComparisonTypeAttr>:$compare_type);
  let results = (outs StableHLO_PredTensor:$result);
  let assemblyFormat = [{
    custom<Enum>($comparison_direction) `,` $lhs `,` $rhs (`,` custom<Enum>($compare_type)^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

// Without the trait Elementwise, as clamp: a predicate of rank 0 is for all elements.
def StableHLO_SelectOp : StableHLO_Op<"select", [Pure, AllTypesMatch<["on_true", "on_false", "result"]>]> {
  let summary = "on_true where the predicate holds, else on_false";
  let arguments = (ins StableHLO_PredTensor:$pred, StableHLO_Tensor:$on_true, StableHLO_Tensor:$on_false);
  let results = (outs StableHLO_Tensor:$result);
  let assemblyFormat = [{
    operands attr-dict `:` custom<SelectType>(type($pred), type($on_true), type($on_false), type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def StableHLO_ClampOp : StableHLO_Op<"clamp", [Pure, InferTypeOpAdaptor]> {
  let summary = "min(max(operand, min), max); the bounds have the operand's shape or rank 0";
  let arguments = (ins StableHLO_Tensor:$min, StableHLO_Tensor:$operand, StableHLO_Tensor:$max);
  let results = (outs StableHLO_Tensor:$result);
  let assemblyFormat = "$min `,` $operand `,` $max attr-dict `:` custom<SameType>(type($min), type($operand), type($max), type($result))";
}

def StableHLO_ReducePrecisionOp
    : StableHLO_Op<"reduce_precision", [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = "rounds to fewer exponent and significand bits, and keeps the type";
  let arguments = (ins StableHLO_RealTensor:$operand, I32Attr:$exponent_bits, I32Attr:$mantissa_bits);
  let results = (outs StableHLO_RealTensor:$output);
  let assemblyFormat = [{
    $operand `,` `format` `=` custom<ExponentMantissa>($exponent_bits, $mantissa_bits) attr-dict `:`
    custom<SameType>(type($operand), type($output))
  }];
  let hasVerifier = 1;
}

def StableHLO_MapOp
    : StableHLO_Op<"map", [RecursiveMemoryEffects, RecursivelySpeculatable, SameOperandsAndResultShape,
                           SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "a computation on the elements of tensors of one shape";
  let arguments = (ins Variadic<StableHLO_Tensor>:$inputs, DenseI64ArrayAttr:$dimensions);
  let results = (outs StableHLO_Tensor:$result);
  let regions = (region SizedRegion<1>:$computation);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

#endif // STEELYARD_DIALECT_STABLEHLO_IR_ELEMENTWISE
