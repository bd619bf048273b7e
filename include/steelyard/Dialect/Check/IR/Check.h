//===- Check.h - The check dialect ------------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_DIALECT_CHECK_IR_CHECK_H
#define STEELYARD_DIALECT_CHECK_IR_CHECK_H

#include "steelyard/Dialect/Check/IR/Dialect.h.inc"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "steelyard/Dialect/Check/IR/Ops.h.inc"

#endif // STEELYARD_DIALECT_CHECK_IR_CHECK_H
