//===- Formats.cpp - Element types and their codes --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Formats.h"

#include "steelyard/Numerics/Format.h"
#include "steelyard/Numerics/Round.h"

#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

using namespace steelyard::runtime;

namespace {
struct TypeEntry {
  steelyard_type type;
  const char *name;
  TypeClass kind;
  int bytes;
  FormatInfo format; // of floats
};
} // namespace

static constexpr int kIEEE = STEELYARD_NON_FINITE_IEEE;
static constexpr int kNaNOnly = STEELYARD_NON_FINITE_NAN_ONLY;
static constexpr int kNone = STEELYARD_NON_FINITE_NONE;
static constexpr int kNegativeZero = STEELYARD_NON_FINITE_NEGATIVE_ZERO_NAN;

static constexpr TypeEntry kTypes[] = {
    {STEELYARD_I1, "i1", TypeClass::Bool, 1, {}},
    {STEELYARD_I2, "i2", TypeClass::Signed, 1, {}},
    {STEELYARD_I4, "i4", TypeClass::Signed, 1, {}},
    {STEELYARD_I8, "i8", TypeClass::Signed, 1, {}},
    {STEELYARD_I16, "i16", TypeClass::Signed, 2, {}},
    {STEELYARD_I32, "i32", TypeClass::Signed, 4, {}},
    {STEELYARD_I64, "i64", TypeClass::Signed, 8, {}},
    {STEELYARD_UI2, "ui2", TypeClass::Unsigned, 1, {}},
    {STEELYARD_UI4, "ui4", TypeClass::Unsigned, 1, {}},
    {STEELYARD_UI8, "ui8", TypeClass::Unsigned, 1, {}},
    {STEELYARD_UI16, "ui16", TypeClass::Unsigned, 2, {}},
    {STEELYARD_UI32, "ui32", TypeClass::Unsigned, 4, {}},
    {STEELYARD_UI64, "ui64", TypeClass::Unsigned, 8, {}},
    {STEELYARD_F64, "f64", TypeClass::Float, 8, {11, 52, 1023, kIEEE}},
    {STEELYARD_F32, "f32", TypeClass::Float, 4, {8, 23, 127, kIEEE}},
    {STEELYARD_F16, "f16", TypeClass::Float, 2, {5, 10, 15, kIEEE}},
    {STEELYARD_BF16, "bf16", TypeClass::Float, 2, {8, 7, 127, kIEEE}},
    {STEELYARD_TF32, "tf32", TypeClass::Float, 4, {8, 23, 127, kIEEE}},
    {STEELYARD_F8E5M2, "f8E5M2", TypeClass::Float, 1, {5, 2, 15, kIEEE}},
    {STEELYARD_F8E4M3, "f8E4M3", TypeClass::Float, 1, {4, 3, 7, kIEEE}},
    {STEELYARD_F8E4M3FN, "f8E4M3FN", TypeClass::Float, 1, {4, 3, 7, kNaNOnly}},
    {STEELYARD_F8E5M2FNUZ,
     "f8E5M2FNUZ",
     TypeClass::Float,
     1,
     {5, 2, 16, kNegativeZero}},
    {STEELYARD_F8E4M3FNUZ,
     "f8E4M3FNUZ",
     TypeClass::Float,
     1,
     {4, 3, 8, kNegativeZero}},
    {STEELYARD_F8E4M3B11FNUZ,
     "f8E4M3B11FNUZ",
     TypeClass::Float,
     1,
     {4, 3, 11, kNegativeZero}},
    {STEELYARD_F8E3M4, "f8E3M4", TypeClass::Float, 1, {3, 4, 3, kIEEE}},
    {STEELYARD_F8E8M0FNU,
     "f8E8M0FNU",
     TypeClass::Float,
     1,
     {8, 0, 127, kNaNOnly, /*isSigned=*/false}},
    {STEELYARD_F6E2M3FN, "f6E2M3FN", TypeClass::Float, 1, {2, 3, 1, kNone}},
    {STEELYARD_F6E3M2FN, "f6E3M2FN", TypeClass::Float, 1, {3, 2, 3, kNone}},
    {STEELYARD_F4E2M1FN, "f4E2M1FN", TypeClass::Float, 1, {2, 1, 1, kNone}},
    {STEELYARD_C64, "complex<f32>", TypeClass::Complex, 8, {}},
    {STEELYARD_C128, "complex<f64>", TypeClass::Complex, 16, {}},
};

static const TypeEntry *find(steelyard_type type) {
  for (const TypeEntry &entry : kTypes) {
    if (entry.type == type) {
      return &entry;
    }
  }
  return nullptr;
}

static bool isFormat(steelyard_type type) {
  return (type & 0xff) == STEELYARD_FORMAT_KIND;
}

