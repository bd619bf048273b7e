//===- Recompute.cpp - Less between kernels ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/Support/MathExtras.h"

#include "BlockGroups.h"
#include "SplitReductions.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDARECOMPUTE
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using steelyard::cuda::BlockGroups;
using steelyard::cuda::Group;

namespace {

int64_t bytesOf(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  return type ? static_cast<int64_t>(llvm::divideCeil(
                    type.getNumElements() * type.getElementTypeBitWidth(), 8))
              : 0;
}

int64_t iterationsOf(linalg::GenericOp op) {
  int64_t count = 1;
  for (int64_t range : op.getStaticLoopRanges()) {
    count *= range;
  }
  return count;
}

/// Instructions of an element, about.
int64_t costOf(linalg::GenericOp op) {
  int64_t cost = 0;
  for (Operation &scalar : op.getBody()->without_terminator()) {
    bool isOne = isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::FmaOp,
                     math::FloorOp, math::CeilOp>(scalar);
    bool isShort = isa<math::ExpOp, math::SqrtOp, math::RsqrtOp>(scalar);
    bool isLong = isa<math::MathDialect>(scalar.getDialect()) ||
                  isa<arith::DivFOp, arith::RemFOp>(scalar);
    cost += isOne ? 1 : isShort ? 8 : isLong ? 16 : 1;
  }
  return cost;
}

/// The loop along which neighbours of a tensor are neighbours in memory.
std::optional<unsigned> lineOf(linalg::GenericOp op, OpOperand *operand) {
  auto shape = cast<RankedTensorType>(operand->get().getType()).getShape();
  for (auto [size, expr] : llvm::reverse(
           llvm::zip(shape, op.getMatchingIndexingMap(operand).getResults()))) {
    if (size != 1) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      return loop ? std::optional(loop.getPosition()) : std::nullopt;
    }
  }
  return std::nullopt;
}

/// Whether a tensor has about as many elements as an operation computes.
bool isMuch(Value tensor, linalg::GenericOp op) {
  constexpr int64_t kLittle = 8;
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  return type && type.getNumElements() * kLittle > iterationsOf(op);
}

/// Elementwise, of operands that lie along its results.
bool canBeCopied(linalg::GenericOp op) {
  if (op.getNumReductionLoops() != 0 || !op.hasPureTensorSemantics() ||
      !steelyard::cuda::tensorsReadBy(op).empty()) {
    return false;
  }
  for (OpOperand &init : op.getDpsInitsMutable()) {
    if (op.payloadUsesValueFromOperand(&init)) {
      return false;
    }
  }
  std::optional<unsigned> line = lineOf(op, op.getDpsInitOperand(0));
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    return !isMuch(input->get(), op) || lineOf(op, input) == line;
  });
}

/// An operation of a group that others are to compute themselves.
struct Copied {
  linalg::GenericOp op;
  llvm::SetVector<Operation *> with; // it, and what it is computed of
  SmallVector<linalg::GenericOp> readers;
};

/// What it would take to compute a group's result where it is read.
class Estimate {
public:
  Estimate(BlockGroups &formed, unsigned home, linalg::GenericOp op)
      : formed(formed), home(formed.groups()[home]), copied{op, {}, {}} {
    isPossible = op->getNumResults() == 1 && findReaders() && collect(op);
  }

  bool isPossible = false;
  Copied take() { return std::move(copied); }

  /// Bytes that it saves, of all.
  double savedBytes() {
    Value result = copied.op->getResult(0);
    double inMemory =
        static_cast<double>(bytesOf(result)) * (1.0 + groups.size() + apart);
    if (isAlone()) {
      for (Value input : home.inputs()) {
        inMemory += bytesOf(input);
      }
    }
    double anew = 0;
    for (Value leaf : leaves) {
      auto known = leaf.getDefiningOp<linalg::GenericOp>();
      if (known && home.contains(known) && !isOutput(leaf)) {
        anew += bytesOf(leaf);
      }
      anew += static_cast<double>(bytesOf(leaf)) * apart;
      for (unsigned group : groups) {
        if (!formed.groups()[group].inputs().contains(leaf)) {
          anew += bytesOf(leaf);
        }
      }
    }
    return inMemory - anew;
  }

  /// Scalar operations that it adds.
  double addedOperations() const {
    double cost = 0;
    for (Operation *op : copied.with) {
      cost += costOf(cast<linalg::GenericOp>(op));
    }
    double count = 0;
    for (linalg::GenericOp reader : copied.readers) {
      count += static_cast<double>(iterationsOf(reader)) /
               (isOfRows(reader) ? kRow : 1);
    }
    return cost * count;
  }

  /// Whether no kernel is left of the group.
  bool isAlone() const {
    return home.parts().empty() && home.outputs().size() == 1 &&
           home.outputs().front() == copied.op->getResult(0);
  }

private:
  static constexpr int64_t kRow = 8; // elements that share a row's values

  /// Whether it is the same for neighbours of what the reader computes.
  bool isOfRows(linalg::GenericOp reader) const {
    unsigned line = reader.getNumLoops() - 1;
    return llvm::none_of(reader.getDpsInputOperands(), [&](OpOperand *input) {
      return input->get() == copied.op->getResult(0) &&
             reader.getMatchingIndexingMap(input).isFunctionOfDim(line);
    });
  }

