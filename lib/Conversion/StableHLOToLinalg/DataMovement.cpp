//===- DataMovement.cpp - Creation and data movement to linalg --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

template <typename Op>
struct Pattern : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  RankedTensorType resultType(Op op) const {
    return this->getTypeConverter()->template convertType<RankedTensorType>(
        op->getResult(0).getType());
  }
};

struct Constant : Pattern<ConstantOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    auto value = dyn_cast<DenseElementsAttr>(op.getValue());
    if (!value) {
      return op.emitError(
          "a constant that is not dense has no lowering to the CPU");
    }
    if (value.getElementType() !=
        type.getElementType()) { // unsigned: the same bits
      value = value.bitcast(type.getElementType());
    }
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, type, value);
    return success();
  }
};

struct Iota : Pattern<IotaOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(IotaOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    rewriter.replaceOp(
        op, elementwise(
                rewriter, op.getLoc(), type, {},
                [&](OpBuilder &b, Location loc, ValueRange) {
                  Value index =
                      linalg::IndexOp::create(b, loc, op.getIotaDimension());
                  Value number =
                      arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
                  return convertScalar(b, loc, number, type.getElementType(),
                                       false, false);
                }));
    return success();
  }
};

struct BroadcastInDim : Pattern<BroadcastInDimOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(BroadcastInDimOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    auto operand = cast<RankedTensorType>(adaptor.getOperand().getType());
    SmallVector<AffineExpr> exprs;
    for (auto [index, dim] : llvm::enumerate(op.getBroadcastDimensions())) {
      bool repeats =
          operand.getDimSize(index) == 1 && type.getDimSize(dim) != 1;
      exprs.push_back(repeats ? rewriter.getAffineConstantExpr(0)
                              : rewriter.getAffineDimExpr(dim));
    }
    AffineMap map =
        AffineMap::get(type.getRank(), 0, exprs, rewriter.getContext());
    rewriter.replaceOp(op, gatherByMap(rewriter, op.getLoc(), type,
                                       adaptor.getOperand(), map));
    return success();
  }
};

struct Transpose : Pattern<TransposeOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(TransposeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    // result[i] = operand[j] with j[permutation[d]] = i[d]
    SmallVector<AffineExpr> exprs(op.getPermutation().size());
    for (auto [dim, source] : llvm::enumerate(op.getPermutation())) {
      exprs[source] = rewriter.getAffineDimExpr(dim);
    }
    AffineMap map =
        AffineMap::get(exprs.size(), 0, exprs, rewriter.getContext());
    rewriter.replaceOp(op, gatherByMap(rewriter, op.getLoc(), resultType(op),
                                       adaptor.getOperand(), map));
    return success();
  }
};

struct Reverse : Pattern<ReverseOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(ReverseOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    Value operand = adaptor.getOperand();
    rewriter.replaceOp(
        op,
        elementwise(rewriter, op.getLoc(), type, {},
                    [&](OpBuilder &b, Location loc, ValueRange) {
                      SmallVector<Value> indices;
                      for (int64_t dim = 0; dim < type.getRank(); ++dim) {
                        Value index = linalg::IndexOp::create(b, loc, dim);
                        if (llvm::is_contained(op.getDimensions(), dim)) {
                          Value last = arith::ConstantIndexOp::create(
                              b, loc, type.getDimSize(dim) - 1);
                          index = arith::SubIOp::create(b, loc, last, index);
                        }
                        indices.push_back(index);
                      }
                      return tensor::ExtractOp::create(b, loc, operand, indices)
                          .getResult();
                    }));
    return success();
  }
};

