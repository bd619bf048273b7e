//===- Phases.h - What waits for which reduction ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TARGET_GPU_SCHEDULES_PHASES_H
#define STEELYARD_LIB_TARGET_GPU_SCHEDULES_PHASES_H

#include "steelyard/Target/GPU/Schedules/Writer.h"

#include <vector>

namespace steelyard::cuda {

/// What a group does between two waits: values of rows, then one pass over the
/// columns, at whose end the reductions are known.
struct Phase {
  llvm::SmallVector<mlir::linalg::GenericOp> rowOps;
  llvm::SmallVector<mlir::OpResult> rowStores;
  llvm::SmallVector<mlir::linalg::GenericOp> reductions;
  llvm::SmallVector<mlir::linalg::GenericOp> parts; // of all rows'
  llvm::SmallVector<mlir::OpResult> stores;
};

/// What a pass over the columns reduces: reductions, then parts.
llvm::SmallVector<mlir::linalg::GenericOp> reducedIn(const Phase &phase);

std::vector<Phase> phasesOf(const Group &group);

/// Writes one phase after another, for schedules that say where the points are.
class PhaseWriter {
public:
  virtual ~PhaseWriter() = default;

protected:
  explicit PhaseWriter(Writer &writer) : w(writer) {}

  /// All phases, in a block of so many threads.
  void writePhases(int64_t threads);

  /// Goes once through the columns, by `add`: stores, and what each thread has
  /// of what is reduced.
  virtual llvm::SmallVector<mlir::Value> pass(const Phase &phase) = 0;
  /// The row's value of what its threads have.
  virtual mlir::Value join(mlir::linalg::GenericOp reduction,
                           mlir::Value sum) = 0;

  /// The same at some points: adds them to `sums`, or starts these if there are
  /// none.
  void add(const Phase &phase, llvm::MutableArrayRef<Point> points,
           llvm::SmallVector<mlir::Value> &sums);
  /// Through the columns by a loop from 0 to `count`, `stride` at once, at the
  /// points that `pointsAt` makes of its index.
  llvm::SmallVector<mlir::Value>
  addInLoop(const Phase &phase, int64_t lanes, int64_t count, int64_t stride,
            llvm::function_ref<std::vector<Point>(mlir::Value)> pointsAt);

  Writer &w;
  Point row;
  /// i1: of the threads of a row, and of all, the one that stores.
  mlir::Value isLeader, isFirst;
};

} // namespace steelyard::cuda

#endif // STEELYARD_LIB_TARGET_GPU_SCHEDULES_PHASES_H
