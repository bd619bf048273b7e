//===- Scalars.cpp - Tensors of rank 0 become scalars -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// Types with elements in place of tensors of rank 0; failure if there are
/// none.
FailureOr<SmallVector<Type>> scalarTypes(TypeRange types) {
  SmallVector<Type> scalars(types);
  for (Type &type : scalars) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.getRank() == 0) {
      type = tensor.getElementType();
    }
  }
  if (TypeRange(scalars) == types) {
    return failure();
  }
  return scalars;
}

/// The values as tensors again, where they were.
SmallVector<Value> asTensors(PatternRewriter &rewriter, Location location,
                             ValueRange values, TypeRange types) {
  SmallVector<Value> tensors;
  for (auto [value, type] : llvm::zip_equal(values, types)) {
    tensors.push_back(
        value.getType() == type
            ? value
            : tensor::FromElementsOp::create(
                  rewriter, location, cast<RankedTensorType>(type), value)
                  .getResult());
  }
  return tensors;
}

/// A terminator passes elements, from operand `first` on.
void extractOperands(PatternRewriter &rewriter, Operation *terminator,
                     unsigned first = 0) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(terminator);
  rewriter.modifyOpInPlace(terminator, [&] {
    for (OpOperand &operand : terminator->getOpOperands().drop_front(first)) {
      operand.set(extract(rewriter, terminator->getLoc(), operand.get()));
    }
  });
}

/// `from`'s block in `to`, with these arguments, as tensors where they were.
void moveBlock(PatternRewriter &rewriter, Region &from, Region &to,
               ArrayRef<Type> types) {
  OpBuilder::InsertionGuard guard(rewriter);
  Block *old = &from.front();
  SmallVector<Location> locations = llvm::map_to_vector(
      old->getArguments(), [](BlockArgument a) { return a.getLoc(); });
  Block *block = rewriter.createBlock(&to, {}, types, locations);
  SmallVector<Value> arguments =
      asTensors(rewriter, to.getLoc(), block->getArguments(),
                TypeRange(old->getArgumentTypes()));
  rewriter.mergeBlocks(old, block, arguments);
}

/// Counters, conditions and exponents are carried in registers.
struct CarryScalars : OpRewritePattern<scf::WhileOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(scf::WhileOp op,
                                PatternRewriter &rewriter) const override {
    FailureOr<SmallVector<Type>> types = scalarTypes(op.getResultTypes());
    if (failed(types) ||
        TypeRange(op.getInits()) != TypeRange(op.getResultTypes())) {
      return failure();
    }
    Location location = op.getLoc();
    SmallVector<Value> inits =
        llvm::map_to_vector(op.getInits(), [&](Value init) {
          return extract(rewriter, location, init);
        });
    auto loop = scf::WhileOp::create(rewriter, location, *types, inits);
    extractOperands(rewriter, op.getConditionOp(), /*first=*/1);
    extractOperands(rewriter, op.getYieldOp());
    moveBlock(rewriter, op.getBefore(), loop.getBefore(), *types);
    moveBlock(rewriter, op.getAfter(), loop.getAfter(), *types);
    rewriter.replaceOp(op, asTensors(rewriter, location, loop.getResults(),
                                     op.getResultTypes()));
    return success();
  }
};

struct ChooseScalars : OpRewritePattern<scf::IfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(scf::IfOp op,
                                PatternRewriter &rewriter) const override {
    FailureOr<SmallVector<Type>> types = scalarTypes(op.getResultTypes());
    if (failed(types)) {
      return failure();
    }
    auto choice = scf::IfOp::create(rewriter, op.getLoc(), *types,
                                    op.getCondition(), /*addThenBlock=*/false,
                                    /*addElseBlock=*/false);
    for (auto [from, to] : llvm::zip(op->getRegions(), choice->getRegions())) {
      extractOperands(rewriter, from.front().getTerminator());
      moveBlock(rewriter, from, to, {});
    }
    rewriter.replaceOp(op, asTensors(rewriter, op.getLoc(), choice.getResults(),
                                     op.getResultTypes()));
    return success();
  }
};

struct Scalars : steelyard::cpu::impl::CPUScalarsBase<Scalars> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<InlineBody, ReadOnce, CarryScalars, ChooseScalars>(context);
    tensor::ExtractOp::getCanonicalizationPatterns(patterns, context);
    linalg::FillOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      signalPassFailure();
    }
  }
};

} // namespace
