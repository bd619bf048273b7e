//===- Exponents.h - Exponents of several slices or steps -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_DIALECT_SCALED_UTILS_EXPONENTS_H
#define STEELYARD_DIALECT_SCALED_UTILS_EXPONENTS_H

#include "mlir/IR/Builders.h"

namespace steelyard {

/// The largest of a tensor of exponents, tensor<i32>; the least exponent of
/// none.
mlir::Value largestExponent(mlir::OpBuilder &builder, mlir::Location location,
                            mlir::Value exponents);

} // namespace steelyard

#endif // STEELYARD_DIALECT_SCALED_UTILS_EXPONENTS_H
