//===- Numerics.cpp - Numerics for the tests --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Numerics/Round.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#ifdef __SSE2__
#include <immintrin.h>
#endif

using namespace steelyard;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
struct Format {
  int32_t e, t, bias, rule;
  operator FloatFormat() const {
    return {e, t, bias, static_cast<NonFinite>(rule)};
  }
};

/// What compiled code looks like from C: three memrefs of rank 1.
using Compiled = void (*)(const void *, const void *, int64_t, int64_t, int64_t,
                          const void *, const void *, int64_t, int64_t, int64_t,
                          void *, void *, int64_t, int64_t, int64_t);

void call(Compiled function, const void *in, const void *random, void *out,
          int64_t count) {
  function(in, in, 0, count, 1, random, random, 0, count, 1, out, out, 0, count,
           1);
}

/// Bits for the stochastic casts of the sweep, different for each input.
uint32_t mix(uint32_t x) {
  x = (x ^ x >> 16) * 0x21f0aaadu;
  x = (x ^ x >> 15) * 0x735a2d97u;
  return x ^ x >> 15;
}
} // namespace

EXPORT void sy_validate(const Format *format, char *message, size_t size) {
  std::strncpy(message, validate(*format).c_str(), size - 1);
  message[size - 1] = 0;
}

/// largest magnitude, overflow, NaN; max, least normal and subnormal number.
EXPORT void sy_describe(const Format *format, uint32_t *codes, float *values) {
  FloatFormat f = *format;
  codes[0] = f.largest();
  codes[1] = f.overflow(false);
  codes[2] = f.nan(false);
  codes[3] = static_cast<uint32_t>(f.maxExponent());
  values[0] = f.maxFinite();
  values[1] = f.minNormal();
  values[2] = f.minSubnormal();
}

EXPORT void sy_encode(const Format *format, const float *values,
                      const uint32_t *random, int64_t count, int32_t rounding,
                      int32_t saturate, uint32_t *codes) {
  encode(*format, values, random, static_cast<size_t>(count),
         static_cast<Rounding>(rounding), saturate != 0, codes);
}

EXPORT void sy_encode_f64(const Format *format, const double *values,
                          const uint32_t *random, int64_t count,
                          int32_t rounding, int32_t saturate, uint32_t *codes) {
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = encode(*format, values[i], static_cast<Rounding>(rounding),
                      saturate != 0, random[i]);
  }
}

EXPORT void sy_decode(const Format *format, const uint32_t *codes,
                      int64_t count, float *values) {
  for (int64_t i = 0; i < count; ++i) {
    values[i] = decode(*format, codes[i]);
  }
}

EXPORT void sy_encode_e8m0(const float *values, int64_t count, int32_t saturate,
                           uint32_t *codes) {
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = encodeE8M0(values[i], saturate != 0);
  }
}

EXPORT void sy_encode_e8m0_f64(const double *values, int64_t count,
                               int32_t saturate, uint32_t *codes) {
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = encodeE8M0(values[i], saturate != 0);
  }
}

EXPORT void sy_decode_e8m0(const uint32_t *codes, int64_t count,
                           float *values) {
  for (int64_t i = 0; i < count; ++i) {
    values[i] = decodeE8M0(codes[i]);
  }
}

EXPORT void sy_rescale(const float *values, int64_t count, int32_t delta,
                       float *results) {
  for (int64_t i = 0; i < count; ++i) {
    results[i] = rescale(values[i], delta);
  }
}

EXPORT void sy_rescale_f64(const double *values, int64_t count, int32_t delta,
                           double *results) {
  for (int64_t i = 0; i < count; ++i) {
    results[i] = rescale(values[i], delta);
  }
}

EXPORT int32_t sy_amax_exponent(const float *values, int64_t count) {
  return amaxExponent(values, static_cast<size_t>(count));
}

/// Runs compiled code on `count` values.
EXPORT void sy_call(Compiled function, const void *in, const uint32_t *random,
                    void *out, int64_t count) {
  call(function, in, random, out, count);
}

