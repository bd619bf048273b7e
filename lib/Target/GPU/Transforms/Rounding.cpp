//===- Rounding.cpp - Conversions that contractions do ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Rounding.h"

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

static bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

Type steelyard::cuda::roundedTo(Operation *op) {
  bool isNearest = false;
  if (auto truncate = dyn_cast_or_null<arith::TruncFOp>(op)) {
    isNearest = truncate.getRoundingmode().value_or(
                    arith::RoundingMode::to_nearest_even) ==
                arith::RoundingMode::to_nearest_even;
  } else if (auto cast = dyn_cast_or_null<scaled::CastOp>(op)) {
    isNearest = cast.getRounding() == scaled::Rounding::NearestEven &&
                !cast.getSaturate();
  }
  return isNearest && op->getOperand(0).getType().isF32() &&
                 isHalf(op->getResult(0).getType())
             ? op->getResult(0).getType()
             : Type();
}

bool steelyard::cuda::isWidening(Operation *op) {
  return isa<arith::ExtFOp, scaled::CastOp>(op) &&
         isHalf(op->getOperand(0).getType()) &&
         op->getResult(0).getType().isF32();
}
