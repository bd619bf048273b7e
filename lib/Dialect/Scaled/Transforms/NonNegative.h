//===- NonNegative.h - Values that are proved not to be negative -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_NONNEGATIVE_H
#define STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_NONNEGATIVE_H

#include "mlir/IR/Value.h"

namespace steelyard {

/// True if no element of `value` is negative wherever none of `assumed` is.
/// Looks through sums, products, quotients and moved data; even powers are
/// found as products in which a factor occurs an even number of times.
bool isNonNegative(mlir::Value value, mlir::Value assumed);

/// True if squares are summed, averaged or compared in `value`, as in second
/// moments: their magnitudes spread over twice the exponents of what is
/// squared.
bool joinsSquares(mlir::Value value);

} // namespace steelyard

#endif // STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_NONNEGATIVE_H
