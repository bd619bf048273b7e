//===- Elementwise.cpp - Scale rules of elementwise operations --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

Value steelyard::meet(ScaleRewriter &rw, ArrayRef<ScaledOperand> operands) {
  // Float32 holds less than 2^128, float64 less than 2^1024. State, whose range
  // is not known, has FP16 data or squares of such.
  constexpr int kUnknownHigh = 33;
  bool isDouble = rw.wideType().isF64();
  int greatest = isDouble ? 1021 : 125, mostRoom = isDouble ? 1000 : 110;
  int high = 0;
  for (const ScaledOperand &operand : operands) {
    high = std::max(high, operand.range.high.value_or(kUnknownHigh));
  }
  int64_t room = std::clamp(greatest - high, 0, mostRoom);
  Value e = operands.front().exponent;
  for (const ScaledOperand &operand : operands.drop_front()) {
    e = rw.max(e, operand.exponent);
  }
  bool isOne = llvm::any_of(operands, [&](const ScaledOperand &operand) {
    return operand.exponent == e;
  });
  return isOne ? e : rw.sub(e, rw.constant(room));
}

LogicalResult
steelyard::chooseBetween(ScaleRewriter &rw, const ScaledOperand &x,
                         const ScaledOperand &y,
                         llvm::function_ref<Value(Value, Value)> create) {
  bool hasZero = x.isZero || y.isZero;
  Value e = hasZero ? rw.max(x.exponent, y.exponent) : meet(rw, {x, y});
  Value data =
      create(rw.move(x.data, x.exponent, e), rw.move(y.data, y.exponent, e));
  if (hasZero) {
    const ScaledOperand &other = x.isZero ? y : x;
    rw.exact(0, data, e, {std::nullopt, other.range.high}, other.kept);
  } else {
    rw.result(0, data, e);
  }
  return success();
}

namespace {

/// The operation itself on other operands, with a result of their element type.
Value again(Operation *op, ScaleRewriter &rw, ValueRange operands,
            Type element = {}) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(type.clone(
      element ? element : getElementTypeOrSelf(operands.back().getType())));
  state.addAttributes(op->getAttrs());
  return rw.builder().create(state)->getResult(0);
}

AmaxRange shift(AmaxRange range, int low, int high) {
  return {range.low ? std::optional<int>(*range.low + low) : std::nullopt,
          range.high ? std::optional<int>(*range.high + high) : std::nullopt};
}

constexpr char kKeep[] = "kept";
/// f(d × 2^e) = f(d) × 2^e
LogicalResult keep(Operation *op, ScaleRewriter &rw) {
  if (!rw.isScaled(0)) {
    return failure();
  }
  ScaledOperand x = rw.operand(0);
  rw.exact(0, again(op, rw, x.data), x.exponent, x.range, x.kept);
  return success();
}

constexpr char kSign[] = "0: the sign of the data";
LogicalResult sign(Operation *op, ScaleRewriter &rw) {
  if (!rw.isScaled(0)) {
    return failure();
  }
  rw.exact(0, again(op, rw, rw.operand(0).data), rw.constant(0),
           AmaxRange::exactly(0), /*kept=*/{});
  return success();
}

constexpr char kMeet[] =
    "from amax of the result, chosen from data moved to one exponent";
constexpr char kJoin[] = "maximum of the operands', data moved to it";
LogicalResult join(Operation *op, ScaleRewriter &rw) {
  ScaledOperand a = rw.operand(0), b = rw.operand(1);
  Value e = rw.max(a.exponent, b.exponent);
  Value data = again(
      op, rw, {rw.move(a.data, a.exponent, e), rw.move(b.data, b.exponent, e)});
  rw.result(0, data, e);
  return success();
}

LogicalResult choose(Operation *op, ScaleRewriter &rw, const ScaledOperand &a,
                     const ScaledOperand &b) {
  Value e = meet(rw, {a, b});
  rw.result(
      0,
      again(op, rw,
            {rw.move(a.data, a.exponent, e), rw.move(b.data, b.exponent, e)}),
      e);
  return success();
}

/// Maximum and minimum with zero keep the other operand's elements as they are.
LogicalResult joinOrdered(Operation *op, ScaleRewriter &rw) {
  ScaledOperand a = rw.operand(0), b = rw.operand(1);
  if (!a.isZero && !b.isZero) {
    return choose(op, rw, a, b);
  }
  ScaledOperand x = a.isZero ? b : a;
  rw.exact(0, again(op, rw, {a.data, b.data}), x.exponent,
           {std::nullopt, x.range.high}, x.kept);
  return success();
}

