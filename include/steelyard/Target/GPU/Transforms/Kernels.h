//===- Kernels.h - New kernels and their launches ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_KERNELS_H
#define STEELYARD_TARGET_GPU_TRANSFORMS_KERNELS_H

#include "steelyard/Target/GPU/IR/CUDA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace steelyard::cuda {

/// The module's kernels are in it: made if there is none.
mlir::gpu::GPUModuleOp kernelsOf(mlir::ModuleOp module);

/// A kernel that is being written, at the end of the module's kernels.
class KernelBuilder {
public:
  KernelBuilder(mlir::ModuleOp module, mlir::Location loc, llvm::StringRef kind,
                mlir::TypeRange arguments);

  /// Ends it, and launches it before `op` on tensors or buffers: the inputs,
  /// then the destinations, whose types are the results.
  LaunchOp launch(mlir::Operation *op, int64_t blocks, int64_t threads,
                  mlir::ValueRange inputs, mlir::ValueRange inits);

  mlir::gpu::GPUFuncOp function;
  mlir::OpBuilder builder; // in its body
};

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_KERNELS_H
