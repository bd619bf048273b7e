//===- VerifySmallFloats.cpp - No arithmetic on small floats ---------*- C++
//-*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/CastToArith/CastToArith.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

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
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([](Operation *op) {
      bool computes =
          isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
              op->getDialect()) &&
          !isa<arith::BitcastOp, arith::SelectOp, arith::ConstantOp>(op);
      if (computes && (llvm::any_of(op->getOperandTypes(), isSmall) ||
                       llvm::any_of(op->getResultTypes(), isSmall))) {
        op->emitError() << "'" << op->getName()
                        << "' on a float of fewer than 16 bits would be left "
                           "unconverted; use scaled.cast";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted()) {
      signalPassFailure();
    }
  }
};

} // namespace
