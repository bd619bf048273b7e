//===- Ops.td - All operations of stablehlo -*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_OPS
#define STEELYARD_DIALECT_STABLEHLO_IR_OPS

include "steelyard/Dialect/StableHLO/IR/Elementwise.td"
include "steelyard/Dialect/StableHLO/IR/DataMovement.td"
include "steelyard/Dialect/StableHLO/IR/Contractions.td"
include "steelyard/Dialect/StableHLO/IR/Reductions.td"
include "steelyard/Dialect/StableHLO/IR/Ordering.td"
include "steelyard/Dialect/StableHLO/IR/ControlFlow.td"


#endif // STEELYARD_DIALECT_STABLEHLO_IR_OPS
