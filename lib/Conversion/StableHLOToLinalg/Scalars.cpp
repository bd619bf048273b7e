//===- Scalars.cpp - stablehlo's elementwise operations on elements -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/TypeSwitch.h"

#include "Elementary.h"
#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

bool isNarrowFloat(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32;
}

/// Between float types: scaled.cast for what arith leaves alone.
Value convertFloat(Scalar s, Value value, FloatType to) {
  auto from = cast<FloatType>(value.getType());
  if (from == to) {
    return value;
  }
  if (from.getWidth() < 16 || to.getWidth() < 16) {
    // One rounding: casts to fewer than 16 bits are from float32 and float64.
    auto f32 = Float32Type::get(to.getContext());
    if (from.getWidth() < 16) {
      Value wide = scaled::CastOp::create(s.b, s.loc, f32, value);
      return convertFloat(s, wide, to);
    }
    return scaled::CastOp::create(
        s.b, s.loc, to, from.isF64() ? value : convertFloat(s, value, f32));
  }
  if (from.getWidth() == to.getWidth()) { // f16 and bf16
    auto f32 = Float32Type::get(to.getContext());
    return arith::TruncFOp::create(
        s.b, s.loc, to, arith::ExtFOp::create(s.b, s.loc, f32, value));
  }
  return from.getWidth() < to.getWidth()
             ? arith::ExtFOp::create(s.b, s.loc, to, value).getResult()
             : arith::TruncFOp::create(s.b, s.loc, to, value).getResult();
}

/// Toward zero, saturating, NaN to 0: defined for every input.
Value floatToInteger(Scalar s, Value value, IntegerType to, bool isUnsigned) {
  auto type = cast<FloatType>(value.getType());
  if (type.getWidth() < 32) {
    type = s.b.getF32Type();
    value = convertFloat(s, value, type);
  }
  unsigned width = to.getWidth();
  APInt least =
      isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt greatest =
      isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  double above = std::ldexp(1.0, isUnsigned ? width : width - 1);
  double below = isUnsigned ? 0.0 : -above;
  Value tooLarge =
      s.cmpf(arith::CmpFPredicate::OGE, value, s.real(type, above));
  Value tooSmall =
      s.cmpf(arith::CmpFPredicate::OLE, value, s.real(type, below));
  Value isNaN = s.cmpf(arith::CmpFPredicate::UNO, value, value);
  Value bad = arith::OrIOp::create(
      s.b, s.loc, arith::OrIOp::create(s.b, s.loc, tooLarge, tooSmall), isNaN);
  Value safe = s.select(bad, s.real(type, 0.0), value);
  Value result =
      isUnsigned ? arith::FPToUIOp::create(s.b, s.loc, to, safe).getResult()
                 : arith::FPToSIOp::create(s.b, s.loc, to, safe).getResult();
  auto constant = [&](const APInt &bits) -> Value {
    return arith::ConstantOp::create(s.b, s.loc, s.b.getIntegerAttr(to, bits));
  };
  result = s.select(tooLarge, constant(greatest), result);
  return s.select(tooSmall, constant(least), result);
}

/// x / 0 is all ones, the least number / -1 itself: as XLA does, and never
/// undefined.
Value divideInteger(Scalar s, Value lhs, Value rhs, bool isUnsigned,
                    bool remainder) {
  Type type = lhs.getType();
  Value zero = s.integer(type, 0), one = s.integer(type, 1),
        ones = s.integer(type, -1);
  Value byZero = s.cmpi(arith::CmpIPredicate::eq, rhs, zero);
  Value unsafe = byZero, overflow;
  if (!isUnsigned) {
    unsigned width = type.getIntOrFloatBitWidth();
    Value least = arith::ConstantOp::create(
        s.b, s.loc, s.b.getIntegerAttr(type, APInt::getSignedMinValue(width)));
    Value minusOne = s.cmpi(arith::CmpIPredicate::eq, rhs, ones);
    overflow = arith::AndIOp::create(
        s.b, s.loc, s.cmpi(arith::CmpIPredicate::eq, lhs, least), minusOne);
    unsafe = arith::OrIOp::create(s.b, s.loc, byZero, overflow);
  }
  Value divisor = s.select(unsafe, one, rhs);
  Value result;
  if (remainder) {
    result = isUnsigned
                 ? arith::RemUIOp::create(s.b, s.loc, lhs, divisor).getResult()
                 : arith::RemSIOp::create(s.b, s.loc, lhs, divisor).getResult();
    result = overflow ? s.select(overflow, zero, result) : result;
    return s.select(byZero, lhs, result);
  }
  result = isUnsigned
               ? arith::DivUIOp::create(s.b, s.loc, lhs, divisor).getResult()
               : arith::DivSIOp::create(s.b, s.loc, lhs, divisor).getResult();
  return s.select(byZero, ones, result);
}

