//===- Contractions.cpp - Scale rules of contractions -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

template <typename Op>
scaled::ScaledTensorType accumulatorType(Op op) {
  auto type = cast<RankedTensorType>(op.getType());
  return scaled::ScaledTensorType::get(type.getShape(),
                                       Float32Type::get(op.getContext()));
}

Value scaledForm(OpBuilder &b, DotGeneralOp op, Value lhs, Value rhs) {
  DotDimensionNumbersAttr numbers = op.getDotDimensionNumbers();
  auto product = scaled::DotGeneralOp::create(
      b, op.getLoc(), accumulatorType(op), lhs, rhs,
      numbers.getLhsBatchingDimensions(), numbers.getRhsBatchingDimensions(),
      numbers.getLhsContractingDimensions(),
      numbers.getRhsContractingDimensions());
  // The rest of an algorithm is about types that the scheme chooses.
  DotAlgorithmAttr algorithm = op.getAlgorithmAttr();
  product.setFastAccumulate(algorithm &&
                            algorithm.getAllowImpreciseAccumulation());
  return product;
}

Value scaledForm(OpBuilder &b, ConvolutionOp op, Value lhs, Value rhs) {
  return scaled::ConvolutionOp::create(
      b, op.getLoc(), accumulatorType(op), lhs, rhs, op.getWindowStridesAttr(),
      op.getPaddingAttr(), op.getLhsDilationAttr(), op.getRhsDilationAttr(),
      op.getWindowReversalAttr(), op.getDimensionNumbers(),
      op.getFeatureGroupCountAttr(), op.getBatchGroupCountAttr());
}

SmallVector<int64_t> contractedDimensions(DotGeneralOp op, unsigned index) {
  DotDimensionNumbersAttr numbers = op.getDotDimensionNumbers();
  return SmallVector<int64_t>(index == 0
                                  ? numbers.getLhsContractingDimensions()
                                  : numbers.getRhsContractingDimensions());
}

SmallVector<int64_t> contractedDimensions(ConvolutionOp op, unsigned index) {
  ConvDimensionNumbersAttr numbers = op.getDimensionNumbers();
  return {index == 0 ? numbers.getInputFeatureDimension()
                     : numbers.getKernelInputFeatureDimension()};
}

/// stablehlo knows nothing of scaled tensors.
template <typename Op>
struct Contraction
    : ContractionOpInterface::ExternalModel<Contraction<Op>, Op> {
  Value getLhs(Operation *op) const { return cast<Op>(op).getLhs(); }
  Value getRhs(Operation *op) const { return cast<Op>(op).getRhs(); }
  SmallVector<int64_t> getContractedDimensions(Operation *op,
                                               unsigned index) const {
    return contractedDimensions(cast<Op>(op), index);
  }
  Value createScaled(Operation *op, OpBuilder &b, Value lhs, Value rhs) const {
    Value product = scaledForm(b, cast<Op>(op), lhs, rhs);
    // What the user said about the contraction (steelyard.roles) is for the
    // passes after this one.
    product.getDefiningOp()->setDiscardableAttrs(
        op->getDiscardableAttrDictionary());
    return product;
  }
};

constexpr char kContract[] = "sum, then from amax of the float32 accumulator";

LogicalResult contract(Operation *op, ScaleRewriter &rw) {
  if (!rw.isScaled(0) || !rw.isScaled(1)) {
    return failure();
  }
  rw.accumulator(0, cast<ContractionOpInterface>(op).createScaled(
                        rw.builder(), rw.scaled(0), rw.scaled(1)));
  return success();
}

template <typename... Ops>
void attach(MLIRContext &context) {
  (Ops::template attachInterface<Contraction<Ops>,
                                 ScaleModel<Ops, contract, kContract>>(context),
   ...);
}

} // namespace

void steelyard::attachContractionRules(MLIRContext &context) {
  attach<DotGeneralOp, ConvolutionOp>(context);
}
