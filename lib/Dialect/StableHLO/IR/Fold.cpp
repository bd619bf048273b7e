//===- Fold.cpp - What folds without rounding -------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::stablehlo;

/// A splat in the shape of `type`, or null.
static Attribute splatAs(Attribute attribute, Type type) {
  auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute);
  return splat ? splat.resizeSplat(cast<ShapedType>(type)) : Attribute();
}

/// Constants are folded if they are splats or this small: a fold trades time
/// for memory.
static constexpr int64_t kFoldLimit = 64;

/// Constant elements of a type that can be folded, or null.
template <typename Element>
static DenseElementsAttr foldable(Attribute attribute) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(attribute);
  return elements && isa<Element>(elements.getElementType()) &&
                 (elements.isSplat() || elements.getNumElements() <= kFoldLimit)
             ? elements
             : DenseElementsAttr();
}

/// The elements of a constant; one if it is a splat and `asSplat` is set.
template <typename Value>
static SmallVector<Value> valuesOf(DenseElementsAttr elements, bool asSplat) {
  if (asSplat) {
    return {elements.getSplatValue<Value>()};
  }
  return llvm::to_vector(elements.getValues<Value>());
}

/// Integer arithmetic wraps, as the operations do: exact.
template <typename Compute>
static Attribute foldIntegers(ArrayRef<Attribute> operands, Type type,
                              Compute compute) {
  SmallVector<DenseElementsAttr> constants;
  for (Attribute operand : operands) {
    constants.push_back(foldable<IntegerType>(operand));
    if (!constants.back()) {
      return {};
    }
  }
  bool splat = llvm::all_of(
      constants, [](DenseElementsAttr elements) { return elements.isSplat(); });
  SmallVector<SmallVector<APInt>> values;
  for (DenseElementsAttr elements : constants) {
    values.push_back(valuesOf<APInt>(elements, splat));
  }
  SmallVector<APInt> results;
  for (size_t i = 0; i < values.front().size(); ++i) {
    results.push_back(compute(values.front()[i], values.back()[i]));
  }
  return DenseElementsAttr::get(cast<ShapedType>(type), results);
}

/// As arithmetic sees it: unsigned and boolean elements have no sign.
static bool isUnsigned(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isUnsignedInteger() || element.isInteger(1);
}

static Attribute foldConvertOfIntegers(DenseElementsAttr elements,
                                       ShapedType type) {
  bool noSign = isUnsigned(elements.getElementType());
  SmallVector<APInt> values = valuesOf<APInt>(elements, elements.isSplat());
  if (auto to = dyn_cast<IntegerType>(type.getElementType())) {
    for (APInt &value : values) {
      value = to.getWidth() == 1 ? APInt(1, !value.isZero())
              : noSign           ? value.zextOrTrunc(to.getWidth())
                                 : value.sextOrTrunc(to.getWidth());
    }
    return DenseElementsAttr::get(type, values);
  }
  auto to = dyn_cast<FloatType>(type.getElementType());
  if (!to) {
    return {};
  }
  SmallVector<APFloat> reals;
  for (const APInt &value : values) {
    // Through 128 bits of significand: APFloat's own conversion does not tell
    // overflow of the formats without infinity.
    APFloat real(APFloat::IEEEquad());
    bool losesInfo = false;
    if (real.convertFromAPInt(value, !noSign, APFloat::rmNearestTiesToEven) !=
            APFloat::opOK ||
        real.convert(to.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                     &losesInfo) != APFloat::opOK ||
        losesInfo) {
      return {};
    }
    reals.push_back(real);
  }
  return DenseElementsAttr::get(type, reals);
}

static Attribute foldConvertOfFloats(DenseElementsAttr elements,
                                     ShapedType type) {
  auto to = dyn_cast<FloatType>(type.getElementType());
  if (!to) {
    return {};
  }
  SmallVector<APFloat> reals = valuesOf<APFloat>(elements, elements.isSplat());
  for (APFloat &real : reals) {
    // A format without zero, sign, infinity or NaN has its own rules.
    bool losesInfo = false;
    if (!real.isFinite() || isa<Float8E8M0FNUType>(to) ||
        (real.isZero() && real.isNegative()) ||
        real.convert(to.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                     &losesInfo) != APFloat::opOK ||
        losesInfo) {
      return {};
    }
  }
  return DenseElementsAttr::get(type, reals);
}

