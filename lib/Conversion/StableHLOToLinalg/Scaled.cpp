//===- Scaled.cpp - scaled operations on plain tensors ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::scaled;
using namespace steelyard;

namespace {

Value i32Constant(OpBuilder &builder, Location location, int64_t value) {
  return arith::ConstantOp::create(
      builder, location,
      builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

struct Cast : OpConversionPattern<CastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(CastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type) {
      return failure();
    }
    rewriter.replaceOp(
        op, elementwise(rewriter, op.getLoc(), type, adaptor.getOperands(),
                        [&](OpBuilder &builder, Location location,
                            ValueRange elements) -> Value {
                          Value random =
                              elements.size() > 1 ? elements[1] : Value();
                          return CastOp::create(
                              builder, location, type.getElementType(),
                              elements[0], random, op.getRounding(),
                              op.getSaturate(), op.getSourceFormatAttr(),
                              op.getResultFormatAttr());
                        }));
    return success();
  }
};

/// Three multiplications; their factors are made once, outside.
struct Rescale : OpConversionPattern<RescaleOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(RescaleOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type) {
      return failure();
    }
    // A narrower float goes by float32: its product is exact unless it is so
    // small or large that the rounding below gives 0 or overflows anyway.
    auto element = cast<FloatType>(type.getElementType());
    bool isSmall = !element.isF32() && !element.isF64();
    if (isSmall && !getFloatFormat(element)) {
      return rewriter.notifyMatchFailure(op, "elements without a format");
    }
    Type wide = isSmall ? rewriter.getF32Type() : Type(element);
    Location loc = op.getLoc();
    Value delta = adaptor.getDelta();
    auto body = [&](OpBuilder &b, Location nested,
                    ValueRange elements) -> Value {
      Value value = elements[0];
      if (isSmall) {
        value = CastOp::create(b, nested, wide, value);
      }
      for (Value factor : elements.drop_front()) {
        value = arith::MulFOp::create(b, nested, value, factor);
      }
      return isSmall ? CastOp::create(b, nested, element, value).getResult()
                     : value;
    };
    auto deltas = dyn_cast<RankedTensorType>(delta.getType());
    if (deltas && deltas.getRank() != 0) {
      rewriter.replaceOp(op, bySlices(rewriter, loc, type, adaptor.getData(),
                                      delta, body, wide));
      return success();
    }
    if (deltas) {
      delta = tensor::ExtractOp::create(rewriter, loc, delta, ValueRange());
    }
    auto factors = RescaleFactorsOp::create(rewriter, loc, wide, delta);
    if (op->hasAttr(RescaleOp::kInPlace)) {
      rewriter.replaceOp(op, inPlace(rewriter, loc, type, adaptor.getData(),
                                     factors.getResults(), body));
      return success();
    }
    SmallVector<Value> operands = {adaptor.getData()};
    for (Value factor : factors.getResults()) {
      operands.push_back(tensor::FromElementsOp::create(
          rewriter, loc, RankedTensorType::get({}, wide), factor));
    }
    rewriter.replaceOp(op, elementwise(rewriter, loc, type, operands, body));
    return success();
  }

  /// Factors of several deltas are three tensors of the deltas' shape.
  static Value bySlices(OpBuilder &builder, Location loc, RankedTensorType type,
                        Value data, Value deltas, ScalarBody body,
                        Type factor) {
    RankedTensorType several =
        cast<RankedTensorType>(deltas.getType()).clone(factor);
    int64_t rank = type.getRank();
    AffineMap identity = builder.getMultiDimIdentityMap(rank);
    SmallVector<utils::IteratorType> parallel(rank,
                                              utils::IteratorType::parallel);
    SmallVector<Value> empty(
        3, tensor::EmptyOp::create(builder, loc, several.getShape(), factor));
    auto factors = linalg::GenericOp::create(
        builder, loc, SmallVector<Type>(3, several), ValueRange(deltas), empty,
        SmallVector<AffineMap>(4, identity), parallel,
        [&](OpBuilder &b, Location nested, ValueRange elements) {
          auto made = RescaleFactorsOp::create(b, nested, factor, elements[0]);
          linalg::YieldOp::create(b, nested, made.getResults());
        });
    SmallVector<AffineExpr> position;
    for (int64_t dim = 0; dim < rank; ++dim) {
      bool isOne = several.getDimSize(dim) == 1 && type.getDimSize(dim) != 1;
      position.push_back(isOne ? builder.getAffineConstantExpr(0)
                               : builder.getAffineDimExpr(dim));
    }
    AffineMap slice = AffineMap::get(rank, 0, position, builder.getContext());
    SmallVector<Value> operands = {data};
    llvm::append_range(operands, factors.getResults());
    Value result = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                           type.getElementType());
    return linalg::GenericOp::create(
               builder, loc, TypeRange(type), operands, ValueRange(result),
               SmallVector<AffineMap>{identity, slice, slice, slice, identity},
               parallel,
               [&](OpBuilder &b, Location nested, ValueRange elements) {
                 linalg::YieldOp::create(b, nested,
                                         body(b, nested, elements.drop_back()));
               })
        .getResult(0);
  }

  /// The data is the destination: bufferization copies it only if somebody
  /// still reads it.
  static Value inPlace(OpBuilder &builder, Location loc, RankedTensorType type,
                       Value data, ValueRange factors, ScalarBody body) {
    SmallVector<AffineMap> maps = {
        builder.getMultiDimIdentityMap(type.getRank())};
    SmallVector<utils::IteratorType> iterators(type.getRank(),
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               builder, loc, TypeRange(type), ValueRange(), ValueRange(data),
               maps, iterators,
               [&](OpBuilder &b, Location nested, ValueRange elements) {
                 SmallVector<Value> values = {elements[0]};
                 llvm::append_range(values, factors);
                 linalg::YieldOp::create(b, nested, body(b, nested, values));
               })
        .getResult(0);
  }
};

