//===- Fold.cpp - What folds without rounding ---------------------*- C++
//-*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::stablehlo;

/// A splat in the shape of `type`, or null.
static Attribute splatAs(Attribute attribute, Type type) {
  auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute);
  return splat ? splat.resizeSplat(cast<ShapedType>(type)) : Attribute();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

OpFoldResult ConvertOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand())
                                             : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (auto pred = dyn_cast_or_null<SplatElementsAttr>(adaptor.getPred())) {
    return pred.getSplatValue<bool>() ? getOnTrue() : getOnFalse();
  }
  return getOnTrue() == getOnFalse() ? OpFoldResult(getOnTrue())
                                     : OpFoldResult();
}

OpFoldResult BroadcastInDimOp::fold(FoldAdaptor adaptor) {
  bool inOrder =
      llvm::equal(getBroadcastDimensions(),
                  llvm::seq<int64_t>(0, getBroadcastDimensions().size()));
  if (getOperand().getType() == getType() && inOrder) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  if (auto inner = getOperand().getDefiningOp<ReshapeOp>()) {
    getOperandMutable().assign(inner.getOperand());
    return getResult();
  }
  if (auto elements =
          dyn_cast_or_null<DenseElementsAttr>(adaptor.getOperand())) {
    return elements.reshape(cast<ShapedType>(getType()));
  }
  return {};
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(),
                  llvm::seq<int64_t>(0, getPermutation().size()))) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}
