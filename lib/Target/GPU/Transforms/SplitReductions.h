//===- SplitReductions.h - Reductions in two kernels ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TARGET_GPU_TRANSFORMS_SPLITREDUCTIONS_H
#define STEELYARD_LIB_TARGET_GPU_TRANSFORMS_SPLITREDUCTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace steelyard::cuda {

/// Blocks that fill a GPU: four for each of an H100's 132 multiprocessors.
inline constexpr int64_t kTargetBlocks = 528;

/// Whether -cuda-split-reductions makes two steps of a reduction.
bool isReducedByMany(mlir::linalg::GenericOp op,
                     int64_t targetBlocks = kTargetBlocks);

} // namespace steelyard::cuda

#endif // STEELYARD_LIB_TARGET_GPU_TRANSFORMS_SPLITREDUCTIONS_H
