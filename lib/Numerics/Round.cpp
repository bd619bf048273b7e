//===- Round.cpp - Encoding, powers of two ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Numerics/Round.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace steelyard;

namespace {

/// A number of float32 or float64: (-1)^negative * significand * 2^exponent,
/// unless it is not finite.
struct Parts {
  bool negative, isInfinite, isNaN;
  uint64_t significand;
  int exponent;
};

template <typename Bits, int kFraction, int kBias>
Parts split(Bits bits) {
  constexpr int kWidth = 8 * sizeof(Bits);
  Bits magnitude = bits & ~(Bits{1} << (kWidth - 1));
  Bits infinity = static_cast<Bits>(2 * kBias + 1) << kFraction;
  int field = static_cast<int>(magnitude >> kFraction);
  Bits hidden = Bits{1} << kFraction;
  Bits fraction = magnitude & (hidden - 1);
  return {bits != magnitude, magnitude == infinity, magnitude > infinity,
          field == 0 ? fraction : fraction | hidden,
          std::max(field, 1) - kBias - kFraction};
}

Parts split(float value) {
  return split<uint32_t, 23, 127>(std::bit_cast<uint32_t>(value));
}
Parts split(double value) {
  return split<uint64_t, 52, 1023>(std::bit_cast<uint64_t>(value));
}

/// significand / 2^dropped with its fraction in 1/2^32ths, rounded down, and
/// whether it is below, at or above a half.
struct Quotient {
  uint64_t whole;
  uint32_t fraction;
  int comparedToHalf;
};

Quotient divide(uint64_t significand, int dropped) {
  if (dropped <= 0) {
    return {significand << -dropped, 0, -1};
  }
  if (dropped >= 64) { // the significand has at most 53 bits
    int shift = dropped - 32;
    return {0, shift < 64 ? static_cast<uint32_t>(significand >> shift) : 0,
            -1};
  }
  uint64_t whole = significand >> dropped;
  uint64_t rest = significand - (whole << dropped);
  uint64_t half = uint64_t{1} << (dropped - 1);
  uint64_t fraction =
      dropped <= 32 ? rest << (32 - dropped) : rest >> (dropped - 32);
  return {whole, static_cast<uint32_t>(fraction),
          rest < half ? -1 : (rest > half ? 1 : 0)};
}

bool roundsUp(const Quotient &quotient, bool isOdd, Rounding rounding,
              uint32_t randomBits) {
  switch (rounding) {
  case Rounding::NearestEven:
    return quotient.comparedToHalf > 0 ||
           (quotient.comparedToHalf == 0 && isOdd);
  case Rounding::TowardZero:
    return false;
  case Rounding::Stochastic:
    return uint64_t{quotient.fraction} + randomBits >= uint64_t{1} << 32;
  }
  return false;
}

uint32_t encodeParts(const FloatFormat &format, const Parts &x,
                     Rounding rounding, bool saturate, uint32_t randomBits) {
  uint32_t sign = x.negative ? format.signBit() : 0;
  if (x.isNaN) {
    return format.nan(x.negative);
  }
  if (x.isInfinite) {
    return saturate ? sign | format.largest() : format.overflow(x.negative);
  }
  if (x.significand == 0) {
    return format.hasNegativeZero() ? sign : 0;
  }
  int log2 = x.exponent + std::bit_width(x.significand) - 1;
  if (log2 < format.minSubnormalExponent() - 32) {
    return format.hasNegativeZero() ? sign : 0; // no rounding mode sees it
  }
  bool stops = saturate || rounding == Rounding::TowardZero;
  uint32_t beyond =
      stops ? sign | format.largest() : format.overflow(x.negative);
  if (log2 - format.minNormalExponent() >= 1 << format.exponentBits) {
    return beyond;
  }
  int binade = std::max(log2, format.minNormalExponent());
  Quotient quotient =
      divide(x.significand, binade - format.significandBits - x.exponent);
  // The hidden bit of a normal result adds one to the exponent's field, and so
  // does a carry. With t = 0 the field's last bit says what is even.
  uint64_t code = (static_cast<uint64_t>(binade - format.minNormalExponent())
                   << format.significandBits) +
                  quotient.whole;
  code += roundsUp(quotient, (code & 1) != 0, rounding, randomBits) ? 1 : 0;
  if (code > format.largest()) {
    return beyond;
  }
  if (code == 0 && !format.hasNegativeZero()) {
    return 0;
  }
  return sign | static_cast<uint32_t>(code);
}

uint32_t encodeE8M0Parts(const Parts &x, bool saturate) {
  constexpr uint32_t kNaN = 255;
  if (x.isNaN || (x.negative && (x.isInfinite || x.significand != 0))) {
    return kNaN;
  }
  if (x.significand == 0) {
    return 0;
  }
  int exponent = x.exponent + std::bit_width(x.significand) - 1;
  if (x.isInfinite || exponent > 127) {
    return saturate ? 254 : kNaN;
  }
  return static_cast<uint32_t>(std::max(exponent + 127, 0));
}

} // namespace

uint32_t steelyard::encode(const FloatFormat &format, float value,
                           Rounding rounding, bool saturate,
                           uint32_t randomBits) {
  return encodeParts(format, split(value), rounding, saturate, randomBits);
}

uint32_t steelyard::encode(const FloatFormat &format, double value,
                           Rounding rounding, bool saturate,
                           uint32_t randomBits) {
  return encodeParts(format, split(value), rounding, saturate, randomBits);
}

void steelyard::encode(const FloatFormat &format, const float *values,
                       const uint32_t *randomBits, size_t count,
                       Rounding rounding, bool saturate, uint32_t *codes) {
  const FloatFormat copy = format; // not aliased by the codes
  for (size_t i = 0; i < count; ++i) {
    codes[i] = encodeParts(copy, split(values[i]), rounding, saturate,
                           randomBits != nullptr ? randomBits[i] : 0);
  }
}

uint32_t steelyard::encodeE8M0(float value, bool saturate) {
  return encodeE8M0Parts(split(value), saturate);
}

uint32_t steelyard::encodeE8M0(double value, bool saturate) {
  return encodeE8M0Parts(split(value), saturate);
}

float steelyard::decodeE8M0(uint32_t code) {
  code &= 255;
  return code == 255 ? std::bit_cast<float>(0x7fc00000u)
                     : std::ldexp(1.0f, static_cast<int>(code) - 127);
}

float steelyard::rescale(float value, int32_t delta) {
  // No float32 survives more than 2^±277, and in float64 that is exact.
  double factor = std::ldexp(1.0, std::clamp(delta, -400, 400));
  return static_cast<float>(value * factor);
}

double steelyard::rescale(double value, int32_t delta) {
  return std::scalbn(value, delta);
}

int32_t steelyard::exponentOf(float value) {
  Parts x = split(value);
  if (x.isInfinite || x.isNaN || x.significand == 0) {
    return kZeroExponent;
  }
  return x.exponent + std::bit_width(x.significand) - 1;
}

int32_t steelyard::amaxExponent(const float *values, size_t count) {
  int32_t exponent = kZeroExponent;
  for (size_t i = 0; i < count; ++i) {
    exponent = std::max(exponent, exponentOf(values[i]));
  }
  return exponent;
}
