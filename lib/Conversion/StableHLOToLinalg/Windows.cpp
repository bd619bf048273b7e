//===- Windows.cpp - reduce_window and select_and_scatter -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Dialect/StableHLO/IR/TypeInference.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"
#include "Reducer.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

Value indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

/// Writes what an iteration does with the loop's values; returns the next ones.
using LoopBody = llvm::function_ref<SmallVector<Value>(OpBuilder &b, Value iv,
                                                       ValueRange values)>;

SmallVector<Value> loop(OpBuilder &b, Location loc, int64_t from, int64_t to,
                        ValueRange values, LoopBody body,
                        bool isParallel = false) {
  auto loopOp = scf::ForOp::create(
      b, loc, indexConstant(b, loc, from), indexConstant(b, loc, to),
      indexConstant(b, loc, 1), values,
      [&](OpBuilder &nested, Location, Value iv, ValueRange inside) {
        scf::YieldOp::create(nested, loc, body(nested, iv, inside));
      });
  if (isParallel) {
    markParallel(loopOp);
  }
  return loopOp.getResults();
}

using NestBody = llvm::function_ref<SmallVector<Value>(
    OpBuilder &b, ArrayRef<Value> ivs, ValueRange values)>;

/// A nest over [0, size) for each size. Sizes of 1 have no loop.
SmallVector<Value> nest(OpBuilder &b, Location loc, ArrayRef<int64_t> sizes,
                        ValueRange values, NestBody body,
                        bool isParallel = false, SmallVector<Value> ivs = {}) {
  if (ivs.size() == sizes.size()) {
    return body(b, ivs, values);
  }
  auto inside = [&](OpBuilder &nested, Value iv, ValueRange carried) {
    SmallVector<Value> extended(ivs);
    extended.push_back(iv);
    return nest(nested, loc, sizes, carried, body, isParallel, extended);
  };
  int64_t size = sizes[ivs.size()];
  return size == 1 ? inside(b, indexConstant(b, loc, 0), values)
                   : loop(b, loc, 0, size, values, inside, isParallel);
}

SmallVector<Value> extractAll(OpBuilder &b, Location loc, ValueRange tensors,
                              ValueRange indices) {
  return llvm::map_to_vector(tensors, [&](Value tensor) -> Value {
    return tensor::ExtractOp::create(b, loc, tensor, indices);
  });
}

//===----------------------------------------------------------------------===//
// reduce_window
//===----------------------------------------------------------------------===//

/// A dimension whose window is all of it up to (or from) each position.
struct Prefix {
  int64_t dim;
  bool isReversed;
};

std::optional<Prefix> findPrefix(ArrayRef<int64_t> shape,
                                 ArrayRef<WindowDimension> window) {
  std::optional<Prefix> found;
  for (auto [dim, w] : llvm::enumerate(window)) {
    if (w.stride != 1 || w.baseDilation != 1) {
      return std::nullopt;
    }
    if (w.size == 1 && w.keepsInput()) {
      continue;
    }
    int64_t rest = w.size - 1;
    bool isForward = w.low == rest && w.high == 0;
    bool isReversed = w.low == 0 && w.high == rest;
    if (found || w.size != shape[dim] || w.dilation != 1 ||
        (!isForward && !isReversed)) {
      return std::nullopt;
    }
    found = Prefix{static_cast<int64_t>(dim), isReversed};
  }
  return found;
}