/// By squaring, modulo 2^width. 1 / x^n is no integer other than 0 unless x is
/// 1 or -1; as XLA does.
Value powerInteger(Scalar s, Value base, Value exponent, bool isUnsigned) {
  Type type = base.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  Value zero = s.integer(type, 0), one = s.integer(type, 1);
  Value result = one, square = base;
  for (unsigned bit = 0; bit < width; ++bit) {
    Value mask = arith::ConstantOp::create(
        s.b, s.loc, s.b.getIntegerAttr(type, APInt::getOneBitSet(width, bit)));
    Value isSet =
        s.cmpi(arith::CmpIPredicate::ne,
               arith::AndIOp::create(s.b, s.loc, exponent, mask), zero);
    Value product = arith::MulIOp::create(s.b, s.loc, result, square);
    result = s.select(isSet, product, result);
    square = arith::MulIOp::create(s.b, s.loc, square, square);
  }
  if (isUnsigned) {
    return result;
  }
  // The powers of 1 and -1 depend on the lowest bit alone.
  Value isUnit = arith::OrIOp::create(
      s.b, s.loc, s.cmpi(arith::CmpIPredicate::eq, base, one),
      s.cmpi(arith::CmpIPredicate::eq, base, s.integer(type, -1)));
  Value isNegative = s.cmpi(arith::CmpIPredicate::slt, exponent, zero);
  return s.select(isNegative, s.select(isUnit, result, zero), result);
}

/// Shifts by the width or more: 0, or the sign.
template <typename Shift>
Value shift(Scalar s, Value lhs, Value rhs, bool arithmetic) {
  Type type = lhs.getType();
  Value width = s.integer(type, type.getIntOrFloatBitWidth());
  Value inRange = s.cmpi(arith::CmpIPredicate::ult, rhs, width);
  Value most = s.integer(type, type.getIntOrFloatBitWidth() - 1);
  Value amount = s.select(inRange, rhs, most);
  Value shifted = Shift::create(s.b, s.loc, lhs, amount);
  return arithmetic ? shifted : s.select(inRange, shifted, s.integer(type, 0));
}

/// Bits as an integer whose order is IEEE 754's total order.
Value totalOrderKey(Scalar s, Value value) {
  Type bits = s.b.getIntegerType(value.getType().getIntOrFloatBitWidth());
  Value raw = arith::BitcastOp::create(s.b, s.loc, bits, value);
  Value negative = s.cmpi(arith::CmpIPredicate::slt, raw, s.integer(bits, 0));
  APInt mask = APInt::getSignedMaxValue(bits.getIntOrFloatBitWidth());
  Value low =
      arith::ConstantOp::create(s.b, s.loc, s.b.getIntegerAttr(bits, mask));
  return s.select(negative, arith::XOrIOp::create(s.b, s.loc, raw, low), raw);
}

Value compare(Scalar s, CompareOp op, Value lhs, Value rhs, bool isUnsigned) {
  ComparisonDirection direction = op.getComparisonDirection();
  if (op.getCompareType() == ComparisonType::TOTALORDER) {
    lhs = totalOrderKey(s, lhs);
    rhs = totalOrderKey(s, rhs);
    isUnsigned = false;
  }
  if (isa<FloatType>(lhs.getType())) {
    using P = arith::CmpFPredicate;
    static constexpr P predicates[] = {P::OEQ, P::UNE, P::OGE,
                                       P::OGT, P::OLE, P::OLT};
    return s.cmpf(predicates[static_cast<unsigned>(direction)], lhs, rhs);
  }
  using P = arith::CmpIPredicate;
  static constexpr P signedOnes[] = {P::eq,  P::ne,  P::sge,
                                     P::sgt, P::sle, P::slt};
  static constexpr P unsignedOnes[] = {P::eq,  P::ne,  P::uge,
                                       P::ugt, P::ule, P::ult};
  unsigned index = static_cast<unsigned>(direction);
  return s.cmpi(isUnsigned ? unsignedOnes[index] : signedOnes[index], lhs, rhs);
}

