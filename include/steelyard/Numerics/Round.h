//===- Round.h - Encoding, decoding, powers of two --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The meaning of every cast of the compiler, one number at a time; compiled
// code gives the same bits. Formats have to be valid (`validate`).
//
// encode: x is rounded to t + 1 significant bits, or to a multiple of the
// least subnormal number where that is coarser, as if exponents had no upper
// end; what is then larger than the largest finite number overflows.
//   - saturating: overflow and infinities become the largest finite number.
//   - not saturating: overflow and infinities become infinity where the format
//     has it, else NaN where it has that, else the largest finite number.
//     Toward zero a finite x never overflows: it stops at the largest number.
//   - NaN becomes the quiet NaN of its sign, its payload is dropped; see
//     FloatFormat::nan for formats without one.
//   - -0, and what rounds to it, is +0 in a format without -0.
//
// Stochastic rounding: with x = (k + f) ulp, 0 <= f < 1, ulp the spacing of
// the format at x (that of the subnormals included) and r the 32 random bits,
//   |result| = k + 1 ulp  if  floor(f * 2^32) + r >= 2^32,  else k ulp.
// With r uniform P(up) = floor(f * 2^32) / 2^32: exact, hence unbiased, unless
// more than 32 bits are dropped; values in the format stay; for one r the
// result is monotonic in x. Beyond the largest finite number the next ulp
// counts as overflow, with the same probability.
//
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_NUMERICS_ROUND_H
#define STEELYARD_NUMERICS_ROUND_H

#include "steelyard/Numerics/Format.h"

#include <cstddef>

namespace steelyard {

enum class Rounding : uint8_t {
  NearestEven = 0, ///< ties to the even code
  TowardZero = 1,
  Stochastic = 2,
};

/// The code of `value`. `randomBits` counts for stochastic rounding only.
uint32_t encode(const FloatFormat &format, float value,
                Rounding rounding = Rounding::NearestEven,
                bool saturate = false, uint32_t randomBits = 0);
/// With one rounding from float64.
uint32_t encode(const FloatFormat &format, double value,
                Rounding rounding = Rounding::NearestEven,
                bool saturate = false, uint32_t randomBits = 0);

/// Many at once; `randomBits` is null or one for each.
void encode(const FloatFormat &format, const float *values,
            const uint32_t *randomBits, size_t count, Rounding rounding,
            bool saturate, uint32_t *codes);

/// The value of `code`, exact; bits above the format's width are ignored. NaN
/// is quiet, with the code's sign and, under `IEEE`, its payload
/// (IEEE 754-2019 section 6.2.3).
float decode(const FloatFormat &format, uint32_t code);

//===----------------------------------------------------------------------===//
// E8M0: a power of two in 8 bits, without sign, zero or infinity
//===----------------------------------------------------------------------===//

/// OCP MX 1.0 section 6.3's floor, whatever the rounding mode: 127 +
/// floor(log2 value), at least 0 (also for zeros). Negative numbers and NaN
/// become NaN (255); +infinity too, or 254 when saturating.
uint32_t encodeE8M0(float value, bool saturate = false);
uint32_t encodeE8M0(double value, bool saturate = false);
/// 2^(code - 127), NaN for 255.
float decodeE8M0(uint32_t code);

//===----------------------------------------------------------------------===//
// Powers of two
//===----------------------------------------------------------------------===//

/// The exponent that stands for zero.
inline constexpr int32_t kZeroExponent = -(1 << 20);

/// value * 2^delta, rounded once to nearest even, any delta.
float rescale(float value, int32_t delta);
double rescale(double value, int32_t delta);

/// floor(log2 |value|) from the bits; kZeroExponent for zeros, infinities and
/// NaN.
int32_t exponentOf(float value);

/// floor(log2 amax) over the finite elements of `values`; kZeroExponent if
/// there is none but zeros.
int32_t amaxExponent(const float *values, size_t count);

} // namespace steelyard

#endif // STEELYARD_NUMERICS_ROUND_H
