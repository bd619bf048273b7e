//===- CastToArith.cpp - Casts as integer arithmetic -----------------*- C++
//-*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// decode: a code's exponent and significand are moved to their place in
// float32; a subnormal code is its significand times a power of two.
// encode: the float32 bits are rounded at the last significand bit that the
// format keeps, which for results below its least normal number is the place
// of its least subnormal one: adding a power of two there makes the
// processor's own addition do that rounding, or integers do.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Conversion/CastToArith/CastToArith.h"

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace steelyard {
#define GEN_PASS_DEF_CONVERTSCALEDCASTTOARITH
#include "steelyard/Conversion/CastToArith/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::scaled;

namespace {

/// Arithmetic on scalars or vectors: every value has the shape of the cast.
class Builder32 {
public:
  Builder32(OpBuilder &builder, Location location, Type like)
      : b(builder), loc(location), like(like) {}

  Type shaped(Type element) {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }
  Type i32() { return shaped(b.getI32Type()); }
  Type f32() { return shaped(b.getF32Type()); }
  Value integer(int64_t value) {
    auto attribute = b.getI32IntegerAttr(static_cast<int32_t>(value));
    return constant(i32(), attribute);
  }
  Value real(double value) {
    return constant(f32(), b.getF32FloatAttr(static_cast<float>(value)));
  }
  Value constant(Type type, TypedAttr attribute) {
    if (auto vector = dyn_cast<VectorType>(type)) {
      return arith::ConstantOp::create(
          b, loc, SplatElementsAttr::get(vector, attribute));
    }
    return arith::ConstantOp::create(b, loc, attribute);
  }
  Value add(Value l, Value r) { return arith::AddIOp::create(b, loc, l, r); }
  Value sub(Value l, Value r) { return arith::SubIOp::create(b, loc, l, r); }
  Value bitAnd(Value l, Value r) { return arith::AndIOp::create(b, loc, l, r); }
  Value bitOr(Value l, Value r) { return arith::OrIOp::create(b, loc, l, r); }
  Value shl(Value l, Value r) { return arith::ShLIOp::create(b, loc, l, r); }
  Value shl(Value l, int64_t r) { return r == 0 ? l : shl(l, integer(r)); }
  Value shr(Value l, Value r) { return arith::ShRUIOp::create(b, loc, l, r); }
  Value shr(Value l, int64_t r) { return r == 0 ? l : shr(l, integer(r)); }
  Value less(Value l, Value r) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, l, r);
  }
  Value greater(Value l, Value r) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, l, r);
  }
  Value equal(Value l, Value r) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, l, r);
  }
  Value select(Value c, Value yes, Value no) {
    return arith::SelectOp::create(b, loc, c, yes, no);
  }
  Value min(Value l, Value r) { return arith::MinSIOp::create(b, loc, l, r); }
  Value max(Value l, Value r) { return arith::MaxSIOp::create(b, loc, l, r); }
  Value mulf(Value l, Value r) { return arith::MulFOp::create(b, loc, l, r); }
  Value toBits(Value value) {
    return arith::BitcastOp::create(b, loc, i32(), value);
  }
  Value toFloat(Value bits) {
    return arith::BitcastOp::create(b, loc, f32(), bits);
  }

  OpBuilder &b;
  Location loc;
  Type like;
};

/// What a format's codes mean, as numbers the lowering needs.
struct Codes {
  int64_t e, t, bias;
  NonFinite rule;

  explicit Codes(FormatAttr format)
      : e(format.getExponentBits()), t(format.getSignificandBits()),
        bias(format.getBias()), rule(format.getNonFinite()) {}

  int64_t magnitudeMask() const { return (int64_t{1} << (e + t)) - 1; }
  int64_t signBit() const { return int64_t{1} << (e + t); }
  /// Code of the largest finite magnitude.
  int64_t largest() const {
    switch (rule) {
    case NonFinite::IEEE:
      return (((int64_t{1} << e) - 1) << t) - 1;
    case NonFinite::NaNOnly:
      return magnitudeMask() - 1;
    case NonFinite::FiniteOnly:
    case NonFinite::NegativeZeroNaN:
      return magnitudeMask();
    }
    llvm_unreachable("all rules are handled");
  }
  /// Magnitude code of overflow when not saturating: infinity, NaN, or, in a
  /// format of finite numbers, the largest.
  int64_t overflow() const {
    switch (rule) {
    case NonFinite::IEEE:
      return ((int64_t{1} << e) - 1) << t;
    case NonFinite::NaNOnly:
      return magnitudeMask();
    case NonFinite::FiniteOnly:
      return largest();
    case NonFinite::NegativeZeroNaN:
      return signBit(); // the whole code
    }
    llvm_unreachable("all rules are handled");
  }
};

