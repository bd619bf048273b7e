//===- Schedule.h - How a group of operations runs on a GPU -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_SCHEDULES_SCHEDULE_H
#define STEELYARD_TARGET_GPU_SCHEDULES_SCHEDULE_H

#include "steelyard/Target/GPU/Schedules/Writer.h"

namespace steelyard::cuda {

/// A kernel's blocks, and threads of a block, along x.
struct LaunchShape {
  int64_t blocks, threads;
};

/// A way to share a group's space among blocks, threads and vectors. One file
/// each; the first that takes a group runs it.
class Schedule {
public:
  virtual ~Schedule() = default;
  /// For the kernel's name and remarks: "rows".
  virtual llvm::StringRef name() const = 0;
  virtual bool takes(const Group &group) const = 0;
  /// Writes the kernel's body.
  virtual LaunchShape write(Writer &writer) const = 0;
};

/// In the order in which they are asked.
llvm::ArrayRef<std::unique_ptr<Schedule>> allSchedules();

/// The one that runs a group; null if none takes it.
const Schedule *findSchedule(const Group &group);

std::unique_ptr<Schedule> createFlatSchedule();
std::unique_ptr<Schedule> createRowsSchedule();
std::unique_ptr<Schedule> createColumnsSchedule();
std::unique_ptr<Schedule> createTransposedSchedule();

/// Elements of the largest tensor of which neighbours along one of `dims` are
/// neighbours in memory, and which also has one of `others`; 0 if there is
/// none.
int64_t elementsAlong(const Group &group, llvm::ArrayRef<unsigned> dims,
                      llvm::ArrayRef<unsigned> others);

/// Whether what lies along `others`, and has one of `dims`, is little beside
/// what lies along `dims`.
bool mostLiesAlong(const Group &group, llvm::ArrayRef<unsigned> dims,
                   llvm::ArrayRef<unsigned> others);

/// Elements that a thread reads or writes at once along a dimension: as many as
/// 16 bytes hold of the narrowest tensor that lies along it, and 32 of the
/// widest, where all of them allow that.
int64_t lanesAlong(const Group &group, unsigned dim);

/// Lines of memory that begin at any address: of a dimension of odd size.
struct ShiftedLines {
  int64_t lanes; // of a vector of memory
  Access like;   // of a tensor that lies along the dimension and has all others
};

/// How they are read in vectors; nullopt where the group reads elements at
/// computed indices, which beyond a line are none.
std::optional<ShiftedLines> shiftedLinesOf(const Group &group, unsigned dim);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_SCHEDULES_SCHEDULE_H
