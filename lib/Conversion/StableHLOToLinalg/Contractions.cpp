//===- Contractions.cpp - dot_general to host.gemm ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

/// An operand with at most one batching, one free and one contracted dimension.
struct Operand {
  Value value;
  SmallVector<int64_t>
      dims; // batching, free, contracted; -1 where there is none
};

/// Brings several dimensions of a kind together: moved next to each other if
/// they are not, then collapsed.
Operand collapse(OpBuilder &builder, Location location, Value value,
                 ArrayRef<int64_t> batching, ArrayRef<int64_t> contracting) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> free;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!llvm::is_contained(batching, dim) &&
        !llvm::is_contained(contracting, dim)) {
      free.push_back(dim);
    }
  }
  SmallVector<SmallVector<int64_t>> groups = {
      SmallVector<int64_t>(batching), free, SmallVector<int64_t>(contracting)};
  auto adjacent = [](ArrayRef<int64_t> dims) {
    for (size_t i = 1; i < dims.size(); ++i) {
      if (dims[i] != dims[i - 1] + 1) {
        return false;
      }
    }
    return true;
  };
  if (!llvm::all_of(groups, adjacent)) {
    SmallVector<int64_t> order, shape;
    for (SmallVector<int64_t> &group : groups) {
      for (int64_t &dim : group) {
        order.push_back(dim);
        shape.push_back(type.getDimSize(dim));
        dim = order.size() - 1;
      }
    }
    SmallVector<AffineExpr> exprs(order.size());
    for (auto [target, source] : llvm::enumerate(order)) {
      exprs[source] = builder.getAffineDimExpr(target);
    }
    type = RankedTensorType::get(shape, type.getElementType());
    AffineMap map =
        AffineMap::get(order.size(), 0, exprs, builder.getContext());
    value = gatherByMap(builder, location, type, value, map);
  }
  // Collapse each group; the order of the groups stays that of their first
  // dimensions.
  SmallVector<ReassociationIndices> reassociation;
  Operand operand{value, {-1, -1, -1}};
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    for (auto [kind, group] : llvm::enumerate(groups)) {
      if (!group.empty() && group.front() == dim) {
        operand.dims[kind] = reassociation.size();
        reassociation.emplace_back(group.begin(), group.end());
      }
    }
  }
  if (static_cast<int64_t>(reassociation.size()) != type.getRank()) {
    operand.value = tensor::CollapseShapeOp::create(builder, location, value,
                                                    reassociation);
  }
  return operand;
}

/// What the program says of how products are computed; all of it may be null.
struct Algorithm {
  DotAlgorithmAttr attr;

  /// Types of which something here is at least as exact: more components and
  /// operations come nearer to float32, which is what there is.
  bool isHonoured() const {
    return llvm::all_of(types(), [](Type type) {
      auto element = dyn_cast<FloatType>(type);
      return element && element.getWidth() <= 64;
    });
  }

  bool isDouble() const {
    return llvm::any_of(types(), [](Type type) { return type.isF64(); });
  }

  /// One product of operands rounded to TF32.
  bool isTF32() const {
    return attr && isa<FloatTF32Type>(attr.getLhsPrecisionType()) &&
           isa<FloatTF32Type>(attr.getRhsPrecisionType()) &&
           attr.getAccumulationType().isF32() &&
           attr.getLhsComponentCount() == 1 &&
           attr.getRhsComponentCount() == 1 &&
           attr.getNumPrimitiveOperations() == 1;
  }

  bool sumsFast() const { return attr && attr.getAllowImpreciseAccumulation(); }

private:
  SmallVector<Type, 3> types() const {
    return attr ? SmallVector<Type, 3>{attr.getLhsPrecisionType(),
                                       attr.getRhsPrecisionType(),
                                       attr.getAccumulationType()}
                : SmallVector<Type, 3>();
  }
};

