//===- CountLoops.cpp - Trip counts that the host knows ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDACOUNTLOOPS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;

namespace {

/// Integers that are known while a loop is followed: by values that are scalars
/// or tensors of rank 0. Null: not known.
class Evaluation {
public:
  void set(Value value, Attribute element) { known[value] = element; }

  Attribute get(Value value) {
    if (auto found = known.find(value); found != known.end()) {
      return found->second;
    }
    Attribute element = compute(value);
    known[value] = element;
    return element;
  }

private:
  Attribute compute(Value value) {
    DenseElementsAttr elements;
    if (matchPattern(value, m_Constant(&elements))) {
      return elements.isSplat() ? elements.getSplatValue<Attribute>()
                                : Attribute();
    }
    Operation *op = value.getDefiningOp();
    if (!op) {
      return {};
    }
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      return computeBody(generic, cast<OpResult>(value).getResultNumber());
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      return extract.getIndices().empty() ? get(extract.getTensor())
                                          : Attribute();
    }
    if (auto made = dyn_cast<tensor::FromElementsOp>(op)) {
      return made.getType().getRank() == 0 ? get(made.getElements().front())
                                           : Attribute();
    }
    // A call that goes on: cancelled ones are left anyway.
    if (isa<steelyard::host::PollOp>(op)) {
      return BoolAttr::get(op->getContext(), true);
    }
    return fold(op, cast<OpResult>(value).getResultNumber());
  }

  Attribute computeBody(linalg::GenericOp op, unsigned result) {
    if (op.getNumLoops() != 0) {
      return {};
    }
    for (OpOperand &operand : op->getOpOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(&operand);
      known[argument] = argument.use_empty() ? Attribute() : get(operand.get());
    }
    // Its body may have been evaluated with other values.
    for (Operation &inner : op.getBody()->without_terminator()) {
      for (Value value : inner.getResults()) {
        known.erase(value);
      }
    }
    return get(op.getBody()->getTerminator()->getOperand(result));
  }

  Attribute fold(Operation *op, unsigned result) {
    if (op->getNumRegions() != 0 || !isMemoryEffectFree(op)) {
      return {};
    }
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(get(operand));
      if (!operands.back()) {
        return {};
      }
    }
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.size() <= result) {
      return {};
    }
    if (auto folded = dyn_cast<Attribute>(results[result])) {
      return folded;
    }
    return get(cast<Value>(results[result]));
  }

  llvm::DenseMap<Value, Attribute> known;
};

struct CountLoops : steelyard::cuda::impl::CUDACountLoopsBase<CountLoops> {
  using CUDACountLoopsBase::CUDACountLoopsBase;

  void runOnOperation() override {
    SmallVector<scf::WhileOp> loops;
    getOperation().walk([&](scf::WhileOp op) { loops.push_back(op); });
    for (scf::WhileOp op : loops) {
      if (std::optional<int64_t> trips = countTrips(op)) {
        rewrite(op, *trips);
      }
    }
  }

  /// Follows what the condition depends on, as far as it is known.
  std::optional<int64_t> countTrips(scf::WhileOp op) const {
    scf::ConditionOp condition = op.getConditionOp();
    if (condition.getArgs() != ValueRange(op.getBeforeArguments())) {
      return std::nullopt;
    }
    auto isInteger = [](Value value) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      return type && type.getRank() == 0 &&
             isa<IntegerType>(type.getElementType());
    };
    SmallVector<Attribute> state;
    Evaluation outside;
    for (Value init : op.getInits()) {
      state.push_back(isInteger(init) ? outside.get(init) : Attribute());
    }
    for (int64_t trips = 0; trips <= mostTrips; ++trips) {
      Evaluation inside;
      for (auto [index, element] : llvm::enumerate(state)) {
        inside.set(op.getBeforeArguments()[index], element);
        inside.set(op.getAfterArguments()[index], element);
      }
      auto goesOn =
          dyn_cast_or_null<BoolAttr>(inside.get(condition.getCondition()));
      if (!goesOn) {
        return std::nullopt;
      }
      if (!goesOn.getValue()) {
        return trips;
      }
      for (auto [element, next] :
           llvm::zip(state, op.getYieldOp().getOperands())) {
        element = element ? inside.get(next) : Attribute();
      }
    }
    return std::nullopt;
  }

  /// A counter of the host decides, in place of the device's.
  static void rewrite(scf::WhileOp op, int64_t trips) {
    IRRewriter rewriter(op);
    Location loc = op.getLoc();
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(rewriter, loc, value);
    };
    SmallVector<Value> inits(op.getInits());
    inits.push_back(index(0));
    SmallVector<Type> types(op.getResultTypes());
    types.push_back(rewriter.getIndexType());
    auto counted = scf::WhileOp::create(rewriter, loc, types, inits);
    for (auto [from, to] : llvm::zip(op->getRegions(), counted->getRegions())) {
      to.takeBody(from);
      to.front().addArgument(rewriter.getIndexType(), loc);
    }
    scf::ConditionOp condition = counted.getConditionOp();
    rewriter.setInsertionPoint(condition);
    Value count = counted.getBeforeArguments().back();
    Value isLess = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::ult, count, index(trips));
    Value goesOn =
        steelyard::host::PollOp::create(rewriter, loc, rewriter.getI1Type());
    Value both = arith::AndIOp::create(rewriter, loc, goesOn, isLess);
    SmallVector<Value> passed(condition.getArgs());
    passed.push_back(count);
    rewriter.replaceOpWithNewOp<scf::ConditionOp>(condition, both, passed);
    scf::YieldOp yield = counted.getYieldOp();
    rewriter.setInsertionPoint(yield);
    SmallVector<Value> next(yield.getOperands());
    next.push_back(arith::AddIOp::create(
        rewriter, loc, counted.getAfterArguments().back(), index(1)));
    rewriter.replaceOpWithNewOp<scf::YieldOp>(yield, next);
    // What only the condition asked for.
    SmallVector<Operation *> all;
    for (Operation &inner : counted.getBefore().front()) {
      all.push_back(&inner);
    }
    for (Operation *inner : llvm::reverse(all)) {
      bool isPoll = isa<steelyard::host::PollOp>(inner);
      if (inner->use_empty() && !inner->hasTrait<OpTrait::IsTerminator>() &&
          (isPoll || isOpTriviallyDead(inner))) {
        rewriter.eraseOp(inner);
      }
    }
    rewriter.replaceOp(op, counted.getResults().drop_back());
  }
};

} // namespace