struct Reshape : Pattern<ReshapeOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(ReshapeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType to = resultType(op);
    Value value = adaptor.getOperand();
    auto from = cast<RankedTensorType>(value.getType());
    std::optional<SmallVector<ReassociationIndices>> direct =
        getReassociationIndicesForReshape(from, to);
    if (direct && from.getRank() != to.getRank()) {
      rewriter.replaceOp(
          op, from.getRank() > to.getRank()
                  ? tensor::CollapseShapeOp::create(rewriter, op.getLoc(), to,
                                                    value, *direct)
                        .getResult()
                  : tensor::ExpandShapeOp::create(rewriter, op.getLoc(), to,
                                                  value, *direct)
                        .getResult());
      return success();
    }
    auto all = [](int64_t rank) {
      SmallVector<ReassociationIndices> groups(1);
      llvm::append_range(groups[0], llvm::seq<int64_t>(0, rank));
      return groups;
    };
    auto flat =
        RankedTensorType::get({from.getNumElements()}, from.getElementType());
    if (from.getRank() == 0) {
      value =
          tensor::ExpandShapeOp::create(rewriter, op.getLoc(), flat, value,
                                        SmallVector<ReassociationIndices>());
    } else if (from.getRank() > 1) {
      value = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), flat,
                                              value, all(from.getRank()));
    }
    if (to.getRank() == 0) {
      value =
          tensor::CollapseShapeOp::create(rewriter, op.getLoc(), to, value,
                                          SmallVector<ReassociationIndices>());
    } else if (to.getRank() > 1) {
      value = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), to, value,
                                            all(to.getRank()));
    }
    rewriter.replaceOp(op, value);
    return success();
  }
};

SmallVector<OpFoldResult> attributes(Builder &builder,
                                     ArrayRef<int64_t> values) {
  return llvm::map_to_vector(values, [&](int64_t value) -> OpFoldResult {
    return builder.getIndexAttr(value);
  });
}

struct Slice : Pattern<SliceOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(SliceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    if (type.getNumElements() == 0) { // its offset may lie on the edge
      rewriter.replaceOpWithNewOp<tensor::EmptyOp>(op, type.getShape(),
                                                   type.getElementType());
      return success();
    }
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
        op, type, adaptor.getOperand(),
        attributes(rewriter, op.getStartIndices()),
        attributes(rewriter, type.getShape()),
        attributes(rewriter, op.getStrides()));
    return success();
  }
};

struct Concatenate : Pattern<ConcatenateOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(ConcatenateOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    Value result = tensor::EmptyOp::create(
        rewriter, op.getLoc(), type.getShape(), type.getElementType());
    SmallVector<int64_t> offsets(type.getRank(), 0), strides(type.getRank(), 1);
    for (Value input : adaptor.getInputs()) {
      if (isEmpty(input.getType())) {
        continue;
      }
      ArrayRef<int64_t> shape =
          cast<RankedTensorType>(input.getType()).getShape();
      if (llvm::is_contained(shape, 0)) { // its offset may lie on the edge
        continue;
      }
      result = tensor::InsertSliceOp::create(
          rewriter, op.getLoc(), input, result, attributes(rewriter, offsets),
          attributes(rewriter, shape), attributes(rewriter, strides));
      offsets[op.getDimension()] += shape[op.getDimension()];
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// result[i] = operand[(i - low) / (interior + 1)] where that is an element,
/// else the padding value.
struct Pad : Pattern<PadOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(PadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    auto from = cast<RankedTensorType>(adaptor.getOperand().getType());
    if (isEmpty(from)) {
      AffineMap none = AffineMap::get(type.getRank(), 0, rewriter.getContext());
      rewriter.replaceOp(op, gatherByMap(rewriter, op.getLoc(), type,
                                         adaptor.getPaddingValue(), none));
      return success();
    }
    rewriter.replaceOp(
        op, elementwise(
                rewriter, op.getLoc(), type, adaptor.getPaddingValue(),
                [&](OpBuilder &b, Location loc, ValueRange elements) -> Value {
                  auto constant = [&](int64_t value) -> Value {
                    return arith::ConstantIndexOp::create(b, loc, value);
                  };
                  Value inside =
                      arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
                  SmallVector<Value> indices;
                  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
                    int64_t step = op.getInteriorPadding()[dim] + 1;
                    Value index = linalg::IndexOp::create(b, loc, dim);
                    Value moved = arith::SubIOp::create(
                        b, loc, index, constant(op.getEdgePaddingLow()[dim]));
                    Value element =
                        arith::DivSIOp::create(b, loc, moved, constant(step));
                    Value rest =
                        arith::RemSIOp::create(b, loc, moved, constant(step));
                    Value notBefore = arith::CmpIOp::create(
                        b, loc, arith::CmpIPredicate::sge, moved, constant(0));
                    Value notAfter = arith::CmpIOp::create(
                        b, loc, arith::CmpIPredicate::slt, element,
                        constant(from.getDimSize(dim)));
                    Value onElement = arith::CmpIOp::create(
                        b, loc, arith::CmpIPredicate::eq, rest, constant(0));
                    for (Value condition : {notBefore, notAfter, onElement}) {
                      inside = arith::AndIOp::create(b, loc, inside, condition);
                    }
                    Value low =
                        arith::MaxSIOp::create(b, loc, element, constant(0));
                    indices.push_back(arith::MinSIOp::create(
                        b, loc, low, constant(from.getDimSize(dim) - 1)));
                  }
                  Value value = tensor::ExtractOp::create(
                      b, loc, adaptor.getOperand(), indices);
                  return arith::SelectOp::create(b, loc, inside, value,
                                                 elements[0]);
                }));
    return success();
  }
};