/// Codes (i32) to float32, exact.
Value decode(Builder32 &m, Value code, const Codes &f) {
  Value magnitude = m.bitAnd(code, m.integer(f.magnitudeMask()));
  Value sign = m.shl(m.bitAnd(code, m.integer(f.signBit())), 31 - (f.e + f.t));
  // The fields in float32's places, then the exponents' biases made equal by a
  // multiplication with a power of two, which is exact for normal and subnormal
  // codes alike. A bias whose power is out of range goes in two steps.
  Value placed = m.toFloat(m.shl(magnitude, 23 - f.t));
  int64_t shift = 127 - f.bias;
  Value value = placed;
  while (shift > 127) {
    value = m.mulf(value, m.real(std::ldexp(1.0, 127)));
    shift -= 127;
  }
  while (shift < -126) {
    value = m.mulf(value, m.real(std::ldexp(1.0, -126)));
    shift += 126;
  }
  if (shift != 0) {
    value = m.mulf(value, m.real(std::ldexp(1.0, shift)));
  }
  Value bits = m.toBits(value);
  Value nan = m.integer(0x7fc00000);
  switch (f.rule) {
  case NonFinite::IEEE: {
    int64_t infinity = ((int64_t{1} << f.e) - 1) << f.t;
    bits = m.select(m.equal(magnitude, m.integer(infinity)),
                    m.integer(0x7f800000), bits);
    bits = m.select(m.greater(magnitude, m.integer(infinity)), nan, bits);
    break;
  }
  case NonFinite::NaNOnly:
    bits =
        m.select(m.equal(magnitude, m.integer(f.magnitudeMask())), nan, bits);
    break;
  case NonFinite::FiniteOnly:
    break;
  case NonFinite::NegativeZeroNaN: {
    Value whole = m.bitAnd(code, m.integer(f.signBit() | f.magnitudeMask()));
    Value isNaN = m.equal(whole, m.integer(f.signBit()));
    bits = m.select(isNaN, nan, bits);
    sign = m.select(isNaN, m.integer(0), sign);
    break;
  }
  }
  return m.toFloat(m.bitOr(bits, sign));
}

/// float32 to codes (i32).
Value encode(Builder32 &m, Value value, const Codes &f, Rounding rounding,
             bool saturate, Value random) {
  Value bits = m.toBits(value);
  Value magnitude = m.bitAnd(bits, m.integer(0x7fffffff));
  Value sign = m.shl(m.shr(bits, 31), f.e + f.t);
  Value isNaN = m.greater(magnitude, m.integer(0x7f800000));

  // Exponent and significand with the hidden bit; float32's subnormals share
  // the least exponent.
  Value field = m.shr(magnitude, 23);
  Value isNormal = m.greater(field, m.integer(0));
  Value exponent = m.sub(m.max(field, m.integer(1)), m.integer(127));
  Value fraction = m.bitAnd(magnitude, m.integer(0x7fffff));
  Value significand =
      m.select(isNormal, m.bitOr(fraction, m.integer(0x800000)), fraction);

  // Bits of the significand that the format does not keep: more below its least
  // normal exponent. From 25 on nothing but the rounding is left; 31 bits hold
  // every case.
  Value below = m.max(m.sub(m.integer(1 - f.bias), exponent), m.integer(0));
  Value dropped = m.min(m.add(below, m.integer(23 - f.t)), m.integer(31));
  Value one = m.integer(1);
  Value kept = m.shr(significand, dropped);
  Value rest = m.sub(significand, m.shl(kept, dropped));
  Value up; // 0 or 1
  switch (rounding) {
  case Rounding::NearestEven: {
    Value half = m.shr(m.shl(one, dropped), one); // 0 where nothing is dropped
    Value isOdd = m.bitAnd(kept, one);
    Value beyond = m.greater(m.add(rest, isOdd), half);
    Value drops = m.greater(dropped, m.integer(0));
    up = m.select(arith::AndIOp::create(m.b, m.loc, beyond, drops), one,
                  m.integer(0));
    break;
  }
  case Rounding::TowardZero:
    up = m.integer(0);
    break;
  case Rounding::Stochastic: {
    // P(up) = rest / 2^dropped: compared with as many random bits.
    Value mask = m.sub(m.shl(one, dropped), one);
    Value draw = m.bitAnd(random, mask);
    Value sum = m.add(rest, draw);
    up = m.shr(sum, dropped); // a carry out of the dropped bits
    break;
  }
  }
  Value rounded = m.add(kept, up);
  // With the exponent: a carry into it is the next power of two, as it should
  // be.
  Value normalExponent =
      m.max(m.add(exponent, m.integer(f.bias - 1)), m.integer(0));
  // 'below' is 0 for normal results, whose kept bits hold the hidden one; else
  // the exponent field is 0.
  Value code =
      m.add(m.shl(m.min(normalExponent, m.integer(1 << 9)), f.t), rounded);
  Value tooLarge = m.greater(code, m.integer(f.largest()));
  Value isInfinite = m.equal(magnitude, m.integer(0x7f800000));
  Value exceeds = arith::OrIOp::create(m.b, m.loc, tooLarge, isInfinite);
  int64_t bound = saturate ? f.largest() : f.overflow();
  if (!saturate && f.rule == NonFinite::IEEE &&
      rounding == Rounding::TowardZero) {
    // Toward zero a finite number stays finite.
    code = m.select(tooLarge, m.integer(f.largest()), code);
    code = m.select(isInfinite, m.integer(bound), code);
  } else {
    code = m.select(exceeds, m.integer(bound), code);
  }
  Value result = m.bitOr(code, sign);
  switch (f.rule) {
  case NonFinite::IEEE: {
    int64_t nan = (((int64_t{1} << f.e) - 1) << f.t) |
                  (f.t > 0 ? int64_t{1} << (f.t - 1) : 0);
    return m.select(isNaN, m.bitOr(m.integer(nan), sign), result);
  }
  case NonFinite::NaNOnly:
    return m.select(isNaN, m.bitOr(m.integer(f.magnitudeMask()), sign), result);
  case NonFinite::FiniteOnly:
    return m.select(isNaN, m.integer(f.signBit()), result); // as ml_dtypes: -0
  case NonFinite::NegativeZeroNaN: {
    // No -0: the sign of a zero is dropped.
    result = m.select(m.equal(code, m.integer(0)), m.integer(0), result);
    result =
        saturate ? result : m.select(exceeds, m.integer(f.signBit()), result);
    return m.select(isNaN, m.integer(f.signBit()), result);
  }
  }
  llvm_unreachable("all rules are handled");
}

