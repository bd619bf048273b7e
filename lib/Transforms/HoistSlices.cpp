//===- HoistSlices.cpp - Slices before what computes their operand -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Tensors that are joined, computed with and cut apart again share one scale
// in between, although nothing mixes them: the gates of a recurrent cell, whose
// gradients JAX concatenates for one contraction with the layer's input.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <numeric>

namespace steelyard {
#define GEN_PASS_DEF_HOISTSLICES
#include "steelyard/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::stablehlo;

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Elements [start, limit) along a dimension.
struct Cut {
  int64_t dim, start, limit;

  Cut along(int64_t other) const { return {other, start, limit}; }
};

/// The dimensions of a contraction's operand that the result has, in order.
SmallVector<int64_t> freeDimensions(int64_t rank, ArrayRef<int64_t> batching,
                                    ArrayRef<int64_t> contracting) {
  SmallVector<int64_t> free;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (!llvm::is_contained(batching, dim) &&
        !llvm::is_contained(contracting, dim)) {
      free.push_back(dim);
    }
  }
  return free;
}

/// An operation whose result, cut, is the operation on operands that are cut
/// (those without a cut stay whole), to the bit.
std::optional<SmallVector<std::optional<Cut>>> operandCuts(Operation *op,
                                                           Cut cut) {
  SmallVector<std::optional<Cut>> cuts(op->getNumOperands());
  if (op->hasTrait<OpTrait::Elementwise>()) {
    llvm::fill(cuts, cut);
    return cuts;
  }
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    cuts[0] = cut.along(transpose.getPermutation()[cut.dim]);
    return cuts;
  }
  if (auto broadcast = dyn_cast<BroadcastInDimOp>(op)) {
    for (auto [from, to] :
         llvm::enumerate(broadcast.getBroadcastDimensions())) {
      if (to == cut.dim &&
          typeOf(broadcast.getOperand()).getDimSize(from) != 1) {
        cuts[0] = cut.along(from);
      }
    }
    return cuts;
  }
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    // The dimension of the same size with as many elements before it.
    auto before = [](ArrayRef<int64_t> shape, int64_t dim) {
      return std::accumulate(shape.begin(), shape.begin() + dim, int64_t(1),
                             std::multiplies<>());
    };
    ArrayRef<int64_t> from = typeOf(reshape.getOperand()).getShape(),
                      to = typeOf(reshape.getResult()).getShape();
    for (int64_t dim = 0; dim < static_cast<int64_t>(from.size()); ++dim) {
      if (from[dim] == to[cut.dim] &&
          before(from, dim) == before(to, cut.dim)) {
        cuts[0] = cut.along(dim);
        return cuts;
      }
    }
    return std::nullopt;
  }
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    if (reduce.getInputs().size() != 1) {
      return std::nullopt;
    }
    cuts[0] = cut.along(freeDimensions(typeOf(reduce.getInputs()[0]).getRank(),
                                       {}, reduce.getDimensions())[cut.dim]);
    return cuts;
  }
  if (auto dot = dyn_cast<DotGeneralOp>(op)) {
    DotDimensionNumbersAttr numbers = dot.getDotDimensionNumbers();
    int64_t dim = cut.dim - numbers.getLhsBatchingDimensions().size();
    if (dim < 0) {
      return std::nullopt;
    }
    SmallVector<int64_t> lhs = freeDimensions(
        typeOf(dot.getLhs()).getRank(), numbers.getLhsBatchingDimensions(),
        numbers.getLhsContractingDimensions());
    SmallVector<int64_t> rhs = freeDimensions(
        typeOf(dot.getRhs()).getRank(), numbers.getRhsBatchingDimensions(),
        numbers.getRhsContractingDimensions());
    int64_t lhsCount = lhs.size();
    cuts[dim < lhsCount ? 0 : 1] =
        cut.along(dim < lhsCount ? lhs[dim] : rhs[dim - lhsCount]);
    return cuts;
  }
  return std::nullopt;
}

/// The piece of a concatenation in which a cut lies, and where it begins.
std::optional<std::pair<Value, int64_t>> findPiece(ConcatenateOp concatenate,
                                                   Cut cut) {
  int64_t start = 0;
  for (Value piece : concatenate.getInputs()) {
    int64_t limit = start + typeOf(piece).getDimSize(cut.dim);
    if (start <= cut.start && cut.limit <= limit) {
      return std::pair(piece, start);
    }
    start = limit;
  }
  return std::nullopt;
}

bool isJoinedAlong(Operation *op, int64_t dim) {
  auto concatenate = dyn_cast_or_null<ConcatenateOp>(op);
  return concatenate && static_cast<int64_t>(concatenate.getDimension()) == dim;
}