/// Start indices of a rectangle, clamped so that it lies inside of the operand.
SmallVector<OpFoldResult> clampedOffsets(OpBuilder &builder, Location location,
                                         ValueRange indices, bool isUnsigned,
                                         ArrayRef<int64_t> shape,
                                         ArrayRef<int64_t> sizes) {
  SmallVector<OpFoldResult> offsets;
  for (auto [index, all, size] : llvm::zip(indices, shape, sizes)) {
    if (all == size) {
      offsets.push_back(builder.getIndexAttr(0));
      continue;
    }
    Value start = extractIndex(builder, location, index, {}, isUnsigned);
    Value zero = arith::ConstantIndexOp::create(builder, location, 0);
    Value most = arith::ConstantIndexOp::create(builder, location, all - size);
    // As an index, an unsigned number of 64 bits may be negative: then it is
    // beyond all.
    Value raised =
        isUnsigned
            ? arith::MinUIOp::create(builder, location, start, most).getResult()
            : arith::MinSIOp::create(
                  builder, location,
                  arith::MaxSIOp::create(builder, location, start, zero), most)
                  .getResult();
    offsets.push_back(raised);
  }
  return offsets;
}

bool areUnsigned(ValueRange indices) {
  return !indices.empty() &&
         getElementTypeOrSelf(indices.front()).isUnsignedInteger();
}

struct DynamicSlice : Pattern<DynamicSliceOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(DynamicSliceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    auto operand = cast<RankedTensorType>(adaptor.getOperand().getType());
    if (type.getNumElements() == 0) {
      rewriter.replaceOpWithNewOp<tensor::EmptyOp>(op, type.getShape(),
                                                   type.getElementType());
      return success();
    }
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(
        op, type, adaptor.getOperand(),
        clampedOffsets(rewriter, op.getLoc(), adaptor.getStartIndices(),
                       areUnsigned(op.getStartIndices()), operand.getShape(),
                       type.getShape()),
        attributes(rewriter, type.getShape()),
        attributes(rewriter, SmallVector<int64_t>(type.getRank(), 1)));
    return success();
  }
};

/// In place where the operand has no other reader.
struct DynamicUpdateSlice : Pattern<DynamicUpdateSliceOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(DynamicUpdateSliceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    auto update = cast<RankedTensorType>(adaptor.getUpdate().getType());
    if (update.getNumElements() == 0) {
      rewriter.replaceOp(op, adaptor.getOperand());
      return success();
    }
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
        op, adaptor.getUpdate(), adaptor.getOperand(),
        clampedOffsets(rewriter, op.getLoc(), adaptor.getStartIndices(),
                       areUnsigned(op.getStartIndices()), type.getShape(),
                       update.getShape()),
        attributes(rewriter, update.getShape()),
        attributes(rewriter, SmallVector<int64_t>(type.getRank(), 1)));
    return success();
  }
};

