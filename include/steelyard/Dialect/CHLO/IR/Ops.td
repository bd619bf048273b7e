//===- Ops.td - The chlo dialect ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The operations that JAX writes beside stablehlo's: functions with an expansion in stablehlo.

#ifndef STEELYARD_DIALECT_CHLO_IR_OPS
#define STEELYARD_DIALECT_CHLO_IR_OPS

include "steelyard/Dialect/StableHLO/IR/Base.td"

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"

def CHLO_Dialect : Dialect {
  let name = "chlo";
  let cppNamespace = "::mlir::chlo";
  let summary = "functions that JAX writes beside stablehlo's";
  let description = [{
    The elementary functions, and `top_k`, that StableHLO's "client" dialect holds. `-normalise` rewrites
    those with an exact form in stablehlo; the others reach the lowering.
  }];
}

class CHLO_Op<string mnemonic, list<Trait> traits> : Op<CHLO_Dialect, mnemonic, traits>;

/// Result and operand have one type; printed `%x : T -> T`.
class CHLO_UnaryOp<string mnemonic, string what, Type type>
    : CHLO_Op<mnemonic, [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = what;
  let arguments = (ins type:$operand);
  let results = (outs type:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

def CHLO_AcosOp : CHLO_UnaryOp<"acos", "arc cosine", StableHLO_FloatTensor>;
def CHLO_AcoshOp : CHLO_UnaryOp<"acosh", "inverse hyperbolic cosine", StableHLO_FloatTensor>;
def CHLO_AsinOp : CHLO_UnaryOp<"asin", "arc sine", StableHLO_FloatTensor>;
def CHLO_AsinhOp : CHLO_UnaryOp<"asinh", "inverse hyperbolic sine", StableHLO_FloatTensor>;
def CHLO_AtanOp : CHLO_UnaryOp<"atan", "arc tangent", StableHLO_FloatTensor>;
def CHLO_AtanhOp : CHLO_UnaryOp<"atanh", "inverse hyperbolic tangent", StableHLO_FloatTensor>;
def CHLO_CoshOp : CHLO_UnaryOp<"cosh", "hyperbolic cosine", StableHLO_FloatTensor>;
def CHLO_DigammaOp : CHLO_UnaryOp<"digamma", "Γ'(x) / Γ(x); NaN at 0 and negative integers", StableHLO_RealTensor>;
def CHLO_ErfOp : CHLO_UnaryOp<"erf", "error function", StableHLO_RealTensor>;
def CHLO_ErfInvOp : CHLO_UnaryOp<"erf_inv", "inverse error function", StableHLO_RealTensor>;
def CHLO_ErfcOp : CHLO_UnaryOp<"erfc", "1 - erf(x)", StableHLO_RealTensor>;
def CHLO_LgammaOp : CHLO_UnaryOp<"lgamma", "logarithm of |Γ(x)|", StableHLO_RealTensor>;
def CHLO_SinhOp : CHLO_UnaryOp<"sinh", "hyperbolic sine", StableHLO_FloatTensor>;
def CHLO_SquareOp : CHLO_UnaryOp<"square", "x × x", StableHLO_FloatTensor>;
def CHLO_TanOp : CHLO_UnaryOp<"tan", "tangent", StableHLO_FloatTensor>;

def CHLO_NextAfterOp : CHLO_Op<"next_after", [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = "the number of the type that follows x on the way to y; y where they are equal";
  let arguments = (ins StableHLO_RealTensor:$x, StableHLO_RealTensor:$y);
  let results = (outs StableHLO_RealTensor:$result);
  let assemblyFormat = "$x `,` $y attr-dict `:` type($x) `,` type($y) `->` type($result)";
}

def CHLO_TopKOp
    : CHLO_Op<"top_k", [Pure, InferTypeOpAdaptor, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "the k largest elements along the last dimension, in falling order, and where they were";
  let arguments = (ins StableHLO_NumberTensor:$operand, I64Attr:$k);
  let results = (outs StableHLO_NumberTensor:$values, RankedTensorOf<[I32]>:$indices);
  let assemblyFormat = "`(` $operand `,` `k` `=` $k `)` attr-dict `:` type($operand) `->` `(` type($values) `,` type($indices) `)`";
}

#endif // STEELYARD_DIALECT_CHLO_IR_OPS
