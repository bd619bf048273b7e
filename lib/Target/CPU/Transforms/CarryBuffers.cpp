//===- CarryBuffers.cpp - Fixed buffers for loops and branches --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include "Buffers.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUCARRYBUFFERS
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;
using namespace steelyard::cpu;

namespace {

bool isBuffer(Value value) { return isa<MemRefType>(value.getType()); }

/// The buffer itself, whatever layout its type admits to.
Value withoutCasts(Value buffer) {
  while (auto cast = buffer.getDefiningOp<memref::CastOp>()) {
    buffer = cast.getSource();
  }
  return buffer;
}

Value allocate(OpBuilder &builder, Location location, Type type) {
  auto memref = cast<MemRefType>(type);
  auto dense = MemRefType::get(memref.getShape(), memref.getElementType());
  return memref::AllocOp::create(builder, location, dense);
}

Value castTo(OpBuilder &builder, Location location, Value buffer, Type type) {
  return buffer.getType() == type
             ? buffer
             : memref::CastOp::create(builder, location, type, buffer)
                   .getResult();
}

/// Operations that touch the buffer, through views.
SmallVector<Operation *> usersOf(Value buffer) {
  SmallVector<Operation *> users;
  SmallVector<Value> aliases = {buffer};
  while (!aliases.empty()) {
    for (Operation *user : aliases.pop_back_val().getUsers()) {
      if (isa<ViewLikeOpInterface>(user)) {
        llvm::append_range(aliases, user->getResults());
      } else {
        users.push_back(user);
      }
    }
  }
  return users;
}

/// Before the terminator: values[i] into buffers[i], as if all at once.
void assign(OpBuilder &builder, Operation *terminator, ArrayRef<Value> values,
            ArrayRef<Value> buffers) {
  Location location = terminator->getLoc();
  builder.setInsertionPoint(terminator);
  SmallVector<std::pair<Value, Value>> copies;
  for (auto [value, buffer] : llvm::zip_equal(values, buffers)) {
    if (withoutCasts(value) == buffer) {
      continue;
    }
    Value source = value;
    if (llvm::is_contained(buffers, rootOf(value))) {
      // It would be overwritten before, or while, it is read.
      source = allocate(builder, location, value.getType());
      memref::CopyOp::create(builder, location, value, source);
    }
    copies.emplace_back(source, buffer);
  }
  for (auto [source, buffer] : copies) {
    memref::CopyOp::create(builder, location, source, buffer);
  }
}

struct CarryBuffers : steelyard::cpu::impl::CPUCarryBuffersBase<CarryBuffers> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk([&](Operation *op) {
      if (isa<scf::IfOp, scf::WhileOp>(op) &&
          llvm::any_of(op->getResults(), isBuffer)) {
        work.push_back(op);
      }
    });
    for (Operation *op : work) {
      IRRewriter rewriter(op);
      if (auto choice = dyn_cast<scf::IfOp>(op)) {
        rewrite(rewriter, choice);
      } else {
        rewrite(rewriter, cast<scf::WhileOp>(op));
      }
    }
  }

  //===--------------------------------------------------------------------===//
  // Branches
  //===--------------------------------------------------------------------===//

  static void rewrite(IRRewriter &rewriter, scf::IfOp op) {
    Location location = op.getLoc();
    SmallVector<Type> types;
    llvm::BitVector dropped(op.getNumResults());
    for (OpResult result : op.getResults()) {
      if (!isBuffer(result)) {
        types.push_back(result.getType());
        continue;
      }
      unsigned index = result.getResultNumber();
      dropped.set(index);
      Value onTrue = op.thenYield().getOperand(index),
            onFalse = op.elseYield().getOperand(index);
      Value shared = withoutCasts(onTrue);
      rewriter.setInsertionPoint(op);
      if (shared == withoutCasts(onFalse) &&
          shared.getParentRegion()->isProperAncestor(&op.getThenRegion())) {
        result.replaceAllUsesWith(
            castTo(rewriter, location, shared, result.getType()));
        continue;
      }
      Value buffer = allocate(rewriter, location, result.getType());
      result.replaceAllUsesWith(
          castTo(rewriter, location, buffer, result.getType()));
      for (scf::YieldOp yield : {op.thenYield(), op.elseYield()}) {
        Value value = withoutCasts(yield.getOperand(index));
        auto alloc = value.getDefiningOp<memref::AllocOp>();
        if (alloc && alloc->getBlock() == yield->getBlock() &&
            alloc.getType() == buffer.getType()) {
          rewriter.replaceOp(alloc, buffer); // computed where it goes
        } else {
          rewriter.setInsertionPoint(yield);
          memref::CopyOp::create(rewriter, location, value, buffer);
        }
      }
    }
    rewriter.setInsertionPoint(op);
    auto smaller =
        scf::IfOp::create(rewriter, location, types, op.getCondition(),
                          /*addThenBlock=*/false, /*addElseBlock=*/false);
    for (auto [from, to] : llvm::zip(op->getRegions(), smaller->getRegions())) {
      from.front().getTerminator()->eraseOperands(dropped);
      to.takeBody(from);
    }
    replaceKept(op, smaller, dropped);
  }

  /// The results that are not buffers; buffers have no uses any more.
  static void replaceKept(Operation *op, Operation *smaller,
                          const llvm::BitVector &dropped) {
    unsigned kept = 0;
    for (OpResult result : op->getResults()) {
      if (!dropped.test(result.getResultNumber())) {
        result.replaceAllUsesWith(smaller->getResult(kept++));
      }
    }
    op->erase();
  }

  //===--------------------------------------------------------------------===//
  // Loops
  //===--------------------------------------------------------------------===//

  /// The initial value's own buffer where nothing else needs it, or a copy.
  static Value carriedBuffer(IRRewriter &rewriter, scf::WhileOp op, Value init,
                             ArrayRef<Value> taken) {
    rewriter.setInsertionPoint(op);
    Value own = withoutCasts(init);
    auto alloc = own.getDefiningOp<memref::AllocOp>();
    bool isFree = alloc && alloc->getBlock() == op->getBlock() &&
                  !llvm::is_contained(taken, own) &&
                  llvm::count(op.getInits(), init) == 1 &&
                  llvm::all_of(usersOf(own), [&](Operation *user) {
                    Operation *here =
                        op->getBlock()->findAncestorOpInBlock(*user);
                    return user == op || here->isBeforeInBlock(op);
                  });
    if (isFree) {
      return own;
    }
    Value buffer = allocate(rewriter, op.getLoc(), init.getType());
    memref::CopyOp::create(rewriter, op.getLoc(), init, buffer);
    return buffer;
  }

  static void rewrite(IRRewriter &rewriter, scf::WhileOp op) {
    Location location = op.getLoc();
    SmallVector<Value> buffers, inits;
    SmallVector<Type> types;
    llvm::BitVector dropped(op.getNumResults());
    for (auto [index, init] : llvm::enumerate(op.getInits())) {
      if (!isBuffer(init)) {
        inits.push_back(init);
        types.push_back(init.getType());
        continue;
      }
      dropped.set(index);
      buffers.push_back(carriedBuffer(rewriter, op, init, buffers));
      for (Value carried :
           {Value(op.getBeforeArguments()[index]),
            Value(op.getAfterArguments()[index]), op.getResult(index)}) {
        carried.replaceAllUsesWith(
            castTo(rewriter, location, buffers.back(), carried.getType()));
      }
    }
    auto buffersAmong = [&](ValueRange values) {
      SmallVector<Value> among;
      for (unsigned index : dropped.set_bits()) {
        among.push_back(values[index]);
      }
      return among;
    };
    scf::ConditionOp condition = op.getConditionOp();
    scf::YieldOp yield = op.getYieldOp();
    assign(rewriter, condition, buffersAmong(condition.getArgs()), buffers);
    assign(rewriter, yield, buffersAmong(yield.getResults()), buffers);
    yield->eraseOperands(dropped);
    llvm::BitVector droppedArgs(condition->getNumOperands());
    for (unsigned index : dropped.set_bits()) {
      droppedArgs.set(index + 1); // after the condition itself
    }
    condition->eraseOperands(droppedArgs);
    rewriter.setInsertionPoint(op);
    auto smaller = scf::WhileOp::create(rewriter, location, types, inits);
    for (auto [from, to] : llvm::zip(op->getRegions(), smaller->getRegions())) {
      from.front().eraseArguments(dropped);
      to.takeBody(from);
    }
    replaceKept(op, smaller, dropped);
  }
};

} // namespace
