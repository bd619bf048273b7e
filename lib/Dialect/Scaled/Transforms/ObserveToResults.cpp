//===- ObserveToResults.cpp - Returns what taps see -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Dialect/Scaled/Utils/StepState.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringSet.h"

namespace steelyard {
#define GEN_PASS_DEF_OBSERVETORESULTS
#include "steelyard/Dialect/Scaled/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::scaled;
using namespace steelyard;

namespace {

struct ObserveToResults
    : steelyard::impl::ObserveToResultsBase<ObserveToResults> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isExternal() && failed(returnTaps(function))) {
        return signalPassFailure();
      }
    }
  }

  static LogicalResult returnTaps(func::FuncOp function) {
    llvm::StringSet<> names;
    SmallVector<ObserveOp> taps;
    function.walk([&](ObserveOp tap) { taps.push_back(tap); });
    for (ObserveOp tap : taps) {
      if (tap->getBlock() != &function.getBody().front() ||
          !function.getBody().hasOneBlock()) {
        return tap.emitError()
               << "the tap '" << tap.getTap()
               << "' is inside of a region, which runs any number of times: a "
                  "result can't say what it sees";
      }
      if (!names.insert(tap.getTap()).second) {
        return tap.emitError() << "@" << function.getName() << " has two taps '"
                               << tap.getTap() << "'";
      }
      Value seen = tap.getInput();
      OpBuilder builder(tap);
      if (auto type = dyn_cast<ScaledTensorType>(seen.getType())) {
        if (!type.isPerTensorExponent()) {
          return tap.emitError()
                 << "the tap '" << tap.getTap() << "' sees " << type
                 << "; tensors of one exponent are observed";
        }
        seen =
            UnpackOp::create(builder, tap.getLoc(), seen).getScales().front();
      } else if (!isa<RankedTensorType>(seen.getType())) {
        return tap.emitError() << "the tap '" << tap.getTap() << "' sees "
                               << seen.getType() << ", not a tensor";
      }
      addObservedResult(function, tap.getTap(), seen);
      tap.replaceAllUsesWith(tap.getInput());
      tap.erase();
    }
    return success();
  }
};

} // namespace
