//===- Processor.cpp - What the host's processor has ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <cstring>

#include "Support.h"

namespace {

struct Feature {
  const char *name; ///< LLVM's
  bool isThere;
};

} // namespace

int32_t steelyard_processor_supports(const char *feature) {
#if defined(__x86_64__)
  // The builtin takes literals alone, and some names of its own.
#define STEELYARD_FEATURE(name, theirs)                                        \
  {                                                                            \
    name, static_cast<bool>(__builtin_cpu_supports(theirs))                    \
  }
  const Feature features[] = {
      STEELYARD_FEATURE("sse3", "sse3"),
      STEELYARD_FEATURE("ssse3", "ssse3"),
      STEELYARD_FEATURE("sse4.1", "sse4.1"),
      STEELYARD_FEATURE("sse4.2", "sse4.2"),
      STEELYARD_FEATURE("popcnt", "popcnt"),
      STEELYARD_FEATURE("lzcnt", "lzcnt"),
      STEELYARD_FEATURE("bmi", "bmi"),
      STEELYARD_FEATURE("bmi2", "bmi2"),
      STEELYARD_FEATURE("f16c", "f16c"),
      STEELYARD_FEATURE("fma", "fma"),
      STEELYARD_FEATURE("avx", "avx"),
      STEELYARD_FEATURE("avx2", "avx2"),
      STEELYARD_FEATURE("avx512f", "avx512f"),
      STEELYARD_FEATURE("avx512bw", "avx512bw"),
      STEELYARD_FEATURE("avx512cd", "avx512cd"),
      STEELYARD_FEATURE("avx512dq", "avx512dq"),
      STEELYARD_FEATURE("avx512vl", "avx512vl"),
      STEELYARD_FEATURE("avx512ifma", "avx512ifma"),
      STEELYARD_FEATURE("avx512vbmi", "avx512vbmi"),
      STEELYARD_FEATURE("avx512vbmi2", "avx512vbmi2"),
      STEELYARD_FEATURE("avx512vnni", "avx512vnni"),
      STEELYARD_FEATURE("avx512bitalg", "avx512bitalg"),
      STEELYARD_FEATURE("avx512vpopcntdq", "avx512vpopcntdq"),
      STEELYARD_FEATURE("avx512bf16", "avx512bf16"),
      STEELYARD_FEATURE("avx512fp16", "avx512fp16"),
      STEELYARD_FEATURE("avxvnni", "avxvnni"),
      STEELYARD_FEATURE("gfni", "gfni"),
  };
#undef STEELYARD_FEATURE
  for (const Feature &known : features) {
    if (feature && std::strcmp(known.name, feature) == 0) {
      return known.isThere ? 1 : 0;
    }
  }
#else
  (void)feature;
#endif
  return -1;
}
