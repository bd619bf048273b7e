//===- Check.cpp - Comparing buffers in compiled tests ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <cmath>
#include <cstring>
#include <utility>

#include "Context.h"
#include "Formats.h"

using namespace steelyard::runtime;

static constexpr size_t kMaxReports = 16;

namespace {

/// A type whose elements are compared one number at a time.
struct NumberType {
  TypeClass kind;
  FormatInfo format; // of floats
  size_t bytes;

  uint64_t code(const void *data, int64_t index) const {
    uint64_t value = 0;
    // Little-endian, as every target of the runtime.
    std::memcpy(&value,
                static_cast<const char *>(data) +
                    static_cast<size_t>(index) * bytes,
                bytes);
    if (kind == TypeClass::Float && format.bits() < 64) {
      value &= (uint64_t(1) << format.bits()) - 1;
    }
    return value;
  }

  bool isNaN(uint64_t code) const {
    return kind == TypeClass::Float && steelyard::runtime::isNaN(format, code);
  }

  std::string print(uint64_t code) const {
    switch (kind) {
    case TypeClass::Float:
      return format.bits() > 32 ? steelyard::runtime::format(
                                      "%.17g (0x%0*llx)", decode(format, code),
                                      static_cast<int>(2 * bytes),
                                      static_cast<unsigned long long>(code))
                                : steelyard::runtime::format(
                                      "%.9g (0x%0*llx)", decode(format, code),
                                      static_cast<int>(2 * bytes),
                                      static_cast<unsigned long long>(code));
    case TypeClass::Signed: {
      auto shift = static_cast<int>(64 - 8 * bytes);
      return std::to_string(static_cast<int64_t>(code << shift) >> shift);
    }
    default:
      return std::to_string(code);
    }
  }

