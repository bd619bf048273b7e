//===- Reductions.cpp - reduce to linalg ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

struct Reduce : OpConversionPattern<ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ReduceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location location = op.getLoc();
    size_t count = op.getInputs().size();
    auto input = cast<RankedTensorType>(adaptor.getInputs()[0].getType());
    // One arithmetic operation on narrow floats accumulates in float32.
    Operation *joined = count == 1 ? getReducerOp(op.getBody()) : nullptr;
    bool widens = joined && isa<FloatType>(input.getElementType()) &&
                  input.getElementTypeBitWidth() < 32;
    SmallVector<RankedTensorType> types;
    SmallVector<Value> inits;
    for (size_t i = 0; i < count; ++i) {
      auto type = getTypeConverter()->convertType<RankedTensorType>(
          op.getResult(i).getType());
      if (widens) {
        type = type.clone(rewriter.getF32Type());
      }
      types.push_back(type);
      inits.push_back(elementwise(
          rewriter, location, type, adaptor.getInitValues()[i],
          [&](OpBuilder &b, Location loc, ValueRange elements) {
            return convertScalar(b, loc, elements[0], type.getElementType(),
                                 false, false);
          }));
    }
    SmallVector<AffineExpr> kept;
    SmallVector<utils::IteratorType> iterators;
    for (int64_t dim = 0; dim < input.getRank(); ++dim) {
      bool reduced = llvm::is_contained(op.getDimensions(), dim);
      iterators.push_back(reduced ? utils::IteratorType::reduction
                                  : utils::IteratorType::parallel);
      if (!reduced) {
        kept.push_back(rewriter.getAffineDimExpr(dim));
      }
    }
    SmallVector<AffineMap> maps(
        count, rewriter.getMultiDimIdentityMap(input.getRank()));
    maps.append(
        count, AffineMap::get(input.getRank(), 0, kept, rewriter.getContext()));
    bool failed = false;
    auto generic = linalg::GenericOp::create(
        rewriter, location, SmallVector<Type>(types.begin(), types.end()),
        adaptor.getInputs(), inits, maps, iterators,
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          SmallVector<Value> results;
          if (widens) {
            Value element = convertScalar(builder, loc, elements[0],
                                          builder.getF32Type(), false, false);
            results.push_back(emitScalar(
                builder, joined, {elements[1], element}, builder.getF32Type()));
          } else {
            results = body(builder, op, elements, count);
          }
          failed |= llvm::is_contained(results, Value());
          linalg::YieldOp::create(builder, loc,
                                  failed ? elements.drop_front(count)
                                         : ValueRange(results));
        });
    if (failed) {
      return failure();
    }
    SmallVector<Value> results(generic.getResults());
    if (widens) {
      auto type = getTypeConverter()->convertType<RankedTensorType>(
          op.getResult(0).getType());
      results[0] = elementwise(
          rewriter, location, type, results[0],
          [&](OpBuilder &b, Location loc, ValueRange elements) {
            return convertScalar(b, loc, elements[0], type.getElementType(),
                                 false, false);
          });
    }
    rewriter.replaceOp(op, results);
    return success();
  }

  /// The computation on elements: every operation in it works on tensors of
  /// rank 0.
  SmallVector<Value> body(OpBuilder &builder, ReduceOp op, ValueRange elements,
                          size_t count) const {
    Block &block = op.getBody().front();
    IRMapping mapping;
    for (size_t i = 0; i < count; ++i) {
      mapping.map(block.getArgument(i), elements[count + i]); // accumulators
      mapping.map(block.getArgument(count + i), elements[i]);
    }
    for (Operation &scalar : block.without_terminator()) {
      if (auto constant = dyn_cast<ConstantOp>(scalar)) {
        auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
        Type type = getTypeConverter()
                        ->convertType<RankedTensorType>(constant.getType())
                        .getElementType();
        Attribute element = value.bitcast(type).getSplatValue<Attribute>();
        mapping.map(constant.getResult(),
                    arith::ConstantOp::create(builder, constant.getLoc(),
                                              cast<TypedAttr>(element))
                        .getResult());
        continue;
      }
      SmallVector<Value> operands;
      for (Value operand : scalar.getOperands()) {
        operands.push_back(mapping.lookupOrNull(operand));
      }
      Value result;
      if (scalar.getNumResults() == 1 &&
          !llvm::is_contained(operands, Value())) {
        auto type = getTypeConverter()->convertType<RankedTensorType>(
            scalar.getResult(0).getType());
        result = emitScalar(builder, &scalar, operands, type.getElementType());
      } else {
        scalar.emitError() << "'" << scalar.getName()
                           << "' in a reducer has no lowering to the CPU";
      }
      if (!result) {
        return {Value()};
      }
      mapping.map(scalar.getResult(0), result);
    }
    return llvm::map_to_vector(
        block.getTerminator()->getOperands(),
        [&](Value value) { return mapping.lookupOrNull(value); });
  }
};

} // namespace

void steelyard::populateReductionPatterns(const TypeConverter &converter,
                                          RewritePatternSet &patterns) {
  patterns.add<Reduce>(converter, patterns.getContext());
}
