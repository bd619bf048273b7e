//===- Contractions.cpp - Scale rules of contractions -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kContract[] = "sum, then from amax of the float32 accumulator";

LogicalResult contract(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<DotGeneralOp>(operation);
  if (!rw.isScaled(0) || !rw.isScaled(1)) {
    return failure();
  }
  OpBuilder &b = rw.builder();
  DotDimensionNumbersAttr numbers = op.getDotDimensionNumbers();
  auto type = scaled::ScaledTensorType::get(
      cast<RankedTensorType>(op.getType()).getShape(), b.getF32Type());
  auto product = scaled::DotGeneralOp::create(
      b, rw.location(), type, rw.scaled(0), rw.scaled(1),
      numbers.getLhsBatchingDimensions(), numbers.getRhsBatchingDimensions(),
      numbers.getLhsContractingDimensions(),
      numbers.getRhsContractingDimensions());
  // What the user said about the contraction (steelyard.roles) is for the
  // passes after this one.
  product->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rw.accumulator(0, product);
  return success();
}

} // namespace

void steelyard::attachContractionRules(MLIRContext &context) {
  DotGeneralOp::attachInterface<ScaleModel<DotGeneralOp, contract, kContract>>(
      context);
}
