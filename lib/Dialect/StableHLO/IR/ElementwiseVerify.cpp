//===- ElementwiseVerify.cpp - Constraints of elementwise operations -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/TypeInference.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::stablehlo;

void ConvertOp::build(OpBuilder &builder, OperationState &state, Value operand,
                      Type elementType) {
  auto type = cast<RankedTensorType>(operand.getType());
  build(builder, state, type.clone(elementType), operand);
}

void DotGeneralOp::build(OpBuilder &builder, OperationState &state, Value lhs,
                         Value rhs, DotDimensionNumbersAttr numbers,
                         Type elementType) {
  FailureOr<RankedTensorType> type = inferDotGeneral(
      state.location, cast<RankedTensorType>(lhs.getType()),
      cast<RankedTensorType>(rhs.getType()), numbers, elementType);
  if (failed(type)) {
    llvm::report_fatal_error("dot_general built from operands that do not fit");
  }
  build(builder, state, *type, lhs, rhs, numbers, /*precision_config=*/nullptr,
        /*algorithm=*/nullptr);
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
    return emitOpError() << "comparison type " << stringifyComparisonType(type)
                         << " is not for elements of type " << element;
  }
  return success();
}

LogicalResult SelectOp::verify() {
  // (C1): the predicate has the values' shape or rank 0.
  auto pred = cast<ShapedType>(getPred().getType());
  auto result = cast<ShapedType>(getResult().getType());
  if (pred.getRank() != 0 && pred.getShape() != result.getShape()) {
    return emitOpError() << "the predicate has shape [" << pred.getShape()
                         << "], the values [" << result.getShape() << "]";
  }
  return success();
}

LogicalResult BitcastConvertOp::verify() {
  auto from = cast<ShapedType>(getOperand().getType()),
       to = cast<ShapedType>(getResult().getType());
  if (isa<ComplexType>(from.getElementType()) ||
      isa<ComplexType>(to.getElementType())) {
    return emitOpError("complex elements are not converted by bits");
  }
  int64_t fromBits = from.getElementTypeBitWidth(),
          toBits = to.getElementTypeBitWidth();
  if (std::max(fromBits, toBits) % std::min(fromBits, toBits) != 0) {
    return emitOpError() << "elements of " << fromBits << " and " << toBits
                         << " bits do not divide each other";
  }
  SmallVector<int64_t> shape(from.getShape());
  if (fromBits > toBits) {
    shape.push_back(fromBits / toBits); // (C1): split into a new last dimension
  } else if (fromBits < toBits) {
    if (shape.empty() || shape.back() != toBits / fromBits) {
      return emitOpError() << "the last dimension of the operand should be "
                           << toBits / fromBits;
    }
    shape.pop_back();
  }
  if (ArrayRef<int64_t>(shape) != to.getShape()) {
    return emitOpError() << "the result's shape should be [" << shape << "]";
  }
  return success();
}
