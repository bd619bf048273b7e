//===- Reductions.cpp - reduce to linalg ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "Patterns.h"
#include "Reducer.h"

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
    // Over no dimension each element is its own sum: how often an initial value
    // joins in is open. A generic without reductions would be taken for an
    // elementwise one, computed anew where it is read, and accumulate.
    if (op.getDimensions().empty()) {
      rewriter.replaceOp(
          op, llvm::map_to_vector(
                  llvm::zip_equal(op.getInputs(), op.getResultTypes()),
                  [&](auto pair) -> Value {
                    auto [value, type] = pair;
                    return value.getType() == type
                               ? rewriter.getRemappedValue(value)
                               : ConvertOp::create(rewriter, location, type,
                                                   value)
                                     .getResult();
                  }));
      return success();
    }
    auto input = cast<RankedTensorType>(op.getInputs()[0].getType());
    Reducer reducer(rewriter, *getTypeConverter(), op.getBody());
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(op.getResult(0).getType()).getShape();
    SmallVector<Value> inits;
    for (auto [index, init] : llvm::enumerate(adaptor.getInitValues())) {
      inits.push_back(reducer.start(index, shape, init));
    }
    auto finish = [&](ValueRange accumulators) {
      SmallVector<Value> results;
      for (auto [index, value] : llvm::enumerate(accumulators)) {
        results.push_back(reducer.finish(index, value));
      }
      rewriter.replaceOp(op, results);
    };
    if (isEmpty(input)) {
      finish(inits);
      return success();
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
    size_t count = inits.size();
    SmallVector<AffineMap> maps(
        count, rewriter.getMultiDimIdentityMap(input.getRank()));
    maps.append(
        count, AffineMap::get(input.getRank(), 0, kept, rewriter.getContext()));
    bool failed = false;
    auto generic = linalg::GenericOp::create(
        rewriter, location, ValueRange(inits).getTypes(), adaptor.getInputs(),
        inits, maps, iterators,
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          ValueRange accumulators = elements.drop_front(count);
          SmallVector<Value> results =
              reducer.join(builder, accumulators, elements.take_front(count));
          failed = results.empty();
          linalg::YieldOp::create(builder, loc,
                                  failed ? accumulators : ValueRange(results));
        });
    if (failed) {
      return failure();
    }
    finish(generic.getResults());
    return success();
  }
};

} // namespace

void steelyard::populateReductionPatterns(const TypeConverter &converter,
                                          RewritePatternSet &patterns) {
  patterns.add<Reduce>(converter, patterns.getContext());
}
