//===- Contraction.h - Sums of products of two operands ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_INTERFACES_CONTRACTION_H
#define STEELYARD_INTERFACES_CONTRACTION_H

#include "steelyard/Interfaces/Contraction.h.inc"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#endif // STEELYARD_INTERFACES_CONTRACTION_H
