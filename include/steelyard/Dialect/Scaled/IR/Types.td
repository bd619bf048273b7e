//===- Types.td - The scaled tensor --------------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_SCALED_IR_TYPES
#define STEELYARD_DIALECT_SCALED_IR_TYPES

include "steelyard/Dialect/Scaled/IR/Attributes.td"
include "mlir/IR/BuiltinTypeInterfaces.td"

def Scaled_TensorType : TypeDef<Scaled_Dialect, "ScaledTensor", [ShapedTypeInterface]> {
  let mnemonic = "tensor";
  let summary = "data × scale";
  let description = [{
    ```
    !scaled.tensor<64x128xf16, exp>                       one power of two a tensor
    !scaled.tensor<64x128xf16, exp[1, *]>                 one a row
    !scaled.tensor<64x128xf8E4M3FN, f8E8M0FNU[1, 32]>     OCP MX blocks
    !scaled.tensor<64x128xf4E2M1FN, f8E4M3FN[1, 16], f32> NVFP4: two levels
    !scaled.tensor<64x128xi8, #scaled.format<e = 4, t = 3, bias = 9>, exp>
    ```
    The shape is static. The element type is a float, or an integer that holds
    the codes of the given format.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "FormatAttr":$format, ArrayRefParameter<"ScaleLevelAttr">:$levels);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::llvm::ArrayRef<int64_t>":$shape, "::mlir::Type":$elementType), [{
      auto *context = elementType.getContext();
      return $_get(context, shape, elementType, FormatAttr(),
                   ::llvm::ArrayRef<ScaleLevelAttr>(ScaleLevelAttr::get(context, ScaleKind::Exponent, {})));
    }]>,
    /// One exponent a slice along a dimension.
    TypeBuilderWithInferredContext<(ins "::llvm::ArrayRef<int64_t>":$shape, "::mlir::Type":$elementType,
                                        "int64_t":$sliceDimension), [{
      auto *context = elementType.getContext();
      ::llvm::SmallVector<int64_t> block(shape.size(), -1);
      block[sliceDimension] = 1;
      return $_get(context, shape, elementType, FormatAttr(),
                   ::llvm::ArrayRef<ScaleLevelAttr>(ScaleLevelAttr::get(context, ScaleKind::Exponent, block)));
    }]>
  ];
  let extraClassDeclaration = [{
    using ::mlir::ShapedType::Trait<ScaledTensorType>::clone;
    bool hasRank() const { return true; }
    ::mlir::ShapedType cloneWith(::std::optional<::llvm::ArrayRef<int64_t>> shape, ::mlir::Type elementType) const;
    /// tensor<shape x elementType>: what `scaled.unpack` gives.
    ::mlir::RankedTensorType getDataType() const;
    /// The type of the scales of one level, in the order of the levels.
    ::llvm::SmallVector<::mlir::RankedTensorType> getScaleTypes() const;
    /// One level, kind `exp`, one scale a tensor.
    bool isPerTensorExponent() const;
    /// The dimension d of one level of kind `exp` with one scale a slice along d: exp[*, 1, *]. Nothing for others.
    ::std::optional<int64_t> getSliceDimension() const;
    /// Same shape and levels, other storage.
    ScaledTensorType cloneWithElementType(::mlir::Type elementType, FormatAttr format = {}) const;
  }];
}

#endif // STEELYARD_DIALECT_SCALED_IR_TYPES
