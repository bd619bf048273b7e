//===- CPU.h - The dialect of runtime calls on CPUs -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_CPU_IR_CPU_H
#define STEELYARD_TARGET_CPU_IR_CPU_H

#include "steelyard/Target/CPU/IR/CPUDialect.h.inc"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "steelyard/Target/CPU/IR/CPUOps.h.inc"

namespace steelyard::cpu {

/// Bufferization of the dialect's operations.
void registerBufferization(mlir::DialectRegistry &registry);

} // namespace steelyard::cpu

#endif // STEELYARD_TARGET_CPU_IR_CPU_H
