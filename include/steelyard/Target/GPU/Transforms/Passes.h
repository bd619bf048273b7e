//===- Passes.h - Passes of the CUDA target ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_PASSES_H
#define STEELYARD_TARGET_GPU_TRANSFORMS_PASSES_H

#include "steelyard/Target/GPU/IR/CUDA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/Pass.h"

namespace steelyard::cuda {

#define GEN_PASS_DECL
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_PASSES_H
