//===- Elementwise.cpp - Elementwise operations to linalg -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

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
                      Value value = emitScalar(builder, op, elements,
                                               type.getElementType());
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
      Elementwise<NotOp>, Elementwise<PopcntOp>, Elementwise<AddOp>,
      Elementwise<SubtractOp>, Elementwise<MultiplyOp>, Elementwise<DivideOp>,
      Elementwise<MaximumOp>, Elementwise<MinimumOp>, Elementwise<PowerOp>,
      Elementwise<RemainderOp>, Elementwise<Atan2Op>, Elementwise<AndOp>,
      Elementwise<OrOp>, Elementwise<XorOp>, Elementwise<ShiftLeftOp>,
      Elementwise<ShiftRightLogicalOp>, Elementwise<ShiftRightArithmeticOp>,
      Elementwise<IsFiniteOp>, Elementwise<ConvertOp>, Elementwise<CompareOp>,
      Elementwise<SelectOp>, Elementwise<ClampOp>,
      Elementwise<BitcastConvertOp>>(converter, patterns.getContext());
  patterns.add<Elementwise<chlo::AcosOp>, Elementwise<chlo::AcoshOp>,
               Elementwise<chlo::AsinOp>, Elementwise<chlo::AsinhOp>,
               Elementwise<chlo::AtanOp>, Elementwise<chlo::AtanhOp>,
               Elementwise<chlo::CoshOp>, Elementwise<chlo::ErfOp>,
               Elementwise<chlo::ErfcOp>, Elementwise<chlo::SinhOp>,
               Elementwise<chlo::ErfInvOp>, Elementwise<chlo::LgammaOp>>(
      converter, patterns.getContext());
}