/// Whether a cut goes through operations that nothing else needs up to one
/// piece of each concatenation, and leaves nothing else to be sliced but
/// constants. `joined` says that there was a concatenation.
bool reachesPieces(Value value, Cut cut, bool &joined) {
  if (DenseElementsAttr elements; matchPattern(value, m_Constant(&elements))) {
    return elements.isSplat();
  }
  Operation *op = value.getDefiningOp();
  if (isJoinedAlong(op, cut.dim)) {
    joined = true;
    return findPiece(cast<ConcatenateOp>(op), cut).has_value();
  }
  if (!op || op->getNumResults() != 1) {
    return false;
  }
  auto cuts = operandCuts(op, cut);
  return cuts &&
         llvm::all_of(llvm::zip(op->getOperands(), *cuts), [&](auto pair) {
           auto [operand, operandCut] = pair;
           // What a concatenation joins is there without it.
           return !operandCut ||
                  ((llvm::all_equal(operand.getUsers()) ||
                    isJoinedAlong(operand.getDefiningOp(), operandCut->dim)) &&
                   reachesPieces(operand, *operandCut, joined));
         });
}

Value sliceOf(OpBuilder &builder, Location loc, Value value, Cut cut) {
  RankedTensorType type = typeOf(value);
  SmallVector<int64_t> starts(type.getRank(), 0), limits(type.getShape()),
      strides(type.getRank(), 1);
  starts[cut.dim] = cut.start;
  limits[cut.dim] = cut.limit;
  return builder.createOrFold<SliceOp>(loc, value, starts, limits, strides);
}

/// The cut of a value from which reachesPieces: what computes it, on pieces.
Value cutOf(Value value, Cut cut) {
  Operation *op = value.getDefiningOp();
  OpBuilder builder(op);
  builder.setInsertionPointAfter(op);
  if (matchPattern(op, m_Constant())) {
    return sliceOf(builder, op->getLoc(), value, cut);
  }
  if (isJoinedAlong(op, cut.dim)) {
    auto [piece, start] = *findPiece(cast<ConcatenateOp>(op), cut);
    return sliceOf(builder, op->getLoc(), piece,
                   {cut.dim, cut.start - start, cut.limit - start});
  }
  auto cuts = operandCuts(op, cut);
  Operation *piece = builder.clone(*op);
  for (auto [index, operandCut] : llvm::enumerate(*cuts)) {
    if (operandCut) {
      piece->setOperand(index, cutOf(op->getOperand(index), *operandCut));
    }
  }
  RankedTensorType type = typeOf(value);
  SmallVector<int64_t> shape(type.getShape());
  shape[cut.dim] = cut.limit - cut.start;
  piece->getResult(0).setType(type.clone(shape));
  return piece->getResult(0);
}

/// The cut that a slice makes along one dimension.
Cut cutBy(SliceOp slice, int64_t dim) {
  return {dim, slice.getStartIndices()[dim], slice.getLimitIndices()[dim]};
}

/// Whether slices alone use a value, each of them one piece along `dim`.
bool isCutIntoPieces(Value value, int64_t dim) {
  bool joined = false;
  for (Operation *user : value.getUsers()) {
    auto slice = dyn_cast<SliceOp>(user);
    if (!slice || slice.getStrides()[dim] != 1 ||
        !reachesPieces(value, cutBy(slice, dim), joined)) {
      return false;
    }
  }
  return joined;
}

void replaceSlices(Value value, int64_t dim) {
  for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
    auto slice = cast<SliceOp>(user);
    Cut cut = cutBy(slice, dim);
    Value piece = cutOf(value, cut);
    SmallVector<int64_t> starts(slice.getStartIndices()),
        limits(slice.getLimitIndices());
    starts[dim] = 0;
    limits[dim] = cut.limit - cut.start;
    OpBuilder builder(slice);
    slice.replaceAllUsesWith(builder.createOrFold<SliceOp>(
        slice.getLoc(), piece, starts, limits,
        SmallVector<int64_t>(slice.getStrides())));
    slice.erase();
  }
}

struct HoistSlices : steelyard::impl::HoistSlicesBase<HoistSlices> {
  void runOnOperation() override {
    // Users before what they use: a slice goes all the way at once.
    SmallVector<Operation *> worklist;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_present<StableHLODialect>(op->getDialect()) &&
          op->getNumResults() == 1 && !op->use_empty()) {
        worklist.push_back(op);
      }
    });
    for (Operation *op : llvm::reverse(worklist)) {
      Value value = op->getResult(0);
      auto type = dyn_cast<RankedTensorType>(value.getType());
      for (int64_t dim = 0; type && dim < type.getRank(); ++dim) {
        if (!value.use_empty() && isCutIntoPieces(value, dim)) {
          replaceSlices(value, dim);
        }
      }
    }
    OpPassManager cleanup(ModuleOp::getOperationName());
    cleanup.addPass(createCanonicalizerPass());
    cleanup.addPass(createCSEPass());
    if (failed(runPipeline(cleanup, getOperation()))) {
      signalPassFailure();
    }
  }
};

} // namespace
