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
  }
  return most;
}

bool steelyard::cuda::mostLiesAlong(const Group &group, ArrayRef<unsigned> dims,
                                    ArrayRef<unsigned> others) {
  constexpr int64_t kMuch = 8; // elements that take as long as one across
  return elementsAlong(group, others, dims) * kMuch <=
         elementsAlong(group, dims, others);
}

static int64_t elementBytes(Type type) {
  return std::max<int64_t>(
      1, getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8);
}

int64_t steelyard::cuda::lanesAlong(const Group &group, unsigned dim) {
  constexpr int64_t kAccessBytes = 16, kMostBytes = 32;
  int64_t narrowest = 0, widest = 0;
  SmallVector<Access> along;
  for (linalg::GenericOp op : group.ops()) {
    for (OpOperand &operand : op->getOpOperands()) {
      const Access &access = group.access(operand);
      if (isa<RankedTensorType>(operand.get().getType()) &&
          access.strides[dim] == 1) {
        int64_t bytes = elementBytes(operand.get().getType());
        narrowest = narrowest ? std::min(narrowest, bytes) : bytes;
        widest = std::max(widest, bytes);
        along.push_back(access);
      }
    }
  }
  if (along.empty()) {
    return 1;
  }
  // A vector lies within a line of the dimension, at a multiple of its size.
  // A warp's pieces of the widest are to stay close together.
  int64_t most = std::min(kAccessBytes / narrowest, kMostBytes / widest);
  for (int64_t lanes = most; lanes > 1; lanes /= 2) {
    bool isAligned = group.sizes()[dim] % lanes == 0 &&
                     llvm::all_of(along, [&](const Access &access) {
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
