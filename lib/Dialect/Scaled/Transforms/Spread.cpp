//===- Spread.cpp - Values that storage can't hold at one scale -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Spread.h"

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/Matchers.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::stablehlo;

namespace {

/// Float16 keeps its full precision down to 2^-14 below the largest element.
constexpr int kMask = 14;

/// Zeros and numbers that no score or logit is near.
bool isMask(Value value) {
  DenseFPElementsAttr constant;
  if (!matchPattern(value, m_Constant(&constant)) || constant.empty()) {
    return false;
  }
  auto isLarge = [](const APFloat &number) {
    return number.isFinite() && !number.isZero() && ilogb(number) >= kMask;
  };
  if (constant.isSplat()) {
    return isLarge(constant.getSplatValue<APFloat>());
  }
  return llvm::any_of(constant.getValues<APFloat>(), isLarge) &&
         llvm::all_of(constant.getValues<APFloat>(),
                      [&](const APFloat &number) {
                        return number.isZero() || isLarge(number);
                      });
}

} // namespace

bool steelyard::spreads(Operation *op,
                        llvm::function_ref<bool(Value)> isSpread) {
  if (isa<SelectOp>(op)) {
    return llvm::any_of(op->getOperands().drop_front(), [&](Value operand) {
      return isMask(operand) || isSpread(operand);
    });
  }
  if (isa<ConstantOp>(op)) {
    DenseFPElementsAttr constant;
    return matchPattern(op, m_Constant(&constant)) && !constant.isSplat() &&
           isMask(op->getResult(0));
  }
  return isa<AbsOp, AddOp, BroadcastInDimOp, ClampOp, ConcatenateOp, ConvertOp,
             DivideOp, DynamicSliceOp, DynamicUpdateSliceOp, GatherOp,
             MaximumOp, MinimumOp, MultiplyOp, NegateOp, PadOp, ReduceOp,
             ReduceWindowOp, ReshapeOp, ReverseOp, ScatterOp, SliceOp, SortOp,
             SubtractOp, TransposeOp>(op) &&
         llvm::any_of(op->getOperands(), isSpread);
}