/// A signed format of at most 16 bits, for Numerics.
static steelyard::FloatFormat smallFormat(const FormatInfo &format) {
  return {format.exponentBits, format.significandBits, format.bias,
          static_cast<steelyard::NonFinite>(format.nonFinite)};
}

std::optional<FormatInfo> steelyard::runtime::formatOf(steelyard_type type) {
  if (const TypeEntry *entry = find(type)) {
    return entry->kind == TypeClass::Float ? std::optional(entry->format)
                                           : std::nullopt;
  }
  if (!isFormat(type)) {
    return std::nullopt;
  }
  FormatInfo format{
      static_cast<int>(type >> 8 & 0xff), static_cast<int>(type >> 16 & 0xff),
      static_cast<int32_t>(type >> 32), static_cast<int>(type >> 24 & 0xff)};
  bool valid = format.nonFinite <= kNegativeZero &&
               validate(smallFormat(format)).empty();
  return valid ? std::optional(format) : std::nullopt;
}

TypeClass steelyard::runtime::classify(steelyard_type type) {
  if (const TypeEntry *entry = find(type)) {
    return entry->kind;
  }
  return formatOf(type) ? TypeClass::Float : TypeClass::Invalid;
}

size_t steelyard_type_bytes(steelyard_type type) {
  if (const TypeEntry *entry = find(type)) {
    return static_cast<size_t>(entry->bytes);
  }
  std::optional<FormatInfo> format = formatOf(type);
  return format ? (format->bits() > 8 ? 2 : 1) : 0;
}

const char *steelyard_type_name(steelyard_type type) {
  if (const TypeEntry *entry = find(type)) {
    return entry->name;
  }
  return formatOf(type) ? "format" : "invalid";
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

static uint64_t magnitudeMask(const FormatInfo &format) {
  return (uint64_t(1) << (format.exponentBits + format.significandBits)) - 1;
}

static uint64_t magnitude(const FormatInfo &format, uint64_t code) {
  return code & magnitudeMask(format);
}

static bool isNegative(const FormatInfo &format, uint64_t code) {
  return format.isSigned &&
         (code >> (format.exponentBits + format.significandBits) & 1);
}

/// The magnitude of infinity where there is one: the largest exponent.
static uint64_t infinity(const FormatInfo &format) {
  return magnitudeMask(format) & ~((uint64_t(1) << format.significandBits) - 1);
}

bool steelyard::runtime::isNaN(const FormatInfo &format, uint64_t code) {
  switch (format.nonFinite) {
  case kIEEE:
    return magnitude(format, code) > infinity(format);
  case kNaNOnly:
    return magnitude(format, code) == magnitudeMask(format);
  case kNegativeZero:
    return magnitude(format, code) == 0 && isNegative(format, code);
  default:
    return false;
  }
}

bool steelyard::runtime::isInfinite(const FormatInfo &format, uint64_t code) {
  return format.nonFinite == kIEEE &&
         magnitude(format, code) == infinity(format);
}

double steelyard::runtime::decode(const FormatInfo &format, uint64_t code) {
  double sign = isNegative(format, code) ? -1 : 1;
  if (isNaN(format, code)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (isInfinite(format, code)) {
    return sign * std::numeric_limits<double>::infinity();
  }
  uint64_t bits = magnitude(format, code);
  auto exponent = static_cast<int>(bits >> format.significandBits);
  uint64_t significand = bits & ((uint64_t(1) << format.significandBits) - 1);
  // An unsigned format (E8M0) has neither zero nor subnormals.
  if (exponent == 0 && format.isSigned) {
    exponent = 1;
  } else {
    significand |= uint64_t(1) << format.significandBits;
  }
  return sign * std::ldexp(static_cast<double>(significand),
                           exponent - format.bias - format.significandBits);
}

const float *steelyard::runtime::decodeTable(const FormatInfo &format) {
  using Key = std::tuple<int, int, int, int, bool>;
  static std::mutex mutex;
  static std::map<Key, std::vector<float>> tables;
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<float> &table =
      tables[{format.exponentBits, format.significandBits, format.bias,
              format.nonFinite, format.isSigned}];
  if (table.empty()) {
    table.resize(format.bits() > 8 ? 65536 : 256);
    // Bits above the code are ignored, so that no code reads past the table.
    uint64_t mask = (uint64_t(1) << format.bits()) - 1;
    for (uint64_t code = 0; code < table.size(); ++code) {
      table[code] = format.isSigned
                        ? steelyard::decode(smallFormat(format),
                                            static_cast<uint32_t>(code & mask))
                        : static_cast<float>(decode(format, code & mask));
    }
  }
  return table.data();
}