/// -1, 0 or 1; the operand itself for zeros and NaN.
Value sign(Scalar s, Value value) {
  Type type = value.getType();
  if (isa<IntegerType>(type)) {
    Value zero = s.integer(type, 0);
    Value negative = s.cmpi(arith::CmpIPredicate::slt, value, zero);
    Value isZero = s.cmpi(arith::CmpIPredicate::eq, value, zero);
    return s.select(
        isZero, zero,
        s.select(negative, s.integer(type, -1), s.integer(type, 1)));
  }
  Value keep = s.cmpf(arith::CmpFPredicate::UEQ, value, s.real(type, 0.0));
  Value one = math::CopySignOp::create(s.b, s.loc, s.real(type, 1.0), value);
  return s.select(keep, value, one);
}

template <typename Op>
Value unary(Scalar s, ValueRange v) {
  return Op::create(s.b, s.loc, v[0]);
}
template <typename Op>
Value binary(Scalar s, ValueRange v) {
  return Op::create(s.b, s.loc, v[0], v[1]);
}

Value floatOp(Scalar s, Operation *op, ValueRange v) {
  Type type = v[0].getType();
  return TypeSwitch<Operation *, Value>(op)
      .Case<AddOp>([&](auto) { return binary<arith::AddFOp>(s, v); })
      .Case<SubtractOp>([&](auto) { return binary<arith::SubFOp>(s, v); })
      .Case<MultiplyOp>([&](auto) { return binary<arith::MulFOp>(s, v); })
      .Case<DivideOp>([&](auto) { return binary<arith::DivFOp>(s, v); })
      .Case<MaximumOp>([&](auto) { return binary<arith::MaximumFOp>(s, v); })
      .Case<MinimumOp>([&](auto) { return binary<arith::MinimumFOp>(s, v); })
      .Case<PowerOp>([&](auto) { return binary<math::PowFOp>(s, v); })
      .Case<RemainderOp>([&](auto) { return binary<arith::RemFOp>(s, v); })
      .Case<Atan2Op>([&](auto) { return angle(s, v[0], v[1]); })
      .Case<AbsOp>([&](auto) { return unary<math::AbsFOp>(s, v); })
      .Case<NegateOp>([&](auto) { return unary<arith::NegFOp>(s, v); })
      .Case<SignOp>([&](auto) { return sign(s, v[0]); })
      .Case<ExponentialOp>([&](auto) { return unary<math::ExpOp>(s, v); })
      .Case<ExponentialMinusOneOp>(
          [&](auto) { return exponentialMinusOne(s, v[0]); })
      .Case<LogOp>([&](auto) { return logarithm(s, v[0]); })
      .Case<LogPlusOneOp>([&](auto) { return logPlusOne(s, v[0]); })
      .Case<SqrtOp>([&](auto) { return unary<math::SqrtOp>(s, v); })
      .Case<RsqrtOp>([&](auto) {
        Value root = unary<math::SqrtOp>(s, v);
        return arith::DivFOp::create(s.b, s.loc, s.real(type, 1.0), root)
            .getResult();
      })
      .Case<CbrtOp>([&](auto) { return cubeRoot(s, v[0]); })
      .Case<TanhOp>([&](auto) { return hyperbolicTangent(s, v[0]); })
      .Case<LogisticOp>([&](auto) { return logistic(s, v[0]); })
      .Case<SineOp>([&](auto) { return trigonometric(s, "sin", v[0]); })
      .Case<CosineOp>([&](auto) { return trigonometric(s, "cos", v[0]); })
      .Case<TanOp>([&](auto) { return trigonometric(s, "tan", v[0]); })
      .Case<FloorOp>([&](auto) { return unary<math::FloorOp>(s, v); })
      .Case<CeilOp>([&](auto) { return unary<math::CeilOp>(s, v); })
      .Case<RoundNearestEvenOp>(
          [&](auto) { return unary<math::RoundEvenOp>(s, v); })
      .Case<RoundNearestAfzOp>([&](auto) { return unary<math::RoundOp>(s, v); })
      .Case<ClampOp>([&](auto) {
        Value raised = arith::MaximumFOp::create(s.b, s.loc, v[1], v[0]);
        return arith::MinimumFOp::create(s.b, s.loc, raised, v[2]).getResult();
      })
      .Case<chlo::AcosOp>([&](auto) { return unary<math::AcosOp>(s, v); })
      .Case<chlo::AcoshOp>([&](auto) { return unary<math::AcoshOp>(s, v); })
      .Case<chlo::AsinOp>([&](auto) { return unary<math::AsinOp>(s, v); })
      .Case<chlo::AsinhOp>([&](auto) { return unary<math::AsinhOp>(s, v); })
      .Case<chlo::AtanOp>([&](auto) { return unary<math::AtanOp>(s, v); })
      .Case<chlo::AtanhOp>([&](auto) { return unary<math::AtanhOp>(s, v); })
      .Case<chlo::CoshOp>([&](auto) { return unary<math::CoshOp>(s, v); })
      .Case<chlo::DigammaOp>([&](auto) { return digamma(s, v[0]); })
      .Case<chlo::ErfOp>([&](auto) { return unary<math::ErfOp>(s, v); })
      .Case<chlo::ErfcOp>([&](auto) { return unary<math::ErfcOp>(s, v); })
      .Case<chlo::ErfInvOp>([&](auto) { return errorFunctionInverse(s, v[0]); })
      .Case<chlo::LgammaOp>([&](auto) { return logGamma(s, v[0]); })
      .Case<chlo::NextAfterOp>([&](auto) { return nextAfter(s, v[0], v[1]); })
      .Case<chlo::SinhOp>([&](auto) { return unary<math::SinhOp>(s, v); })
      .Default([](Operation *) { return Value(); });
}

