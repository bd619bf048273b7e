//===- Blas.h - The one interface to a BLAS library -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_BLAS_H
#define STEELYARD_LIB_RUNTIME_BLAS_H

#include "Support.h"

namespace steelyard::runtime {

/// The largest n of one call; a tile of `steelyard_gemm` is no wider.
inline constexpr int64_t kMaxTile = 512;

/// A matrix by its strides in elements, one of them 1, the other at least the
/// extent that it strides over and at most INT_MAX.
template <typename T>
struct Matrix {
  T *data;
  int64_t rowStride, columnStride;
};

/// Contractions of one tile on the calling thread.
class BlasLibrary {
public:
  virtual ~BlasLibrary();

  virtual const char *description() const = 0;

  /// Called before the threads of one contraction start.
  virtual void prepare() const {}

  /// Memory that `multiply` needs, for elements of `elementBytes`.
  virtual size_t workspaceBytes(size_t elementBytes) const { return 0; }

  /// C = A * B, or C += A * B; m, n, k >= 1, n <= kMaxTile, all <= INT_MAX;
  /// C's column stride is 1. C is not read unless `accumulate`.
  virtual void multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> a,
                        Matrix<const float> b, Matrix<float> c, bool accumulate,
                        void *workspace) const = 0;
  virtual void multiply(int64_t m, int64_t n, int64_t k, Matrix<const double> a,
                        Matrix<const double> b, Matrix<double> c,
                        bool accumulate, void *workspace) const = 0;
};

/// The library in use, opened at the first call; see `steelyard_set_blas_path`
/// for which. Fails when STEELYARD_BLAS names one that can't be used. Never
/// closed.
Status getBlas(const BlasLibrary *&library);

/// The runtime's own: packed panels and the host's micro-kernel.
const BlasLibrary &builtinBlas();

} // namespace steelyard::runtime

#endif // STEELYARD_LIB_RUNTIME_BLAS_H