struct ReduceWindow : OpConversionPattern<ReduceWindowOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ReduceWindowOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<WindowDimension> window = *makeWindow(
        std::nullopt, "", op.getWindowDimensions(), op.getWindowAttributes());
    ArrayRef<int64_t> shape = shapeOf(op.getResult(0));
    if (llvm::is_contained(shape, 0)) {
      rewriter.replaceOp(
          op, llvm::map_to_vector(op.getResultTypes(), [&](Type type) -> Value {
            auto converted =
                getTypeConverter()->convertType<RankedTensorType>(type);
            return tensor::EmptyOp::create(rewriter, op.getLoc(), shape,
                                           converted.getElementType());
          }));
      return success();
    }
    Reducer reducer(rewriter, *getTypeConverter(), op.getBody());
    std::optional<Prefix> prefix =
        findPrefix(shapeOf(op.getInputs().front()), window);
    SmallVector<Value> joined =
        prefix ? scan(op, adaptor, *prefix, reducer, rewriter)
               : joinWindows(op, adaptor, window, reducer, rewriter);
    if (joined.empty()) {
      return failure();
    }
    SmallVector<Value> results;
    for (auto [index, value] : llvm::enumerate(joined)) {
      results.push_back(reducer.finish(index, value));
    }
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// A loop over the windows, in it one over the elements of a window.
  static SmallVector<Value> joinWindows(ReduceWindowOp op, OpAdaptor adaptor,
                                        ArrayRef<WindowDimension> window,
                                        Reducer &reducer,
                                        ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    ArrayRef<int64_t> shape = shapeOf(op.getResult(0));
    int64_t rank = shape.size();
    SmallVector<Value> inits;
    for (auto [index, init] : llvm::enumerate(adaptor.getInitValues())) {
      inits.push_back(reducer.start(index, shape, init));
    }
    SmallVector<AffineExpr> exprs, inWindow;
    SmallVector<int64_t> low, high, interior, sizes;
    for (auto [dim, w] : llvm::enumerate(window)) {
      low.push_back(w.low);
      high.push_back(w.high);
      interior.push_back(w.baseDilation - 1);
      exprs.push_back(rewriter.getAffineDimExpr(dim) * w.stride);
      if (w.size > 1) {
        inWindow.push_back(rewriter.getAffineDimExpr(rank + sizes.size()));
        sizes.push_back(w.size);
        exprs.back() = exprs.back() + inWindow.back() * w.dilation;
      }
    }
    bool keepsInput = llvm::all_of(
        window, [](const WindowDimension &w) { return w.keepsInput(); });
    SmallVector<Value> inputs;
    for (auto [given, input, init] : llvm::zip_equal(
             op.getInputs(), adaptor.getInputs(), adaptor.getInitValues())) {
      auto type = cast<RankedTensorType>(given.getType());
      if (keepsInput) {
        inputs.push_back(input);
      } else if (isEmpty(type)) { // nothing but padding
        auto element = cast<RankedTensorType>(init.getType());
        auto padded = *inferPad(std::nullopt, element.clone(type.getShape()),
                                element, low, high, interior);
        inputs.push_back(BroadcastInDimOp::create(rewriter, loc, padded, init,
                                                  ArrayRef<int64_t>()));
      } else {
        inputs.push_back(
            PadOp::create(rewriter, loc, input, init, low, high, interior));
      }
    }
    size_t count = inputs.size();
    int64_t loops = rank + sizes.size();
    auto map = [&](ArrayRef<AffineExpr> results) {
      return AffineMap::get(loops, 0, results, rewriter.getContext());
    };
    SmallVector<AffineMap> maps(count, map(exprs));
    if (!sizes.empty()) {
      // Not read: it gives the loops over a window their ranges.
      inputs.push_back(
          tensor::EmptyOp::create(rewriter, loc, sizes, rewriter.getI1Type()));
      maps.push_back(map(inWindow));
    }
    maps.append(count, leadingDimensions(rewriter, loops, rank));
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    iterators.append(sizes.size(), utils::IteratorType::reduction);
    bool failed = false;
    auto generic = linalg::GenericOp::create(
        rewriter, loc, ValueRange(inits).getTypes(), inputs, inits, maps,
        iterators, [&](OpBuilder &b, Location nested, ValueRange values) {
          ValueRange accumulators = values.take_back(count);
          SmallVector<Value> results =
              reducer.join(b, accumulators, values.take_front(count));
          failed = results.empty();
          linalg::YieldOp::create(b, nested,
                                  failed ? accumulators : ValueRange(results));
        });
    return failed ? SmallVector<Value>()
                  : SmallVector<Value>(generic.getResults());
  }

  /// result[k] = result[k - 1] joined with input[k], in linear time. What
  /// padding adds to the window of k, the initial value n - 1 - k times, is
  /// joined with the result where it is not absorbed.
  static SmallVector<Value> scan(ReduceWindowOp op, OpAdaptor adaptor,
                                 Prefix prefix, Reducer &reducer,
                                 ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    ArrayRef<int64_t> shape = shapeOf(op.getResult(0));
    ArrayRef<int64_t> outer = shape.take_front(prefix.dim);
    ArrayRef<int64_t> inner = shape.drop_front(prefix.dim + 1);
    int64_t length = shape[prefix.dim];
    size_t count = adaptor.getInputs().size();
    bool absorbs = reducer.absorbs(adaptor.getInitValues());
    SmallVector<Value> firsts =
        extractAll(rewriter, loc, adaptor.getInitValues(), ValueRange());
    SmallVector<Value> results;
    for (size_t index = 0; index < count; ++index) {
      results.push_back(
          allocateCarried(rewriter, loc, shape, reducer.type(index)));
    }
    bool failed = false;
    // Joins elements at a position with accumulators; null: it is the first.
    auto step = [&](OpBuilder &b, ArrayRef<Value> before, Value position,
                    ArrayRef<Value> after, Value last,
                    ValueRange tensors) -> SmallVector<Value> {
      auto at = [&](Value k) {
        if (prefix.isReversed) {
          k = arith::SubIOp::create(b, loc, indexConstant(b, loc, length - 1),
                                    k);
        }
        SmallVector<Value> indices(before);
        indices.push_back(k);
        llvm::append_range(indices, after);
        return indices;
      };
      SmallVector<Value> elements =
          extractAll(b, loc, adaptor.getInputs(), at(position));
      SmallVector<Value> joined;
      if (last) {
        joined =
            reducer.join(b, extractAll(b, loc, tensors, at(last)), elements);
      } else {
        joined = reducer.widen(b, absorbs ? firsts : elements);
        if (absorbs) {
          joined = reducer.join(b, joined, elements);
        }
      }
      failed |= joined.empty();
      if (joined.empty()) {
        return SmallVector<Value>(tensors);
      }
      SmallVector<Value> next;
      for (auto [value, tensor] : llvm::zip_equal(joined, tensors)) {
        next.push_back(
            tensor::InsertOp::create(b, loc, value, tensor, at(position)));
      }
      return next;
    };
    results = nest(
        rewriter, loc, outer, results,
        [&](OpBuilder &b, ArrayRef<Value> before, ValueRange tensors) {
          Value zero = indexConstant(b, loc, 0);
          SmallVector<Value> begun = nest(
              b, loc, inner, tensors,
              [&](OpBuilder &nested, ArrayRef<Value> after, ValueRange inside) {
                return step(nested, before, zero, after, {}, inside);
              });
          return loop(b, loc, 1, length, begun,
                      [&](OpBuilder &nested, Value k, ValueRange inside) {
                        Value last = arith::SubIOp::create(
                            nested, loc, k, indexConstant(nested, loc, 1));
                        return nest(nested, loc, inner, inside,
                                    [&](OpBuilder &innermost,
                                        ArrayRef<Value> after,
                                        ValueRange carried) {
                                      return step(innermost, before, k, after,
                                                  last, carried);
                                    });
                      });
        },
        /*isParallel=*/true);
    if (!absorbs && !failed) {
      results = joinPadding(op, adaptor, prefix, reducer, results, rewriter);
    }
    return failed ? SmallVector<Value>() : results;
  }

  /// Each position's result joined with the initial value, once and for each
  /// element of padding in its window.
  static SmallVector<Value> joinPadding(ReduceWindowOp op, OpAdaptor adaptor,
                                        Prefix prefix, Reducer &reducer,
                                        ValueRange results,
                                        ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    ArrayRef<int64_t> shape = shapeOf(op.getResult(0));
    int64_t length = shape[prefix.dim], rank = shape.size();
    size_t count = results.size();
    SmallVector<Value> inits =
        extractAll(rewriter, loc, adaptor.getInitValues(), ValueRange());
    SmallVector<Value> carried = reducer.widen(rewriter, inits);
    for (size_t index = 0; index < count; ++index) {
      carried.push_back(
          allocateCarried(rewriter, loc, length, reducer.type(index)));
    }
    // padding[i]: the initial value joined i + 1 times.
    carried = loop(rewriter, loc, 0, length, carried,
                   [&](OpBuilder &b, Value i, ValueRange values) {
                     ValueRange current = values.take_front(count);
                     SmallVector<Value> next = reducer.join(b, current, inits);
                     for (auto [value, tensor] :
                          llvm::zip_equal(current, values.drop_front(count))) {
                       next.push_back(
                           tensor::InsertOp::create(b, loc, value, tensor, i));
                     }
                     return next;
                   });
    ValueRange padding = ValueRange(carried).drop_front(count);
    AffineExpr k = rewriter.getAffineDimExpr(prefix.dim);
    AffineMap ofPadding =
        AffineMap::get(rank, 0, prefix.isReversed ? k : length - 1 - k);
    SmallVector<AffineMap> maps(count, ofPadding);
    maps.append(2 * count, rewriter.getMultiDimIdentityMap(rank));
    SmallVector<Value> inputs(padding), outputs;
    llvm::append_range(inputs, results);
    for (Value result : results) {
      outputs.push_back(tensor::EmptyOp::create(rewriter, loc, shape,
                                                getElementTypeOrSelf(result)));
    }
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               rewriter, loc, ValueRange(outputs).getTypes(), inputs, outputs,
               maps, iterators,
               [&](OpBuilder &b, Location nested, ValueRange values) {
                 linalg::YieldOp::create(
                     b, nested,
                     reducer.join(b, values.take_front(count),
                                  values.slice(count, count)));
               })
        .getResults();
  }
};

