//===- Accuracy.cpp - Whether tolerances can be met -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Accuracy.h"

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include <cmath>

using namespace mlir;
using namespace mlir::stablehlo;

/// How far results may be from the exact ones, in units of the last place:
/// test_elementary.py holds them to it. Types below float32 are computed in
/// that and rounded once more; roots are rounded exactly.
static int64_t distanceInUlps(Operation *op, FloatType type) {
  return type.getWidth() < 32 || isa<SqrtOp>(op) ? 1 : 3;
}

/// |result - exact| ≤ atol + rtol × |exact| + ulps × ulp(exact), where ulp(y)
/// is at most 2^-t |y|, and 2^-t where |y| is at most 1.
static LogicalResult verifyTolerance(Operation *op,
                                     ResultAccuracyAttr accuracy) {
  auto type = dyn_cast<FloatType>(getElementTypeOrSelf(op->getResult(0)));
  if (!type) {
    return op->emitError("a tolerance of complex results is not supported yet");
  }
  double unit =
      std::ldexp(1.0, 1 - static_cast<int>(type.getFPMantissaWidth()));
  double allowed = static_cast<double>(accuracy.getUlps()) +
                   accuracy.getRtol().convertToDouble() / unit;
  if (isa<TanhOp, LogisticOp, SineOp, CosineOp>(op)) {
    allowed += accuracy.getAtol().convertToDouble() / unit;
  }
  int64_t distance = distanceInUlps(op, type);
  if (allowed < static_cast<double>(distance)) {
    return op->emitError()
           << "'" << op->getName() << "' is within " << distance
           << " ulp of the exact result in " << type
           << ", which does not meet the tolerance of its result_accuracy";
  }
  return success();
}

LogicalResult steelyard::dropResultAccuracy(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    auto accuracy = op->getAttrOfType<ResultAccuracyAttr>("result_accuracy");
    if (!accuracy) {
      return WalkResult::advance();
    }
    if (accuracy.getMode().getValue() == ResultAccuracyMode::TOLERANCE &&
        failed(verifyTolerance(op, accuracy))) {
      return WalkResult::interrupt();
    }
    op->removeAttr("result_accuracy");
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}
