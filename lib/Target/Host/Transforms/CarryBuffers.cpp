//===- CarryBuffers.cpp - Fixed buffers for loops and branches --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Buffers.h"
#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace steelyard::host {
#define GEN_PASS_DEF_HOSTCARRYBUFFERS
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
} // namespace steelyard::host

using namespace mlir;
using namespace steelyard::host;

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

/// True if an operation that reads `read` may write `written` in its place:
/// element by element, each read before it is written.
bool isElementwise(Operation *op, Value read, Value written) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumReductionLoops() != 0) {
    return false;
  }
  AffineMap map;
  for (OpOperand &init : generic.getDpsInitsMutable()) {
    if (withoutCasts(init.get()) == written) {
      map = generic.getMatchingIndexingMap(&init);
    }
  }
  return map && llvm::all_of(generic->getOpOperands(), [&](OpOperand &operand) {
           return rootOf(operand.get()) != read ||
                  (withoutCasts(operand.get()) == read &&
                   generic.getMatchingIndexingMap(&operand) == map);
         });
}

/// A value that the terminator's block allocates is computed in `buffer`, if
/// nothing there reads what the buffer held once it is written.
bool computeIn(RewriterBase &rewriter, Operation *terminator, Value value,
               Value buffer) {
  auto alloc = value.getDefiningOp<memref::AllocOp>();
  Block *block = terminator->getBlock();
  if (!alloc || alloc->getBlock() != block ||
      alloc.getType() != buffer.getType()) {
    return false;
  }
  Operation *first = nullptr;
  for (Operation *user : usersOf(alloc)) {
    if (user == terminator) {
      continue;
    }
    Operation *here = block->findAncestorOpInBlock(*user);
    first = !first || here->isBeforeInBlock(first) ? here : first;
  }
  bool isFree = llvm::all_of(usersOf(buffer), [&](Operation *user) {
    Operation *here = block->findAncestorOpInBlock(*user);
    return !here || !first || here->isBeforeInBlock(first) ||
           (here == first && here == user &&
            isElementwise(user, buffer, alloc));
  });
  if (isFree) {
    rewriter.replaceOp(alloc, buffer);
  }
  return isFree;
}

/// Before the terminator: its operands number first + index[i] into buffers[i],
/// as if all at once.
void assign(RewriterBase &rewriter, Operation *terminator, unsigned first,
            ArrayRef<unsigned> indices, ArrayRef<Value> buffers) {
  Location location = terminator->getLoc();
  SmallVector<std::pair<Value, Value>> copies;
  for (auto [index, buffer] : llvm::zip_equal(indices, buffers)) {
    Value value = withoutCasts(terminator->getOperand(first + index));
    if (value == buffer || computeIn(rewriter, terminator, value, buffer)) {
      continue;
    }
    rewriter.setInsertionPoint(terminator);
    if (llvm::is_contained(buffers, rootOf(value))) {
      // It would be overwritten before, or while, it is read.
      Value other = allocate(rewriter, location, value.getType());
      memref::CopyOp::create(rewriter, location, value, other);
      value = other;
    }
    copies.emplace_back(value, buffer);
  }
  rewriter.setInsertionPoint(terminator);
  for (auto [source, buffer] : copies) {
    memref::CopyOp::create(rewriter, location, source, buffer);
  }
}

/// What bufferization copies on the way from one region of a loop to the other
/// is carried itself: the region before has no use for it afterwards.
void passOn(RewriterBase &rewriter, scf::ConditionOp condition,
            ArrayRef<Value> buffers) {
  for (OpOperand &operand : condition.getArgsMutable()) {
    auto alloc = withoutCasts(operand.get()).getDefiningOp<memref::AllocOp>();
    if (!alloc || alloc->getBlock() != condition->getBlock()) {
      continue;
    }
    SmallVector<Operation *> users = usersOf(alloc);
    auto copy = users.size() == 2
                    ? dyn_cast<memref::CopyOp>(users[0] == condition ? users[1]
                                                                     : users[0])
                    : memref::CopyOp();
    if (!copy || withoutCasts(copy.getTarget()) != alloc ||
        !llvm::is_contained(buffers, withoutCasts(copy.getSource()))) {
      continue;
    }
    Value source = withoutCasts(copy.getSource());
    rewriter.eraseOp(copy);
    rewriter.replaceOp(alloc, source);
  }
}

struct CarryBuffers
    : steelyard::host::impl::HostCarryBuffersBase<CarryBuffers> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk([&](Operation *op) {
      if (isa<scf::IfOp, scf::WhileOp>(op) &&
          (llvm::any_of(op->getResults(), isBuffer) ||
           llvm::any_of(op->getOperands(), isBuffer))) {
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
        if (!computeIn(rewriter, yield, value, buffer)) {
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
    scf::ConditionOp condition = op.getConditionOp();
    scf::YieldOp yield = op.getYieldOp();
    // What the region before carries ...
    SmallVector<Value> buffers, inits;
    SmallVector<unsigned> carried;
    llvm::BitVector droppedBefore(op.getInits().size());
    for (auto [index, init] : llvm::enumerate(op.getInits())) {
      if (!isBuffer(init)) {
        inits.push_back(init);
        continue;
      }
      droppedBefore.set(index);
      carried.push_back(index);
      buffers.push_back(carriedBuffer(rewriter, op, init, buffers));
      Value argument = op.getBeforeArguments()[index];
      argument.replaceAllUsesWith(
          castTo(rewriter, location, buffers.back(), argument.getType()));
    }
    passOn(rewriter, condition, buffers);
    // ... and what it passes on, which may be in other buffers.
    SmallVector<Value> passedBuffers;
    SmallVector<unsigned> passed;
    SmallVector<Type> types;
    llvm::BitVector droppedAfter(op.getNumResults()),
        droppedArgs(condition->getNumOperands());
    rewriter.setInsertionPoint(op);
    for (auto [index, argument] : llvm::enumerate(condition.getArgs())) {
      if (!isBuffer(argument)) {
        types.push_back(argument.getType());
        continue;
      }
      droppedAfter.set(index);
      droppedArgs.set(index + 1); // after the condition itself
      Value own = withoutCasts(argument);
      if (!llvm::is_contained(buffers, own) ||
          llvm::is_contained(passedBuffers, own)) {
        own = allocate(rewriter, location, argument.getType());
      }
      passed.push_back(index);
      passedBuffers.push_back(own);
      for (Value value :
           {Value(op.getAfterArguments()[index]), op.getResult(index)}) {
        value.replaceAllUsesWith(
            castTo(rewriter, location, own, value.getType()));
      }
    }
    assign(rewriter, condition, /*first=*/1, passed, passedBuffers);
    assign(rewriter, yield, /*first=*/0, carried, buffers);
    yield->eraseOperands(droppedBefore);
    condition->eraseOperands(droppedArgs);
    rewriter.setInsertionPoint(op);
    auto smaller = scf::WhileOp::create(rewriter, location, types, inits);
    op.getBefore().front().eraseArguments(droppedBefore);
    op.getAfter().front().eraseArguments(droppedAfter);
    for (auto [from, to] : llvm::zip(op->getRegions(), smaller->getRegions())) {
      to.takeBody(from);
    }
    replaceKept(op, smaller, droppedAfter);
  }
};

} // namespace