bool isScalarOrVector(Type type) { return !isa<TensorType>(type); }

struct LowerCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    if (!isScalarOrVector(op.getType())) {
      return failure();
    }
    Builder32 m(rewriter, op.getLoc(), op.getType());
    Value wide = widen(m, op);
    if (!wide) {
      return op.emitError()
             << "a cast from " << op.getInput().getType() << " has no lowering";
    }
    Value result = narrow(m, op, wide);
    if (!result) {
      return op.emitError()
             << "a cast to " << op.getType() << " has no lowering";
    }
    rewriter.replaceOp(op, result);
    return success();
  }

  /// The input as float32, exactly; null if it can't be.
  static Value widen(Builder32 &m, CastOp op) {
    Value input = op.getInput();
    Type element = getElementTypeOrSelf(input.getType());
    if (element.isF32()) {
      return input;
    }
    if (element.isF16() || element.isBF16()) {
      return arith::ExtFOp::create(m.b, m.loc, m.f32(), input);
    }
    FormatAttr format = op.getSourceFormatAttr();
    if (auto type = dyn_cast<FloatType>(element)) {
      format = getFormatOf(type);
    }
    if (!format) {
      return {};
    }
    unsigned width = element.getIntOrFloatBitWidth();
    Value code = input;
    if (isa<FloatType>(element)) {
      code = arith::BitcastOp::create(
          m.b, m.loc, m.shaped(m.b.getIntegerType(width)), code);
    }
    return decode(m, arith::ExtUIOp::create(m.b, m.loc, m.i32(), code),
                  Codes(format));
  }

  static Value narrow(Builder32 &m, CastOp op, Value wide) {
    Type element = getElementTypeOrSelf(op.getType());
    if (element.isF32()) {
      return wide;
    }
    FormatAttr format = op.getResultFormatAttr();
    unsigned width = element.getIntOrFloatBitWidth();
    if (auto type = dyn_cast<FloatType>(element)) {
      format = getFormatOf(type);
      bool nearest = op.getRounding() == Rounding::NearestEven;
      if (nearest && (element.isF16() || element.isBF16())) {
        Value limited =
            op.getSaturate() ? clampTo(m, wide, Codes(format)) : wide;
        return arith::TruncFOp::create(m.b, m.loc, op.getType(), limited);
      }
    }
    if (!format) {
      return {};
    }
    Value code = encode(m, wide, Codes(format), op.getRounding(),
                        op.getSaturate(), op.getRandom());
    code = arith::TruncIOp::create(m.b, m.loc,
                                   m.shaped(m.b.getIntegerType(width)), code);
    return isa<FloatType>(element)
               ? arith::BitcastOp::create(m.b, m.loc, op.getType(), code)
                     .getResult()
               : code;
  }

  /// min(|x|, largest finite number) with x's sign; NaN stays.
  static Value clampTo(Builder32 &m, Value value, const Codes &f) {
    Value bits = m.toBits(value);
    Value magnitude = m.bitAnd(bits, m.integer(0x7fffffff));
    Value sign = m.bitAnd(bits, m.integer(INT32_MIN));
    double largest =
        std::ldexp(2.0 - std::ldexp(1.0, -f.t), ((1 << f.e) - 2) - f.bias);
    float single = static_cast<float>(largest);
    int32_t bound;
    memcpy(&bound, &single, sizeof bound);
    Value isNaN = m.greater(magnitude, m.integer(0x7f800000));
    Value limited =
        m.select(isNaN, magnitude, m.min(magnitude, m.integer(bound)));
    return m.toFloat(m.bitOr(limited, sign));
  }
};

