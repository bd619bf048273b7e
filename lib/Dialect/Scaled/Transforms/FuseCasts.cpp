//===- FuseCasts.cpp - One rounding at the end of a region ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

namespace steelyard {
#define GEN_PASS_DEF_FUSECASTS
#include "steelyard/Dialect/Scaled/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::scaled;

namespace {

/// What computes element by element, or accumulates, in float32.
bool computesInFloat32(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() ||
         isa<RescaleOp, NormalizeOp, stablehlo::ReduceOp>(op);
}

struct FuseCasts : steelyard::impl::FuseCastsBase<FuseCasts> {
  void runOnOperation() override {
    SmallVector<std::pair<CastOp, stablehlo::ConvertOp>> dropped;
    getOperation()->walk([&](CastOp cast) {
      if (!cast->hasOneUse() || cast.getRounding() != Rounding::NearestEven ||
          !getElementTypeOrSelf(cast.getInput().getType()).isF32()) {
        return;
      }
      auto widen = dyn_cast<stablehlo::ConvertOp>(*cast->user_begin());
      if (widen && widen.getResult().getType() == cast.getInput().getType() &&
          widen->hasOneUse() && computesInFloat32(*widen->user_begin())) {
        dropped.emplace_back(cast, widen);
      }
    });
    for (auto [cast, widen] : dropped) {
      Operation *user = *widen->user_begin();
      cast->emitRemark() << "rounding to "
                         << getElementTypeOrSelf(cast.getType())
                         << " dropped: its only reader, '" << user->getName()
                         << "', computes in float32";
      widen.getResult().replaceAllUsesWith(cast.getInput());
      widen.erase();
      cast.erase();
    }
  }
};

} // namespace
