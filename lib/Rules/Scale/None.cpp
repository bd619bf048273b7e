//===- None.cpp - Operations without a scale rule, and why ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kIntegers[] =
    "integers and booleans have no scale; kept as it is";
constexpr char kBits[] =
    "its result depends on the bits of the user's type; computed on real "
    "values, with a remark";
constexpr char kFormat[] =
    "it rounds to the range of a format, which a scale would move; computed "
    "on real values, with a remark";
constexpr char kNormalised[] = "`-normalise` leaves none";
constexpr char kRegion[] =
    "it ends a region, which the rule of the operation around it rewrites";

template <const char *reason, typename... Ops>
void attach(MLIRContext &context) {
  (Ops::template attachInterface<NoScaleModel<Ops, reason>>(context), ...);
}

} // namespace

void steelyard::attachNoRules(MLIRContext &context) {
  attach<kIntegers, NotOp, PopcntOp, CountLeadingZerosOp, AndOp, OrOp, XorOp,
         ShiftLeftOp, ShiftRightLogicalOp, ShiftRightArithmeticOp>(context);
  attach<kBits, BitcastConvertOp>(context);
  attach<kFormat, ReducePrecisionOp>(context);
  attach<kNormalised, OptimizationBarrierOp, CustomCallOp, CompositeOp, MapOp,
         RngBitGeneratorOp, GetDimensionSizeOp>(context);
  attach<kRegion, ReturnOp>(context);
}

void steelyard::attachCHLONoRules(MLIRContext &context) {
  attach<kNormalised, chlo::SquareOp, chlo::TanOp, chlo::TopKOp>(context);
}