/// Runs compiled code with subnormals flushed, as some libraries leave a
/// thread; 0 where the processor has no such mode.
EXPORT int32_t sy_call_flushing(Compiled function, const void *in,
                                const uint32_t *random, void *out,
                                int64_t count) {
#ifdef __SSE2__
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040); // FTZ, DAZ
  call(function, in, random, out, count);
  _mm_setcsr(before);
  return 1;
#else
  return 0;
#endif
}

/// The random bits that the sweep uses for patterns from `begin`.
EXPORT void sy_random(uint32_t begin, int64_t count, uint32_t *random) {
  for (int64_t i = 0; i < count; ++i) {
    random[i] = mix(begin + static_cast<uint32_t>(i));
  }
}

namespace {
struct Sweep {
  FloatFormat format;
  Rounding rounding;
  bool saturate;
  const Compiled *compiled;
  int64_t compiledCount;
};

template <typename Code>
int64_t sweep(const Sweep &s, int64_t begin, int64_t end, uint32_t *first) {
  constexpr int64_t kBlock = 1 << 12;
  std::vector<float> values(kBlock);
  std::vector<uint32_t> random(kBlock), codes(kBlock);
  std::vector<Code> got(kBlock), want(kBlock);
  bool checksOrder = s.rounding != Rounding::Stochastic;
  uint32_t previous = 0;
  int64_t wrong = 0;
  auto count = [&](int64_t at, int64_t i) {
    if (wrong++ == 0) {
      *first = static_cast<uint32_t>(at + i);
    }
  };
  for (int64_t at = begin; at < end; at += kBlock) {
    int64_t size = std::min(kBlock, end - at);
    for (int64_t i = 0; i < size; ++i) {
      auto bits = static_cast<uint32_t>(at + i);
      values[i] = std::bit_cast<float>(bits);
      random[i] = mix(bits);
    }
    encode(s.format, values.data(), random.data(), static_cast<size_t>(size),
           s.rounding, s.saturate, codes.data());
    std::copy_n(codes.begin(), size, want.begin());
    for (int64_t which = 0; which < s.compiledCount; ++which) {
      call(s.compiled[which], values.data(), random.data(), got.data(), size);
      if (std::memcmp(got.data(), want.data(), size * sizeof(Code)) != 0) {
        for (int64_t i = 0; i < size; ++i) {
          if (got[i] != want[i]) {
            count(at, i);
          }
        }
      }
    }
    // Larger magnitudes never have smaller codes, NaN for overflow counting as
    // the largest. Blocks are aligned: zero and infinity start one.
    auto least = static_cast<uint32_t>(at) & 0x7fffffff;
    if (!checksOrder || least > 0x7f800000) {
      continue;
    }
    uint32_t mask = s.format.magnitudeMask();
    bool zeroIsNaN = !s.format.hasNegativeZero();
    auto order = [&](int64_t i) {
      uint32_t magnitude = codes[i] & mask;
      return zeroIsNaN && codes[i] == mask + 1 ? mask + 1 : magnitude;
    };
    if (least != 0 && order(0) < previous) {
      count(at, 0);
    }
    int64_t falls = 0;
    int64_t numbers = least == 0x7f800000 ? 1 : size;
    for (int64_t i = 1; i < numbers; ++i) {
      falls += order(i) < order(i - 1) ? 1 : 0;
    }
    if (falls != 0) {
      count(at, 0);
    }
    previous = order(numbers - 1);
  }
  return wrong;
}
} // namespace

/// Compares each of the compiled loops with `encode` on the float32 patterns
/// [begin, end) and checks that it is monotonic; gives how many differ and the
/// first. `bytes` is the size of a code in memory, `begin` a multiple of 4096.
EXPORT int64_t sy_sweep(const Format *format, int32_t rounding,
                        int32_t saturate, const Compiled *compiled,
                        int64_t compiledCount, int64_t bytes, int64_t begin,
                        int64_t end, uint32_t *first) {
  Sweep s{*format, static_cast<Rounding>(rounding), saturate != 0, compiled,
          compiledCount};
  return bytes == 1 ? sweep<uint8_t>(s, begin, end, first)
                    : sweep<uint16_t>(s, begin, end, first);
}
