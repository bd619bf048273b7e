//===- Codes.cpp - Codes of float formats as arith --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No float operation here has a float32 subnormal as an operand that matters
// or as a result, so that the processor's flush-to-zero modes change nothing.
//
//===----------------------------------------------------------------------===//

#include "Codes.h"

#include <cmath>

using namespace mlir;
using namespace steelyard;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Emitter
//===----------------------------------------------------------------------===//

Type Emitter::shaped(Type element) const {
  auto vector = dyn_cast<VectorType>(like);
  return vector ? Type(vector.clone(element)) : element;
}

Value Emitter::integer(int64_t value) {
  Type type = integerType();
  return constant(type, b.getIntegerAttr(
                            getElementTypeOrSelf(type),
                            APInt(width, static_cast<uint64_t>(value),
                                  /*isSigned=*/false, /*implicitTrunc=*/true)));
}

Value Emitter::powerOfTwo(int exponent) {
  Type type = floatType();
  return constant(type, b.getFloatAttr(getElementTypeOrSelf(type),
                                       std::ldexp(1.0, exponent)));
}

Value Emitter::constant(Type type, TypedAttr attribute) {
  if (auto vector = dyn_cast<VectorType>(type)) {
    attribute = SplatElementsAttr::get(vector, Attribute(attribute));
  }
  return arith::ConstantOp::create(b, loc, attribute);
}