/// The semantics of addExponents and its like, on elements.
template <typename Op>
struct ExponentBinary : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  static Value clamp(OpBuilder &b, Location loc, Value value) {
    Value low = i32Constant(b, loc, kLeastExponent + 1),
          high = i32Constant(b, loc, kExponentLimit);
    return arith::MinSIOp::create(
        b, loc, arith::MaxSIOp::create(b, loc, value, low), high);
  }
  static Value isLeast(OpBuilder &b, Location loc, Value value) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, value,
                                 i32Constant(b, loc, kLeastExponent));
  }
  static Value emit(OpBuilder &b, Location loc, Value lhs, Value rhs) {
    Value least = i32Constant(b, loc, kLeastExponent);
    if constexpr (std::is_same_v<Op, ExponentAddOp>) {
      Value absorbs = arith::OrIOp::create(b, loc, isLeast(b, loc, lhs),
                                           isLeast(b, loc, rhs));
      Value sum = clamp(b, loc, arith::AddIOp::create(b, loc, lhs, rhs));
      return arith::SelectOp::create(b, loc, absorbs, least, sum);
    } else if constexpr (std::is_same_v<Op, ExponentSubOp>) {
      Value divisor = arith::SelectOp::create(b, loc, isLeast(b, loc, rhs),
                                              i32Constant(b, loc, 0), rhs);
      Value difference =
          clamp(b, loc, arith::SubIOp::create(b, loc, lhs, divisor));
      return arith::SelectOp::create(b, loc, isLeast(b, loc, lhs), least,
                                     difference);
    } else if constexpr (std::is_same_v<Op, ExponentMaxOp>) {
      return arith::MaxSIOp::create(b, loc, lhs, rhs);
    } else {
      return arith::SubIOp::create(b, loc, lhs, rhs);
    }
  }

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type) {
      return failure();
    }
    rewriter.replaceOp(
        op,
        elementwise(
            rewriter, op.getLoc(), type, adaptor.getOperands(),
            [&](OpBuilder &builder, Location location, ValueRange elements) {
              return emit(builder, location, elements[0], elements[1]);
            }));
    return success();
  }
};

