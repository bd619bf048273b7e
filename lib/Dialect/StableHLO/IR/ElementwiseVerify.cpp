//===- ElementwiseVerify.cpp - Constraints of elementwise operations -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::stablehlo;

void ConvertOp::build(OpBuilder &builder, OperationState &state, Value operand, Type elementType) {
  auto type = cast<RankedTensorType>(operand.getType());
  build(builder, state, type.clone(elementType), operand);
}

LogicalResult CompareOp::verify() {
  // (C3), (C4): the type of comparison fits the elements.
  Type element = cast<ShapedType>(getLhs().getType()).getElementType();
  ComparisonType type = getCompareType().value_or(ComparisonType::NOTYPE);
  bool fits = true;
  switch (type) {
  case ComparisonType::NOTYPE:
    break;
  case ComparisonType::SIGNED:
    fits = element.isSignlessInteger() && !element.isInteger(1);
    break;
  case ComparisonType::UNSIGNED:
    fits = element.isUnsignedInteger() || element.isInteger(1);
    break;
  case ComparisonType::FLOAT:
    fits = isa<FloatType, ComplexType>(element);
    break;
  case ComparisonType::TOTALORDER:
    fits = isa<FloatType>(element);
    break;
  }
  if (!fits) {
    return emitOpError() << "comparison type " << stringifyComparisonType(type) << " is not for elements of type "
                         << element;
  }
  return success();
}

LogicalResult SelectOp::verify() {
  // (C1): the predicate has the values' shape or rank 0.
  auto pred = cast<ShapedType>(getPred().getType());
  auto result = cast<ShapedType>(getResult().getType());
  if (pred.getRank() != 0 && pred.getShape() != result.getShape()) {
    return emitOpError() << "the predicate has shape [" << pred.getShape() << "], the values [" << result.getShape()
                         << "]";
  }
  return success();
}

LogicalResult ClampOp::verify() {
  auto type = cast<ShapedType>(getOperand().getType());
  if (getResult().getType() != type) {
    return emitOpError("the result has the operand's type"); // (C4)
  }
  for (auto [name, bound] : {std::pair("min", getMin()), std::pair("max", getMax())}) {
    auto boundType = cast<ShapedType>(bound.getType());
    if (boundType.getElementType() != type.getElementType()) {
      return emitOpError() << name << " has another element type"; // (C3)
    }
    if (boundType.getRank() != 0 && boundType.getShape() != type.getShape()) {
      return emitOpError() << name << " has neither the operand's shape nor rank 0"; // (C1), (C2)
    }
  }
  return success();
}

LogicalResult BitcastConvertOp::verify() {
  auto from = cast<ShapedType>(getOperand().getType()), to = cast<ShapedType>(getResult().getType());
  if (isa<ComplexType>(from.getElementType()) || isa<ComplexType>(to.getElementType())) {
    return emitOpError("complex elements are not converted by bits");
  }
  int64_t fromBits = from.getElementTypeBitWidth(), toBits = to.getElementTypeBitWidth();
  SmallVector<int64_t> shape(from.getShape());
  if (fromBits > toBits) {
    shape.push_back(fromBits / toBits); // (C1): split into a new last dimension
  } else if (fromBits < toBits) {
    if (shape.empty() || shape.back() != toBits / fromBits) {
      return emitOpError() << "the last dimension of the operand should be " << toBits / fromBits;
    }
    shape.pop_back();
  }
  if (ArrayRef<int64_t>(shape) != to.getShape()) {
    return emitOpError() << "the result's shape should be [" << shape << "]";
  }
  return success();
}
