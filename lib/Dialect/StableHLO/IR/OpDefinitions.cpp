//===- OpDefinitions.cpp - What ODS generates of the operations -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/Builders.h"

#include "Assembly.h"

using namespace mlir;
using namespace mlir::stablehlo;

#define GET_OP_CLASSES
#include "steelyard/Dialect/StableHLO/IR/Ops.cpp.inc"