//===----------------------------------------------------------------------===//
// select_and_scatter
//===----------------------------------------------------------------------===//

struct SelectAndScatter : OpConversionPattern<SelectAndScatterOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SelectAndScatterOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SmallVector<WindowDimension> window = *makeWindow(
        std::nullopt, "", op.getWindowSizes(), op.getWindowAttributes());
    ScalarRegion select(rewriter, *getTypeConverter(), op.getSelect());
    Reducer scatter(rewriter, *getTypeConverter(), op.getScatter());
    Value result =
        scatter.start(0, shapeOf(op.getResult()), adaptor.getInitValue());
    if (isEmpty(op.getSource().getType())) {
      rewriter.replaceOp(op, scatter.finish(0, result));
      return success();
    }
    bool failed = false;
    // Windows apart from each other write apart.
    bool isParallel = llvm::all_of(
        window, [](const WindowDimension &w) { return w.stride >= w.size; });
    result =
        nest(
            rewriter, loc, shapeOf(op.getSource()), result,
            [&](OpBuilder &b, ArrayRef<Value> position, ValueRange tensors) {
              Selected selected = findSelected(b, loc, adaptor.getOperand(),
                                               window, position, select);
              SmallVector<Value> joined;
              Value old;
              if (!selected.indices.empty() || window.empty()) {
                old = tensor::ExtractOp::create(b, loc, tensors.front(),
                                                selected.indices);
                joined = scatter.join(
                    b, old, extractAll(b, loc, adaptor.getSource(), position));
              }
              if (joined.empty()) {
                failed = true;
                return SmallVector<Value>(tensors);
              }
              Value next = joined.front();
              if (selected.found) {
                next =
                    arith::SelectOp::create(b, loc, selected.found, next, old);
              }
              return SmallVector<Value>{tensor::InsertOp::create(
                  b, loc, next, tensors.front(), selected.indices)};
            },
            isParallel)
            .front();
    if (failed) {
      return failure();
    }
    rewriter.replaceOp(op, scatter.finish(0, result));
    return success();
  }

