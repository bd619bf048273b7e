//===- ControlFlow.cpp - while, case and if to scf --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

Value extract(OpBuilder &builder, Location location, Value tensor) {
  return tensor::ExtractOp::create(builder, location, tensor, ValueRange());
}

struct While : OpConversionPattern<WhileOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(WhileOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertTypes(op.getResultTypes(), types))) {
      return failure();
    }
    auto loop = scf::WhileOp::create(rewriter, op.getLoc(), types,
                                     adaptor.getOperand());
    for (auto [from, to] : {std::pair(&op.getCond(), &loop.getBefore()),
                            std::pair(&op.getBody(), &loop.getAfter())}) {
      rewriter.inlineRegionBefore(*from, *to, to->end());
      if (failed(rewriter.convertRegionTypes(to, *getTypeConverter()))) {
        return failure();
      }
    }
    rewriter.replaceOp(op, loop);
    return success();
  }
};

/// if %i == k then branch k, else the next ones.
Operation *chain(ConversionPatternRewriter &rewriter, Location location,
                 Value index, MutableArrayRef<Region> branches, int64_t first,
                 TypeRange types) {
  Value here = arith::CmpIOp::create(
      rewriter, location, arith::CmpIPredicate::eq, index,
      arith::ConstantIntOp::create(rewriter, location, first, /*width=*/32));
  auto choice = scf::IfOp::create(rewriter, location, types, here,
                                  /*addThenBlock=*/false,
                                  /*addElseBlock=*/false);
  rewriter.inlineRegionBefore(branches.front(), choice.getThenRegion(),
                              choice.getThenRegion().end());
  Region &others = choice.getElseRegion();
  if (branches.size() == 2) {
    rewriter.inlineRegionBefore(branches.back(), others, others.end());
    return choice;
  }
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.createBlock(&others);
  Operation *next =
      chain(rewriter, location, index, branches.drop_front(), first + 1, types);
  rewriter.setInsertionPointAfter(next);
  scf::YieldOp::create(rewriter, location, next->getResults());
  return choice;
}

struct Case : OpConversionPattern<CaseOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(CaseOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (op.getBranches().size() < 2 ||
        failed(getTypeConverter()->convertTypes(op.getResultTypes(), types))) {
      return failure(); // one branch: inlined by -canonicalize
    }
    Value index = extract(rewriter, op.getLoc(), adaptor.getIndex());
    rewriter.replaceOp(
        op, chain(rewriter, op.getLoc(), index, op.getBranches(), 0, types));
    return success();
  }
};

struct If : OpConversionPattern<IfOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(IfOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertTypes(op.getResultTypes(), types))) {
      return failure();
    }
    Value pred = extract(rewriter, op.getLoc(), adaptor.getPred());
    auto choice = scf::IfOp::create(rewriter, op.getLoc(), types, pred,
                                    /*addThenBlock=*/false,
                                    /*addElseBlock=*/false);
    for (auto [from, to] :
         {std::pair(&op.getTrueBranch(), &choice.getThenRegion()),
          std::pair(&op.getFalseBranch(), &choice.getElseRegion())}) {
      rewriter.inlineRegionBefore(*from, *to, to->end());
    }
    rewriter.replaceOp(op, choice);
    return success();
  }
};

/// Ends a region whose operation is scf's by now.
struct Return : OpConversionPattern<ReturnOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ReturnOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto loop = dyn_cast<scf::WhileOp>(op->getParentOp());
    if (loop && op->getParentRegion() == &loop.getBefore()) {
      // A call that was cancelled leaves its loops.
      Value again =
          extract(rewriter, op.getLoc(), adaptor.getResults().front());
      Value goesOn =
          host::PollOp::create(rewriter, op.getLoc(), rewriter.getI1Type());
      again = arith::AndIOp::create(rewriter, op.getLoc(), goesOn, again);
      rewriter.replaceOpWithNewOp<scf::ConditionOp>(
          op, again, op->getBlock()->getArguments());
      return success();
    }
    if (!loop && !isa<scf::IfOp>(op->getParentOp())) {
      return failure();
    }
    rewriter.replaceOpWithNewOp<scf::YieldOp>(op, adaptor.getResults());
    return success();
  }
};

} // namespace

void steelyard::populateControlFlowPatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns) {
  patterns.add<While, Case, If, Return>(converter, patterns.getContext());
}
