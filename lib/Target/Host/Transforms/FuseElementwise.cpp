//===- FuseElementwise.cpp - When to fuse and when to store -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace steelyard::host {
#define GEN_PASS_DEF_HOSTFUSEELEMENTWISE
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
} // namespace steelyard::host

using namespace mlir;

namespace {

/// Scalar operations of a body; transcendental functions and divisions count
/// eightfold, factors of a rescale as the twenty operations that they become.
unsigned costOf(linalg::GenericOp op) {
  unsigned cost = 0;
  for (Operation &scalar : op.getBody()->without_terminator()) {
    bool slow =
        isa<math::MathDialect>(scalar.getDialect()) ||
        isa<arith::DivFOp, arith::RemFOp, arith::DivSIOp, arith::DivUIOp>(
            scalar);
    cost += isa<scaled::RescaleFactorsOp>(scalar) ? 20 : slow ? 8 : 1;
  }
  return cost;
}

int64_t iterationsOf(linalg::GenericOp op) {
  int64_t count = 1;
  for (int64_t range : op.getStaticLoopRanges()) {
    count *= range;
  }
  return count;
}

struct FuseElementwise
    : steelyard::host::impl::HostFuseElementwiseBase<FuseElementwise> {
  using HostFuseElementwiseBase::HostFuseElementwiseBase;

  /// Whether it reads tensors that lie along different loops.
  static bool isCrossed(linalg::GenericOp op) {
    std::optional<unsigned> line;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      ArrayRef<AffineExpr> exprs =
          op.getMatchingIndexingMap(operand).getResults();
      auto last = exprs.size() < op.getNumLoops() || exprs.empty()
                      ? AffineDimExpr(nullptr)
                      : dyn_cast<AffineDimExpr>(exprs.back());
      if (last && line && *line != last.getPosition()) {
        return true;
      }
      line = last ? std::optional(last.getPosition()) : line;
    }
    return false;
  }

  bool isWorthFusing(OpOperand *operand) {
    auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
    auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
    // What is outside of a loop is computed once.
    if (!producer || !consumer ||
        producer->getBlock() != consumer->getBlock()) {
      return false;
    }
    // What a producer adds to is added to anew where it is computed anew.
    if (llvm::any_of(producer.getDpsInitsMutable(), [&](OpOperand &init) {
          return producer.payloadUsesValueFromOperand(&init);
        })) {
      return false;
    }
    if (keepCrossed && isCrossed(producer) &&
        (consumer.getNumReductionLoops() != 0 || !producer->hasOneUse())) {
      return false;
    }
    unsigned cost = costOf(producer);
    // A value that is broadcast would be computed for each copy.
    if (iterationsOf(consumer) > iterationsOf(producer)) {
      return cost <= 2;
    }
    return producer->hasOneUse() || cost <= recomputeLimit;
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(
        patterns,
        [this](OpOperand *operand) { return isWorthFusing(operand); });
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, context);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns),
                                     config))) {
      signalPassFailure();
    }
  }
};

} // namespace
