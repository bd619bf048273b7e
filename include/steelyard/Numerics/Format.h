//===- Format.h - Floating-point formats as data ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A format of 2 to 16 bits is sign, exponent, significand, from the top. Every
// value of a valid format is a float32 value.
//
// Sources: OCP 8-bit Floating Point Specification 1.0; OCP Microscaling
// Formats 1.0; arXiv:2206.02915 for the formats whose only NaN is the code of
// -0; IEEE 754-2019 section 3.4.
//
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_NUMERICS_FORMAT_H
#define STEELYARD_NUMERICS_FORMAT_H

#include <cstdint>
#include <string>

namespace steelyard {

/// Which codes are not finite numbers.
enum class NonFinite : uint8_t {
  IEEE = 0,            ///< the largest exponent: infinities and NaNs
  NaNOnly = 1,         ///< all ones below the sign: NaN ("FN")
  FiniteOnly = 2,      ///< none
  NegativeZeroNaN = 3, ///< the code of -0: NaN ("FNUZ")
};

/// A binary float format with a sign. Codes are held in the low bits of an
/// unsigned integer; a *magnitude* is a code without its sign.
struct FloatFormat {
  int exponentBits = 0;
  int significandBits =
      0; ///< IEEE 754's t: those stored, without the hidden one
  int bias = 0;
  NonFinite nonFinite = NonFinite::IEEE;

  friend constexpr bool operator==(const FloatFormat &,
                                   const FloatFormat &) = default;

  constexpr int width() const { return 1 + exponentBits + significandBits; }
  constexpr uint32_t signBit() const {
    return uint32_t{1} << (exponentBits + significandBits);
  }
  constexpr uint32_t magnitudeMask() const { return signBit() - 1; }
  constexpr uint32_t codeMask() const { return 2 * signBit() - 1; }

  constexpr bool hasInfinity() const { return nonFinite == NonFinite::IEEE; }
  constexpr bool hasNaN() const { return nonFinite != NonFinite::FiniteOnly; }
  constexpr bool hasNegativeZero() const {
    return nonFinite != NonFinite::NegativeZeroNaN;
  }

  /// Magnitude of infinity, where the format has it: the largest exponent.
  constexpr uint32_t infinity() const {
    return magnitudeMask() & ~((uint32_t{1} << significandBits) - 1);
  }
  /// Magnitude of the largest finite number.
  constexpr uint32_t largest() const {
    switch (nonFinite) {
    case NonFinite::IEEE:
      return infinity() - 1;
    case NonFinite::NaNOnly:
      return magnitudeMask() - 1;
    default:
      return magnitudeMask();
    }
  }
  /// Code of a quiet NaN of that sign. A format without NaN has a zero of the
  /// opposite sign in its place (what ml_dtypes gives).
  constexpr uint32_t nan(bool negative) const {
    uint32_t sign = negative ? signBit() : 0;
    switch (nonFinite) {
    case NonFinite::IEEE:
      return sign | infinity() | (uint32_t{1} << significandBits >> 1);
    case NonFinite::NaNOnly:
      return sign | magnitudeMask();
    case NonFinite::FiniteOnly:
      return sign ^ signBit();
    case NonFinite::NegativeZeroNaN:
      return signBit();
    }
    return 0;
  }
  /// Code of what is beyond the largest finite number when not saturating:
  /// infinity before NaN before the largest number, whatever the format has.
  constexpr uint32_t overflow(bool negative) const {
    uint32_t sign = negative ? signBit() : 0;
    switch (nonFinite) {
    case NonFinite::IEEE:
      return sign | infinity();
    case NonFinite::FiniteOnly:
      return sign | largest();
    default:
      return nan(negative);
    }
  }
  constexpr bool isNaN(uint32_t code) const {
    switch (nonFinite) {
    case NonFinite::IEEE:
      return (code & magnitudeMask()) > infinity();
    case NonFinite::NaNOnly:
      return (code & magnitudeMask()) == magnitudeMask();
    case NonFinite::FiniteOnly:
      return false;
    case NonFinite::NegativeZeroNaN:
      return (code & codeMask()) == signBit();
    }
    return false;
  }
  constexpr bool isInfinity(uint32_t code) const {
    return hasInfinity() && (code & magnitudeMask()) == infinity();
  }

  /// Exponents of powers of two: least normal number, least subnormal one.
  constexpr int minNormalExponent() const { return 1 - bias; }
  constexpr int minSubnormalExponent() const {
    return 1 - bias - significandBits;
  }
  /// floor(log2) of the largest finite number.
  int maxExponent() const;
  float maxFinite() const;
  float minNormal() const;    ///< may not exist in a format of one exponent bit
  float minSubnormal() const; ///< the least positive number
};

/// Empty if the parameters make a format: 1 to 8 exponent bits, 2 to 16 bits,
/// every value a float32 value, a NaN under `IEEE`, a finite number besides
/// zero. Otherwise says what is wrong.
std::string validate(const FloatFormat &format);

namespace formats {
inline constexpr FloatFormat f8E5M2{5, 2, 15, NonFinite::IEEE};
inline constexpr FloatFormat f8E4M3{4, 3, 7, NonFinite::IEEE};
inline constexpr FloatFormat f8E3M4{3, 4, 3, NonFinite::IEEE};
inline constexpr FloatFormat f8E4M3FN{4, 3, 7, NonFinite::NaNOnly};
inline constexpr FloatFormat f8E5M2FNUZ{5, 2, 16, NonFinite::NegativeZeroNaN};
inline constexpr FloatFormat f8E4M3FNUZ{4, 3, 8, NonFinite::NegativeZeroNaN};
inline constexpr FloatFormat f8E4M3B11FNUZ{4, 3, 11,
                                           NonFinite::NegativeZeroNaN};
inline constexpr FloatFormat f6E3M2FN{3, 2, 3, NonFinite::FiniteOnly};
inline constexpr FloatFormat f6E2M3FN{2, 3, 1, NonFinite::FiniteOnly};
inline constexpr FloatFormat f4E2M1FN{2, 1, 1, NonFinite::FiniteOnly};
inline constexpr FloatFormat f16{5, 10, 15, NonFinite::IEEE};
inline constexpr FloatFormat bf16{8, 7, 127, NonFinite::IEEE};
} // namespace formats

} // namespace steelyard

#endif // STEELYARD_NUMERICS_FORMAT_H
