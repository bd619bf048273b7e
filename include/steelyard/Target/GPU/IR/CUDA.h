//===- CUDA.h - The dialect of runtime calls for NVIDIA GPUs ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_IR_CUDA_H
#define STEELYARD_TARGET_GPU_IR_CUDA_H

#include "steelyard/Target/GPU/IR/CUDADialect.h.inc"
#include "steelyard/Target/GPU/IR/CUDAEnums.h.inc"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_ATTRDEF_CLASSES
#include "steelyard/Target/GPU/IR/CUDAAttributes.h.inc"

#define GET_OP_CLASSES
#include "steelyard/Target/GPU/IR/CUDAOps.h.inc"

namespace steelyard::cuda {

/// f8E4M3FN and f8E5M2, which the GPU has products of.
bool isEightBits(mlir::Type element);

/// cuBLASLt's tables (cuBLAS library, "cublasLtMatmul"): whether products of
/// these elements can become a result of those.
bool hasContraction(mlir::Type lhs, mlir::Type rhs, mlir::Type result);

/// The elements that a bias has there; null where there is none, nor another
/// epilogue.
mlir::Type biasElement(mlir::Type lhs, mlir::Type result);

/// Bufferization of the dialect's operations.
void registerBufferization(mlir::DialectRegistry &registry);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_IR_CUDA_H