struct ExponentHalf : OpConversionPattern<ExponentHalfOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(ExponentHalfOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getHalf().getType());
    if (!type) {
      return failure();
    }
    auto part = [&](bool odd) {
      return elementwise(
          rewriter, op.getLoc(), type, adaptor.getExponent(),
          [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
            Value isLeast =
                ExponentBinary<ExponentAddOp>::isLeast(b, loc, e[0]);
            Value one = i32Constant(b, loc, 1), zero = i32Constant(b, loc, 0);
            return odd ? arith::SelectOp::create(
                             b, loc, isLeast, zero,
                             arith::AndIOp::create(b, loc, e[0], one))
                             .getResult()
                       : arith::SelectOp::create(
                             b, loc, isLeast, e[0],
                             arith::ShRSIOp::create(b, loc, e[0], one))
                             .getResult();
          });
    };
    rewriter.replaceOp(op, {part(false), part(true)});
    return success();
  }
};

struct ConstantExponent : OpConversionPattern<ConstantExponentOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(ConstantExponentOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type) {
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, op.getValueAttr());
      return success();
    }
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(
        op, DenseElementsAttr::get(
                type, static_cast<int32_t>(op.getValueAttr().getInt())));
    return success();
  }
};

/// The largest magnitude as bits, by an integer maximum; then its exponent.
struct AmaxExponent : OpConversionPattern<AmaxExponentOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(AmaxExponentOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto input = cast<RankedTensorType>(op.getData().getType());
    if (isEmpty(input)) {
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(
          op, DenseElementsAttr::get(cast<RankedTensorType>(op.getType()),
                                     static_cast<int32_t>(kLeastExponent)));
      return success();
    }
    auto element = cast<FloatType>(input.getElementType());
    // Narrower floats are float32 values; float64 has its own bits.
    bool isDouble = element.getWidth() == 64;
    IntegerType bits = rewriter.getIntegerType(isDouble ? 64 : 32);
    int64_t fraction = isDouble ? 52 : 23, bias = isDouble ? 1023 : 127;
    int64_t infinity = isDouble ? 0x7ff0000000000000 : 0x7f800000;
    auto bitsTensor = RankedTensorType::get({}, bits);
    int64_t rank = input.getRank();
    SmallVector<AffineMap> maps = {
        rewriter.getMultiDimIdentityMap(rank),
        AffineMap::get(rank, 0, rewriter.getContext())};
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::reduction);
    auto constant = [&](OpBuilder &b, int64_t value) -> Value {
      return arith::ConstantOp::create(b, loc, b.getIntegerAttr(bits, value));
    };
    Value empty =
        tensor::EmptyOp::create(rewriter, loc, ArrayRef<int64_t>(), bits);
    Value init =
        linalg::FillOp::create(rewriter, loc, ValueRange(constant(rewriter, 0)),
                               ValueRange(empty))
            .getResult(0);
    auto reduction = linalg::GenericOp::create(
        rewriter, loc, TypeRange(bitsTensor), ValueRange(adaptor.getData()),
        ValueRange(init), maps, iterators,
        [&](OpBuilder &b, Location, ValueRange elements) {
          Value value = elements[0];
          if (!isDouble) {
            value = convertScalar(b, loc, value, b.getF32Type(), false, false);
          }
          Value raw = arith::BitcastOp::create(b, loc, bits, value);
          Value magnitude = arith::AndIOp::create(
              b, loc, raw, constant(b, isDouble ? INT64_MAX : INT32_MAX));
          Value finite =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                    magnitude, constant(b, infinity));
          Value counted = arith::SelectOp::create(b, loc, finite, magnitude,
                                                  constant(b, 0));
          linalg::YieldOp::create(
              b, loc,
              arith::MaxSIOp::create(b, loc, elements[1], counted).getResult());
        });
    Value exponent = elementwise(
        rewriter, loc, cast<RankedTensorType>(op.getType()),
        reduction.getResult(0),
        [&](OpBuilder &b, Location, ValueRange elements) -> Value {
          Value amax = elements[0];
          // Normal: the exponent field. Subnormal: the position of the leading
          // bit.
          Value field =
              arith::ShRUIOp::create(b, loc, amax, constant(b, fraction));
          Value normal =
              arith::SubIOp::create(b, loc, field, constant(b, bias));
          Value zeros = math::CountLeadingZerosOp::create(b, loc, amax);
          Value subnormal = arith::SubIOp::create(
              b, loc, constant(b, bits.getWidth() - 1 - (bias - 1 + fraction)),
              zeros);
          Value isSubnormal = arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::eq, field, constant(b, 0));
          Value isZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                               amax, constant(b, 0));
          Value e =
              arith::SelectOp::create(b, loc, isSubnormal, subnormal, normal);
          if (std::optional<APFloat> limit = op.getSignificandLimit()) {
            // The significand's bits in their place, the leading one shifted
            // out; a float32 holds the limit.
            Value shift = arith::SubIOp::create(
                b, loc, zeros, constant(b, bits.getWidth() - 1 - fraction));
            Value aligned = arith::ShLIOp::create(
                b, loc, amax,
                arith::MaxSIOp::create(b, loc, shift, constant(b, 0)));
            Value significand = arith::AndIOp::create(
                b, loc, aligned, constant(b, (int64_t{1} << fraction) - 1));
            int64_t allowed = static_cast<int64_t>(
                std::ldexp(limit->convertToDouble() - 1.0, fraction));
            Value exceeds =
                arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt,
                                      significand, constant(b, allowed));
            e = arith::AddIOp::create(
                b, loc, e, arith::ExtUIOp::create(b, loc, bits, exceeds));
          }
          e = arith::SelectOp::create(b, loc, isZero,
                                      constant(b, kLeastExponent), e);
          return isDouble ? arith::TruncIOp::create(b, loc, b.getI32Type(), e)
                                .getResult()
                          : e;
        });
    rewriter.replaceOp(op, exponent);
    return success();
  }
};

