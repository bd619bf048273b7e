//===- Host.h - The dialect of runtime calls --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_HOST_IR_HOST_H
#define STEELYARD_TARGET_HOST_IR_HOST_H

#include "steelyard/Target/Host/IR/HostDialect.h.inc"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "steelyard/Target/Host/IR/HostOps.h.inc"

namespace steelyard::host {

/// What `gemm`, and other operations with its operands, demand of shapes and
/// dimensions: failure after an error at `op`.
llvm::LogicalResult verifyContraction(mlir::Operation *op, mlir::ShapedType lhs,
                                      mlir::ShapedType rhs,
                                      mlir::ShapedType init,
                                      llvm::ArrayRef<int64_t> lhsDims,
                                      llvm::ArrayRef<int64_t> rhsDims);

/// Bufferization of the dialect's operations.
void registerBufferization(mlir::DialectRegistry &registry);

} // namespace steelyard::host

#endif // STEELYARD_TARGET_HOST_IR_HOST_H
