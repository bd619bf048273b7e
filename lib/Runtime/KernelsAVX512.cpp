//===- KernelsAVX512.cpp - Inner loops for AVX-512 F, BW, DQ, VL *- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#define STEELYARD_KERNELS kernelsAVX512
#define STEELYARD_KERNELS_NAME "avx512"
#define STEELYARD_KERNELS_VECTOR_BYTES 64
#define STEELYARD_KERNELS_ROWS 12
#define STEELYARD_KERNELS_VECTORS 2
#include "Kernels.inc"
