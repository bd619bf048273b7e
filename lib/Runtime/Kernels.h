//===- Kernels.h - Inner loops, one build an instruction set ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same source, Kernels.inc, is compiled for each instruction set, and the
// host's is chosen when the library is first used. Only this header and
// <stdint.h> are seen there: an inline function of a library compiled with
// AVX-512 must not become everybody's.
//
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_LIB_RUNTIME_KERNELS_H
#define STEELYARD_LIB_RUNTIME_KERNELS_H

#include <stdint.h>

namespace steelyard::runtime {

/// target[i] = value of the code source[i * stride], 0 <= i < count; `stride`
/// in elements. `table` is the format's `decodeTable` where the kernel uses it.
using DecodeKernel = void (*)(const void *source, int64_t stride, float *target,
                              int64_t count, const float *table);

/// The runtime's own contraction of one tile on packed panels.
template <typename T>
struct MicroKernel {
  int rows, columns;
  /// c[i][j] = sum over p < k of a[p][i] * b[p][j], added up in order; `a` is
  /// k x rows, `b` k x columns, `c` rows x columns, all dense.
  void (*run)(int64_t k, const T *a, const T *b, T *c);
};

struct Kernels {
  const char *name;
  DecodeKernel f8E4M3FN, f8E5M2, f16, bf16;
  DecodeKernel table8, table16;
  MicroKernel<float> f32;
  MicroKernel<double> f64;
};

extern const Kernels kernelsBaseline;
#if defined(__x86_64__)
extern const Kernels kernelsAVX2;
extern const Kernels kernelsAVX512;
#endif

/// The host's. Chosen once; STEELYARD_ISA=baseline|avx2|avx512 asks for less.
const Kernels &hostKernels();

/// What STEELYARD_ISA says, if that is none of these; else null.
const char *unknownInstructionSet();

} // namespace steelyard::runtime

#endif // STEELYARD_LIB_RUNTIME_KERNELS_H
