//===- Gemm.cpp - Contractions over fixed tiles -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The output is cut into tiles by the sizes alone; each is computed by one
// thread with single-threaded library calls in a fixed order over k, so bits do
// not depend on the number of threads. Operands that the library cannot read
// (small formats, odd strides) are decoded into scratch memory, a panel of at
// most 512 x 256 at a time.
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <climits>
#include <cstring>
#include <type_traits>

#include "Blas.h"
#include "Context.h"
#include "Formats.h"
#include "Kernels.h"

using namespace steelyard::runtime;

namespace {

constexpr int64_t kPanelDepth = 256;

/// A (outer = m) or B (outer = n), by its strides along outer and k.
struct Operand {
  const char *data;
  int64_t elementBytes;
  int64_t batchStride, outerStride, kStride;
  DecodeKernel decode; // null: the elements are C's type
  const float *table;  // for `decode`
  bool direct = false; // the library reads it as it is
  int64_t directOuterStride = 0, directKStride = 0;

  /// Where a library can read outer x k elements in place, with which strides.
  void findDirectLayout(int64_t outer, int64_t k) {
    if (decode) {
      return;
    }
    auto fits = [](int64_t stride, int64_t extent) {
      return stride >= std::max<int64_t>(extent, 1) && stride <= INT_MAX;
    };
    // An extent of 1 makes its stride meaningless.
    int64_t outerIf = outer == 1 ? std::max<int64_t>(k, 1) : outerStride;
    int64_t kIf = k == 1 ? std::max<int64_t>(outer, 1) : kStride;
    if ((kStride == 1 || k == 1) && fits(outerIf, k)) {
      direct = true;
      directOuterStride = outerIf;
      directKStride = 1;
    } else if ((outerStride == 1 || outer == 1) && fits(kIf, outer)) {
      direct = true;
      directOuterStride = 1;
      directKStride = kIf;
    }
  }

  const char *at(int64_t batch, int64_t outer, int64_t k) const {
    return data + (batch * batchStride + outer * outerStride + k * kStride) *
                      elementBytes;
  }
};

/// A panel as the library is given it.
template <typename T>
struct Panel {
  const T *data;
  int64_t outerStride, kStride;
};

template <typename T>
void copyRun(const Operand &operand, const char *source, int64_t stride,
             T *target, int64_t count) {
  if constexpr (std::is_same_v<T, float>) {
    if (operand.decode) {
      operand.decode(source, stride, target, count, operand.table);
      return;
    }
  }
  auto *elements = reinterpret_cast<const T *>(source);
  for (int64_t i = 0; i < count; ++i) {
    target[i] = elements[i * stride];
  }
}

/// outers x depth elements, in place or decoded into `memory`.
template <typename T>
Panel<T> getPanel(const Operand &operand, int64_t batch, int64_t outer,
                  int64_t outers, int64_t k, int64_t depth, T *memory) {
  const char *source = operand.at(batch, outer, k);
  if (operand.direct) {
    return {reinterpret_cast<const T *>(source), operand.directOuterStride,
            operand.directKStride};
  }
  if (operand.outerStride == 1 && operand.kStride != 1) {
    for (int64_t p = 0; p < depth; ++p) {
      copyRun(operand, source + p * operand.kStride * operand.elementBytes, 1,
              memory + p * outers, outers);
    }
    return {memory, 1, outers};
  }
  for (int64_t i = 0; i < outers; ++i) {
    copyRun(operand, source + i * operand.outerStride * operand.elementBytes,
            operand.kStride, memory + i * depth, depth);
  }
  return {memory, depth, 1};
}

/// One contraction, ready to run tile by tile.
struct Plan {
  steelyard_context *context;
  const BlasLibrary *blas;
  int64_t batch, m, n, k;
  Operand a, b;
  char *c;
  int64_t cBatchStride, cMStride, cNStride;
  bool accumulate;
  bool cDirect;
  int64_t elementBytes; // of C

