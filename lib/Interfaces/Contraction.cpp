//===- Contraction.cpp - Sums of products of two operands -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Interfaces/Contraction.h"

#include "steelyard/Interfaces/Contraction.cpp.inc"
