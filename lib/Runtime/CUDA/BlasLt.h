//===- BlasLt.h - cuBLASLt, opened at run time ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of cuBLASLt that the runtime uses, declared here so that nothing of
// it is needed to build or to link. Names are those of NVIDIA's cuBLAS
// documentation, version 12, sections "cuBLAS Datatypes Reference", "CUDA
// Datatypes Reference", "cuBLASLt Datatypes Reference" and "cuBLASLt API
// Reference"; numbers are those of its headers, of 12.6 and 13.1 alike.
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_LIB_RUNTIME_CUDA_BLASLT_H
#define STEELYARD_LIB_RUNTIME_CUDA_BLASLT_H

#include <string>

#include "Driver.h"

namespace steelyard::runtime::cuda {

// Enumerations are ints, as they are to the C compiler's calls.

using BlasStatus = int; // cublasStatus_t; those that the runtime tells apart:
enum : int {
  kBlasSuccess = 0,
  kBlasNotInitialized = 1,
  kBlasAllocFailed = 3,
  kBlasInvalidValue = 7,
  kBlasArchMismatch = 8,
  kBlasNotSupported = 15,
};

using DataType = int; // cudaDataType_t
enum : int {
  kDataF32 = 0,
  kDataF64 = 1,
  kDataF16 = 2,
  kDataBF16 = 14,
  kDataF8E4M3 = 28, // E4M3FN
  kDataF8E5M2 = 29,
};

using ComputeType = int; // cublasComputeType_t
enum : int { kComputeF32 = 68, kComputeF64 = 70, kComputeFastTF32 = 77 };

enum : int32_t { kOperationNone = 0, kOperationTranspose = 1 };

using MatmulAttribute = int; // cublasLtMatmulDescAttributes_t
enum : int {
  kMatmulTransposeA = 3,   // int32_t, cublasOperation_t
  kMatmulTransposeB = 4,   // int32_t
  kMatmulEpilogue = 7,     // uint32_t, cublasLtEpilogue_t
  kMatmulBiasPointer = 8,  // const void *
  kMatmulScaleA = 17,      // const void *, an f32 of the device
  kMatmulScaleB = 18,      // const void *
  kMatmulFastAccum = 25,   // int8_t
  kMatmulBiasDataType = 26 // int32_t, cudaDataType_t
};

/// cublasLtEpilogue_t, whose numbers are flags.
enum : uint32_t {
  kLtEpilogueDefault = 1,
  kLtEpilogueReLU = 2,
  kLtEpilogueBias = 4,
  kLtEpilogueGELU = 32,
};

using LayoutAttribute = int; // cublasLtMatrixLayoutAttribute_t
enum : int {
  kLayoutBatchCount = 5,  // int32_t
  kLayoutBatchStride = 6, // int64_t, elements
};

using PreferenceAttribute = int; // cublasLtMatmulPreferenceAttributes_t
enum : int {
  kPreferWorkspaceBytes = 1,  // uint64_t, the most
  kPreferReductionScheme = 3, // uint32_t, a mask
  kPreferAlignmentA = 5,      // uint32_t, bytes; 256 by default
  kPreferAlignmentB = 6,
  kPreferAlignmentC = 7,
  kPreferAlignmentD = 8,
};

/// cublasLtReductionScheme_t: how parts of a sum over k are joined. None is
/// always allowed. The others, in place (1) and in the output's type (4), round
/// partial sums to it.
enum : uint32_t {
  kReduceNothing = 0,
  kReduceInComputeType = 2,
  kReduceAnyhow = 7
};

using AlgorithmAttribute = int; // cublasLtMatmulAlgoConfigAttributes_t
enum : int {
  kAlgorithmTile = 1,  // uint32_t, cublasLtMatmulTile_t: larger ones come later
  kAlgorithmSplits = 2 // int32_t: parts of the sum over k
};

using LtHandle = void *;     // cublasLtHandle_t
using LtMatmul = void *;     // cublasLtMatmulDesc_t
using LtLayout = void *;     // cublasLtMatrixLayout_t
using LtPreference = void *; // cublasLtMatmulPreference_t

/// cublasLtMatmulAlgo_t: may be copied and kept.
struct LtAlgorithm {
  uint64_t data[8];
};

/// cublasLtMatmulHeuristicResult_t
struct LtHeuristicResult {
  LtAlgorithm algorithm;
  size_t workspaceBytes;
  BlasStatus state;
  float waves;
  int reserved[4];
};

/// name, symbol, result, parameters.
#define STEELYARD_BLASLT_FUNCTIONS(F)                                          \
  F(getVersion, "cublasLtGetVersion", size_t, ())                              \
  F(getStatusName, "cublasLtGetStatusName", const char *, (BlasStatus status)) \
  F(getStatusString, "cublasLtGetStatusString", const char *,                  \
    (BlasStatus status))                                                       \
  F(create, "cublasLtCreate", BlasStatus, (LtHandle * handle))                 \
  F(destroy, "cublasLtDestroy", BlasStatus, (LtHandle handle))                 \
  F(matmulCreate, "cublasLtMatmulDescCreate", BlasStatus,                      \
    (LtMatmul * matmul, ComputeType compute, DataType scale))                  \
  F(matmulSet, "cublasLtMatmulDescSetAttribute", BlasStatus,                   \
    (LtMatmul matmul, MatmulAttribute attribute, const void *value,            \
     size_t bytes))                                                            \
  F(matmulDestroy, "cublasLtMatmulDescDestroy", BlasStatus, (LtMatmul matmul)) \
  F(layoutCreate, "cublasLtMatrixLayoutCreate", BlasStatus,                    \
    (LtLayout * layout, DataType type, uint64_t rows, uint64_t columns,        \
     int64_t leading))                                                         \
  F(layoutSet, "cublasLtMatrixLayoutSetAttribute", BlasStatus,                 \
    (LtLayout layout, LayoutAttribute attribute, const void *value,            \
     size_t bytes))                                                            \
  F(layoutDestroy, "cublasLtMatrixLayoutDestroy", BlasStatus,                  \
    (LtLayout layout))                                                         \
  F(preferenceCreate, "cublasLtMatmulPreferenceCreate", BlasStatus,            \
    (LtPreference * preference))                                               \
  F(preferenceSet, "cublasLtMatmulPreferenceSetAttribute", BlasStatus,         \
    (LtPreference preference, PreferenceAttribute attribute,                   \
     const void *value, size_t bytes))                                         \
  F(preferenceDestroy, "cublasLtMatmulPreferenceDestroy", BlasStatus,          \
    (LtPreference preference))                                                 \
  F(getHeuristic, "cublasLtMatmulAlgoGetHeuristic", BlasStatus,                \
    (LtHandle handle, LtMatmul matmul, LtLayout a, LtLayout b, LtLayout c,     \
     LtLayout d, LtPreference preference, int requested,                       \
     LtHeuristicResult *results, int *returned))                               \
  F(algorithmGet, "cublasLtMatmulAlgoConfigGetAttribute", BlasStatus,          \
    (const LtAlgorithm *algorithm, AlgorithmAttribute attribute, void *value,  \
     size_t bytes, size_t *written))                                           \
  F(multiply, "cublasLtMatmul", BlasStatus,                                    \
    (LtHandle handle, LtMatmul matmul, const void *alpha, const void *a,       \
     LtLayout aLayout, const void *b, LtLayout bLayout, const void *beta,      \
     const void *c, LtLayout cLayout, void *d, LtLayout dLayout,               \
     const LtAlgorithm *algorithm, void *workspace, size_t workspaceBytes,     \
     StreamHandle stream))

/// The functions of cuBLASLt.
struct BlasLt {
#define STEELYARD_BLASLT_MEMBER(name, symbol, result, parameters)              \
  result(*name) parameters = nullptr;
  STEELYARD_BLASLT_FUNCTIONS(STEELYARD_BLASLT_MEMBER)
#undef STEELYARD_BLASLT_MEMBER

  std::string description; // "cuBLASLt 12.6.4 (/path/libcublasLt.so.12)"

  /// `what`: the library's words; with the code that suits `status`.
  Status failure(BlasStatus status, const std::string &what) const;
};

/// Opens the library at the first call that succeeds: $STEELYARD_CUBLASLT, else
/// the one that the process has loaded, else the one that the loader finds.
/// Thread-safe; what it gives lives as long as the process.
Status getBlasLt(const BlasLt *&library);

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_BLASLT_H
