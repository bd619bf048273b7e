//===- ScalePropagation.cpp - How an operation treats scales ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Interfaces/ScalePropagation.h"

#include "steelyard/Interfaces/ScalePropagation.cpp.inc"
