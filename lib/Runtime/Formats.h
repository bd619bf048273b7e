//===- Formats.h - Element types and their codes ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_FORMATS_H
#define STEELYARD_LIB_RUNTIME_FORMATS_H

#include "steelyard/Runtime/steelyard.h"

#include <optional>

namespace steelyard::runtime {

/// A binary float format as data: sign, exponent, significand, from the top.
struct FormatInfo {
  int exponentBits;
  int significandBits; // trailing ones: IEEE 754's t
  int bias;
  int nonFinite; // STEELYARD_NON_FINITE_*
  bool isSigned = true;

  int bits() const { return isSigned + exponentBits + significandBits; }
};

enum class TypeClass { Invalid, Bool, Signed, Unsigned, Float, Complex };

TypeClass classify(steelyard_type type);

/// The format of a float type (f32 for tf32); nothing for other types and for
/// parameters that make no format.
std::optional<FormatInfo> formatOf(steelyard_type type);

bool isNaN(const FormatInfo &format, uint64_t code);
bool isInfinite(const FormatInfo &format, uint64_t code);

/// The value of `code`, exact in f64 for every format of at most 64 bits that
/// steelyard_type can name.
double decode(const FormatInfo &format, uint64_t code);

/// The f32 value of every code of a format of at most 16 bits: 256 or 65536
/// floats, by Numerics. Made once for a format, kept for the process's life;
/// thread-safe.
const float *decodeTable(const FormatInfo &format);

} // namespace steelyard::runtime

#endif // STEELYARD_LIB_RUNTIME_FORMATS_H
