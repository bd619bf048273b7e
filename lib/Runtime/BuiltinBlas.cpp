//===- BuiltinBlas.cpp - Contractions without a library ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Panels of B of 256 rows are packed in slivers as wide as the micro-kernel,
// slivers of A as high; after Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", ACM TOMS 34(3), 2008, with one level
// of blocking fewer: a tile is small.
//
//===----------------------------------------------------------------------===//

#include <algorithm>

#include "Blas.h"
#include "Kernels.h"

using namespace steelyard::runtime;

namespace {

constexpr int64_t kPanel = 256;

template <typename T>
const MicroKernel<T> &microKernel();
template <>
const MicroKernel<float> &microKernel<float>() {
  return hostKernels().f32;
}
template <>
const MicroKernel<double> &microKernel<double>() {
  return hostKernels().f64;
}

template <typename T>
size_t workspace() {
  const MicroKernel<T> &kernel = microKernel<T>();
  return sizeof(T) *
         static_cast<size_t>(
             kPanel * (roundUp(kMaxTile, kernel.columns) + kernel.rows) +
             kernel.rows * kernel.columns);
}

/// packed[p][i] = source[i * stride + p * depthStride], zeros from `count` on.
template <typename T>
void packSliver(const T *source, int64_t stride, int64_t depthStride,
                int64_t count, int64_t width, int64_t depth, T *packed) {
  if (stride == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      for (int64_t i = 0; i < count; ++i) {
        packed[p * width + i] = source[p * depthStride + i];
      }
    }
  } else {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t p = 0; p < depth; ++p) {
        packed[p * width + i] = source[i * stride + p * depthStride];
      }
    }
  }
  for (int64_t i = count; i < width; ++i) {
    for (int64_t p = 0; p < depth; ++p) {
      packed[p * width + i] = T(0);
    }
  }
}

template <typename T>
void multiplyTile(int64_t m, int64_t n, int64_t k, Matrix<const T> a,
                  Matrix<const T> b, Matrix<T> c, bool accumulate, T *memory) {
  const MicroKernel<T> &kernel = microKernel<T>();
  const int64_t rows = kernel.rows, columns = kernel.columns;
  T *packedB = memory;
  T *packedA = packedB + kPanel * roundUp(n, columns);
  T *block = packedA + kPanel * rows;
  for (int64_t p = 0; p < k; p += kPanel) {
    int64_t depth = std::min(kPanel, k - p);
    bool add = accumulate || p > 0;
    for (int64_t j = 0; j < n; j += columns) {
      packSliver(b.data + p * b.rowStride + j * b.columnStride, b.columnStride,
                 b.rowStride, std::min(columns, n - j), columns, depth,
                 packedB + j * depth);
    }
    for (int64_t i = 0; i < m; i += rows) {
      int64_t height = std::min(rows, m - i);
      packSliver(a.data + i * a.rowStride + p * a.columnStride, a.rowStride,
                 a.columnStride, height, rows, depth, packedA);
      for (int64_t j = 0; j < n; j += columns) {
        int64_t width = std::min(columns, n - j);
        kernel.run(depth, packedA, packedB + j * depth, block);
        for (int64_t row = 0; row < height; ++row) {
          T *target = c.data + (i + row) * c.rowStride + j;
          const T *source = block + row * columns;
          for (int64_t column = 0; column < width; ++column) {
            target[column] =
                add ? target[column] + source[column] : source[column];
          }
        }
      }
    }
  }
}

class BuiltinBlas : public BlasLibrary {
public:
  BuiltinBlas() : name(format("builtin (%s)", hostKernels().name)) {}

  const char *description() const override { return name.c_str(); }
  size_t workspaceBytes(size_t elementBytes) const override {
    return elementBytes == 4 ? workspace<float>() : workspace<double>();
  }
  void multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> a,
                Matrix<const float> b, Matrix<float> c, bool accumulate,
                void *workspace) const override {
    multiplyTile(m, n, k, a, b, c, accumulate, static_cast<float *>(workspace));
  }
  void multiply(int64_t m, int64_t n, int64_t k, Matrix<const double> a,
                Matrix<const double> b, Matrix<double> c, bool accumulate,
                void *workspace) const override {
    multiplyTile(m, n, k, a, b, c, accumulate,
                 static_cast<double *>(workspace));
  }

private:
  std::string name;
};

} // namespace

const BlasLibrary &steelyard::runtime::builtinBlas() {
  static auto *library = new BuiltinBlas;
  return *library;
}