constexpr char kProduct[] = "sum";
LogicalResult product(Operation *op, ScaleRewriter &rw) {
  ScaledOperand a = rw.operand(0), b = rw.operand(1);
  // A factor that is one number moves every magnitude alike: significands in
  // [1, 2) give a product in [1, 4).
  AmaxRange range;
  if (a.isUniform && a.range.low && a.range.high) {
    range = shift(b.range, *a.range.low, *a.range.high + 1);
  } else if (b.isUniform && b.range.low && b.range.high) {
    range = shift(a.range, *b.range.low, *b.range.high + 1);
  }
  rw.result(0, again(op, rw, {a.data, b.data}), rw.add(a.exponent, b.exponent),
            range);
  return success();
}

constexpr char kQuotient[] = "difference";
LogicalResult quotient(Operation *op, ScaleRewriter &rw) {
  ScaledOperand a = rw.operand(0), b = rw.operand(1);
  AmaxRange range;
  if (b.isUniform && b.range.low && b.range.high && !b.isZero) {
    range = shift(a.range, -*b.range.high - 1, -*b.range.low);
  }
  rw.result(0, again(op, rw, {a.data, b.data}), rw.sub(a.exponent, b.exponent),
            range);
  return success();
}

constexpr char kReal[] =
    "from amax of the result, computed on the real value in float32";
LogicalResult real(Operation *op, ScaleRewriter &rw) {
  SmallVector<Value> operands;
  for (unsigned index = 0; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.isScaled(index) ? rw.real(index) : rw.plain(index));
  }
  rw.result(0, again(op, rw, operands, rw.builder().getF32Type()),
            rw.constant(0));
  return success();
}

constexpr char kLog[] = "from amax of the result: log(d × 2^e)";
/// log(d × 2^e) on the real value where float32 holds it, so that nothing
/// cancels near 1; the rest of e × ln 2 apart.
LogicalResult logarithm(Operation *op, ScaleRewriter &rw) {
  OpBuilder &b = rw.builder();
  Location loc = rw.location();
  ScaledOperand x = rw.operand(0);
  auto scalar = [&](Attribute value, Type element) -> Value {
    auto type = RankedTensorType::get({}, element);
    return ConstantOp::create(
        b, loc, cast<ElementsAttr>(DenseElementsAttr::get(type, value)));
  };
  Type i32 = b.getI32Type();
  FloatType wide = rw.wideType();
  Value low = scalar(b.getI32IntegerAttr(-100), i32),
        high = scalar(b.getI32IntegerAttr(100), i32);
  Value held =
      ClampOp::create(b, loc, x.exponent.getType(), low, x.exponent, high);
  Value rest =
      SubtractOp::create(b, loc, x.exponent.getType(), x.exponent, held);
  Value log = again(op, rw, rw.move(x.data, held, rw.constant(0)));
  auto scalarWide = RankedTensorType::get({}, wide);
  Value restReal = ConvertOp::create(b, loc, scalarWide, rest);
  Value ln2 = scalar(b.getFloatAttr(wide, 0.693147180559945309), wide);
  Value offset = MultiplyOp::create(b, loc, scalarWide, restReal, ln2);
  Value spread = BroadcastInDimOp::create(b, loc, log.getType(), offset,
                                          b.getDenseI64ArrayAttr({}));
  rw.result(0, AddOp::create(b, loc, log.getType(), log, spread),
            rw.constant(0));
  return success();
}

constexpr char kHalf[] = "half, its odd bit moved into the data";
LogicalResult squareRoot(Operation *op, ScaleRewriter &rw) {
  ScaledOperand x = rw.operand(0);
  // The data's own magnitude, if even, stays in the data.
  int magnitude = x.range.low.value_or(0) & ~1;
  auto [half, odd] = rw.half(rw.sub(x.exponent, rw.constant(magnitude)));
  Value data = again(op, rw, rw.move(x.data, odd, rw.constant(-magnitude)));
  AmaxRange range;
  if (x.range.low && x.range.high) {
    range = {(*x.range.low + magnitude) >> 1,
             (*x.range.high + magnitude + 1) >> 1};
  }
  rw.result(0, data, half, range);
  return success();
}

constexpr char kMinusHalf[] = "minus half, the odd bit moved into the data";
LogicalResult reciprocalRoot(Operation *op, ScaleRewriter &rw) {
  ScaledOperand x = rw.operand(0);
  auto [half, odd] = rw.half(x.exponent);
  Value data = again(op, rw, rw.move(x.data, odd, rw.constant(0)));
  rw.result(0, data, rw.sub(rw.constant(0), half));
  return success();
}

constexpr char kBoolean[] = "no scale: booleans";
LogicalResult isFinite(Operation *op, ScaleRewriter &rw) {
  rw.plainResult(0,
                 again(op, rw, rw.operand(0).data, rw.builder().getI1Type()));
  return success();
}

constexpr char kCompare[] =
    "no scale: booleans; compared after moving to the maximum";
/// True where no element but zeros is below 2^-24 or above 2^16: FP16 data, and
/// a repeated number.
bool isWithinFloat16(ScaleRewriter &rw, unsigned index) {
  const ScaledOperand x = rw.operand(index);
  return getElementTypeOrSelf(rw.storage(index).getType()).isF16() ||
         (x.isUniform && x.range.low.value_or(-25) >= -24 &&
          x.range.high.value_or(17) <= 15);
}