Value integerOp(Scalar s, Operation *op, ValueRange v, bool isUnsigned) {
  bool isBool = v[0].getType().isInteger(1);
  return TypeSwitch<Operation *, Value>(op)
      .Case<AddOp>([&](auto) {
        return isBool ? binary<arith::OrIOp>(s, v)
                      : binary<arith::AddIOp>(s, v);
      })
      .Case<SubtractOp>([&](auto) { return binary<arith::SubIOp>(s, v); })
      .Case<MultiplyOp>([&](auto) {
        return isBool ? binary<arith::AndIOp>(s, v)
                      : binary<arith::MulIOp>(s, v);
      })
      .Case<DivideOp>(
          [&](auto) { return divideInteger(s, v[0], v[1], isUnsigned, false); })
      .Case<RemainderOp>(
          [&](auto) { return divideInteger(s, v[0], v[1], isUnsigned, true); })
      .Case<MaximumOp>([&](auto) {
        return isUnsigned || isBool ? binary<arith::MaxUIOp>(s, v)
                                    : binary<arith::MaxSIOp>(s, v);
      })
      .Case<MinimumOp>([&](auto) {
        return isUnsigned || isBool ? binary<arith::MinUIOp>(s, v)
                                    : binary<arith::MinSIOp>(s, v);
      })
      .Case<AndOp>([&](auto) { return binary<arith::AndIOp>(s, v); })
      .Case<OrOp>([&](auto) { return binary<arith::OrIOp>(s, v); })
      .Case<XorOp>([&](auto) { return binary<arith::XOrIOp>(s, v); })
      .Case<NotOp>([&](auto) {
        return arith::XOrIOp::create(s.b, s.loc, v[0],
                                     s.integer(v[0].getType(), -1))
            .getResult();
      })
      .Case<ShiftLeftOp>(
          [&](auto) { return shift<arith::ShLIOp>(s, v[0], v[1], false); })
      .Case<ShiftRightLogicalOp>(
          [&](auto) { return shift<arith::ShRUIOp>(s, v[0], v[1], false); })
      .Case<ShiftRightArithmeticOp>(
          [&](auto) { return shift<arith::ShRSIOp>(s, v[0], v[1], true); })
      .Case<AbsOp>(
          [&](auto) { return isUnsigned ? v[0] : unary<math::AbsIOp>(s, v); })
      .Case<NegateOp>([&](auto) {
        return arith::SubIOp::create(s.b, s.loc, s.integer(v[0].getType(), 0),
                                     v[0])
            .getResult();
      })
      .Case<SignOp>([&](auto) {
        Value one = s.integer(v[0].getType(), 1);
        return isUnsigned
                   ? arith::MinUIOp::create(s.b, s.loc, v[0], one).getResult()
                   : sign(s, v[0]);
      })
      .Case<PopcntOp>([&](auto) { return unary<math::CtPopOp>(s, v); })
      .Case<CountLeadingZerosOp>(
          [&](auto) { return unary<math::CountLeadingZerosOp>(s, v); })
      .Case<PowerOp>(
          [&](auto) { return powerInteger(s, v[0], v[1], isUnsigned); })
      .Case<ClampOp>([&](auto) {
        Value raised =
            isUnsigned
                ? arith::MaxUIOp::create(s.b, s.loc, v[1], v[0]).getResult()
                : arith::MaxSIOp::create(s.b, s.loc, v[1], v[0]).getResult();
        return isUnsigned ? arith::MinUIOp::create(s.b, s.loc, raised, v[2])
                                .getResult()
                          : arith::MinSIOp::create(s.b, s.loc, raised, v[2])
                                .getResult();
      })
      .Default([](Operation *) { return Value(); });
}

} // namespace

