//===- SplitReductions.cpp - Reductions in two kernels ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "SplitReductions.h"

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
using steelyard::cuda::Reduction;

namespace {

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
constexpr Layout kAlong = {4096, 256, 1, 1};
constexpr Layout kAcross = {256, 32, 128, 4};

/// A reduction is across memory if its largest operand is.
bool isAcross(linalg::GenericOp op) {
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

/// A reduction of which few blocks would do much.
struct Work {
  explicit Work(linalg::GenericOp op)
      : layout(isAcross(op) ? kAcross : kAlong) {
    for (auto [range, kind] :
         llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
      (kind == utils::IteratorType::reduction ? each : results) *= range;
    }
    blocks = llvm::divideCeil(results, layout.resultsPerBlock);
  }

  /// One value is reduced in parts by the kernel that has the elements, or by
  /// one block.
  bool isForFew(int64_t targetBlocks) const {
    return results > 1 && blocks < targetBlocks && each >= layout.least;
  }

  Layout layout;
  int64_t results = 1, each = 1, blocks;
};

bool canBeSplit(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() && !op.hasIndexSemantics() &&
         findReduction(op) && !isReducedInParts(op);
}

struct SplitReductions
    : steelyard::cuda::impl::CUDASplitReductionsBase<SplitReductions> {
  using CUDASplitReductionsBase::CUDASplitReductionsBase;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> work;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (canBeSplit(op)) {
        work.push_back(op);
      }
    });
    for (linalg::GenericOp op : work) {
      splitIfFew(op);
    }
  }

  void splitIfFew(linalg::GenericOp op) {
    Work work(op);
    if (!work.isForFew(targetBlocks)) {
      return;
    }
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    SmallVector<unsigned> reduced;
    op.getReductionDims(reduced);
    int64_t wanted = work.layout.waves * targetBlocks;
    // Outer loops become parallel, as many as it takes.
    int64_t parts = 1, each = work.each, blocks = work.blocks;
    SmallVector<unsigned> split;
    for (unsigned loop : reduced) {
      if (blocks * parts >= wanted) {
        break;
      }
      if (each / ranges[loop] < work.layout.piece) {
        // A loop of one piece and its parts.
        int64_t most = each / work.layout.piece,
                right = llvm::divideCeil(wanted, blocks * parts),
                factor = factorOf(ranges[loop], right, most);
        if (factor) {
          op = splitLoop(op, loop, factor);
        } else if (most > 1 && ranges[loop] > 1) {
          op = splitUnevenly(op, loop, std::min({right, most, ranges[loop]}));
        } else {
          break;
        }
        split.push_back(loop);
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
  /// most; 0 if that is less than half as many.
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
    return best * 2 >= std::min(wanted, most) ? best : 0;
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

  /// The same of a loop that has no such divisor. What is along it is read at
  /// indices that the body computes; beyond its end the neutral element is
  /// added.
  static linalg::GenericOp splitUnevenly(linalg::GenericOp op, unsigned loop,
                                         int64_t parts) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    int64_t range = op.getStaticLoopRanges()[loop];
    int64_t piece = llvm::divideCeil(range, parts);
    parts = llvm::divideCeil(range, piece);
    AffineMap inserted = insertLoop(op.getNumLoops(), loop, context);
    auto kinds = op.getIteratorTypesArray();
    kinds.insert(kinds.begin() + loop, utils::IteratorType::reduction);
    // One of which no element is read says how long loops are.
    SmallVector<int64_t> lengths;
    SmallVector<AffineExpr> reduced;
    for (auto [number, kind] : llvm::enumerate(kinds)) {
      if (kind == utils::IteratorType::reduction) {
        lengths.push_back(
            number == loop ? parts
            : number == loop + 1
                ? piece
                : op.getStaticLoopRanges()[number - (number > loop)]);
        reduced.push_back(getAffineDimExpr(number, context));
      }
    }
    SmallVector<Value> inputs = {
        tensor::EmptyOp::create(builder, loc, lengths, builder.getI1Type())};
    SmallVector<AffineMap> maps = {
        AffineMap::get(kinds.size(), 0, reduced, context)};
    SmallVector<OpOperand *> along;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (map.isFunctionOfDim(loop)) {
        along.push_back(operand);
      } else {
        inputs.push_back(operand->get());
        maps.push_back(map.compose(inserted));
      }
    }
    OpOperand &init = *op.getDpsInitOperand(0);
    maps.push_back(op.getMatchingIndexingMap(&init).compose(inserted));
    Reduction reduction = *findReduction(op);
    auto uneven = linalg::GenericOp::create(
        builder, loc, op->getResultTypes(), inputs, init.get(), maps, kinds,
        [&](OpBuilder &b, Location, ValueRange arguments) {
          auto constant = [&](int64_t value) -> Value {
            return arith::ConstantIndexOp::create(b, loc, value);
          };
          Value start = arith::MulIOp::create(
              b, loc, linalg::IndexOp::create(b, loc, loop), constant(piece));
          Value at = arith::AddIOp::create(
              b, loc, start, linalg::IndexOp::create(b, loc, loop + 1));
          Value isInside = arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::ult, at, constant(range));
          at = arith::SelectOp::create(b, loc, isInside, at, constant(0));
          IRMapping mapping;
          ValueRange others = arguments.drop_front();
          for (OpOperand *operand : op.getDpsInputOperands()) {
            BlockArgument argument = op.getMatchingBlockArgument(operand);
            if (!llvm::is_contained(along, operand)) {
              mapping.map(argument, others.front());
              others = others.drop_front();
              continue;
            }
            SmallVector<Value> indices;
            for (AffineExpr expr :
                 op.getMatchingIndexingMap(operand).getResults()) {
              auto dim = dyn_cast<AffineDimExpr>(expr);
              indices.push_back(
                  !dim ? constant(0)
                  : dim.getPosition() == loop
                      ? at
                      : linalg::IndexOp::create(
                            b, loc,
                            dim.getPosition() + (dim.getPosition() > loop)));
            }
            mapping.map(argument, tensor::ExtractOp::create(
                                      b, loc, operand->get(), indices));
          }
          mapping.map(op.getMatchingBlockArgument(&init), others.front());
          for (Operation &inner : op.getBody()->without_terminator()) {
            if (&inner != reduction.combiner) {
              b.clone(inner, mapping);
            }
          }
          Value neutral = arith::ConstantOp::create(
              b, loc, *arith::getNeutralElement(reduction.combiner));
          mapping.map(reduction.element,
                      arith::SelectOp::create(
                          b, loc, isInside,
                          mapping.lookupOrDefault(reduction.element), neutral));
          Operation *combined = b.clone(*reduction.combiner, mapping);
          linalg::YieldOp::create(b, loc, combined->getResults());
        });
    op->replaceAllUsesWith(uneven);
    op->erase();
    return uneven;
  }

  /// Loops with one more behind `loop`, which is left out.
  static AffineMap insertLoop(unsigned loops, unsigned loop,
                              MLIRContext *context) {
    SmallVector<AffineExpr> exprs;
    for (unsigned each = 0; each < loops; ++each) {
      exprs.push_back(getAffineDimExpr(each + (each > loop), context));
    }
    return AffineMap::get(loops + 1, 0, exprs, context);
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

bool steelyard::cuda::isReducedByMany(linalg::GenericOp op,
                                      int64_t targetBlocks) {
  return canBeSplit(op) && Work(op).isForFew(targetBlocks);
}