/// Start indices are clamped so that slices lie inside of the operand.
struct Gather : Pattern<GatherOp> {
  using Pattern::Pattern;
  LogicalResult
  matchAndRewrite(GatherOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultType(op);
    GatherDimensionNumbersAttr numbers = op.getDimensionNumbers();
    auto operand = cast<RankedTensorType>(adaptor.getOperand().getType());
    auto indices = cast<RankedTensorType>(adaptor.getStartIndices().getType());
    bool isUnsigned =
        getElementTypeOrSelf(op.getStartIndices()).isUnsignedInteger();
    int64_t vectorDim = numbers.getIndexVectorDim();
    auto body = [&](OpBuilder &b, Location loc, ValueRange) -> Value {
      auto constant = [&](int64_t value) -> Value {
        return arith::ConstantIndexOp::create(b, loc, value);
      };
      SmallVector<Value> batch, offset;
      for (int64_t dim = 0; dim < type.getRank(); ++dim) {
        bool isOffset = llvm::is_contained(numbers.getOffsetDims(), dim);
        (isOffset ? offset : batch)
            .push_back(linalg::IndexOp::create(b, loc, dim));
      }
      auto startAt = [&](int64_t component) -> Value {
        SmallVector<Value> position(batch);
        if (vectorDim < indices.getRank()) {
          position.insert(position.begin() + vectorDim, constant(component));
        }
        return extractIndex(b, loc, adaptor.getStartIndices(), position,
                            isUnsigned);
      };
      SmallVector<Value> element;
      const Value *nextOffset = offset.begin();
      for (int64_t dim = 0; dim < operand.getRank(); ++dim) {
        Value at = constant(0);
        if (const int64_t *found = llvm::find(numbers.getStartIndexMap(), dim);
            found != numbers.getStartIndexMap().end()) {
          Value start = startAt(found - numbers.getStartIndexMap().begin());
          Value most =
              constant(operand.getDimSize(dim) - op.getSliceSizes()[dim]);
          at = arith::MinSIOp::create(
              b, loc, arith::MaxSIOp::create(b, loc, start, at), most);
        } else if (const int64_t *batching =
                       llvm::find(numbers.getOperandBatchingDims(), dim);
                   batching != numbers.getOperandBatchingDims().end()) {
          int64_t indexDim =
              numbers.getStartIndicesBatchingDims()
                  [batching - numbers.getOperandBatchingDims().begin()];
          at = batch[indexDim - (vectorDim < indexDim ? 1 : 0)];
        }
        bool hidden =
            llvm::is_contained(numbers.getCollapsedSliceDims(), dim) ||
            llvm::is_contained(numbers.getOperandBatchingDims(), dim);
        element.push_back(
            hidden
                ? at
                : arith::AddIOp::create(b, loc, at, *nextOffset++).getResult());
      }
      return tensor::ExtractOp::create(b, loc, adaptor.getOperand(), element);
    };
    rewriter.replaceOp(op, elementwise(rewriter, op.getLoc(), type, {}, body));
    return success();
  }
};

} // namespace

AffineMap steelyard::leadingDimensions(Builder &builder, int64_t loops,
                                       int64_t results) {
  // Not getMajorSubMap, which is null without results.
  SmallVector<AffineExpr> exprs;
  for (int64_t dim = 0; dim < results; ++dim) {
    exprs.push_back(builder.getAffineDimExpr(dim));
  }
  return AffineMap::get(loops, 0, exprs, builder.getContext());
}

Value steelyard::allocateCarried(OpBuilder &builder, Location location,
                                 ArrayRef<int64_t> shape, Type element) {
  return bufferization::AllocTensorOp::create(
      builder, location, RankedTensorType::get(shape, element), ValueRange());
}

Value steelyard::gatherByMap(OpBuilder &builder, Location location,
                             RankedTensorType type, Value operand,
                             AffineMap map) {
  int64_t rank = type.getRank();
  Value empty = tensor::EmptyOp::create(builder, location, type.getShape(),
                                        type.getElementType());
  SmallVector<AffineMap> maps = {map, builder.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, location, TypeRange(type), ValueRange(operand),
             ValueRange(empty), maps, iterators,
             [](OpBuilder &nested, Location nestedLocation,
                ValueRange elements) {
               linalg::YieldOp::create(nested, nestedLocation, elements[0]);
             })
      .getResult(0);
}

void steelyard::populateDataMovementPatterns(const TypeConverter &converter,
                                             RewritePatternSet &patterns) {
  patterns
      .add<Constant, Iota, BroadcastInDim, Transpose, Reverse, Reshape, Slice,
           Concatenate, Pad, Gather, DynamicSlice, DynamicUpdateSlice>(
          converter, patterns.getContext());
}
