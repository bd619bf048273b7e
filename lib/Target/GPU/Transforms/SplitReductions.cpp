//===- SplitReductions.cpp - Reductions in two kernels ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Group.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDASPLITREDUCTIONS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using steelyard::cuda::findReduction;
using steelyard::cuda::isReducedInParts;

namespace {

struct SplitReductions
    : steelyard::cuda::impl::CUDASplitReductionsBase<SplitReductions> {
  using CUDASplitReductionsBase::CUDASplitReductionsBase;

  /// What is right for reductions that lie so in memory.
  struct Layout {
    // What one block may reduce on its own: less is not worth a second kernel.
    int64_t least;
    // What is left of a loop that is split: long pieces of a line, or as much
    // as a block of warps has under way at once.
    int64_t piece;
    // Across memory neighbouring threads have neighbouring results.
    int64_t resultsPerBlock;
    // Of blocks that fill a GPU.
    int64_t waves;
  };
  static constexpr Layout kAlong = {4096, 256, 1, 1};
  static constexpr Layout kAcross = {256, 32, 128, 4};

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> work;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op.hasPureTensorSemantics() && !op.hasIndexSemantics() &&
          findReduction(op) && !isReducedInParts(op)) {
        work.push_back(op);
      }
    });
    for (linalg::GenericOp op : work) {
      splitIfFew(op);
    }
  }

  /// A reduction is across memory if its largest operand is.
  static bool isAcross(linalg::GenericOp op) {
    OpOperand *largest = nullptr;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto size = [](OpOperand *each) {
        auto type = dyn_cast<RankedTensorType>(each->get().getType());
        return type ? type.getNumElements() : 0;
      };
      if (!largest || size(operand) > size(largest)) {
        largest = operand;
      }
    }
    AffineMap map = op.getMatchingIndexingMap(largest);
    auto last =
        map.getNumResults() > 0
            ? dyn_cast<AffineDimExpr>(map.getResult(map.getNumResults() - 1))
            : AffineDimExpr(nullptr);
    return last && op.getIteratorTypesArray()[last.getPosition()] ==
                       utils::IteratorType::parallel;
  }

  void splitIfFew(linalg::GenericOp op) {
    Layout layout = isAcross(op) ? kAcross : kAlong;
    int64_t results = 1, each = 1;
    SmallVector<unsigned> reduced;
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
      if (kind == utils::IteratorType::reduction) {
        reduced.push_back(loop);
        each *= ranges[loop];
      } else {
        results *= ranges[loop];
      }
    }
    // One value is reduced in parts by the kernel that has the elements, or by
    // one block.
    if (results <= 1) {
      return;
    }
    int64_t blocks = llvm::divideCeil(results, layout.resultsPerBlock);
    if (blocks >= targetBlocks || each < layout.least) {
      return;
    }
    int64_t wanted = layout.waves * targetBlocks;
    // Outer loops become parallel, as many as it takes.
    int64_t parts = 1;
    SmallVector<unsigned> split;
    for (unsigned loop : reduced) {
      if (blocks * parts >= wanted) {
        break;
      }
      if (each / ranges[loop] < layout.piece) {
        // A loop of one piece and its parts.
        if (int64_t factor =
                factorOf(ranges[loop], llvm::divideCeil(wanted, blocks * parts),
                         each / layout.piece)) {
          op = splitLoop(op, loop, factor);
          ranges = op.getStaticLoopRanges();
          split.push_back(loop);
        }
        break;
      }
      parts *= ranges[loop];
      each /= ranges[loop];
      split.push_back(loop);
    }
    if (!split.empty()) {
      splitAt(op, split);
    }
  }

  /// A divisor of at least `wanted`, or the greatest there is, of `most` at
  /// most; 0 if there is none.
  static int64_t factorOf(int64_t range, int64_t wanted, int64_t most) {
    int64_t best = 0;
    for (int64_t factor = 2; factor <= std::min(range / 2, most); ++factor) {
      if (range % factor == 0) {
        best = factor;
        if (factor >= wanted) {
          break;
        }
      }
    }
    return best;
  }

  /// The same operation with a loop in two, of `factor` and the rest.
  static linalg::GenericOp splitLoop(linalg::GenericOp op, unsigned loop,
                                     int64_t factor) {
    OpBuilder builder(op);
    int64_t rest = op.getStaticLoopRanges()[loop] / factor;
    SmallVector<Value> operands;
    SmallVector<AffineMap> maps;
    MLIRContext *context = op.getContext();
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      SmallVector<AffineExpr> exprs;
      SmallVector<ReassociationIndices> pieces;
      SmallVector<int64_t> shape;
      bool isSplit = false;
      for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
        auto position = dyn_cast<AffineDimExpr>(expr);
        ReassociationIndices piece = {static_cast<int64_t>(exprs.size())};
        if (position && position.getPosition() == loop) {
          piece.push_back(piece.front() + 1);
          exprs.push_back(getAffineDimExpr(loop, context));
          exprs.push_back(getAffineDimExpr(loop + 1, context));
          shape.append({factor, rest});
          isSplit = true;
        } else {
          exprs.push_back(
              !position || position.getPosition() < loop
                  ? expr
                  : getAffineDimExpr(position.getPosition() + 1, context));
          shape.push_back(
              cast<RankedTensorType>(operand.get().getType()).getDimSize(dim));
        }
        pieces.push_back(piece);
      }
      Value value = operand.get();
      if (isSplit) {
        auto type = cast<RankedTensorType>(value.getType());
        value = tensor::ExpandShapeOp::create(builder, op.getLoc(),
                                              type.clone(shape), value, pieces);
      }
      operands.push_back(value);
      maps.push_back(AffineMap::get(map.getNumDims() + 1, 0, exprs, context));
    }
    auto kinds = op.getIteratorTypesArray();
    kinds.insert(kinds.begin() + loop, utils::IteratorType::reduction);
    unsigned inputs = op.getNumDpsInputs();
    auto wider = linalg::GenericOp::create(
        builder, op.getLoc(), op->getResultTypes(),
        ArrayRef(operands).take_front(inputs),
        ArrayRef(operands).drop_front(inputs), maps, kinds);
    wider.getRegion().takeBody(op.getRegion());
    op->replaceAllUsesWith(wider);
    op->erase();
    return wider;
  }

  /// First over `split` as further results, then those.
  static void splitAt(linalg::GenericOp op, ArrayRef<unsigned> split) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    OpOperand &init = *op.getDpsInitOperand(0);
    auto type = cast<RankedTensorType>(init.get().getType());
    AffineMap written = op.getMatchingIndexingMap(&init);
    Operation *combiner = findReduction(op)->combiner;

    SmallVector<AffineExpr> exprs;
    SmallVector<int64_t> shape;
    auto kinds = op.getIteratorTypesArray();
    for (unsigned loop : split) {
      exprs.push_back(getAffineDimExpr(loop, context));
      shape.push_back(ranges[loop]);
      kinds[loop] = utils::IteratorType::parallel;
    }
    llvm::append_range(exprs, written.getResults());
    llvm::append_range(shape, type.getShape());
    Value empty =
        tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
    Value neutral = arith::ConstantOp::create(
        builder, loc, *arith::getNeutralElement(combiner));
    Value start =
        linalg::FillOp::create(builder, loc, neutral, empty).getResult(0);
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.back() = AffineMap::get(written.getNumDims(), 0, exprs, context);
    auto first = linalg::GenericOp::create(
        builder, loc, start.getType(), op.getDpsInputs(), start, maps, kinds);
    IRMapping mapping;
    op.getRegion().cloneInto(&first.getRegion(), mapping);

    // Dimensions of the parts, then of the result.
    AffineMap result =
        AffineMap::getMinorIdentityMap(shape.size(), type.getRank(), context);
    linalg::GenericOp second =
        steelyard::cuda::joinParts(builder, op, first->getResult(0), result);
    op->replaceAllUsesWith(second);
    op->erase();
  }
};

} // namespace