/// Squares (arXiv:2004.06278), four rounds.
struct RandomBits : OpConversionPattern<RandomBitsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(RandomBitsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getType());
    Value result = elementwise(
        rewriter, op.getLoc(), type, adaptor.getKey(),
        [&](OpBuilder &b, Location loc, ValueRange elements) -> Value {
          Type i64 = b.getI64Type();
          auto constant = [&](uint64_t value) -> Value {
            return arith::ConstantOp::create(
                b, loc, b.getIntegerAttr(i64, APInt(64, value)));
          };
          Value index = constant(0);
          for (int64_t dim = 0; dim < type.getRank(); ++dim) {
            Value i = arith::IndexCastOp::create(
                b, loc, i64, linalg::IndexOp::create(b, loc, dim));
            index = arith::AddIOp::create(
                b, loc,
                arith::MulIOp::create(b, loc, index,
                                      constant(type.getDimSize(dim))),
                i);
          }
          Value counter = arith::AddIOp::create(
              b, loc, index, constant(uint64_t(op.getStream()) << 40));
          Value key = arith::AddIOp::create(
              b, loc, arith::MulIOp::create(b, loc, elements[0], constant(2)),
              constant(1));
          key = arith::OrIOp::create(
              b, loc,
              arith::MulIOp::create(b, loc, key,
                                    constant(0x9E3779B97F4A7C15ull)),
              constant(1));
          Value y = arith::MulIOp::create(b, loc, counter, key);
          Value z = arith::AddIOp::create(b, loc, y, key);
          Value x = y, half = constant(32);
          for (Value add : {y, z, y, z}) {
            x = arith::AddIOp::create(b, loc,
                                      arith::MulIOp::create(b, loc, x, x), add);
            Value high = arith::ShRUIOp::create(b, loc, x, half);
            Value low = arith::ShLIOp::create(b, loc, x, half);
            x = arith::OrIOp::create(b, loc, high, low);
          }
          return arith::TruncIOp::create(b, loc, b.getI32Type(), x);
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

} // namespace

void steelyard::populateScaledPatterns(const TypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns.add<Cast, Rescale, ExponentBinary<ExponentAddOp>,
               ExponentBinary<ExponentSubOp>, ExponentBinary<ExponentMaxOp>,
               ExponentBinary<ExponentDeltaOp>, ExponentHalf, ConstantExponent,
               AmaxExponent, RandomBits>(converter, patterns.getContext());
}
