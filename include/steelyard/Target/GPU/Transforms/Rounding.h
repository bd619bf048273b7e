//===- Rounding.h - Conversions that contractions do ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_ROUNDING_H
#define STEELYARD_TARGET_GPU_TRANSFORMS_ROUNDING_H

#include "mlir/IR/Operation.h"

namespace steelyard::cuda {

/// float16 or bfloat16 where a scalar operation rounds float32 to it, to
/// nearest even and without saturation; else null, as for null.
mlir::Type roundedTo(mlir::Operation *op);

/// Whether a scalar operation makes float32 of float16 or bfloat16.
bool isWidening(mlir::Operation *op);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_ROUNDING_H