private:
  struct Selected {
    SmallVector<Value> indices;
    Value found; ///< null: always
  };

  /// The element of the window at a position that `select` leaves; no indices
  /// after an error.
  static Selected findSelected(OpBuilder &b, Location loc, Value operand,
                               ArrayRef<WindowDimension> window,
                               ArrayRef<Value> position, ScalarRegion &select) {
    ArrayRef<int64_t> shape = shapeOf(operand);
    bool isPadded = llvm::any_of(window, [](const WindowDimension &w) {
      return w.low > 0 || w.high > 0;
    });
    SmallVector<Value> start;
    SmallVector<int64_t> sizes;
    for (auto [at, w] : llvm::zip_equal(position, window)) {
      Value scaled =
          arith::MulIOp::create(b, loc, at, indexConstant(b, loc, w.stride));
      start.push_back(
          arith::SubIOp::create(b, loc, scaled, indexConstant(b, loc, w.low)));
      sizes.push_back(w.size);
    }
    auto boolean = [&](OpBuilder &builder, bool value) -> Value {
      return arith::ConstantOp::create(builder, loc,
                                       builder.getBoolAttr(value));
    };
    // Carried: whether an element was found, its value, its indices.
    SmallVector<Value> carried = {boolean(b, !isPadded)};
    SmallVector<Value> first(start);
    if (isPadded) {
      first.assign(start.size(), indexConstant(b, loc, 0));
    }
    carried.push_back(tensor::ExtractOp::create(b, loc, operand, first));
    llvm::append_range(carried, first);
    bool failed = false;
    carried = nest(
        b, loc, sizes, carried,
        [&](OpBuilder &nested, ArrayRef<Value> inWindow, ValueRange values) {
          SmallVector<Value> indices, clamped;
          Value isInside = boolean(nested, true);
          for (auto [from, offset, size] :
               llvm::zip_equal(start, inWindow, shape)) {
            Value index = arith::AddIOp::create(nested, loc, from, offset);
            indices.push_back(index);
            if (isPadded) {
              // As unsigned, what is below 0 is above the size.
              Value isLess = arith::CmpIOp::create(
                  nested, loc, arith::CmpIPredicate::ult, index,
                  indexConstant(nested, loc, size));
              isInside = arith::AndIOp::create(nested, loc, isInside, isLess);
              index = arith::SelectOp::create(nested, loc, isLess, index,
                                              indexConstant(nested, loc, 0));
            }
            clamped.push_back(index);
          }
          Value candidate =
              tensor::ExtractOp::create(nested, loc, operand, clamped);
          SmallVector<Value> stays =
              select.emit(nested, {values[1], candidate});
          if (stays.empty()) {
            failed = true;
            return SmallVector<Value>(values);
          }
          // The first element inside is taken, a later one if it wins.
          Value keeps =
              arith::AndIOp::create(nested, loc, values[0], stays.front());
          Value wins =
              arith::XOrIOp::create(nested, loc, keeps, boolean(nested, true));
          wins = arith::AndIOp::create(nested, loc, wins, isInside);
          SmallVector<Value> next = {
              arith::OrIOp::create(nested, loc, values[0], isInside)};
          SmallVector<Value> taken = {candidate};
          llvm::append_range(taken, clamped);
          for (auto [now, then] : llvm::zip_equal(values.drop_front(), taken)) {
            next.push_back(
                arith::SelectOp::create(nested, loc, wins, then, now));
          }
          return next;
        });
    if (failed) {
      return {};
    }
    return {SmallVector<Value>(ArrayRef<Value>(carried).drop_front(2)),
            isPadded ? carried.front() : Value()};
  }
};

} // namespace

void steelyard::populateWindowPatterns(const TypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns.add<ReduceWindow, SelectAndScatter>(converter,
                                               patterns.getContext());
}