  /// Only operations of other groups read it outside of its own.
  bool findReaders() {
    for (Operation *user : copied.op->getUsers()) {
      if (home.contains(user)) {
        continue;
      }
      auto reader = dyn_cast<linalg::GenericOp>(user);
      std::optional<unsigned> number = formed.numberOf(user);
      bool isApart = reader && steelyard::cuda::isReducedByMany(reader);
      if (!number && !isApart) {
        return false;
      }
      if (!llvm::is_contained(copied.readers, reader)) {
        copied.readers.push_back(reader);
        apart += isApart;
      }
      if (number) {
        groups.insert(*number);
      }
    }
    return !copied.readers.empty();
  }

  bool isOutput(Value value) const {
    return llvm::is_contained(home.outputs(), value);
  }

  /// The operations that are computed anew with it, down to tensors in memory.
  /// What is small is best left there.
  bool collect(linalg::GenericOp op) {
    constexpr size_t kMostOps = 8;
    if (!canBeCopied(op) || copied.with.size() == kMostOps) {
      return false;
    }
    copied.with.insert(op);
    for (Value input : op.getDpsInputs()) {
      auto source = input.getDefiningOp<linalg::GenericOp>();
      if (!isa<RankedTensorType>(input.getType()) ||
          steelyard::cuda::splatOf(input)) {
        continue;
      }
      if (!source || !home.contains(source) || isOutput(input) ||
          !isMuch(input, op) || source.getNumReductionLoops() != 0) {
        leaves.insert(input);
      } else if (!copied.with.contains(source) && !collect(source)) {
        return false;
      }
    }
    return true;
  }

  BlockGroups &formed;
  Group &home;
  Copied copied;
  llvm::SetVector<Value> leaves;
  llvm::SmallSetVector<unsigned, 4> groups; // of readers
  unsigned apart = 0;                       // readers that are in none
};

struct Recompute : steelyard::cuda::impl::CUDARecomputeBase<Recompute> {
  using CUDARecomputeBase::CUDARecomputeBase;

  void runOnOperation() override {
    steelyard::cuda::generalize(getOperation());
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) {
      if (!block->getOps<linalg::GenericOp>().empty()) {
        blocks.push_back(block);
      }
    });
    constexpr int kRounds = 3; // one may make the next worth it
    for (Block *block : blocks) {
      for (int round = 0; round < kRounds && runOnce(*block); ++round) {
      }
    }
  }

  bool isWorthIt(Estimate &estimate) const {
    double saved = estimate.savedBytes() / bytesPerSecond;
    if (estimate.isAlone()) {
      saved += launchSeconds;
    }
    return estimate.addedOperations() / operationsPerSecond < saved;
  }

  bool runOnce(Block &block) {
    auto isApart = [](linalg::GenericOp op) {
      return steelyard::cuda::isReducedByMany(op);
    };
    BlockGroups formed(block, isApart);
    std::vector<Copied> work;
    for (auto [number, group] : llvm::enumerate(formed.groups())) {
      for (OpResult result : group.outputs()) {
        auto op = cast<linalg::GenericOp>(result.getOwner());
        Estimate estimate(formed, number, op);
        if (estimate.isPossible && isWorthIt(estimate)) {
          work.push_back(estimate.take());
        }
      }
    }
    llvm::DenseSet<Operation *> changed;
    for (Copied &each : work) {
      auto isChanged = [&](Operation *op) { return changed.contains(op); };
      if (llvm::any_of(each.with, isChanged) ||
          llvm::any_of(each.readers, isChanged)) {
        continue; // in the next round
      }
      for (linalg::GenericOp reader : each.readers) {
        changed.insert(reader);
        compute(each, reader);
      }
    }
    return !changed.empty();
  }

  /// Makes the operations parts of one that reads them.
  static void compute(const Copied &copied, linalg::GenericOp reader) {
    IRRewriter rewriter(reader->getContext());
    while (OpOperand *operand = find(copied, reader)) {
      rewriter.setInsertionPoint(reader);
      Operation *copy = rewriter.clone(*operand->get().getDefiningOp());
      unsigned number = cast<OpResult>(operand->get()).getResultNumber();
      operand->set(copy->getResult(number));
      if (!linalg::areElementwiseOpsFusable(operand)) {
        return;
      }
      FailureOr<linalg::ElementwiseOpFusionResult> fused =
          linalg::fuseElementwiseOps(rewriter, operand);
      if (failed(fused)) {
        return;
      }
      for (auto [from, to] : fused->replacements) {
        if (from.getDefiningOp() == reader) {
          rewriter.replaceAllUsesWith(from, to);
        }
      }
      rewriter.eraseOp(reader);
      rewriter.eraseOp(copy);
      reader = cast<linalg::GenericOp>(fused->fusedOp);
    }
  }

  static OpOperand *find(const Copied &copied, linalg::GenericOp reader) {
    for (OpOperand *input : reader.getDpsInputOperands()) {
      Operation *source = input->get().getDefiningOp();
      if (source && copied.with.contains(source)) {
        return input;
      }
    }
    return nullptr;
  }
};

} // namespace
