//===- VerifySmallFloats.cpp - No arithmetic on small floats ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/CastToArith/CastToArith.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace steelyard {
#define GEN_PASS_DEF_VERIFYNOARITHONSMALLFLOATS
#include "steelyard/Conversion/CastToArith/Passes.h.inc"
} // namespace steelyard

using namespace mlir;

namespace {

bool isSmall(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() < 16;
}

struct VerifyNoArithOnSmallFloats
    : steelyard::impl::VerifyNoArithOnSmallFloatsBase<
          VerifyNoArithOnSmallFloats> {
  static bool computes(Operation *op) {
    if (isa<vector::FMAOp, vector::ReductionOp, vector::MultiDimReductionOp,
            vector::ContractionOp, vector::OuterProductOp, vector::ScanOp>(
            op)) {
      return true;
    }
    return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
               op->getDialect()) &&
           !isa<arith::BitcastOp, arith::SelectOp, arith::ConstantOp>(op);
  }

  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      if (computes(op) && (llvm::any_of(op->getOperandTypes(), isSmall) ||
                           llvm::any_of(op->getResultTypes(), isSmall))) {
        op->emitOpError() << "computes on a float of fewer than 16 bits, which "
                             "has no lowering; use scaled.cast";
        signalPassFailure();
      }
    });
  }
};

} // namespace