Value Emitter::add(Value l, Value r) {
  return arith::AddIOp::create(b, loc, l, r);
}
Value Emitter::sub(Value l, Value r) {
  return arith::SubIOp::create(b, loc, l, r);
}
Value Emitter::bitAnd(Value l, Value r) {
  return arith::AndIOp::create(b, loc, l, r);
}
Value Emitter::bitOr(Value l, Value r) {
  return arith::OrIOp::create(b, loc, l, r);
}
Value Emitter::bitXor(Value l, Value r) {
  return arith::XOrIOp::create(b, loc, l, r);
}
Value Emitter::shl(Value l, Value r) {
  return arith::ShLIOp::create(b, loc, l, r);
}
Value Emitter::shr(Value l, Value r) {
  return arith::ShRUIOp::create(b, loc, l, r);
}
Value Emitter::sar(Value l, Value r) {
  return arith::ShRSIOp::create(b, loc, l, r);
}
Value Emitter::shl(Value l, int by) {
  if (by == 0) {
    return l;
  }
  return by > 0 ? shl(l, integer(by)) : shr(l, integer(-by));
}
Value Emitter::minU(Value l, Value r) {
  return arith::MinUIOp::create(b, loc, l, r);
}
Value Emitter::maxS(Value l, Value r) {
  return arith::MaxSIOp::create(b, loc, l, r);
}
Value Emitter::compare(CmpIPredicate predicate, Value l, Value r) {
  return arith::CmpIOp::create(b, loc, predicate, l, r);
}
Value Emitter::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, loc, condition, yes, no);
}
Value Emitter::addF(Value l, Value r) {
  return arith::AddFOp::create(b, loc, l, r);
}
Value Emitter::subF(Value l, Value r) {
  return arith::SubFOp::create(b, loc, l, r);
}
Value Emitter::toBits(Value value) {
  return arith::BitcastOp::create(b, loc, integerType(), value);
}
Value Emitter::toFloat(Value bits) {
  return arith::BitcastOp::create(b, loc, floatType(), bits);
}
Value Emitter::fromBool(Value condition) {
  return arith::ExtUIOp::create(b, loc, integerType(), condition);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// The float32 bits of a finite magnitude.
static Value decodeFinite(Emitter &m, Value magnitude,
                          const FloatFormat &format) {
  int t = format.significandBits;
  int leastField =
      128 - format.bias; // float32's field of the least normal code
  Value placed = m.shl(magnitude, 23 - t);
  if (leastField == 1) {
    return placed; // float32's own exponents, subnormals too
  }
  bool fitsNormals = format.minSubnormalExponent() >= -126;
  if (fitsNormals && leastField >= 2 && leastField <= 254) {
    // Subnormal code 0.f: 1.f - 1.0 times the least normal number.
    int least = format.minNormalExponent();
    Value withOne = m.toFloat(m.bitOr(placed, m.powerOfTwoBits(least)));
    Value subnormal = m.toBits(m.subF(withOne, m.powerOfTwo(least)));
    Value normal = m.add(placed, m.integer(int64_t{leastField - 1} << 23));
    Value isSubnormal =
        m.compare(CmpIPredicate::ult, magnitude, m.integer(int64_t{1} << t));
    return m.select(isSubnormal, subnormal, normal);
  }
  // Any other bias: significand * 2^exponent with the significand made a
  // float32, whose field then takes the exponent, or falls below 1.
  Value field = m.shr(magnitude, t);
  Value hidden = m.integer(int64_t{1} << t);
  Value fraction = m.bitAnd(magnitude, m.integer((int64_t{1} << t) - 1));
  Value isSubnormal = m.compare(CmpIPredicate::eq, field, m.integer(0));
  Value significand =
      m.select(isSubnormal, fraction, m.bitOr(fraction, hidden));
  Value exponent =
      m.sub(m.maxS(field, m.integer(1)), m.integer(format.bias + t));
  Value unscaled =
      m.toBits(arith::UIToFPOp::create(m.b, m.loc, m.floatType(), significand));
  Value bits = m.add(unscaled, m.shl(exponent, 23));
  if (!fitsNormals) {
    // bits has a field of at least 1 - 23 here: its significand moves down.
    Value below = m.sub(m.integer(1), m.sar(bits, m.integer(23)));
    Value full =
        m.bitOr(m.bitAnd(bits, m.integer(0x7fffff)), m.integer(0x800000));
    Value moved = m.shr(full, m.minU(below, m.integer(31)));
    bits = m.select(m.compare(CmpIPredicate::slt, bits, m.integer(0x800000)),
                    moved, bits);
  }
  Value isZero = m.compare(CmpIPredicate::eq, magnitude, m.integer(0));
  return m.select(isZero, m.integer(0), bits);
}

Value steelyard::emitDecode(Emitter &m, Value code, const FloatFormat &format) {
  int t = format.significandBits;
  Value magnitude = m.bitAnd(code, m.integer(format.magnitudeMask()));
  Value sign = m.shl(m.bitAnd(code, m.integer(format.signBit())),
                     31 - (format.width() - 1));
  Value bits = decodeFinite(m, magnitude, format);
  Value quietNaN = m.integer(0x7fc00000);
  switch (format.nonFinite) {
  case NonFinite::IEEE: {
    Value infinity = m.integer(format.infinity());
    Value placed = m.shl(magnitude, 23 - t);
    Value isFinite = m.compare(CmpIPredicate::ult, magnitude, infinity);
    Value isNaN = m.compare(CmpIPredicate::ugt, magnitude, infinity);
    bits = m.select(isFinite, bits, m.bitOr(placed, m.integer(0x7f800000)));
    bits = m.select(isNaN, m.bitOr(bits, quietNaN), bits);
    break;
  }
  case NonFinite::NaNOnly: {
    Value isNaN = m.compare(CmpIPredicate::eq, magnitude,
                            m.integer(format.magnitudeMask()));
    bits = m.select(isNaN, quietNaN, bits);
    break;
  }
  case NonFinite::FiniteOnly:
    break;
  case NonFinite::NegativeZeroNaN: {
    Value whole = m.bitAnd(code, m.integer(format.codeMask()));
    Value isNaN =
        m.compare(CmpIPredicate::eq, whole, m.integer(format.signBit()));
    bits = m.select(isNaN, quietNaN, bits);
    break;
  }
  }
  return m.toFloat(m.bitOr(bits, sign));
}

Value steelyard::emitDecodeE8M0(Emitter &m, Value code) {
  code = m.bitAnd(code, m.integer(255));
  Value bits = m.shl(code, 23);
  bits = m.select(m.compare(CmpIPredicate::eq, code, m.integer(0)),
                  m.integer(0x00400000), bits); // 2^-127, a subnormal
  bits = m.select(m.compare(CmpIPredicate::eq, code, m.integer(255)),
                  m.integer(0x7fc00000), bits);
  return m.toFloat(bits);
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
/// The magnitude of one source value and what its code is made of.
struct Encoder {
  Emitter &m;
  const FloatFormat &format;
  Value magnitude; ///< source bits without the sign
  /// The same, with subnormal sources normalised where that matters: the field
  /// then goes below 1.
  Value normalised;
  int dropped;    ///< significand bits that a normal result loses
  int leastField; ///< the source's field of the format's least normal number

  Encoder(Emitter &emitter, const FloatFormat &target, Value bits)
      : m(emitter), format(target),
        magnitude(m.bitAnd(bits, m.integer(m.maxInteger()))),
        normalised(magnitude),
        dropped(m.fractionBits() - format.significandBits),
        leastField(m.bias() + 1 - format.bias) {
    // Source subnormals far below the format round to 0 whatever their bits.
    if (!m.isWide() && !hasSourceExponents() &&
        format.minSubnormalExponent() < -84) {
      Value asFloat = m.toBits(
          arith::SIToFPOp::create(m.b, m.loc, m.floatType(), magnitude));
      Value isSubnormal =
          m.compare(CmpIPredicate::ult, magnitude, m.integer(int64_t{1} << 23));
      normalised =
          m.select(isSubnormal, m.sub(asFloat, m.integer(int64_t{149} << 23)),
                   magnitude);
    }
  }

  /// The format's exponents are the source's: bits just need cutting.
  bool hasSourceExponents() const { return leastField == 1; }

  /// A code with `dropped` more bits below, for normal results.
  Value aligned() {
    int64_t offset = static_cast<int64_t>(leastField - 1) << m.fractionBits();
    return m.sub(normalised, m.integer(offset));
  }
  Value isSubnormal() {
    int64_t least = static_cast<int64_t>(leastField) << m.fractionBits();
    return m.compare(CmpIPredicate::slt, normalised, m.integer(least));
  }
  Value significand() {
    int64_t hidden = int64_t{1} << m.fractionBits();
    return m.bitOr(m.bitAnd(normalised, m.integer(hidden - 1)),
                   m.integer(hidden));
  }
  /// How far a subnormal result's significand moves down besides `dropped`.
  Value moved() {
    return m.sub(m.integer(leastField),
                 m.sar(normalised, m.integer(m.fractionBits())));
  }

  Value cutNearest(Value value) {
    Value isOdd = m.bitAnd(m.shr(value, dropped), m.integer(1));
    int64_t half = int64_t{1} << (dropped - 1);
    return m.shr(m.add(m.add(value, m.integer(half - 1)), isOdd), dropped);
  }
  Value nearest();
  Value towardZero();
  Value stochastic(Value random);
};
} // namespace

Value Encoder::nearest() {
  if (hasSourceExponents()) {
    return cutNearest(magnitude);
  }
  // x + 2^k, with k such that the sum's last place is the least subnormal
  // number: the addition rounds, nearest even.
  int k = format.minSubnormalExponent() + m.fractionBits();
  if (format.minSubnormalExponent() >= 2 - m.bias() && k <= m.bias()) {
    Value sum = m.addF(m.toFloat(magnitude), m.powerOfTwo(k));
    Value subnormal = m.sub(m.toBits(sum), m.powerOfTwoBits(k));
    return m.select(isSubnormal(), subnormal, cutNearest(aligned()));
  }
  // What is moved out is kept in the last bit: two bits below the result's are
  // enough to round.
  Value full = significand();
  Value by = m.minU(moved(), m.integer(m.width - 1));
  Value shifted = m.shr(full, by);
  Value isInexact = m.compare(CmpIPredicate::ne, m.shl(shifted, by), full);
  Value jammed = m.bitOr(shifted, m.fromBool(isInexact));
  return cutNearest(m.select(isSubnormal(), jammed, aligned()));
}

Value Encoder::towardZero() {
  if (hasSourceExponents()) {
    return m.shr(magnitude, dropped);
  }
  Value by = m.minU(m.add(moved(), m.integer(dropped)), m.integer(m.width - 1));
  return m.select(isSubnormal(), m.shr(significand(), by),
                  m.shr(aligned(), dropped));
}

Value Encoder::stochastic(Value random) {
  if (m.isWide()) {
    random = arith::ExtUIOp::create(m.b, m.loc, m.integerType(), random);
  }
  Value placed = m.shl(random, dropped - 32);
  Value base = hasSourceExponents() ? magnitude : aligned();
  Value normal = m.shr(m.add(base, placed), dropped);
  if (hasSourceExponents()) {
    return normal;
  }
  Value full = significand();
  Value by = m.add(m.maxS(moved(), m.integer(0)), m.integer(dropped));
  Value kept = m.shr(full, m.minU(by, m.integer(m.width - 1)));
  Value up;
  if (m.isWide()) {
    // by >= 29 and full < 2^53: 8 bits of room.
    Value down = m.minU(m.sub(by, m.integer(24)), m.integer(63));
    Value fraction =
        m.bitAnd(m.shr(m.shl(full, 8), down), m.integer(0xffffffff));
    up = m.shr(m.add(fraction, random), 32);
  } else {
    Value toTop = m.sub(m.integer(32), by);
    Value left = m.maxS(toTop, m.integer(0));
    Value right =
        m.minU(m.maxS(m.sub(m.integer(0), toTop), m.integer(0)), m.integer(31));
    Value fraction = m.shr(m.shl(full, left), right);
    Value rest = m.bitXor(random, m.integer(-1)); // 2^32 - 1 - random
    up = m.fromBool(m.compare(CmpIPredicate::ugt, fraction, rest));
  }
  return m.select(isSubnormal(), m.add(kept, up), normal);
}

Value steelyard::emitEncode(Emitter &m, Value value, const FloatFormat &format,
                            Rounding rounding, bool saturate, Value random) {
  Value bits = m.toBits(value);
  Encoder encoder(m, format, bits);
  Value code;
  switch (rounding) {
  case Rounding::NearestEven:
    code = encoder.nearest();
    break;
  case Rounding::TowardZero:
    code = encoder.towardZero();
    break;
  case Rounding::Stochastic:
    code = encoder.stochastic(random);
    break;
  }

  // Codes beyond the largest: infinity's is among them.
  Value infinity = m.integer(m.infinity());
  Value isNaN = m.compare(CmpIPredicate::ugt, encoder.magnitude, infinity);
  Value largest = m.integer(format.largest());
  bool stops = saturate || rounding == Rounding::TowardZero;
  Value becomesNaN = isNaN; // for NegativeZeroNaN
  if (stops) {
    code = m.minU(code, largest);
    if (!saturate) {
      Value isInfinite =
          m.compare(CmpIPredicate::eq, encoder.magnitude, infinity);
      if (format.nonFinite == NonFinite::NegativeZeroNaN) {
        becomesNaN = m.compare(CmpIPredicate::uge, encoder.magnitude, infinity);
      } else {
        code = m.select(isInfinite, m.integer(format.overflow(false)), code);
      }
    }
  } else if (format.nonFinite == NonFinite::NegativeZeroNaN) {
    becomesNaN = m.bitOr(isNaN, m.compare(CmpIPredicate::ugt, code, largest));
  } else {
    code = m.minU(code, m.integer(format.overflow(false)));
  }

  Value signBit = m.integer(format.signBit());
  Value sign = m.bitAnd(m.shr(bits, static_cast<int>(m.width) - format.width()),
                        signBit);
  switch (format.nonFinite) {
  case NonFinite::IEEE:
  case NonFinite::NaNOnly:
    code = m.select(isNaN, m.integer(format.nan(false)), code);
    return m.bitOr(code, sign);
  case NonFinite::FiniteOnly:
    code = m.select(isNaN, signBit, code);
    return m.bitXor(code, sign);
  case NonFinite::NegativeZeroNaN: {
    Value isZero = m.compare(CmpIPredicate::eq, code, m.integer(0));
    code = m.select(isZero, code, m.bitOr(code, sign));
    return m.select(becomesNaN, signBit, code);
  }
  }
  llvm_unreachable("all rules are handled");
}

Value steelyard::emitEncodeE8M0(Emitter &m, Value value, bool saturate) {
  Value bits = m.toBits(value);
  Value magnitude = m.bitAnd(bits, m.integer(m.maxInteger()));
  Value nan = m.integer(255);
  // float32's field is the code, and below 2^-126 everything is code 0.
  Value code = m.shr(magnitude, m.fractionBits());
  if (m.isWide()) {
    code = m.maxS(m.sub(code, m.integer(m.bias() - 127)), m.integer(0));
    code = m.minU(code, nan);
  }
  Value isNaN =
      m.compare(CmpIPredicate::ugt, magnitude, m.integer(m.infinity()));
  Value isZero = m.compare(CmpIPredicate::eq, magnitude, m.integer(0));
  Value isNegative = m.compare(CmpIPredicate::slt, bits, m.integer(0));
  if (saturate) {
    code = m.select(isNaN, nan, m.minU(code, m.integer(254)));
  }
  code = m.select(isNegative, nan, code);
  return m.select(isZero, m.integer(0), code);
}

//===----------------------------------------------------------------------===//
// Half, infinities
//===----------------------------------------------------------------------===//

Value steelyard::emitTruncateToHalf(Emitter &m, Value value, bool saturate) {
  Value bits = m.toBits(value);
  Value magnitude = m.bitAnd(bits, m.integer(INT32_MAX));
  Value sign = m.bitAnd(bits, m.integer(INT32_MIN));
  Value isNaN =
      m.compare(CmpIPredicate::ugt, magnitude, m.integer(m.infinity()));
  if (saturate) {
    float largest = formats::f16.maxFinite();
    magnitude = m.minU(magnitude, m.integer(llvm::bit_cast<int32_t>(largest)));
  }
  // One NaN for all payloads.
  magnitude = m.select(isNaN, m.integer(0x7fc00000), magnitude);
  return arith::TruncFOp::create(m.b, m.loc, m.shaped(m.b.getF16Type()),
                                 m.toFloat(m.bitOr(magnitude, sign)));
}

Value steelyard::emitSaturate(Emitter &m, Value value) {
  Value bits = m.toBits(value);
  Value magnitude = m.bitAnd(bits, m.integer(m.maxInteger()));
  Value isInfinite =
      m.compare(CmpIPredicate::eq, magnitude, m.integer(m.infinity()));
  // Infinity's bits less one are the largest finite number's.
  return m.toFloat(m.sub(bits, m.fromBool(isInfinite)));
}