Value steelyard::convertScalar(OpBuilder &builder, Location location,
                               Value value, Type to, bool fromUnsigned,
                               bool toUnsigned) {
  Scalar s{builder, location};
  Type from = value.getType();
  if (from == to) {
    return value;
  }
  if (auto toFloat = dyn_cast<FloatType>(to)) {
    if (isa<FloatType>(from)) {
      return convertFloat(s, value, toFloat);
    }
    auto wide =
        toFloat.getWidth() < 32 ? FloatType(builder.getF32Type()) : toFloat;
    bool isUnsigned = fromUnsigned || from.isInteger(1);
    Value real = isUnsigned
                     ? arith::UIToFPOp::create(builder, location, wide, value)
                           .getResult()
                     : arith::SIToFPOp::create(builder, location, wide, value)
                           .getResult();
    return convertFloat(s, real, toFloat);
  }
  auto toInteger = cast<IntegerType>(to);
  if (toInteger.getWidth() == 1) {
    if (isa<FloatType>(from)) {
      Value wide = isNarrowFloat(from)
                       ? convertFloat(s, value, builder.getF32Type())
                       : value;
      return s.cmpf(arith::CmpFPredicate::UNE, wide,
                    s.real(wide.getType(), 0.0));
    }
    return s.cmpi(arith::CmpIPredicate::ne, value, s.integer(from, 0));
  }
  if (isa<FloatType>(from)) {
    return floatToInteger(s, value, toInteger, toUnsigned);
  }
  unsigned fromWidth = from.getIntOrFloatBitWidth();
  if (fromWidth == toInteger.getWidth()) {
    return value;
  }
  if (fromWidth > toInteger.getWidth()) {
    return arith::TruncIOp::create(builder, location, to, value);
  }
  return fromUnsigned || fromWidth == 1
             ? arith::ExtUIOp::create(builder, location, to, value).getResult()
             : arith::ExtSIOp::create(builder, location, to, value).getResult();
}

