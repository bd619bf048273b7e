//===- Spread.h - Values that storage can't hold at one scale ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_SPREAD_H
#define STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_SPREAD_H

#include "mlir/IR/Operation.h"

namespace steelyard {

/// True if the operation's float results mix elements with a mask's finite
/// "minus infinity", -1e30 or -1e9 say: it chooses such a constant for some, or
/// computes element by element, or moves elements, of values that do
/// (`isSpread`). Beside such a number float16 holds the others as zeros. What
/// exp makes of them has one magnitude again.
bool spreads(mlir::Operation *op,
             llvm::function_ref<bool(mlir::Value)> isSpread);

} // namespace steelyard

#endif // STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_SPREAD_H
