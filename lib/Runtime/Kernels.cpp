//===- Kernels.cpp - Choosing the host's inner loops ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Kernels.h"

#include <cstdlib>
#include <cstring>

using namespace steelyard::runtime;

const char *steelyard::runtime::unknownInstructionSet() {
  const char *asked = std::getenv("STEELYARD_ISA");
  if (!asked || !*asked) {
    return nullptr;
  }
  static const char *const names[] = {"baseline", "avx2", "avx512"};
  for (const char *known : names) {
    if (std::strcmp(asked, known) == 0) {
      return nullptr;
    }
  }
  return asked;
}

static const Kernels &choose() {
#if defined(__x86_64__)
  const char *asked = std::getenv("STEELYARD_ISA");
  auto allowed = [&](const char *name) {
    return !asked || !*asked || std::strcmp(asked, name) == 0;
  };
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("f16c");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl");
  if (avx512 && allowed("avx512")) {
    return kernelsAVX512;
  }
  if (avx2 && (allowed("avx2") || allowed("avx512"))) {
    return kernelsAVX2;
  }
#endif
  return kernelsBaseline;
}

const Kernels &steelyard::runtime::hostKernels() {
  static const Kernels &kernels = choose();
  return kernels;
}