Value steelyard::emitScalar(OpBuilder &builder, const TypeConverter &converter,
                            Operation *op, ValueRange operands, Type result) {
  Scalar s{builder, op->getLoc(),
           static_cast<const StorageTypes &>(converter).keepsFunctions};
  auto elementOf = [](Value value) {
    return getElementTypeOrSelf(value.getType());
  };
  bool isUnsigned = op->getNumOperands() > 0 &&
                    elementOf(op->getOperands().back()).isUnsignedInteger();
  if (isa<ConvertOp>(op)) {
    return convertScalar(builder, op->getLoc(), operands[0], result, isUnsigned,
                         elementOf(op->getResult(0)).isUnsignedInteger());
  }
  if (isa<SelectOp>(op)) {
    return s.select(operands[0], operands[1], operands[2]);
  }
  if (isa<BitcastConvertOp>(op)) {
    return arith::BitcastOp::create(builder, op->getLoc(), result, operands[0]);
  }
  Type element = operands[0].getType();
  // Narrow floats are computed in float32 and rounded once.
  SmallVector<Value> wide(operands);
  auto compareOp = dyn_cast<CompareOp>(op);
  bool ordersBits =
      compareOp && compareOp.getCompareType() == ComparisonType::TOTALORDER;
  bool isOfBits = ordersBits || isa<chlo::NextAfterOp>(op);
  if (isNarrowFloat(element) && !isOfBits) {
    for (Value &operand : wide) {
      operand = convertFloat(s, operand, builder.getF32Type());
    }
  }
  if (compareOp) {
    return compare(s, compareOp, wide[0], wide[1],
                   isUnsigned || element.isInteger(1));
  }
  if (isa<IsFiniteOp>(op)) {
    Value magnitude = math::AbsFOp::create(builder, op->getLoc(), wide[0]);
    double infinity = std::numeric_limits<double>::infinity();
    return s.cmpf(arith::CmpFPredicate::OLT, magnitude,
                  s.real(magnitude.getType(), infinity));
  }
  Value value = isa<FloatType>(element) ? floatOp(s, op, wide)
                                        : integerOp(s, op, wide, isUnsigned);
  if (!value) {
    op->emitError() << "'" << op->getName() << "' on elements of type "
                    << element << " has no lowering to the CPU";
    return {};
  }
  return isa<FloatType>(value.getType())
             ? convertFloat(s, value, cast<FloatType>(result))
             : value;
}

/// A constant of rank 0 as a scalar. Canonicalisation moves constants out of
/// regions.
static Value emitConstant(OpBuilder &builder, const TypeConverter &converter,
                          Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant) {
    return {};
  }
  auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
  auto type = converter.convertType<RankedTensorType>(constant.getType());
  if (!elements || type.getRank() != 0) {
    return {};
  }
  Type element = type.getElementType();
  if (element != elements.getElementType()) { // unsigned: the same bits
    elements = elements.bitcast(element);
  }
  return arith::ConstantOp::create(
      builder, constant.getLoc(),
      cast<TypedAttr>(elements.getSplatValue<Attribute>()));
}

SmallVector<Value> steelyard::emitComputation(OpBuilder &builder,
                                              const TypeConverter &converter,
                                              Region &computation,
                                              ValueRange arguments,
                                              const IRMapping &captured) {
  Block &block = computation.front();
  IRMapping mapping = captured;
  mapping.map(block.getArguments(), arguments);
  auto lookup = [&](Value value) {
    if (Value known = mapping.lookupOrNull(value)) {
      return known;
    }
    Value constant = emitConstant(builder, converter, value);
    if (constant) {
      mapping.map(value, constant);
    }
    return constant;
  };
  for (Operation &scalar : block.without_terminator()) {
    if (isa<ConstantOp>(scalar)) {
      continue; // where it is used
    }
    SmallVector<Value> operands =
        llvm::map_to_vector(scalar.getOperands(), lookup);
    bool isComplete = !llvm::is_contained(operands, Value());
    Value result;
    if (isa<BroadcastInDimOp, ReshapeOp>(scalar) && isComplete) {
      result = operands.front(); // from rank 0 to rank 0
    } else if (scalar.getNumResults() == 1 && scalar.getNumRegions() == 0 &&
               isComplete) {
      auto type = converter.convertType<RankedTensorType>(
          scalar.getResult(0).getType());
      result = emitScalar(builder, converter, &scalar, operands,
                          type.getElementType());
    } else {
      scalar.emitError() << "'" << scalar.getName()
                         << "' in the computation of an operation has no "
                            "lowering to the CPU";
    }
    if (!result) {
      return {};
    }
    mapping.map(scalar.getResult(0), result);
  }
  SmallVector<Value> results =
      llvm::map_to_vector(block.getTerminator()->getOperands(), lookup);
  if (llvm::is_contained(results, Value())) {
    block.getTerminator()->emitError(
        "a computation returns what it computes, its arguments or constants");
    return {};
  }
  return results;
}

Value steelyard::extractIndex(OpBuilder &builder, Location location,
                              Value tensor, ValueRange position,
                              bool isUnsigned) {
  Value number = tensor::ExtractOp::create(builder, location, tensor, position);
  Type index = builder.getIndexType();
  return isUnsigned
             ? arith::IndexCastUIOp::create(builder, location, index, number)
                   .getResult()
             : arith::IndexCastOp::create(builder, location, index, number)
                   .getResult();
}
