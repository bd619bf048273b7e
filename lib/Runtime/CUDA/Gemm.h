//===- Gemm.h - Contractions on a device ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_GEMM_H
#define STEELYARD_LIB_RUNTIME_CUDA_GEMM_H

#include <compare>
#include <map>
#include <memory>
#include <vector>

#include "BlasLt.h"
#include "Session.h"

namespace steelyard::runtime::cuda {

/// A matrix as cuBLASLt sees it: stored by columns.
struct LtMatrix {
  DataType type = kDataF32;
  int64_t rows = 0, columns = 0; // as stored
  int64_t leading = 0;           // elements from column to column
  int64_t batchStride = 0;       // elements
  uint32_t alignment = 16;       // of its address, at most 16
  bool isTransposed = false;     // the product is of its transpose
  uint32_t scaleAlignment = 0;   // 0: no scale

  auto operator<=>(const LtMatrix &) const = default;
};

/// All that an algorithm is chosen by: a contraction without its addresses.
struct LtProblem {
  LtMatrix a, b, c; // c is what the library calls C and D
  int64_t batch = 1;
  ComputeType compute = kComputeF32;
  bool isFast = false; // FP8 sums may be less accurate
  uint32_t epilogue = kLtEpilogueDefault;
  DataType biasType = -1; // -1: no bias
  uint32_t biasAlignment = 0;

  int64_t contracted() const { return a.isTransposed ? a.rows : a.columns; }

  auto operator<=>(const LtProblem &) const = default;
};

struct LtOperands {
  const void *a = nullptr, *b = nullptr;
  void *c = nullptr;
  const void *aScale = nullptr, *bScale = nullptr, *bias = nullptr;
  bool accumulate = false;
};

/// A context's use of cuBLASLt. Called with the primary context current.
class Gemms {
public:
  /// Opens the library, and allocates the workspace.
  static Status open(Session &session, std::unique_ptr<Gemms> &gemms);
  ~Gemms();
  Gemms(const Gemms &) = delete;

  /// Puts the product on the session's stream. The first one of a problem
  /// chooses its algorithm, on the device for the life of the process: it is
  /// the same for all contexts. `refused`: the library can't do it.
  Status run(const LtProblem &problem, const LtOperands &operands,
             bool &refused);

  const BlasLt &library() const { return lt; }

private:
  using Owned = std::unique_ptr<void, BlasStatus (*)(void *)>;
  struct Plan {
    Owned matmul, a, b, c;
    LtAlgorithm algorithm;
  };

  Gemms(Session &session, const BlasLt &lt) : session(session), lt(lt) {}

  BlasStatus makeLayout(const LtMatrix &matrix, int64_t batch, Owned &layout);
  BlasStatus setAddresses(const LtProblem &problem, const LtOperands &operands,
                          LtMatmul matmul);
  BlasStatus describe(const LtProblem &problem, const LtOperands &operands,
                      Plan &plan);
  BlasStatus chooseAlgorithm(const LtProblem &problem, Plan &plan);
  /// Algorithms for it, the library's first choice first.
  BlasStatus offers(const LtProblem &problem, const Plan &plan,
                    uint32_t reductions,
                    std::vector<LtHeuristicResult> &results);
  /// 0: the library does not say.
  int64_t attribute(const LtAlgorithm &algorithm, AlgorithmAttribute which);

  Session &session;
  const BlasLt &lt;
  LtHandle handle = nullptr;
  Address workspace = 0;
  std::map<LtProblem, Plan> plans;
};

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_GEMM_H
