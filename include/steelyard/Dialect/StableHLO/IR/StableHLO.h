//===- StableHLO.h - The stablehlo dialect ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_DIALECT_STABLEHLO_IR_STABLEHLO_H
#define STEELYARD_DIALECT_STABLEHLO_IR_STABLEHLO_H

#include "steelyard/Dialect/StableHLO/IR/Dialect.h.inc"
#include "steelyard/Dialect/StableHLO/IR/Enums.h.inc"
#include "steelyard/Dialect/StableHLO/IR/Window.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_ATTRDEF_CLASSES
#include "steelyard/Dialect/StableHLO/IR/Attributes.h.inc"

#define GET_OP_CLASSES
#include "steelyard/Dialect/StableHLO/IR/Ops.h.inc"

namespace mlir::stablehlo {

/// The single operation that joins two elements in a reducer's body, if that is
/// all it does; else null.
Operation *getReducerOp(Region &body);

} // namespace mlir::stablehlo

#endif // STEELYARD_DIALECT_STABLEHLO_IR_STABLEHLO_H