/// x × 2^delta: three multiplications by powers of two, of which one at most
/// rounds to something other than what one rounding gives; a larger |delta|
/// than they reach gives 0 or infinity for every x.
struct LowerRescale : OpRewritePattern<RescaleOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RescaleOp op,
                                PatternRewriter &rewriter) const override {
    if (!isScalarOrVector(op.getType()) ||
        isa<ShapedType>(op.getDelta().getType())) {
      return failure();
    }
    auto element = cast<FloatType>(getElementTypeOrSelf(op.getType()));
    Location loc = op.getLoc();
    if (!element.isF32() && !element.isF64()) {
      return op.emitError() << "a rescale of " << op.getType()
                            << " has no lowering; widen it to f32 first";
    }
    bool isDouble = element.isF64();
    IntegerType bits = rewriter.getIntegerType(isDouble ? 64 : 32);
    int64_t fraction = isDouble ? 52 : 23, bias = isDouble ? 1023 : 127,
            precision = fraction + 1;
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getIntegerAttr(bits, value));
    };
    Value delta = op.getDelta();
    if (isDouble) {
      delta = arith::ExtSIOp::create(rewriter, loc, bits, delta);
    }
    auto clamp = [&](Value value, int64_t low, int64_t high) -> Value {
      value = arith::MaxSIOp::create(rewriter, loc, value, constant(low));
      return arith::MinSIOp::create(rewriter, loc, value, constant(high));
    };
    int64_t lowest = -(bias - 1);
    // A step down that leaves 'precision' bits of room: what is rounded by it
    // and moved down again is 0 in any case.
    auto stepOf = [&](Value value) -> Value {
      Value far = arith::CmpIOp::create(
          rewriter, loc, arith::CmpIPredicate::slt, value, constant(lowest));
      return arith::SelectOp::create(rewriter, loc, far,
                                     constant(lowest + precision),
                                     clamp(value, lowest, bias));
    };
    auto power = [&](Value exponent) -> Value {
      Value field =
          arith::AddIOp::create(rewriter, loc, exponent, constant(bias));
      Value raw =
          arith::ShLIOp::create(rewriter, loc, field, constant(fraction));
      Value factor = arith::BitcastOp::create(rewriter, loc, element, raw);
      auto vector = dyn_cast<VectorType>(op.getType());
      return vector ? vector::BroadcastOp::create(rewriter, loc, vector, factor)
                          .getResult()
                    : factor;
    };
    Value first = stepOf(delta);
    Value remaining = arith::SubIOp::create(rewriter, loc, delta, first);
    Value second = stepOf(remaining);
    remaining = arith::SubIOp::create(rewriter, loc, remaining, second);
    Value third = clamp(remaining, lowest, bias);
    Value result = op.getData();
    for (Value exponent : {first, second, third}) {
      result = arith::MulFOp::create(rewriter, loc, result, power(exponent));
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct ConvertScaledCastToArith
    : steelyard::impl::ConvertScaledCastToArithBase<ConvertScaledCastToArith> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    steelyard::populateScaledCastToArithPatterns(patterns);
    GreedyRewriteConfig config;
    config.enableFolding(false);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns),
                                     config))) {
      signalPassFailure();
    }
  }
};

} // namespace

void steelyard::populateScaledCastToArithPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerCast, LowerRescale>(patterns.getContext());
}
