//===- Recomputation.h - Scalars computed where they are used ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_RECOMPUTATION_H
#define STEELYARD_TARGET_GPU_TRANSFORMS_RECOMPUTATION_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace steelyard::cuda {

/// Computes again, where the builder is, what is computed of elements of
/// tensors. What comes from elsewhere, a block argument or what has effects,
/// stays what it is.
class Recomputation {
public:
  explicit Recomputation(mlir::OpBuilder &builder) : builder(builder) {}

  mlir::Value get(mlir::Value scalar);
  /// From now on `value` is that instead.
  void replace(mlir::Value value, mlir::Value by) { mapping.map(value, by); }

private:
  mlir::OpBuilder &builder;
  mlir::IRMapping mapping;
};

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_RECOMPUTATION_H
