//===- CastToArith.cpp - Casts as integer arithmetic ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/CastToArith/CastToArith.h"

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#include "Codes.h"

namespace steelyard {
#define GEN_PASS_DEF_CONVERTSCALEDCASTTOARITH
#include "steelyard/Conversion/CastToArith/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::scaled;
using steelyard::Emitter;
using steelyard::FloatFormat;

static constexpr FloatFormat kF32{8, 23, 127, steelyard::NonFinite::IEEE};

namespace {

/// One end of a cast: an element type with what its codes mean.
struct Codes {
  enum class Kind { F32, F64, E8M0, Small, Unknown } kind = Kind::Unknown;
  FloatFormat format; // of Small
  bool isFloat = false;

  Codes(Type element, FormatAttr attribute) : isFloat(isa<FloatType>(element)) {
    if (element.isF32()) {
      kind = Kind::F32;
    } else if (element.isF64()) {
      kind = Kind::F64;
    } else if (isa<Float8E8M0FNUType>(element)) {
      kind = Kind::E8M0;
    } else {
      std::optional<FloatFormat> known;
      if (auto type = dyn_cast<FloatType>(element)) {
        known = getFloatFormat(type);
      } else if (attribute) {
        known = getFloatFormat(attribute);
      }
      if (known) {
        kind = Kind::Small;
        format = *known;
      }
    }
  }
  bool operator==(const Codes &) const = default;
  bool is(const FloatFormat &other) const {
    return kind == Kind::Small && isFloat && format == other;
  }
};

struct Cast {
  Value input, random;
  Type result;
  Codes from, to;
  steelyard::Rounding rounding;
  bool saturate;