/// The order of all elements stays what it is if the smaller operand is moved
/// by less than asked for, but far enough below the smallest element that the
/// other may have, as long as it does not become zero: in float32 for elements
/// in float16's range, in float64 for others.
LogicalResult compare(Operation *op, ScaleRewriter &rw) {
  if (!rw.isScaled(0)) {
    return failure();
  }
  OpBuilder &b = rw.builder();
  SmallVector<ScaledOperand> x = {rw.operand(0), rw.operand(1)};
  bool isNarrow = isWithinFloat16(rw, 0) && isWithinFloat16(rw, 1);
  Value e = rw.max(x[0].exponent, x[1].exponent);
  SmallVector<Value> moved;
  for (const ScaledOperand &operand : x) {
    Value data = operand.data;
    if (!isNarrow) {
      auto type = cast<RankedTensorType>(data.getType());
      data =
          ConvertOp::create(b, rw.location(), type.clone(b.getF64Type()), data);
    }
    if (operand.exponent == e) {
      moved.push_back(data);
      continue;
    }
    // 2^-24 is above 2^16 × 2^-100; float32's 2^-149 above 2^128 × 2^-600.
    Value within = rw.add(operand.exponent, rw.constant(isNarrow ? 100 : 600));
    Value near = MinimumOp::create(b, rw.location(), e.getType(), e, within);
    moved.push_back(rw.move(data, operand.exponent, near));
  }
  rw.plainResult(0, again(op, rw, moved, b.getI1Type()));
  return success();
}

LogicalResult select(Operation *op, ScaleRewriter &rw) {
  return chooseBetween(rw, rw.operand(1), rw.operand(2), [&](Value a, Value b) {
    return again(op, rw, {rw.plain(0), a, b});
  });
}

LogicalResult clamp(Operation *op, ScaleRewriter &rw) {
  SmallVector<ScaledOperand> x = {rw.operand(0), rw.operand(1), rw.operand(2)};
  Value e = meet(rw, x);
  SmallVector<Value> moved;
  for (const ScaledOperand &operand : x) {
    moved.push_back(rw.move(operand.data, operand.exponent, e));
  }
  rw.result(0, again(op, rw, moved), e);
  return success();
}

constexpr char kConvert[] =
    "kept between floats; from amax for integers; no scale to integers";
LogicalResult convert(Operation *op, ScaleRewriter &rw) {
  bool toFloat =
      isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
  if (!rw.isScaled(0)) {
    rw.result(0, again(op, rw, rw.plain(0), rw.builder().getF32Type()),
              rw.constant(0));
  } else if (toFloat) {
    rw.moved(0, rw.storage(0), 0);
  } else {
    rw.plainResult(0, again(op, rw, rw.real(0),
                            getElementTypeOrSelf(op->getResult(0).getType())));
  }
  return success();
}

template <ScaleRule rule, const char *description, typename... Ops>
void attach(MLIRContext &context) {
  (Ops::template attachInterface<ScaleModel<Ops, rule, description>>(context),
   ...);
}

} // namespace

void steelyard::attachElementwiseRules(MLIRContext &context) {
  attach<keep, kKeep, AbsOp, NegateOp>(context);
  attach<sign, kSign, SignOp>(context);
  attach<join, kJoin, AddOp, SubtractOp>(context);
  attach<joinOrdered, kMeet, MaximumOp, MinimumOp>(context);
  attach<product, kProduct, MultiplyOp>(context);
  attach<quotient, kQuotient, DivideOp>(context);
  attach<real, kReal, ExponentialOp, ExponentialMinusOneOp, LogPlusOneOp,
         CbrtOp, TanhOp, LogisticOp, SineOp, CosineOp, TanOp, FloorOp, CeilOp,
         RoundNearestEvenOp, RoundNearestAfzOp, PowerOp, Atan2Op, RemainderOp>(
      context);
  attach<logarithm, kLog, LogOp>(context);
  attach<squareRoot, kHalf, SqrtOp>(context);
  attach<reciprocalRoot, kMinusHalf, RsqrtOp>(context);
  attach<isFinite, kBoolean, IsFiniteOp>(context);
  attach<compare, kCompare, CompareOp>(context);
  attach<select, kMeet, SelectOp>(context);
  attach<clamp, kMeet, ClampOp>(context);
  attach<convert, kConvert, ConvertOp>(context);
}

void steelyard::attachCHLORules(MLIRContext &context) {
  attach<real, kReal, chlo::AcosOp, chlo::AcoshOp, chlo::AsinOp, chlo::AsinhOp,
         chlo::AtanOp, chlo::AtanhOp, chlo::CoshOp, chlo::DigammaOp,
         chlo::ErfOp, chlo::ErfcOp, chlo::ErfInvOp, chlo::LgammaOp,
         chlo::NextAfterOp, chlo::SinhOp>(context);
}