  int64_t tileM, tileN, tilesM, tilesN;
  int64_t depth; // of a step over k
  size_t scratchBytes;
};

int64_t countTiles(int64_t extent, int64_t tile) {
  return ceilDiv(extent, tile);
}

/// Equal pieces of at most `target`, in multiples of 64.
int64_t pieceOf(int64_t extent, int64_t target) {
  int64_t pieces = ceilDiv(extent, target);
  return std::min(extent, roundUp(ceilDiv(extent, pieces), 64));
}

/// At least four tiles where there is work for them: by the sizes alone.
void chooseTiles(Plan &plan) {
  plan.tileM = pieceOf(plan.m, kMaxTile);
  plan.tileN = pieceOf(plan.n, kMaxTile);
  auto tiles = [&] {
    return plan.batch * countTiles(plan.m, plan.tileM) *
           countTiles(plan.n, plan.tileN);
  };
  constexpr int64_t kWorthSplitting = int64_t(1) << 22;
  while (tiles() < 4 &&
         plan.tileM * plan.tileN * std::min<int64_t>(plan.k, 1 << 20) >=
             kWorthSplitting &&
         std::max(plan.tileM, plan.tileN) > 128) {
    if (plan.tileM > plan.tileN) {
      plan.tileM = pieceOf(plan.m, roundUp(plan.tileM / 2, 64));
    } else {
      plan.tileN = pieceOf(plan.n, roundUp(plan.tileN / 2, 64));
    }
  }
  plan.tilesM = countTiles(plan.m, plan.tileM);
  plan.tilesN = countTiles(plan.n, plan.tileN);
}

/// Bytes of a scratch region of `count` elements of C's type.
size_t region(const Plan &plan, int64_t count) {
  return static_cast<size_t>(
      roundUp(count * plan.elementBytes, static_cast<int64_t>(kAlignment)));
}

size_t panelBytes(const Plan &plan, const Operand &operand, int64_t outers) {
  return operand.direct ? 0 : region(plan, outers * plan.depth);
}

template <typename T>
void runTile(const Plan &plan, int64_t batch, int64_t i, int64_t j,
             char *scratch) {
  int64_t m = std::min(plan.tileM, plan.m - i);
  int64_t n = std::min(plan.tileN, plan.n - j);
  T *panelA = reinterpret_cast<T *>(scratch);
  scratch += panelBytes(plan, plan.a, plan.tileM);
  T *panelB = reinterpret_cast<T *>(scratch);
  scratch += panelBytes(plan, plan.b, plan.tileN);
  T *target = reinterpret_cast<T *>(plan.c) + batch * plan.cBatchStride +
              i * plan.cMStride + j * plan.cNStride;
  Matrix<T> c{target, plan.m == 1 ? plan.n : plan.cMStride, 1};
  if (!plan.cDirect) {
    c = {reinterpret_cast<T *>(scratch), n, 1};
    scratch += region(plan, plan.tileM * plan.tileN);
    if (plan.accumulate) {
      for (int64_t row = 0; row < m; ++row) {
        for (int64_t column = 0; column < n; ++column) {
          c.data[row * n + column] =
              target[row * plan.cMStride + column * plan.cNStride];
        }
      }
    }
  }
  for (int64_t k = 0; k < plan.k; k += plan.depth) {
    int64_t depth = std::min(plan.depth, plan.k - k);
    Panel<T> a = getPanel(plan.a, batch, i, m, k, depth, panelA);
    Panel<T> b = getPanel(plan.b, batch, j, n, k, depth, panelB);
    plan.blas->multiply(m, n, depth,
                        Matrix<const T>{a.data, a.outerStride, a.kStride},
                        Matrix<const T>{b.data, b.kStride, b.outerStride}, c,
                        plan.accumulate || k > 0, scratch);
  }
  if (!plan.cDirect) {
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        target[row * plan.cMStride + column * plan.cNStride] =
            c.data[row * n + column];
      }
    }
  }
}

void runTiles(int64_t begin, int64_t end, void *closure) {
  const Plan &plan = *static_cast<const Plan *>(closure);
  auto *scratch = static_cast<char *>(
      plan.context->threadScratch(std::max<size_t>(plan.scratchBytes, 1)));
  if (!scratch) {
    plan.context->fail(STEELYARD_RESOURCE_EXHAUSTED,
                       format("no memory for %zu bytes of a contraction's "
                              "panels",
                              plan.scratchBytes));
    return;
  }
  for (int64_t tile = begin; tile < end && !plan.context->cancelled(); ++tile) {
    int64_t batch = tile / (plan.tilesM * plan.tilesN);
    int64_t i = tile / plan.tilesN % plan.tilesM * plan.tileM;
    int64_t j = tile % plan.tilesN * plan.tileN;
    if (plan.elementBytes == 4) {
      runTile<float>(plan, batch, i, j, scratch);
    } else {
      runTile<double>(plan, batch, i, j, scratch);
    }
  }
}

template <typename T>
void fillZeros(const Plan &plan) {
  T *c = reinterpret_cast<T *>(plan.c);
  for (int64_t batch = 0; batch < plan.batch; ++batch) {
    for (int64_t i = 0; i < plan.m; ++i) {
      for (int64_t j = 0; j < plan.n; ++j) {
        c[batch * plan.cBatchStride + i * plan.cMStride + j * plan.cNStride] =
            T(0);
      }
    }
  }
}

/// How the elements of `type` become C's.
Status setType(Operand &operand, steelyard_type type, steelyard_type cType,
               const char *name) {
  operand.elementBytes = static_cast<int64_t>(steelyard_type_bytes(type));
  operand.decode = nullptr;
  operand.table = nullptr;
  bool same =
      type == cType || (type == STEELYARD_TF32 && cType == STEELYARD_F32);
  if (same) {
    return Status();
  }
  std::optional<FormatInfo> info = formatOf(type);
  if (cType != STEELYARD_F32 || !info || info->bits() > 16) {
    return unimplemented(
        format("a contraction of operand %s of type %s into %s", name,
               steelyard_type_name(type), steelyard_type_name(cType)));
  }
  const Kernels &kernels = hostKernels();
  switch (type) {
  case STEELYARD_F8E4M3FN:
    operand.decode = kernels.f8E4M3FN;
    break;
  case STEELYARD_F8E5M2:
    operand.decode = kernels.f8E5M2;
    break;
  case STEELYARD_F16:
    operand.decode = kernels.f16;
    break;
  case STEELYARD_BF16:
    operand.decode = kernels.bf16;
    break;
  default:
    operand.decode =
        operand.elementBytes == 1 ? kernels.table8 : kernels.table16;
    operand.table = decodeTable(*info);
  }
  return Status();
}

