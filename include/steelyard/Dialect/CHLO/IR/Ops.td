//===- Ops.td - The chlo dialect ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The operations that JAX writes beside stablehlo's: functions with an expansion in stablehlo.

#ifndef STEELYARD_DIALECT_CHLO_IR_OPS
#define STEELYARD_DIALECT_CHLO_IR_OPS

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

def CHLO_FloatTensor : RankedTensorOf<[AnyFloat, Complex<AnyTypeOf<[F32, F64]>>], [], "float or complex tensor">;
def CHLO_RealTensor : RankedTensorOf<[AnyFloat], [], "float tensor">;
def CHLO_NumberTensor : RankedTensorOf<[AnySignlessInteger, AnyUnsignedInteger, AnyFloat,
                                        Complex<AnyTypeOf<[F32, F64]>>], [], "tensor of numbers">;

/// Result and operand have one type; printed `%x : T -> T`.
class CHLO_UnaryOp<string mnemonic, string what, Type type>
    : CHLO_Op<mnemonic, [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = what;
  let arguments = (ins type:$operand);
  let results = (outs type:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

def CHLO_AcosOp : CHLO_UnaryOp<"acos", "arc cosine", CHLO_FloatTensor>;
def CHLO_AcoshOp : CHLO_UnaryOp<"acosh", "inverse hyperbolic cosine", CHLO_FloatTensor>;
def CHLO_AsinOp : CHLO_UnaryOp<"asin", "arc sine", CHLO_FloatTensor>;
def CHLO_AsinhOp : CHLO_UnaryOp<"asinh", "inverse hyperbolic sine", CHLO_FloatTensor>;
def CHLO_AtanOp : CHLO_UnaryOp<"atan", "arc tangent", CHLO_FloatTensor>;
def CHLO_AtanhOp : CHLO_UnaryOp<"atanh", "inverse hyperbolic tangent", CHLO_FloatTensor>;
def CHLO_CoshOp : CHLO_UnaryOp<"cosh", "hyperbolic cosine", CHLO_FloatTensor>;
def CHLO_ErfOp : CHLO_UnaryOp<"erf", "error function", CHLO_RealTensor>;
def CHLO_ErfInvOp : CHLO_UnaryOp<"erf_inv", "inverse error function", CHLO_RealTensor>;
def CHLO_ErfcOp : CHLO_UnaryOp<"erfc", "1 - erf(x)", CHLO_RealTensor>;
def CHLO_LgammaOp : CHLO_UnaryOp<"lgamma", "logarithm of |Γ(x)|", CHLO_RealTensor>;
def CHLO_SinhOp : CHLO_UnaryOp<"sinh", "hyperbolic sine", CHLO_FloatTensor>;
def CHLO_SquareOp : CHLO_UnaryOp<"square", "x × x", CHLO_NumberTensor>;
def CHLO_TanOp : CHLO_UnaryOp<"tan", "tangent", CHLO_FloatTensor>;

def CHLO_TopKOp
    : CHLO_Op<"top_k", [Pure, InferTypeOpAdaptor, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "the k largest elements along the last dimension, in falling order, and where they were";
  let arguments = (ins CHLO_NumberTensor:$operand, I64Attr:$k);
  let results = (outs CHLO_NumberTensor:$values, RankedTensorOf<[I32]>:$indices);
  let assemblyFormat = "`(` $operand `,` `k` `=` $k `)` attr-dict `:` type($operand) `->` `(` type($values) `,` type($indices) `)`";
}

#endif // STEELYARD_DIALECT_CHLO_IR_OPS
