//===- Phases.h - What waits for which reduction ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TARGET_GPU_SCHEDULES_PHASES_H
#define STEELYARD_LIB_TARGET_GPU_SCHEDULES_PHASES_H

#include "steelyard/Target/GPU/Schedules/Group.h"

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

} // namespace steelyard::cuda

#endif // STEELYARD_LIB_TARGET_GPU_SCHEDULES_PHASES_H
