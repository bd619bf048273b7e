//===- Schedule.cpp - How a group of operations runs on a GPU ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Schedule.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace steelyard::cuda;

ArrayRef<std::unique_ptr<Schedule>> steelyard::cuda::allSchedules() {
  static const std::unique_ptr<Schedule> all[] = {
      createColumnsSchedule(), createRowsSchedule(), createTransposedSchedule(),
      createFlatSchedule()};
  return all;
}

const Schedule *steelyard::cuda::findSchedule(const Group &group) {
  for (const std::unique_ptr<Schedule> &schedule : allSchedules()) {
    if (schedule->takes(group)) {
      return schedule.get();
    }
  }
  return nullptr;
}

int64_t steelyard::cuda::elementsAlong(const Group &group,
                                       ArrayRef<unsigned> dims,
                                       ArrayRef<unsigned> others) {
  int64_t most = 0;
  for (linalg::GenericOp op : group.ops()) {
    for (OpOperand &operand : op->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      const Access &access = group.access(operand);
      bool isAlong = llvm::any_of(
          dims, [&](unsigned dim) { return access.strides[dim] == 1; });
      bool hasOther = llvm::any_of(
          others, [&](unsigned dim) { return access.strides[dim] != 0; });
      if (type && isAlong && hasOther) {
        most = std::max(most, type.getNumElements());
      }
    }
    // What is read at indices that are computed, but for the last.
    op.getBody()->walk([&](tensor::ExtractOp read) {
      auto last =
          read.getIndices().empty()
              ? linalg::IndexOp()
              : read.getIndices().back().getDefiningOp<linalg::IndexOp>();
      int dim = last ? group.dimOfLoop(op, last.getDim()) : -1;
      if (dim >= 0 && llvm::is_contained(dims, static_cast<unsigned>(dim))) {
        most = std::max(most, read.getTensor().getType().getNumElements());
      }
    });
  }
  return most;
}

bool steelyard::cuda::mostLiesAlong(const Group &group, ArrayRef<unsigned> dims,
                                    ArrayRef<unsigned> others) {
  constexpr int64_t kMuch = 8; // elements that take as long as one across
  return elementsAlong(group, others, dims) * kMuch <=
         elementsAlong(group, dims, others);
}

bool steelyard::cuda::isAlignedLike(const Group &group, const Access &access,
                                    const Access &other, int64_t lanes) {
  return llvm::all_of(llvm::zip(group.sizes(), access.strides),
                      [](auto both) {
                        auto [size, stride] = both;
                        return size == 1 || stride > 0;
                      }) &&
         (access.offset - other.offset) % lanes == 0 &&
         llvm::all_of(llvm::zip(access.strides, other.strides), [&](auto both) {
           auto [stride, otherStride] = both;
           return (stride - otherStride) % lanes == 0;
         });
}

static int64_t elementBytes(Type type) {
  return std::max<int64_t>(
      1, getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8);
}

namespace {

/// What of a group lies along a dimension.
struct Lines {
  Lines(const Group &group, unsigned dim) {
    for (linalg::GenericOp op : group.ops()) {
      for (OpOperand &operand : op->getOpOperands()) {
        auto type = dyn_cast<RankedTensorType>(operand.get().getType());
        const Access &access = group.access(operand);
        if (type && access.strides[dim] == 1) {
          int64_t bytes = elementBytes(type);
          narrowest = narrowest ? std::min(narrowest, bytes) : bytes;
          widest = std::max(widest, bytes);
          accesses.push_back(access);
        }
      }
    }
  }

  /// Elements of a vector, for which a warp's pieces of the widest tensor stay
  /// close together.
  int64_t mostLanes() const {
    constexpr int64_t kAccessBytes = 16, kMostBytes = 32;
    return accesses.empty()
               ? 1
               : std::min(kAccessBytes / narrowest, kMostBytes / widest);
  }

  SmallVector<Access> accesses;
  int64_t narrowest = 0, widest = 0;
};

} // namespace

std::optional<ShiftedLines> steelyard::cuda::shiftedLinesOf(const Group &group,
                                                            unsigned dim) {
  Lines lines(group, dim);
  int64_t lanes = lines.mostLanes();
  bool gathers = llvm::any_of(group.ops(), [](linalg::GenericOp op) {
    return !tensorsReadBy(op).empty();
  });
  auto all = llvm::find_if(lines.accesses, [&](const Access &access) {
    return isAlignedLike(group, access, access, lanes);
  });
  if (lanes == 1 || gathers || all == lines.accesses.end()) {
    return std::nullopt;
  }
  return ShiftedLines{lanes, *all};
}

int64_t steelyard::cuda::lanesAlong(const Group &group, unsigned dim) {
  Lines lines(group, dim);
  // A vector lies within a line of the dimension, at a multiple of its size.
  for (int64_t lanes = lines.mostLanes(); lanes > 1; lanes /= 2) {
    bool isAligned = group.sizes()[dim] % lanes == 0 &&
                     llvm::all_of(lines.accesses, [&](const Access &access) {
                       return access.offset % lanes == 0 &&
                              llvm::all_of(llvm::enumerate(access.strides),
                                           [&](auto stride) {
                                             return stride.index() == dim ||
                                                    stride.value() % lanes == 0;
                                           });
                     });
    if (isAligned) {
      return lanes;
    }
  }
  return 1;
}