Status makePlan(const steelyard_gemm_desc &desc, Plan &plan) {
  if (desc.batch < 0 || desc.m < 0 || desc.n < 0 || desc.k < 0) {
    return invalidArgument("a contraction with a negative size");
  }
  if (desc.c_type != STEELYARD_F32 && desc.c_type != STEELYARD_F64) {
    return unimplemented(
        format("a contraction into %s", steelyard_type_name(desc.c_type)));
  }
  plan.batch = desc.batch;
  plan.m = desc.m;
  plan.n = desc.n;
  plan.k = desc.k;
  plan.a = {static_cast<const char *>(desc.a),
            0,
            desc.a_batch_stride,
            desc.a_m_stride,
            desc.a_k_stride,
            nullptr,
            nullptr};
  plan.b = {static_cast<const char *>(desc.b),
            0,
            desc.b_batch_stride,
            desc.b_n_stride,
            desc.b_k_stride,
            nullptr,
            nullptr};
  plan.c = static_cast<char *>(desc.c);
  plan.cBatchStride = desc.c_batch_stride;
  plan.cMStride = desc.c_m_stride;
  plan.cNStride = desc.c_n_stride;
  plan.accumulate = desc.accumulate != 0;
  plan.elementBytes = desc.c_type == STEELYARD_F32 ? 4 : 8;
  Status status = setType(plan.a, desc.a_type, desc.c_type, "a");
  if (status.ok()) {
    status = setType(plan.b, desc.b_type, desc.c_type, "b");
  }
  if (!status.ok()) {
    return status;
  }
  bool reads = plan.batch && plan.m && plan.n && plan.k;
  if (plan.batch && plan.m && plan.n &&
      (!plan.c || (reads && (!desc.a || !desc.b)))) {
    return invalidArgument("a contraction of a null operand");
  }
  return Status();
}

void choosePlan(Plan &plan) {
  // The library writes rows: a C of columns is the transpose's product.
  auto rowsOf = [](int64_t m, int64_t n, int64_t mStride, int64_t nStride) {
    return (nStride == 1 || n == 1) &&
           (m == 1 || (mStride >= n && mStride <= INT_MAX));
  };
  plan.cDirect = rowsOf(plan.m, plan.n, plan.cMStride, plan.cNStride);
  if (!plan.cDirect && rowsOf(plan.n, plan.m, plan.cNStride, plan.cMStride)) {
    plan.cDirect = true;
    std::swap(plan.a, plan.b);
    std::swap(plan.m, plan.n);
    std::swap(plan.cMStride, plan.cNStride);
  }
  plan.a.findDirectLayout(plan.m, plan.k);
  plan.b.findDirectLayout(plan.n, plan.k);
  plan.depth = plan.a.direct && plan.b.direct
                   ? std::min<int64_t>(plan.k, int64_t(1) << 30)
                   : std::min(plan.k, kPanelDepth);
  chooseTiles(plan);
  plan.scratchBytes =
      panelBytes(plan, plan.a, plan.tileM) +
      panelBytes(plan, plan.b, plan.tileN) +
      (plan.cDirect ? 0 : region(plan, plan.tileM * plan.tileN)) +
      plan.blas->workspaceBytes(static_cast<size_t>(plan.elementBytes));
}

} // namespace

int32_t steelyard_gemm(steelyard_context *context,
                       const steelyard_gemm_desc *desc) {
  Plan plan{};
  plan.context = context;
  Status status = makePlan(*desc, plan);
  if (status.ok()) {
    status = getBlas(plan.blas);
  }
  if (!status.ok()) {
    context->fail(status.code(), status.message());
    return status.code();
  }
  if (plan.batch == 0 || plan.m == 0 || plan.n == 0) {
    return STEELYARD_OK;
  }
  if (plan.k == 0) {
    if (!plan.accumulate) {
      if (plan.elementBytes == 4) {
        fillZeros<float>(plan);
      } else {
        fillZeros<double>(plan);
      }
    }
    return STEELYARD_OK;
  }
  choosePlan(plan);
  plan.blas->prepare();
  // Small tiles of a batch go to a thread together: about 2^19 products.
  int64_t work = plan.tileM * plan.tileN * std::min<int64_t>(plan.k, 1 << 20);
  int64_t grain = std::max<int64_t>(1, (int64_t(1) << 19) / work);
  context->pool.parallelFor(0, plan.batch * plan.tilesM * plan.tilesN, grain,
                            runTiles, &plan);
  if (context->cancelled()) {
    return STEELYARD_CANCELLED;
  }
  std::lock_guard<std::mutex> lock(context->mutex);
  return context->error.code();
}
