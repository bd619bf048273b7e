//===- Elementwise.cpp - Elementwise operations to linalg -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

Value steelyard::elementwise(OpBuilder &builder, Location location,
                             RankedTensorType type, ValueRange operands,
                             ScalarBody body) {
  int64_t rank = type.getRank();
  SmallVector<AffineMap> maps;
  for (Value operand : operands) {
    bool isScalar = cast<ShapedType>(operand.getType()).getRank() == 0;
    maps.push_back(isScalar ? AffineMap::get(rank, 0, builder.getContext())
                            : builder.getMultiDimIdentityMap(rank));
  }
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  Value empty = tensor::EmptyOp::create(builder, location, type.getShape(),
                                        type.getElementType());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, location, TypeRange(type), operands, ValueRange(empty), maps,
      iterators,
      [&](OpBuilder &nested, Location nestedLocation, ValueRange elements) {
        Value value = body(nested, nestedLocation, elements.drop_back());
        linalg::YieldOp::create(nested, nestedLocation,
                                value ? value : elements.back());
      });
  return generic.getResult(0);
}

namespace {

template <typename Op>
struct Elementwise : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type =
        this->getTypeConverter()->template convertType<RankedTensorType>(
            op->getResult(0).getType());
    if (isa<ComplexType>(type.getElementType()) ||
        isa<ComplexType>(getElementTypeOrSelf(op->getOperand(0)))) {
      return op->emitError()
             << "'" << op->getName()
             << "' on complex elements has no lowering to the CPU";
    }
    bool failed = false;
    Value result =
        elementwise(rewriter, op->getLoc(), type, adaptor.getOperands(),
                    [&](OpBuilder &builder, Location, ValueRange elements) {
                      Value value =
                          emitScalar(builder, *this->getTypeConverter(), op,
                                     elements, type.getElementType());
                      failed |= !value;
                      return value;
                    });
    if (failed) {
      return failure();
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

unsigned widthOf(Value value) {
  return getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
}

Value bitcastTo(OpBuilder &b, Location loc, Type type, Value value) {
  return value.getType() == type
             ? value
             : arith::BitcastOp::create(b, loc, type, value).getResult();
}

/// bitcast_convert to narrower elements: result[i..., k] holds bits from k ×
/// width on.
struct Narrow : OpConversionPattern<BitcastConvertOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(BitcastConvertOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    unsigned from = widthOf(op.getOperand()), to = widthOf(op.getResult());
    if (from <= to) {
      return failure();
    }
    auto type = getTypeConverter()->convertType<RankedTensorType>(op.getType());
    int64_t rank = type.getRank();
    Value empty = tensor::EmptyOp::create(
        rewriter, op.getLoc(), type.getShape(), type.getElementType());
    AffineMap whole = rewriter.getMultiDimIdentityMap(rank);
    auto generic = linalg::GenericOp::create(
        rewriter, op.getLoc(), TypeRange(type), adaptor.getOperand(), empty,
        ArrayRef<AffineMap>{whole.dropResult(rank - 1), whole},
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &b, Location loc, ValueRange elements) {
          Type wide = b.getIntegerType(from), narrow = b.getIntegerType(to);
          Value bits = bitcastTo(b, loc, wide, elements[0]);
          Value part = arith::IndexCastOp::create(
              b, loc, wide, linalg::IndexOp::create(b, loc, rank - 1));
          Value width =
              arith::ConstantOp::create(b, loc, b.getIntegerAttr(wide, to));
          Value shifted = arith::ShRUIOp::create(
              b, loc, bits, arith::MulIOp::create(b, loc, part, width));
          Value low = arith::TruncIOp::create(b, loc, narrow, shifted);
          linalg::YieldOp::create(
              b, loc, bitcastTo(b, loc, type.getElementType(), low));
        });
    rewriter.replaceOp(op, generic.getResults());
    return success();
  }
};

