//===- ExpandExactly.h - Operations in terms of others ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TRANSFORMS_EXPANDEXACTLY_H
#define STEELYARD_LIB_TRANSFORMS_EXPANDEXACTLY_H

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/BuiltinOps.h"

namespace steelyard {

/// Operations that stablehlo has in other words, bit for bit.
llvm::LogicalResult expandExactly(mlir::ModuleOp module);

/// The state and the bits of a generator, computed by integer operations.
llvm::SmallVector<mlir::Value>
expandRandomBits(mlir::OpBuilder &builder,
                 mlir::stablehlo::RngBitGeneratorOp op);

} // namespace steelyard

#endif // STEELYARD_LIB_TRANSFORMS_EXPANDEXACTLY_H
