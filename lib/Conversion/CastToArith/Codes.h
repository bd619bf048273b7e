//===- Codes.h - Codes of float formats as arith ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What Numerics/Round.h says of one number, emitted for scalars and vectors
// without branches or tables.
//
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_LIB_CONVERSION_CASTTOARITH_CODES_H
#define STEELYARD_LIB_CONVERSION_CASTTOARITH_CODES_H

#include "steelyard/Numerics/Round.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace steelyard {

/// Emits arithmetic on values that all have the shape of one type, in float32
/// and i32 or in float64 and i64.
class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location location, mlir::Type like,
          unsigned width = 32)
      : b(builder), loc(location), like(like), width(width) {}

  /// The same shape in float64 and i64.
  Emitter wide() const { return Emitter(b, loc, like, 64); }
  bool isWide() const { return width == 64; }
  int fractionBits() const { return isWide() ? 52 : 23; }
  int bias() const { return isWide() ? 1023 : 127; }
  int64_t infinity() const {
    return static_cast<int64_t>(2 * bias() + 1) << fractionBits();
  }
  int64_t maxInteger() const { return isWide() ? INT64_MAX : INT32_MAX; }

  mlir::Type shaped(mlir::Type element) const;
  mlir::Type integerType() const { return shaped(b.getIntegerType(width)); }
  mlir::Type floatType() const {
    return shaped(isWide() ? mlir::Type(b.getF64Type()) : b.getF32Type());
  }

  mlir::Value integer(int64_t value);
  /// 2^exponent, a normal number, and its bits.
  mlir::Value powerOfTwo(int exponent);
  mlir::Value powerOfTwoBits(int exponent) {
    return integer(static_cast<int64_t>(exponent + bias()) << fractionBits());
  }

  mlir::Value add(mlir::Value l, mlir::Value r);
  mlir::Value sub(mlir::Value l, mlir::Value r);
  mlir::Value bitAnd(mlir::Value l, mlir::Value r);
  mlir::Value bitOr(mlir::Value l, mlir::Value r);
  mlir::Value bitXor(mlir::Value l, mlir::Value r);
  mlir::Value shl(mlir::Value l, mlir::Value r);
  mlir::Value shr(mlir::Value l, mlir::Value r);
  mlir::Value sar(mlir::Value l, mlir::Value r);
  /// By a constant; negative shifts the other way.
  mlir::Value shl(mlir::Value l, int by);
  mlir::Value shr(mlir::Value l, int by) { return shl(l, -by); }
  mlir::Value minU(mlir::Value l, mlir::Value r);
  mlir::Value maxS(mlir::Value l, mlir::Value r);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value l,
                      mlir::Value r);
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no);
  mlir::Value addF(mlir::Value l, mlir::Value r);
  mlir::Value subF(mlir::Value l, mlir::Value r);
  mlir::Value toBits(mlir::Value value);
  mlir::Value toFloat(mlir::Value bits);
  /// 0 or 1.
  mlir::Value fromBool(mlir::Value condition);

  mlir::Value constant(mlir::Type type, mlir::TypedAttr attribute);

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type like;
  unsigned width;
};

/// Codes in the low bits of i32s to float32.
mlir::Value emitDecode(Emitter &m, mlir::Value code, const FloatFormat &format);
mlir::Value emitDecodeE8M0(Emitter &m, mlir::Value code);

/// float32 or float64 (as `m` is) to codes in integers of the same width;
/// `random`, i32, for stochastic rounding.
mlir::Value emitEncode(Emitter &m, mlir::Value value, const FloatFormat &format,
                       Rounding rounding, bool saturate, mlir::Value random);
mlir::Value emitEncodeE8M0(Emitter &m, mlir::Value value, bool saturate);

/// float32 to half, nearest even, by the processor's conversion.
mlir::Value emitTruncateToHalf(Emitter &m, mlir::Value value, bool saturate);

/// Infinities to the largest finite number.
mlir::Value emitSaturate(Emitter &m, mlir::Value value);

} // namespace steelyard

#endif // STEELYARD_LIB_CONVERSION_CASTTOARITH_CODES_H