/// bitcast_convert to wider elements, whose parts are the last dimension.
struct Widen : OpConversionPattern<BitcastConvertOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(BitcastConvertOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    unsigned from = widthOf(op.getOperand()), to = widthOf(op.getResult());
    if (from >= to) {
      return failure();
    }
    auto type = getTypeConverter()->convertType<RankedTensorType>(op.getType());
    rewriter.replaceOp(
        op,
        elementwise(
            rewriter, op.getLoc(), type, {},
            [&](OpBuilder &b, Location loc, ValueRange) -> Value {
              Type wide = b.getIntegerType(to), narrow = b.getIntegerType(from);
              SmallVector<Value> position;
              for (int64_t dim = 0; dim < type.getRank(); ++dim) {
                position.push_back(linalg::IndexOp::create(b, loc, dim));
              }
              Value bits;
              for (unsigned part = 0; part < to / from; ++part) {
                SmallVector<Value> at(position);
                at.push_back(arith::ConstantIndexOp::create(b, loc, part));
                Value element =
                    tensor::ExtractOp::create(b, loc, adaptor.getOperand(), at);
                Value extended = arith::ExtUIOp::create(
                    b, loc, wide, bitcastTo(b, loc, narrow, element));
                Value shift = arith::ConstantOp::create(
                    b, loc, b.getIntegerAttr(wide, part * from));
                Value placed = arith::ShLIOp::create(b, loc, extended, shift);
                bits =
                    bits
                        ? arith::OrIOp::create(b, loc, bits, placed).getResult()
                        : placed;
              }
              return bitcastTo(b, loc, type.getElementType(), bits);
            }));
    return success();
  }
};

} // namespace

void steelyard::populateElementwisePatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns) {
  patterns.add<
      Elementwise<AbsOp>, Elementwise<NegateOp>, Elementwise<SignOp>,
      Elementwise<ExponentialOp>, Elementwise<ExponentialMinusOneOp>,
      Elementwise<LogOp>, Elementwise<LogPlusOneOp>, Elementwise<SqrtOp>,
      Elementwise<RsqrtOp>, Elementwise<CbrtOp>, Elementwise<TanhOp>,
      Elementwise<LogisticOp>, Elementwise<SineOp>, Elementwise<CosineOp>,
      Elementwise<TanOp>, Elementwise<FloorOp>, Elementwise<CeilOp>,
      Elementwise<RoundNearestEvenOp>, Elementwise<RoundNearestAfzOp>,
      Elementwise<NotOp>, Elementwise<PopcntOp>,
      Elementwise<CountLeadingZerosOp>, Elementwise<AddOp>,
      Elementwise<SubtractOp>, Elementwise<MultiplyOp>, Elementwise<DivideOp>,
      Elementwise<MaximumOp>, Elementwise<MinimumOp>, Elementwise<PowerOp>,
      Elementwise<RemainderOp>, Elementwise<Atan2Op>, Elementwise<AndOp>,
      Elementwise<OrOp>, Elementwise<XorOp>, Elementwise<ShiftLeftOp>,
      Elementwise<ShiftRightLogicalOp>, Elementwise<ShiftRightArithmeticOp>,
      Elementwise<IsFiniteOp>, Elementwise<ConvertOp>, Elementwise<CompareOp>,
      Elementwise<SelectOp>, Elementwise<ClampOp>,
      Elementwise<BitcastConvertOp>>(converter, patterns.getContext());
  // Tried before the elementwise form, which fits equal widths.
  patterns.add<Narrow, Widen>(converter, patterns.getContext(), /*benefit=*/2);
  patterns.add<Elementwise<chlo::AcosOp>, Elementwise<chlo::AcoshOp>,
               Elementwise<chlo::AsinOp>, Elementwise<chlo::AsinhOp>,
               Elementwise<chlo::AtanOp>, Elementwise<chlo::AtanhOp>,
               Elementwise<chlo::CoshOp>, Elementwise<chlo::ErfOp>,
               Elementwise<chlo::ErfcOp>, Elementwise<chlo::SinhOp>,
               Elementwise<chlo::ErfInvOp>, Elementwise<chlo::DigammaOp>,
               Elementwise<chlo::LgammaOp>, Elementwise<chlo::NextAfterOp>>(
      converter, patterns.getContext());
}
