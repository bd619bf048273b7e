//===- KernelsAVX2.cpp - Inner loops for AVX2, FMA, F16C --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#define STEELYARD_KERNELS kernelsAVX2
#define STEELYARD_KERNELS_NAME "avx2"
#define STEELYARD_KERNELS_VECTOR_BYTES 32
#define STEELYARD_KERNELS_ROWS 6
#define STEELYARD_KERNELS_VECTORS 2
#include "Kernels.inc"
