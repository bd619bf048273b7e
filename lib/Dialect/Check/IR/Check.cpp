//===- Check.cpp - Registration and constraints of check --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Check/IR/Check.h"

#include "mlir/IR/Builders.h"
#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace mlir::check;

#include "steelyard/Dialect/Check/IR/Dialect.cpp.inc"

#define GET_OP_CLASSES
#include "steelyard/Dialect/Check/IR/Ops.cpp.inc"

namespace {

struct Inliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

} // namespace

void CheckDialect::initialize() {
  addInterfaces<Inliner>();
  addOperations<
#define GET_OP_LIST
#include "steelyard/Dialect/Check/IR/Ops.cpp.inc"
      >();
}

/// NaN is not a tolerance: every comparison with it fails.
static LogicalResult verifyTolerance(Operation *op, const APFloat &tolerance) {
  if (tolerance.isNaN() || (tolerance.isNegative() && !tolerance.isZero())) {
    return op->emitOpError() << "the tolerance " << tolerance.convertToDouble()
                             << " is not a number from 0 on";
  }
  return success();
}

LogicalResult ExpectAlmostEqOp::verify() {
  return verifyTolerance(*this, getTolerance());
}

LogicalResult ExpectAlmostEqConstOp::verify() {
  return verifyTolerance(*this, getTolerance());
}

LogicalResult ExpectCloseOp::verify() {
  if (getMaxUlpDifference() >> 63) {
    return emitOpError("max_ulp_difference is negative");
  }
  return success();
}