struct DotGeneral : OpConversionPattern<DotGeneralOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DotGeneralOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location location = op.getLoc();
    DotDimensionNumbersAttr numbers = op.getDotDimensionNumbers();
    auto result =
        getTypeConverter()->convertType<RankedTensorType>(op.getType());
    if (isEmpty(op.getLhs().getType())) { // a sum over no products
      Value zero = arith::ConstantOp::create(rewriter, location,
                                             rewriter.getZeroAttr(result));
      rewriter.replaceOp(op, zero);
      return success();
    }
    Operand lhs = collapse(rewriter, location, adaptor.getLhs(),
                           numbers.getLhsBatchingDimensions(),
                           numbers.getLhsContractingDimensions());
    Operand rhs = collapse(rewriter, location, adaptor.getRhs(),
                           numbers.getRhsBatchingDimensions(),
                           numbers.getRhsContractingDimensions());
    SmallVector<int64_t> shape;
    auto append = [&](const Operand &operand, int kind) {
      if (operand.dims[kind] >= 0) {
        shape.push_back(cast<RankedTensorType>(operand.value.getType())
                            .getDimSize(operand.dims[kind]));
      }
    };
    append(lhs, 0);
    append(lhs, 1);
    append(rhs, 1);
    auto lhsElement = getElementTypeOrSelf(lhs.value),
         rhsElement = getElementTypeOrSelf(rhs.value);
    if (!isa<FloatType>(lhsElement) || !isa<FloatType>(rhsElement) ||
        !isa<FloatType>(result.getElementType())) {
      return integers(op, lhs, rhs, shape, result, rewriter);
    }
    Algorithm algorithm{op.getAlgorithmAttr()};
    if (!algorithm.isHonoured()) {
      return op.emitError("its algorithm computes in types of which no target "
                          "has products: ")
             << algorithm.attr;
    }
    bool isDouble =
        lhsElement.isF64() || rhsElement.isF64() || algorithm.isDouble();
    auto widen = [&](Operand &operand) {
      auto type = cast<RankedTensorType>(operand.value.getType());
      if (isDouble && !type.getElementType().isF64()) {
        operand.value =
            elementwise(rewriter, location, type.clone(rewriter.getF64Type()),
                        operand.value,
                        [&](OpBuilder &b, Location loc, ValueRange elements) {
                          return convertScalar(b, loc, elements[0],
                                               b.getF64Type(), false, false);
                        });
      }
    };
    widen(lhs);
    widen(rhs);
    Type accumulator = isDouble ? rewriter.getF64Type() : rewriter.getF32Type();
    auto type = RankedTensorType::get(shape, accumulator);
    Value empty =
        tensor::EmptyOp::create(rewriter, location, shape, accumulator);
    Value product =
        host::GemmOp::create(rewriter, location, TypeRange(type), lhs.value,
                             rhs.value, empty, lhs.dims, rhs.dims,
                             algorithm.isTF32(), algorithm.sumsFast())
            .getResult();
    finish(op, product, result, rewriter);
    return success();
  }

  /// Rounds the accumulator to the result's type and restores its dimensions.
  void finish(DotGeneralOp op, Value product, RankedTensorType result,
              ConversionPatternRewriter &rewriter) const {
    auto type = cast<RankedTensorType>(product.getType());
    if (type.getElementType() != result.getElementType()) {
      type = type.clone(result.getElementType());
      product = elementwise(
          rewriter, op.getLoc(), type, product,
          [&](OpBuilder &b, Location loc, ValueRange elements) {
            return convertScalar(b, loc, elements[0], result.getElementType(),
                                 false, false);
          });
    }
    if (type != result) {
      product = ReshapeOp::create(rewriter, op.getLoc(), result, product);
    }
    rewriter.replaceOp(op, product);
  }

  /// Integers: a loop nest; sums wrap around.
  LogicalResult integers(DotGeneralOp op, Operand &lhs, Operand &rhs,
                         ArrayRef<int64_t> shape, RankedTensorType result,
                         ConversionPatternRewriter &rewriter) const {
    Location location = op.getLoc();
    if (!isa<IntegerType>(result.getElementType()) ||
        !isa<IntegerType>(getElementTypeOrSelf(lhs.value)) ||
        !isa<IntegerType>(getElementTypeOrSelf(rhs.value))) {
      return op.emitError(
          "a contraction of these element types has no lowering to the CPU");
    }
    // Loops: the result's dimensions, then the contracted one, if there is one.
    int64_t rank = shape.size(), next = 0;
    bool sums = lhs.dims[2] >= 0;
    int64_t loops = rank + (sums ? 1 : 0);
    int64_t batch = lhs.dims[0] < 0 ? -1 : next++;
    int64_t row = lhs.dims[1] < 0 ? -1 : next++;
    int64_t column = rhs.dims[1] < 0 ? -1 : next++;
    auto mapOf = [&](const Operand &operand, int64_t freeLoop) {
      SmallVector<AffineExpr> exprs(
          cast<RankedTensorType>(operand.value.getType()).getRank());
      const int64_t loopOf[] = {batch, freeLoop, rank};
      for (auto [dim, loop] : llvm::zip_equal(operand.dims, loopOf)) {
        if (dim >= 0) {
          exprs[dim] = rewriter.getAffineDimExpr(loop);
        }
      }
      return AffineMap::get(loops, 0, exprs, rewriter.getContext());
    };
    SmallVector<AffineMap> maps = {mapOf(lhs, row), mapOf(rhs, column),
                                   leadingDimensions(rewriter, loops, rank)};
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    if (sums) {
      iterators.push_back(utils::IteratorType::reduction);
    }
    Type element = result.getElementType();
    auto type = RankedTensorType::get(shape, element);
    Value zero = arith::ConstantOp::create(rewriter, location,
                                           rewriter.getIntegerAttr(element, 0));
    Value empty = tensor::EmptyOp::create(rewriter, location, shape, element);
    // Products that are not summed don't accumulate: fusion computes them anew
    // where they are read.
    Value init =
        sums ? linalg::FillOp::create(rewriter, location, ValueRange(zero),
                                      ValueRange(empty))
                   .getResult(0)
             : empty;
    bool lhsUnsigned = getElementTypeOrSelf(op.getLhs()).isUnsignedInteger();
    bool rhsUnsigned = getElementTypeOrSelf(op.getRhs()).isUnsignedInteger();
    auto generic = linalg::GenericOp::create(
        rewriter, location, TypeRange(type), ValueRange{lhs.value, rhs.value},
        ValueRange(init), maps, iterators,
        [&](OpBuilder &b, Location loc, ValueRange elements) {
          Value l =
              convertScalar(b, loc, elements[0], element, lhsUnsigned, false);
          Value r =
              convertScalar(b, loc, elements[1], element, rhsUnsigned, false);
          Value product = arith::MulIOp::create(b, loc, l, r);
          if (sums) {
            product = arith::AddIOp::create(b, loc, elements[2], product);
          }
          linalg::YieldOp::create(b, loc, product);
        });
    finish(op, generic.getResult(0), result, rewriter);
    return success();
  }
};

} // namespace

void steelyard::populateContractionPatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns) {
  patterns.add<DotGeneral>(converter, patterns.getContext());
}
