//===- FakeBlasLt.h - cuBLASLt on the fake driver ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libfake_blaslt.so has the entry points of libcublasLt.so that the runtime
// uses. It computes on the host, on the fake driver's streams, just what
// descriptors and layouts say: in f64, rounded once. It refuses what the real
// one's documentation does not list, and is stricter where that shows mistakes:
// an algorithm is good for the problem that it was chosen for and for addresses
// as aligned as was said, memory has to be a device's. TF32, fast sums and
// sums whose parts are joined in the output's type are less accurate.
//
// Environment, read at each call:
//   FAKE_BLASLT_VERSION  as cublasLtGetVersion gives it; default 120604
//   FAKE_BLASLT_FAIL     "cublasLtCreate=1,cublasLtMatmul=13": these return it
//   FAKE_BLASLT_ALGORITHMS  "264:16,1:11": what is offered, the best first, by
//     the parts of its sums and its tile's number; default 1:0. What is
//     multiplied by is counted as a function "algorithm 1:11".
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_TEST_UNIT_RUNTIME_FAKEBLASLT_H
#define STEELYARD_TEST_UNIT_RUNTIME_FAKEBLASLT_H

#include <cstdint>

/// How often `function` was called. Of the fake.
extern "C" using FakeBlasLtCount = int64_t(const char *function);
/// Handles, descriptors, layouts and preferences that were not given back.
extern "C" using FakeBlasLtLeaks = int64_t();

#endif // STEELYARD_TEST_UNIT_RUNTIME_FAKEBLASLT_H
