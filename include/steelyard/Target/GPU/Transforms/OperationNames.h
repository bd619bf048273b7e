//===- OperationNames.h - What profilers call operations --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_OPERATIONNAMES_H
#define STEELYARD_TARGET_GPU_TRANSFORMS_OPERATIONNAMES_H

#include "mlir/IR/Operation.h"

namespace steelyard::cuda {

/// What it is, and what it was made from by its location: JAX's name of the
/// operation, the file and the line. "rows_3: jit(f)/exp (mlp.py:31)"; of
/// several operations the first ones, and how many more there are.
std::string operationName(mlir::Operation *op);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_OPERATIONNAMES_H
