//===- Check.cpp - Checks as calls of the runtime ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Check/IR/Check.h"

#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::check;

namespace {

/// What host.check calls its kinds.
enum Kind : int64_t { Equal = 0, Close = 1, AlmostEqual = 2 };

void replaceByCheck(ConversionPatternRewriter &rewriter, Operation *op,
                    Value actual, Value expected, Kind kind, double bound) {
  rewriter.replaceOpWithNewOp<steelyard::host::CheckOp>(
      op, actual, expected, rewriter.getI64IntegerAttr(kind),
      rewriter.getF64FloatAttr(bound));
}

std::pair<Kind, double> kindOf(ExpectEqOp) { return {Equal, 0.0}; }
std::pair<Kind, double> kindOf(ExpectEqConstOp) { return {Equal, 0.0}; }
std::pair<Kind, double> kindOf(ExpectCloseOp op) {
  return {Close, static_cast<double>(op.getMaxUlpDifference())};
}
std::pair<Kind, double> kindOf(ExpectAlmostEqOp op) {
  return {AlmostEqual, op.getTolerance().convertToDouble()};
}
std::pair<Kind, double> kindOf(ExpectAlmostEqConstOp op) {
  return {AlmostEqual, op.getTolerance().convertToDouble()};
}

template <typename Op>
struct Check : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto [kind, bound] = kindOf(op);
    replaceByCheck(rewriter, op, adaptor.getActual(), adaptor.getExpected(),
                   kind, bound);
    return success();
  }
};

template <typename Op>
struct CheckConst : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(adaptor.getActual().getType());
    auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
    if (!elements) {
      return op->emitError() << "the expected value is not a dense constant";
    }
    if (steelyard::isEmpty(type)) {
      elements = DenseElementsAttr::get(type, ArrayRef<Attribute>());
    } else if (elements.getType() != type) {
      elements = elements.bitcast(type.getElementType()); // ui32 -> i32
    }
    Value expected =
        arith::ConstantOp::create(rewriter, op->getLoc(), elements);
    auto [kind, bound] = kindOf(op);
    replaceByCheck(rewriter, op, adaptor.getActual(), expected, kind, bound);
    return success();
  }
};

} // namespace

void steelyard::populateCheckPatterns(const TypeConverter &converter,
                                      RewritePatternSet &patterns) {
  patterns.add<Check<ExpectEqOp>, Check<ExpectCloseOp>, Check<ExpectAlmostEqOp>,
               CheckConst<ExpectEqConstOp>, CheckConst<ExpectAlmostEqConstOp>>(
      converter, patterns.getContext());
}