  /// Signed distance from zero in representable values, zeros being one.
  std::pair<bool, uint64_t> rank(uint64_t code) const {
    int width = format.exponentBits + format.significandBits;
    uint64_t magnitude = code & ((uint64_t(1) << width) - 1);
    bool negative = format.isSigned && (code >> width & 1) && magnitude != 0;
    return {negative, magnitude};
  }
};

struct Exact {
  bool operator()(const NumberType &type, uint64_t got, uint64_t want) const {
    return got == want;
  }
};

struct Close {
  uint64_t maxUlp;
  bool operator()(const NumberType &type, uint64_t got, uint64_t want) const {
    if (got == want || type.kind != TypeClass::Float) {
      return got == want;
    }
    if (isInfinite(type.format, got) || isInfinite(type.format, want)) {
      return false;
    }
    auto [negativeGot, magnitudeGot] = type.rank(got);
    auto [negativeWant, magnitudeWant] = type.rank(want);
    uint64_t distance =
        negativeGot != negativeWant    ? magnitudeGot + magnitudeWant
        : magnitudeGot > magnitudeWant ? magnitudeGot - magnitudeWant
                                       : magnitudeWant - magnitudeGot;
    return distance <= maxUlp;
  }
};

struct AlmostEqual {
  double tolerance;
  bool operator()(const NumberType &type, uint64_t got, uint64_t want) const {
    if (got == want || type.kind != TypeClass::Float) {
      return got == want;
    }
    // An infinite difference is beyond any tolerance, even an infinite one.
    double difference =
        std::fabs(decode(type.format, got) - decode(type.format, want));
    return std::isfinite(difference) && difference <= tolerance;
  }
};

std::string printIndex(int64_t element, int64_t rank, const int64_t *shape) {
  std::string text;
  for (int64_t i = rank - 1; i >= 0; --i) {
    text.insert(0, text.empty() ? "" : ", ");
    text.insert(0, std::to_string(element % shape[i]));
    element /= shape[i];
  }
  return "[" + text + "]";
}

template <typename Equal>
void check(steelyard_context *context, const std::string &what,
           steelyard_type type, int64_t rank, const int64_t *shape,
           const void *got, const void *want, const char *location,
           Equal equal) {
  if (context->runsOnDevice()) {
    Status status = context->session->beforeLook();
    if (!status.ok()) {
      context->fail(status.code(), status.message());
      return;
    }
  }
  ++context->checkCount;
  auto record = [&](const std::string &text) {
    if (++context->checkFailures <= static_cast<int64_t>(kMaxReports)) {
      context->checkReports.push_back(
          (location && *location ? std::string(location) + ": " : "") + what +
          " failed: " + text);
    }
  };
  TypeClass kind = classify(type);
  if (kind == TypeClass::Invalid) {
    record("the type is invalid");
    return;
  }
  NumberType number{kind, {}, steelyard_type_bytes(type)};
  int64_t parts = 1; // numbers an element
  if (kind == TypeClass::Complex) {
    parts = 2;
    number.bytes /= 2;
    number.kind = TypeClass::Float;
    number.format =
        *formatOf(type == STEELYARD_C64 ? STEELYARD_F32 : STEELYARD_F64);
  } else if (kind == TypeClass::Float) {
    number.format = *formatOf(type);
  }
  int64_t elements = 1;
  for (int64_t i = 0; i < rank; ++i) {
    elements *= shape[i];
  }
  std::vector<char> copies[2];
  if (context->runsOnDevice()) {
    const void **buffers[] = {&got, &want};
    for (int i = 0; i < 2; ++i) {
      copies[i].resize(static_cast<size_t>(elements) *
                       steelyard_type_bytes(type));
      Status status = context->session->download(
          copies[i].data(), cuda::toAddress(*buffers[i]), copies[i].size());
      if (!status.ok()) {
        context->fail(status.code(), status.message());
        return;
      }
      *buffers[i] = copies[i].data();
    }
  }
  int64_t different = 0, first = 0;
  for (int64_t i = 0; i < elements; ++i) {
    bool same = true;
    for (int64_t part = i * parts; part < (i + 1) * parts; ++part) {
      uint64_t g = number.code(got, part), w = number.code(want, part);
      bool bothNaN = number.isNaN(g) && number.isNaN(w);
      bool oneNaN = number.isNaN(g) != number.isNaN(w);
      same = same && (bothNaN || (!oneNaN && equal(number, g, w)));
    }
    if (!same && different++ == 0) {
      first = i;
    }
  }
  if (different == 0) {
    return;
  }
  auto print = [&](const void *data) {
    std::string text = number.print(number.code(data, first * parts));
    return parts == 1
               ? text
               : "(" + text + ", " +
                     number.print(number.code(data, first * parts + 1)) + ")";
  };
  record("at " + printIndex(first, rank, shape) + " got " + print(got) +
         ", want " + print(want) + "; " + std::to_string(different) + " of " +
         std::to_string(elements) + " elements of " +
         steelyard_type_name(type) + " differ");
}

} // namespace

void steelyard_check_eq(steelyard_context *context, steelyard_type type,
                        int64_t rank, const int64_t *shape, const void *got,
                        const void *want, const char *location) {
  check(context, "check.expect_eq", type, rank, shape, got, want, location,
        Exact{});
}

void steelyard_check_close(steelyard_context *context, steelyard_type type,
                           int64_t rank, const int64_t *shape, const void *got,
                           const void *want, int64_t max_ulp,
                           const char *location) {
  check(
      context,
      format("check.expect_close (%lld ulp)", static_cast<long long>(max_ulp)),
      type, rank, shape, got, want, location,
      Close{max_ulp < 0 ? 0 : static_cast<uint64_t>(max_ulp)});
}

void steelyard_check_almost_eq(steelyard_context *context, steelyard_type type,
                               int64_t rank, const int64_t *shape,
                               const void *got, const void *want,
                               double tolerance, const char *location) {
  check(context, format("check.expect_almost_eq (tolerance %g)", tolerance),
        type, rank, shape, got, want, location, AlmostEqual{tolerance});
}