/// Only where every element is represented exactly.
static Attribute foldConvert(Attribute operand, Type type) {
  if (DenseElementsAttr elements = foldable<IntegerType>(operand)) {
    return foldConvertOfIntegers(elements, cast<ShapedType>(type));
  }
  if (DenseElementsAttr elements = foldable<FloatType>(operand)) {
    return foldConvertOfFloats(elements, cast<ShapedType>(type));
  }
  return {};
}

#define STEELYARD_FOLD_INTEGERS(Op, expression)                                \
  OpFoldResult Op::fold(FoldAdaptor adaptor) {                                 \
    [[maybe_unused]] bool noSign = isUnsigned(getType());                      \
    [[maybe_unused]] bool isBool =                                             \
        getElementTypeOrSelf(getType()).isInteger(1);                          \
    return foldIntegers(                                                       \
        adaptor.getOperands(), getType(),                                      \
        [&](const APInt &l, [[maybe_unused]] const APInt &r) -> APInt {        \
          return expression;                                                   \
        });                                                                    \
  }

STEELYARD_FOLD_INTEGERS(NegateOp, -l)
STEELYARD_FOLD_INTEGERS(NotOp, ~l)
STEELYARD_FOLD_INTEGERS(AddOp, isBool ? (l | r) : l + r)
STEELYARD_FOLD_INTEGERS(SubtractOp, l - r)
STEELYARD_FOLD_INTEGERS(MultiplyOp, l *r)
STEELYARD_FOLD_INTEGERS(AndOp, l &r)
STEELYARD_FOLD_INTEGERS(OrOp, l | r)
STEELYARD_FOLD_INTEGERS(XorOp, l ^ r)
STEELYARD_FOLD_INTEGERS(MaximumOp, (noSign ? l.uge(r) : l.sge(r)) ? l : r)
STEELYARD_FOLD_INTEGERS(MinimumOp, (noSign ? l.ule(r) : l.sle(r)) ? l : r)
STEELYARD_FOLD_INTEGERS(PopcntOp, APInt(l.getBitWidth(), l.popcount()))
STEELYARD_FOLD_INTEGERS(CountLeadingZerosOp,
                        APInt(l.getBitWidth(), l.countl_zero()))
// APInt's shifts by the width are 0, or the sign; what lies above is too.
STEELYARD_FOLD_INTEGERS(ShiftLeftOp, l.shl(r))
STEELYARD_FOLD_INTEGERS(ShiftRightLogicalOp, l.lshr(r))
STEELYARD_FOLD_INTEGERS(ShiftRightArithmeticOp, l.ashr(r))

#undef STEELYARD_FOLD_INTEGERS

/// Not by zero, and not the least number by -1: their results are a matter of
/// the target.
static Attribute
foldDivision(ArrayRef<Attribute> operands, Type type,
             function_ref<APInt(const APInt &, const APInt &)> compute) {
  bool noSign = isUnsigned(type);
  bool isDefined = true;
  Attribute result =
      foldIntegers(operands, type, [&](const APInt &l, const APInt &r) {
        bool overflows = !noSign && l.isMinSignedValue() && r.isAllOnes();
        isDefined &= !r.isZero() && !overflows;
        return isDefined ? compute(l, r) : l;
      });
  return isDefined ? result : Attribute();
}

OpFoldResult DivideOp::fold(FoldAdaptor adaptor) {
  bool noSign = isUnsigned(getType());
  return foldDivision(adaptor.getOperands(), getType(),
                      [=](const APInt &l, const APInt &r) {
                        return noSign ? l.udiv(r) : l.sdiv(r);
                      });
}

OpFoldResult RemainderOp::fold(FoldAdaptor adaptor) {
  bool noSign = isUnsigned(getType());
  return foldDivision(adaptor.getOperands(), getType(),
                      [=](const APInt &l, const APInt &r) {
                        return noSign ? l.urem(r) : l.srem(r);
                      });
}

