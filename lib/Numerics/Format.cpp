//===- Format.cpp - Floating-point formats as data --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Numerics/Format.h"

#include "steelyard/Numerics/Round.h"

#include <bit>
#include <cfloat>
#include <cmath>

using namespace steelyard;

/// The value of a finite magnitude, exact in float64 for any bias in reach.
static double finiteValue(const FloatFormat &format, uint32_t magnitude) {
  uint32_t hidden = uint32_t{1} << format.significandBits;
  int field = static_cast<int>(magnitude >> format.significandBits);
  uint32_t significand = magnitude & (hidden - 1);
  if (field == 0) {
    field = 1;
  } else {
    significand |= hidden;
  }
  return std::ldexp(significand, field - format.bias - format.significandBits);
}

int FloatFormat::maxExponent() const { return std::ilogb(maxFinite()); }

float FloatFormat::maxFinite() const {
  return static_cast<float>(finiteValue(*this, largest()));
}

float FloatFormat::minNormal() const {
  return std::ldexp(1.0f, minNormalExponent());
}

float FloatFormat::minSubnormal() const {
  return std::ldexp(1.0f, minSubnormalExponent());
}

std::string steelyard::validate(const FloatFormat &format) {
  auto number = [](int value) { return std::to_string(value); };
  if (format.exponentBits < 1 || format.exponentBits > 8) {
    return "a format has 1 to 8 exponent bits, got e = " +
           number(format.exponentBits);
  }
  if (format.significandBits < 0 || format.significandBits > 14 ||
      format.width() > 16) {
    return "a format has at most 16 bits: 1 + e + t with e = " +
           number(format.exponentBits) +
           " and t = " + number(format.significandBits);
  }
  if (format.nonFinite == NonFinite::IEEE && format.significandBits == 0) {
    return "a format with infinities needs a significand bit to tell NaN from "
           "them, got t = 0";
  }
  if (format.largest() == 0) {
    return "a format of " + number(format.width()) +
           " bits with a NaN in its largest code has no finite number but zero";
  }
  // A bias out of these bounds is out of float32's in any case, and would
  // overflow what follows.
  if (format.bias < -512 || format.bias > 512 ||
      format.minSubnormalExponent() < -149 ||
      finiteValue(format, format.largest()) > FLT_MAX) {
    return "bias " + number(format.bias) +
           " puts values of the format outside of float32";
  }
  return {};
}

float steelyard::decode(const FloatFormat &format, uint32_t code) {
  uint32_t magnitude = code & format.magnitudeMask();
  float sign = (code & format.signBit()) != 0 ? -1.0f : 1.0f;
  if (format.isNaN(code)) {
    uint32_t bits = 0x7fc00000;
    if (format.nonFinite == NonFinite::IEEE) {
      bits |= (magnitude & ~format.infinity()) << (23 - format.significandBits);
    }
    bits |= sign < 0 ? 0x80000000 : 0;
    return std::bit_cast<float>(bits);
  }
  if (format.isInfinity(code)) {
    return sign * HUGE_VALF;
  }
  return sign * static_cast<float>(finiteValue(format, magnitude));
}
