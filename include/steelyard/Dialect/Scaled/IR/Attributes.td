//===- Attributes.td - Formats, roundings, scale levels ------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_SCALED_IR_ATTRIBUTES
#define STEELYARD_DIALECT_SCALED_IR_ATTRIBUTES

include "steelyard/Dialect/Scaled/IR/Dialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Scaled_Attr<string name, string attrMnemonic> : AttrDef<Scaled_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Scaled_RoundingEnum : I32EnumAttr<"Rounding", "how a value between two codes is rounded", [
    I32EnumAttrCase<"NearestEven", 0, "nearest_even">,
    I32EnumAttrCase<"TowardZero", 1, "toward_zero">,
    I32EnumAttrCase<"Stochastic", 2, "stochastic">]> {
  let cppNamespace = "::mlir::scaled";
  let genSpecializedAttr = 0;
}
def Scaled_RoundingAttr : EnumAttr<Scaled_Dialect, Scaled_RoundingEnum, "rounding"> {
  let assemblyFormat = "`<` $value `>`";
}

def Scaled_NonFiniteEnum : I32EnumAttr<"NonFinite", "which codes are not finite numbers", [
    I32EnumAttrCase<"IEEE", 0, "ieee">,
    I32EnumAttrCase<"NaNOnly", 1, "nan_only">,
    I32EnumAttrCase<"FiniteOnly", 2, "finite_only">,
    I32EnumAttrCase<"NegativeZeroNaN", 3, "negative_zero_nan">]> {
  let cppNamespace = "::mlir::scaled";
  let genSpecializedAttr = 0;
}

def Scaled_ScaleKindEnum : I32EnumAttr<"ScaleKind", "what one scale is stored as", [
    I32EnumAttrCase<"Exponent", 0, "exp">,
    I32EnumAttrCase<"E8M0", 1, "f8E8M0FNU">,
    I32EnumAttrCase<"E4M3", 2, "f8E4M3FN">,
    I32EnumAttrCase<"F32", 3, "f32">]> {
  let cppNamespace = "::mlir::scaled";
  let genSpecializedAttr = 0;
}

def Scaled_FormatAttr : Scaled_Attr<"Format", "format"> {
  let summary = "a floating-point format by its parameters";
  let description = [{
    `#scaled.format<e = 4, t = 3, bias = 9>` has 4 exponent bits, 3 trailing
    significand bits (IEEE 754's t; the precision is t + 1) and exponent bias 9.
    `non_finite` says which codes are not numbers: `ieee` (default) reserves the
    largest exponent for infinities and NaNs, `nan_only` only the all-ones code
    (the "FN" formats), `finite_only` none, `negative_zero_nan` only the code of
    -0 (the "FNUZ" formats). MLIR's float types are shorthand for their format;
    a format without one is stored in an integer type of 8 or 16 bits.
  }];
  let parameters = (ins "int64_t":$exponentBits, "int64_t":$significandBits, "int64_t":$bias,
                        DefaultValuedParameter<"NonFinite", "NonFinite::IEEE">:$nonFinite);
  let assemblyFormat = [{
    `<` `e` `=` $exponentBits `,` `t` `=` $significandBits `,` `bias` `=` $bias
    (`,` `non_finite` `=` $nonFinite^)? `>`
  }];
  let genVerifyDecl = 1;
}

def Scaled_ScaleLevelAttr : Scaled_Attr<"ScaleLevel", "level"> {
  let summary = "one level of scales: their kind and granularity";
  let description = [{
    Written inside the type as `exp`, `exp[1, *]`, `f8E8M0FNU[1, 32]`: the block
    of data that shares a scale, `*` (held as -1) meaning the whole dimension.
    An empty granularity is one scale a tensor. The last block of a dimension may be ragged.
  }];
  let parameters = (ins "ScaleKind":$kind, OptionalArrayRefParameter<"int64_t">:$block);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    bool isPerTensor() const { return getBlock().empty(); }
    /// The shape of the scales of data of `shape`: rank 0 for one scale a
    /// tensor, otherwise the rank is kept and a dimension holds its blocks.
    ::llvm::SmallVector<int64_t> getScaleShape(::llvm::ArrayRef<int64_t> shape) const;
    /// i32 for `exp`, otherwise the float type of the kind.
    ::mlir::Type getScaleElementType() const;
  }];
}

#endif // STEELYARD_DIALECT_SCALED_IR_ATTRIBUTES