OpFoldResult CompareOp::fold(FoldAdaptor adaptor) {
  bool noSign = isUnsigned(getLhs().getType());
  auto holds = [&](const APInt &l, const APInt &r) {
    switch (getComparisonDirection()) {
    case ComparisonDirection::EQ:
      return l == r;
    case ComparisonDirection::NE:
      return l != r;
    case ComparisonDirection::GE:
      return noSign ? l.uge(r) : l.sge(r);
    case ComparisonDirection::GT:
      return noSign ? l.ugt(r) : l.sgt(r);
    case ComparisonDirection::LE:
      return noSign ? l.ule(r) : l.sle(r);
    case ComparisonDirection::LT:
      return noSign ? l.ult(r) : l.slt(r);
    }
    llvm_unreachable("a comparison direction");
  };
  return foldIntegers(
      {adaptor.getLhs(), adaptor.getRhs()}, getType(),
      [&](const APInt &l, const APInt &r) { return APInt(1, holds(l, r)); });
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

OpFoldResult ConvertOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  return foldConvert(adaptor.getOperand(), getType());
}

OpFoldResult BitcastConvertOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  if (auto inner = getOperand().getDefiningOp<BitcastConvertOp>();
      inner && inner.getOperand().getType() == getType()) {
    return inner.getOperand();
  }
  auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getOperand());
  auto type = cast<RankedTensorType>(getType());
  bool isByteSized = elements && type.getElementTypeBitWidth() % 8 == 0;
  return isByteSized && elements.getType().getElementTypeBitWidth() ==
                            type.getElementTypeBitWidth()
             ? OpFoldResult(elements.bitcast(type.getElementType()))
             : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (auto pred = dyn_cast_or_null<SplatElementsAttr>(adaptor.getPred())) {
    return pred.getSplatValue<bool>() ? getOnTrue() : getOnFalse();
  }
  return getOnTrue() == getOnFalse() ? OpFoldResult(getOnTrue())
                                     : OpFoldResult();
}

OpFoldResult BroadcastInDimOp::fold(FoldAdaptor adaptor) {
  bool inOrder =
      llvm::equal(getBroadcastDimensions(),
                  llvm::seq<int64_t>(0, getBroadcastDimensions().size()));
  if (getOperand().getType() == getType() && inOrder) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  if (auto inner = getOperand().getDefiningOp<ReshapeOp>()) {
    getOperandMutable().assign(inner.getOperand());
    return getResult();
  }
  if (auto elements =
          dyn_cast_or_null<DenseElementsAttr>(adaptor.getOperand())) {
    return elements.reshape(cast<ShapedType>(getType()));
  }
  return {};
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(),
                  llvm::seq<int64_t>(0, getPermutation().size()))) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}

OpFoldResult GetDimensionSizeOp::fold(FoldAdaptor) {
  auto operand = cast<RankedTensorType>(getOperand().getType());
  APInt size(32, operand.getDimSize(getDimension()));
  return DenseElementsAttr::get(cast<ShapedType>(getType()), size);
}

OpFoldResult DynamicSliceOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  return splatAs(adaptor.getOperand(), getType());
}

/// Constant start indices, clamped, are those of a slice.
LogicalResult DynamicSliceOp::canonicalize(DynamicSliceOp op,
                                           PatternRewriter &rewriter) {
  SmallVector<int64_t> start, limit;
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(op.getOperand().getType()).getShape();
  for (auto [index, size, slice] :
       llvm::zip(op.getStartIndices(), shape, op.getSliceSizes())) {
    APInt value;
    if (!matchPattern(index, m_ConstantInt(&value))) {
      return failure();
    }
    APSInt number(value, isUnsigned(index.getType()));
    int64_t most = size - slice;
    start.push_back(number.isNegative() ? 0
                    : APSInt::compareValues(number, APSInt::get(most)) > 0
                        ? most
                        : number.getExtValue());
    limit.push_back(start.back() + slice);
  }
  rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), op.getOperand(), start,
                                       limit,
                                       SmallVector<int64_t>(start.size(), 1));
  return success();
}

OpFoldResult DynamicUpdateSliceOp::fold(FoldAdaptor) {
  return getUpdate().getType() == getType() ? OpFoldResult(getUpdate())
                                            : OpFoldResult();
}
