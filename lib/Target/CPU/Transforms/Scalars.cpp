//===- Scalars.cpp - Tensors of rank 0 become scalars -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUSCALARS
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;

namespace {

bool isRankZeroTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 0;
}

Value extract(PatternRewriter &rewriter, Location location, Value value) {
  return isRankZeroTensor(value) ? tensor::ExtractOp::create(
                                       rewriter, location, value, ValueRange())
                                       .getResult()
                                 : value;
}

/// A generic operation without loops is its body.
struct InlineBody : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto isScalar = [](Value value) {
      return !isa<ShapedType>(value.getType()) || isRankZeroTensor(value);
    };
    if (op.getNumLoops() != 0 || !op.hasPureTensorSemantics() ||
        !llvm::all_of(op->getOperands(), isScalar)) {
      return failure();
    }
    IRMapping mapping;
    Block *body = op.getBody();
    for (auto [argument, operand] :
         llvm::zip(body->getArguments(), op->getOperands())) {
      if (!argument.use_empty()) {
        mapping.map(argument, extract(rewriter, op.getLoc(), operand));
      }
    }
    for (Operation &scalar : body->without_terminator()) {
      rewriter.clone(scalar, mapping);
    }
    SmallVector<Value> results;
    for (auto [value, type] :
         llvm::zip(body->getTerminator()->getOperands(), op.getResultTypes())) {
      results.push_back(tensor::FromElementsOp::create(
          rewriter, op.getLoc(), cast<RankedTensorType>(type),
          ValueRange(mapping.lookupOrDefault(value))));
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// What every iteration reads is an operand by value.
struct ReadOnce : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumLoops() == 0 || !op.hasPureTensorSemantics()) {
      return failure();
    }
    bool changed = false;
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (isRankZeroTensor(input->get())) {
        Value scalar = extract(rewriter, op.getLoc(), input->get());
        rewriter.modifyOpInPlace(op, [&] { input->set(scalar); });
        changed = true;
      }
    }
    return success(changed);
  }
};

struct Scalars : steelyard::cpu::impl::CPUScalarsBase<Scalars> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<InlineBody, ReadOnce>(context);
    tensor::ExtractOp::getCanonicalizationPatterns(patterns, context);
    linalg::FillOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      signalPassFailure();
    }
  }
};

} // namespace
