//===- FastAccumulate.h - Sums of fewer bits --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_DIALECT_SCALED_UTILS_FASTACCUMULATE_H
#define STEELYARD_DIALECT_SCALED_UTILS_FASTACCUMULATE_H

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

namespace mlir::scaled {

/// How stablehlo.dot_general says `fast_accumulate` of operands of these
/// elements; null where they are no floats.
inline stablehlo::DotAlgorithmAttr fastAlgorithm(Type lhs, Type rhs) {
  if (!isa<FloatType>(lhs) || !isa<FloatType>(rhs)) {
    return {};
  }
  return stablehlo::DotAlgorithmAttr::get(
      lhs.getContext(), lhs, rhs, Float32Type::get(lhs.getContext()),
      /*lhsComponentCount=*/1, /*rhsComponentCount=*/1,
      /*numPrimitiveOperations=*/1, /*allowImpreciseAccumulation=*/true);
}

} // namespace mlir::scaled

#endif // STEELYARD_DIALECT_SCALED_UTILS_FASTACCUMULATE_H
