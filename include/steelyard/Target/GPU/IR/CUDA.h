//===- CUDA.h - The dialect of runtime calls for NVIDIA GPUs ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_IR_CUDA_H
#define STEELYARD_TARGET_GPU_IR_CUDA_H

#include "steelyard/Target/GPU/IR/CUDADialect.h.inc"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "steelyard/Target/GPU/IR/CUDAOps.h.inc"

namespace steelyard::cuda {

/// Bufferization of the dialect's operations.
void registerBufferization(mlir::DialectRegistry &registry);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_IR_CUDA_H
