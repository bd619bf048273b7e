//===- Slices.cpp - Moving slices that have their own exponents -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a loop stacks, one slice a trip, has one exponent a slice: layers'
// gradients may be 2^20 apart. Exponents have the data's rank, with size 1 in
// other dimensions, so most moves of the data are the same move of the
// exponents.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "llvm/ADT/TypeSwitch.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

/// The exponents of a result, and the dimension along which they are.
struct Moved {
  Value exponents;
  int64_t dimension;
};

RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The shape of exponents of `count` slices along a dimension.
SmallVector<int64_t> onlyAlong(int64_t rank, int64_t dimension, int64_t count) {
  SmallVector<int64_t> shape(rank, 1);
  shape[dimension] = count;
  return shape;
}

/// The dimension of the reshaped tensor that runs over the same slices.
std::optional<int64_t> reshapedDimension(ArrayRef<int64_t> from,
                                         int64_t dimension,
                                         ArrayRef<int64_t> to) {
  auto before = [](ArrayRef<int64_t> shape, int64_t end) {
    int64_t count = 1;
    for (int64_t size : shape.take_front(end)) {
      count *= size;
    }
    return count;
  };
  for (int64_t index = 0, e = to.size(); index < e; ++index) {
    if (to[index] == from[dimension] &&
        before(to, index) == before(from, dimension)) {
      return index;
    }
  }
  return std::nullopt;
}

std::optional<Moved> moveExponents(Operation *op, ScaleRewriter &rw,
                                   Value exponents, int64_t dimension) {
  OpBuilder &b = rw.builder();
  Location loc = rw.location();
  RankedTensorType type = tensorOf(exponents),
                   result = tensorOf(op->getResult(0));
  int64_t rank = type.getRank();
  auto array = [&](ArrayRef<int64_t> values) {
    return b.getDenseI64ArrayAttr(values);
  };
  auto along = [&](int64_t to) {
    return type.clone(onlyAlong(result.getRank(), to, result.getDimSize(to)));
  };
  return TypeSwitch<Operation *, std::optional<Moved>>(op)
      .Case<DynamicSliceOp>([&](DynamicSliceOp slice) {
        SmallVector<Value> starts;
        for (unsigned index = 1; index < op->getNumOperands(); ++index) {
          starts.push_back(rw.plain(index));
        }
        auto moved = along(dimension);
        return Moved{DynamicSliceOp::create(b, loc, moved, exponents, starts,
                                            array(moved.getShape())),
                     dimension};
      })
      .Case<SliceOp>([&](SliceOp slice) {
        SmallVector<int64_t> starts(rank, 0), limits(rank, 1), strides(rank, 1);
        starts[dimension] = slice.getStartIndices()[dimension];
        limits[dimension] = slice.getLimitIndices()[dimension];
        strides[dimension] = slice.getStrides()[dimension];
        return Moved{SliceOp::create(b, loc, along(dimension), exponents,
                                     array(starts), array(limits),
                                     array(strides)),
                     dimension};
      })
      .Case<ReverseOp>([&](ReverseOp reverse) {
        return Moved{ReverseOp::create(b, loc, type, exponents,
                                       reverse.getDimensionsAttr()),
                     dimension};
      })
      .Case<TransposeOp>([&](TransposeOp transpose) {
        int64_t to = llvm::find(transpose.getPermutation(), dimension) -
                     transpose.getPermutation().begin();
        return Moved{TransposeOp::create(b, loc, along(to), exponents,
                                         transpose.getPermutationAttr()),
                     to};
      })
      .Case<BroadcastInDimOp>([&](BroadcastInDimOp broadcast) {
        int64_t to = broadcast.getBroadcastDimensions()[dimension];
        return Moved{
            BroadcastInDimOp::create(b, loc, along(to), exponents,
                                     broadcast.getBroadcastDimensionsAttr()),
            to};
      })
      .Case<ReshapeOp>([&](ReshapeOp reshape) -> std::optional<Moved> {
        std::optional<int64_t> to =
            reshapedDimension(tensorOf(reshape.getOperand()).getShape(),
                              dimension, result.getShape());
        if (!to) {
          return std::nullopt;
        }
        return Moved{ReshapeOp::create(b, loc, along(*to), exponents), *to};
      })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace

LogicalResult steelyard::moveSlices(Operation *op, ScaleRewriter &rw) {
  std::optional<int64_t> dimension = rw.sliceDimension(0);
  if (!dimension) {
    return failure();
  }
  auto [data, exponents] = rw.slices(0);
  std::optional<Moved> moved = moveExponents(op, rw, exponents, *dimension);
  if (!moved) {
    return failure();
  }
  SmallVector<Value> operands = {data};
  for (unsigned index = 1; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.plain(index));
  }
  Value result = moveAgain(op, rw, operands);
  if (tensorOf(result).getDimSize(moved->dimension) != 1) {
    rw.sliced(0, result, moved->exponents, moved->dimension);
    return success();
  }
  rw.stored(0, result,
            ReshapeOp::create(rw.builder(), rw.location(),
                              tensorOf(exponents).clone(ArrayRef<int64_t>()),
                              moved->exponents));
  return success();
}

std::optional<int64_t> steelyard::updatedSlice(DynamicUpdateSliceOp op) {
  std::optional<int64_t> dimension;
  for (auto [index, sizes] :
       llvm::enumerate(llvm::zip(tensorOf(op.getOperand()).getShape(),
                                 tensorOf(op.getUpdate()).getShape()))) {
    auto [all, updated] = sizes;
    if (all == updated) {
      continue;
    }
    if (updated != 1 || dimension) {
      return std::nullopt;
    }
    dimension = index;
  }
  return dimension;
}

LogicalResult steelyard::updateSlice(DynamicUpdateSliceOp op,
                                     ScaleRewriter &rw) {
  std::optional<int64_t> dimension = rw.sliceDimension(0);
  if (!dimension || updatedSlice(op) != dimension) {
    return failure();
  }
  OpBuilder &b = rw.builder();
  Location loc = rw.location();
  auto [stack, exponents] = rw.slices(0);
  auto slice = scaled::UnpackOp::create(b, loc, rw.scaled(1));
  SmallVector<int64_t> one(tensorOf(exponents).getRank(), 1);
  SmallVector<Value> data = {stack, slice.getData()};
  SmallVector<Value> scales = {
      exponents, ReshapeOp::create(b, loc, tensorOf(exponents).clone(one),
                                   slice.getScales().front())};
  for (unsigned index = 2; index < op->getNumOperands(); ++index) {
    data.push_back(rw.plain(index));
    scales.push_back(rw.plain(index));
  }
  Value moved =
      DynamicUpdateSliceOp::create(b, loc, exponents.getType(), scales[0],
                                   scales[1], ValueRange(scales).drop_front(2));
  rw.sliced(0, moveAgain(op, rw, data), moved, *dimension);
  return success();
}