  bool isSupported() const {
    return from.kind != Codes::Kind::Unknown && to.kind != Codes::Kind::Unknown;
  }
};

} // namespace

/// Codes of `type` in integers of the emitter's width.
static Value toCodes(Emitter &m, Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  unsigned width = element.getIntOrFloatBitWidth();
  if (isa<FloatType>(element)) {
    value = arith::BitcastOp::create(
        m.b, m.loc, m.shaped(m.b.getIntegerType(width)), value);
  }
  return arith::ExtUIOp::create(m.b, m.loc, m.integerType(), value);
}

static Value fromCodes(Emitter &m, Value codes, Type type) {
  Type element = getElementTypeOrSelf(type);
  unsigned width = element.getIntOrFloatBitWidth();
  if (width < m.width) {
    codes = arith::TruncIOp::create(m.b, m.loc,
                                    m.shaped(m.b.getIntegerType(width)), codes);
  }
  return isa<FloatType>(element)
             ? arith::BitcastOp::create(m.b, m.loc, type, codes).getResult()
             : codes;
}

/// The input as float32, exactly; float64 stays.
static Value widen(Emitter &m, const Cast &cast) {
  switch (cast.from.kind) {
  case Codes::Kind::F32:
  case Codes::Kind::F64:
    return cast.input;
  case Codes::Kind::E8M0:
    return emitDecodeE8M0(m, toCodes(m, cast.input));
  default:
    break;
  }
  if (cast.from.is(steelyard::formats::f16)) {
    return arith::ExtFOp::create(m.b, m.loc, m.floatType(), cast.input);
  }
  return emitDecode(m, toCodes(m, cast.input), cast.from.format);
}

static Value emitCast(OpBuilder &builder, Location location, const Cast &cast) {
  if (cast.input.getType() == cast.result && cast.from == cast.to &&
      !cast.saturate) {
    return cast.input; // as it folds: a NaN keeps its payload
  }
  Emitter narrow(builder, location, cast.result);
  Value value = widen(narrow, cast);
  bool isDouble = cast.from.kind == Codes::Kind::F64;
  bool isNearest = cast.rounding == steelyard::Rounding::NearestEven;
  Emitter m = isDouble ? narrow.wide() : narrow;
  switch (cast.to.kind) {
  case Codes::Kind::F64: {
    Emitter wide = narrow.wide();
    if (!isDouble) {
      value = arith::ExtFOp::create(builder, location, wide.floatType(), value);
    }
    return cast.saturate ? emitSaturate(wide, value) : value;
  }
  case Codes::Kind::F32:
    if (!isDouble) {
      return cast.saturate ? emitSaturate(m, value) : value;
    }
    if (isNearest && !cast.saturate) {
      return arith::TruncFOp::create(builder, location, cast.result, value);
    }
    return fromCodes(
        m,
        emitEncode(m, value, kF32, cast.rounding, cast.saturate, cast.random),
        cast.result);
  case Codes::Kind::E8M0:
    return fromCodes(m, emitEncodeE8M0(m, value, cast.saturate), cast.result);
  default:
    break;
  }
  if (!isDouble && isNearest && cast.to.is(steelyard::formats::f16)) {
    return emitTruncateToHalf(m, value, cast.saturate);
  }
  return fromCodes(m,
                   emitEncode(m, value, cast.to.format, cast.rounding,
                              cast.saturate, cast.random),
                   cast.result);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

static bool isScalarOrVector(Type type) { return !isa<TensorType>(type); }

static Cast describe(CastOp op) {
  return {op.getInput(),
          op.getRandom(),
          op.getType(),
          Codes(getElementTypeOrSelf(op.getInput().getType()),
                op.getSourceFormatAttr()),
          Codes(getElementTypeOrSelf(op.getType()), op.getResultFormatAttr()),
          static_cast<steelyard::Rounding>(op.getRounding()),
          op.getSaturate()};
}

/// A conversion of arith, which doesn't saturate; unsupported where its
/// rounding mode is.
template <typename Op>
static Cast describeArith(Op op) {
  Cast cast{op.getIn(),
            Value(),
            op.getType(),
            Codes(getElementTypeOrSelf(op.getIn().getType()), FormatAttr()),
            Codes(getElementTypeOrSelf(op.getType()), FormatAttr()),
            steelyard::Rounding::NearestEven,
            /*saturate=*/false};
  if constexpr (std::is_same_v<Op, arith::TruncFOp>) {
    arith::RoundingMode mode =
        op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even);
    if (mode == arith::RoundingMode::toward_zero) {
      cast.rounding = steelyard::Rounding::TowardZero;
    } else if (mode != arith::RoundingMode::to_nearest_even) {
      cast.to.kind = Codes::Kind::Unknown;
    }
  }
  return cast;
}

/// Those that LLVM's x86 back end leaves, makes a call of, or does with
/// subnormals flushed (bfloat16 by AVX512_BF16).
template <typename Op>
static bool needsLowering(Op op) {
  Type from = getElementTypeOrSelf(op.getIn().getType());
  Type to = getElementTypeOrSelf(op.getType());
  unsigned fromWidth = from.getIntOrFloatBitWidth();
  unsigned toWidth = to.getIntOrFloatBitWidth();
  return isScalarOrVector(op.getType()) &&
         (fromWidth < 16 || toWidth < 16 ||
          (std::is_same_v<Op, arith::TruncFOp> &&
           (to.isBF16() || (from.isF64() && to.isF16()))));
}

namespace {

struct LowerCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    Cast cast = describe(op);
    if (!isScalarOrVector(op.getType()) || !cast.isSupported()) {
      return failure();
    }
    rewriter.replaceOp(op, emitCast(rewriter, op.getLoc(), cast));
    return success();
  }
};

template <typename Op>
struct LowerArith : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Cast cast = describeArith(op);
    if (!needsLowering(op) || !cast.isSupported()) {
      return failure();
    }
    rewriter.replaceOp(op, emitCast(rewriter, op.getLoc(), cast));
    return success();
  }
};

/// The factors of scaled.rescale_factors, in the width of `m` and spread to its
/// shape. Going up, only the last product can overflow to what the others
/// would not. Going down, a factor less than 2^lowest is split so that the
/// later factors are at most 2^-precision: if the first product rounds, it is
/// subnormal and what follows makes it 0, as one rounding would.
SmallVector<Value> emitFactors(OpBuilder &b, Location loc, Value delta,
                               const Emitter &m) {
  IntegerType bits = b.getIntegerType(m.width);
  Emitter scalar(b, loc, bits, m.width);
  int lowest = 1 - m.bias(), precision = m.fractionBits() + 1;
  if (m.isWide()) {
    delta = arith::ExtSIOp::create(b, loc, bits, delta);
  }
  auto clamp = [&](Value value) -> Value {
    value = scalar.maxS(value, scalar.integer(lowest));
    return arith::MinSIOp::create(b, loc, value, scalar.integer(m.bias()));
  };
  SmallVector<Value> result;
  for (int step = 0; step < 3; ++step) {
    Value exponent = clamp(delta);
    if (step < 2) {
      Value isFar = scalar.compare(arith::CmpIPredicate::slt, delta,
                                   scalar.integer(lowest));
      exponent =
          scalar.select(isFar, scalar.integer(lowest + precision), exponent);
      delta = scalar.sub(delta, exponent);
    }
    Value field = scalar.add(exponent, scalar.integer(m.bias()));
    Value factor = scalar.toFloat(scalar.shl(field, m.fractionBits()));
    if (auto vector = dyn_cast<VectorType>(m.floatType())) {
      factor = vector::BroadcastOp::create(b, loc, vector, factor);
    }
    result.push_back(factor);
  }
  return result;
}

