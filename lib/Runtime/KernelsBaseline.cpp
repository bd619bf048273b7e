//===- KernelsBaseline.cpp - Inner loops for 16-byte vectors ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#define STEELYARD_KERNELS kernelsBaseline
#define STEELYARD_KERNELS_NAME "baseline"
#define STEELYARD_KERNELS_VECTOR_BYTES 16
#define STEELYARD_KERNELS_ROWS 4
#define STEELYARD_KERNELS_VECTORS 2
#include "Kernels.inc"
