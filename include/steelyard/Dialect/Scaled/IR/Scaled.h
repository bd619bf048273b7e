//===- Scaled.h - The scaled dialect ----------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Scaled tensors: value = data × scale, always in that direction.
//
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_DIALECT_SCALED_IR_SCALED_H
#define STEELYARD_DIALECT_SCALED_IR_SCALED_H

#include "steelyard/Dialect/Scaled/IR/Dialect.h.inc"
#include "steelyard/Dialect/Scaled/IR/Enums.h.inc"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Interfaces/Contraction.h"
#include "steelyard/Numerics/Format.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_ATTRDEF_CLASSES
#include "steelyard/Dialect/Scaled/IR/Attributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "steelyard/Dialect/Scaled/IR/Types.h.inc"

#define GET_OP_CLASSES
#include "steelyard/Dialect/Scaled/IR/Ops.h.inc"

namespace mlir::scaled {

/// On a stablehlo.convolution, which has no algorithm to say it, what
/// `fast_accumulate` is on a scaled one.
inline constexpr llvm::StringLiteral
    kFastAccumulateAttrName("steelyard.fast_accumulate");

/// Exponents lie in [-kExponentLimit, kExponentLimit].
inline constexpr int32_t kExponentLimit = 1 << 20;
/// The exponent of a tensor that is known to be zero.
inline constexpr int32_t kLeastExponent = -kExponentLimit;

/// The semantics of `scaled.exponent_add`, `_sub`, `_max` on constants.
int32_t addExponents(int32_t lhs, int32_t rhs);
int32_t subtractExponents(int32_t lhs, int32_t rhs);
int32_t maxExponents(int32_t lhs, int32_t rhs);

/// The format of a float element type of at most 16 bits.
FormatAttr getFormatOf(FloatType type);

/// The largest finite number of a format: a significand in [1, 2) and an
/// exponent.
std::pair<double, int> getLargest(FormatAttr format);

/// The same, for Numerics; nothing for wider types and E8M0.
std::optional<steelyard::FloatFormat> getFloatFormat(FloatType type);
steelyard::FloatFormat getFloatFormat(FormatAttr format);

} // namespace mlir::scaled

#endif // STEELYARD_DIALECT_SCALED_IR_SCALED_H