struct LowerRescaleFactors : OpRewritePattern<RescaleFactorsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RescaleFactorsOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getFirst().getType();
    Emitter m(rewriter, op.getLoc(), type, type.getIntOrFloatBitWidth());
    rewriter.replaceOp(op,
                       emitFactors(rewriter, op.getLoc(), op.getDelta(), m));
    return success();
  }
};

/// x * 2^delta as three multiplications by factors made once for all elements.
struct LowerRescale : OpRewritePattern<RescaleOp> {
  using OpRewritePattern::OpRewritePattern;

  static bool isSupported(RescaleOp op) {
    Type element = getElementTypeOrSelf(op.getType());
    Codes codes(element, FormatAttr());
    return codes.kind != Codes::Kind::Unknown &&
           codes.kind != Codes::Kind::E8M0 &&
           !isa<TensorType>(op.getDelta().getType());
  }

  LogicalResult matchAndRewrite(RescaleOp op,
                                PatternRewriter &rewriter) const override {
    if (!isScalarOrVector(op.getType()) || !isSupported(op)) {
      return failure();
    }
    Location loc = op.getLoc();
    Codes codes(getElementTypeOrSelf(op.getType()), FormatAttr());
    bool isDouble = codes.kind == Codes::Kind::F64;
    Emitter m(rewriter, loc, op.getType(), isDouble ? 64 : 32);
    // A narrower float goes by float32: its product is exact unless it is so
    // small or large that the rounding below gives 0 or overflows anyway.
    Value value = op.getData();
    bool isSmall = codes.kind == Codes::Kind::Small;
    Cast cast{value,
              Value(),
              op.getType(),
              codes,
              codes,
              steelyard::Rounding::NearestEven,
              /*saturate=*/false};
    if (isSmall) {
      value = widen(m, cast);
    }
    for (Value factor : emitFactors(rewriter, loc, op.getDelta(), m)) {
      value = arith::MulFOp::create(rewriter, loc, value, factor);
    }
    if (isSmall) {
      cast.input = value;
      cast.from = Codes(rewriter.getF32Type(), FormatAttr());
      value = emitCast(rewriter, loc, cast);
    }
    rewriter.replaceOp(op, value);
    return success();
  }
};

struct ConvertScaledCastToArith
    : steelyard::impl::ConvertScaledCastToArithBase<ConvertScaledCastToArith> {
  void runOnOperation() override {
    if (failed(verify())) {
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    steelyard::populateScaledCastToArithPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }

  /// An error for each conversion that no pattern takes.
  LogicalResult verify() {
    WalkResult result = getOperation()->walk([](Operation *op) {
      std::optional<Cast> cast;
      if (auto scaledCast = dyn_cast<CastOp>(op)) {
        if (isScalarOrVector(scaledCast.getType())) {
          cast = describe(scaledCast);
        }
      } else if (auto extend = dyn_cast<arith::ExtFOp>(op)) {
        if (needsLowering(extend)) {
          cast = describeArith(extend);
        }
      } else if (auto truncate = dyn_cast<arith::TruncFOp>(op)) {
        if (needsLowering(truncate)) {
          cast = describeArith(truncate);
        }
      } else if (auto rescale = dyn_cast<RescaleOp>(op)) {
        if (isScalarOrVector(rescale.getType()) &&
            !LowerRescale::isSupported(rescale)) {
          rescale.emitOpError()
              << "on " << rescale.getType() << " by "
              << rescale.getDelta().getType() << " has no lowering";
          return WalkResult::interrupt();
        }
      }
      if (!cast || cast->isSupported()) {
        return WalkResult::advance();
      }
      InFlightDiagnostic error = op->emitOpError()
                                 << "from " << cast->input.getType() << " to "
                                 << cast->result << " has no lowering";
      if (isa<arith::TruncFOp>(op)) {
        error << "; rounding is to_nearest_even or toward_zero";
      }
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace

void steelyard::populateScaledCastToArithPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerCast, LowerArith<arith::ExtFOp>,
               LowerArith<arith::TruncFOp>, LowerRescale, LowerRescaleFactors>(
      patterns.getContext());
}
