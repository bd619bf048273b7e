//===- CastToArith.h - Casts as integer arithmetic --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_CONVERSION_CASTTOARITH_CASTTOARITH_H
#define STEELYARD_CONVERSION_CASTTOARITH_CASTTOARITH_H

#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace steelyard {

#define GEN_PASS_DECL
#include "steelyard/Conversion/CastToArith/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "steelyard/Conversion/CastToArith/Passes.h.inc"

/// Lowerings of scaled.cast, scaled.rescale and the conversions of arith that
/// nothing below does right, on scalars and vectors. What has no lowering
/// stays.
void populateScaledCastToArithPatterns(mlir::RewritePatternSet &patterns);

} // namespace steelyard

#endif // STEELYARD_CONVERSION_CASTTOARITH_CASTTOARITH_H
