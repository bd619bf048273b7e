//===- Scatter.cpp - scatter to loops on tensors ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

/// for each index vector: if the window is inside of the inputs, for each
/// element of the window: result[start + offset] = computation(result[start +
/// offset], update). One after the other: equal indices join in their order.
class ScatterWriter {
public:
  ScatterWriter(OpBuilder &builder, ScatterOp op, ScatterOp::Adaptor adaptor,
                const TypeConverter &converter)
      : b(builder), loc(op.getLoc()), op(op), adaptor(adaptor),
        converter(converter), numbers(op.getScatterDimensionNumbers()),
        input(cast<RankedTensorType>(op.getInputs().front().getType())),
        update(cast<RankedTensorType>(op.getUpdates().front().getType())) {
    for (int64_t dim = 0; dim < update.getRank(); ++dim) {
      bool isWindow = llvm::is_contained(numbers.getUpdateWindowDims(), dim);
      (isWindow ? windowDims : batchDims).push_back(dim);
    }
    for (int64_t dim = 0; dim < input.getRank(); ++dim) {
      if (!llvm::is_contained(numbers.getInsertedWindowDims(), dim) &&
          !llvm::is_contained(numbers.getInputBatchingDims(), dim)) {
        shownDims.push_back(dim);
      }
    }
    ownInput.resize(batchDims.size(), -1);
    for (auto [inputDim, indexDim] :
         llvm::zip(numbers.getInputBatchingDims(),
                   numbers.getScatterIndicesBatchingDims())) {
      bool isBehind = numbers.getIndexVectorDim() < indexDim;
      ownInput[indexDim - (isBehind ? 1 : 0)] = inputDim;
    }
  }

  /// Empty if the computation has no lowering. With `inParallel` loops over
  /// what has its own part of the results are outside, and marked so.
  SmallVector<Value> write(bool inParallel) {
    SmallVector<Value> results;
    for (auto [value, result] :
         llvm::zip(adaptor.getInputs(), op.getResults())) {
      results.push_back(convert(value, result));
    }
    if (isEmpty(update)) {
      return results;
    }
    SmallVector<int64_t> apart, inOrder, inWindow;
    for (auto [dim, own] : llvm::zip(batchDims, ownInput)) {
      (inParallel && own >= 0 ? apart : inOrder).push_back(dim);
    }
    for (auto [dim, inputDim] : llvm::zip(windowDims, shownDims)) {
      bool starts =
          llvm::is_contained(numbers.getScatterDimsToOperandDims(), inputDim);
      (inParallel && !starts ? apart : inWindow).push_back(dim);
    }
    SmallVector<Value> from(update.getRank());
    auto place = [&](ArrayRef<int64_t> dims, ValueRange ivs) {
      for (auto [dim, iv] : llvm::zip(dims, ivs)) {
        from[dim] = iv;
      }
    };
    auto body = [&](ValueRange outer, ValueRange all) {
      place(apart, outer);
      return nest(sizesOf(inOrder), all,
                  [&](ValueRange ivs, ValueRange carried) {
                    place(inOrder, ivs);
                    return window(from, inWindow, carried);
                  });
    };
    results = nest(sizesOf(apart), results, body, /*isParallel=*/true);
    return failed ? SmallVector<Value>() : results;
  }

  /// Elements of the results, and how often each is asked for an update.
  int64_t workByDestination() const {
    int64_t work = input.getNumElements();
    for (auto [dim, own] : llvm::zip(batchDims, ownInput)) {
      work *= own < 0 ? update.getDimSize(dim) : 1;
    }
    return work;
  }

  /// Each element of the results asks all updates, in their order, whether they
  /// are for it: so all elements may do so at once.
  SmallVector<Value> writeByDestination() {
    SmallVector<Value> values, empty;
    for (auto [value, result] :
         llvm::zip(adaptor.getInputs(), op.getResults())) {
      values.push_back(convert(value, result));
      auto type = cast<RankedTensorType>(values.back().getType());
      empty.push_back(tensor::EmptyOp::create(b, loc, type.getShape(),
                                              type.getElementType()));
    }
    if (isEmpty(update)) {
      return values;
    }
    int64_t rank = input.getRank();
    size_t count = values.size();
    auto generic = linalg::GenericOp::create(
        b, loc, ValueRange(empty).getTypes(), values, empty,
        SmallVector<AffineMap>(2 * count, b.getMultiDimIdentityMap(rank)),
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &, Location, ValueRange elements) {
          SmallVector<Value> at;
          for (int64_t dim = 0; dim < rank; ++dim) {
            at.push_back(linalg::IndexOp::create(b, loc, dim));
          }
          SmallVector<int64_t> asked;
          SmallVector<Value> from(update.getRank());
          for (auto [dim, own] : llvm::zip(batchDims, ownInput)) {
            if (own >= 0) {
              from[dim] = at[own];
            } else if (update.getDimSize(dim) == 1) {
              from[dim] = constant(0);
            } else {
              asked.push_back(dim);
            }
          }
          SmallVector<Value> joined =
              nest(sizesOf(asked), elements.take_front(count),
                   [&](ValueRange ivs, ValueRange carried) {
                     for (auto [dim, iv] : llvm::zip(asked, ivs)) {
                       from[dim] = iv;
                     }
                     return joinAt(at, from, carried);
                   });
          linalg::YieldOp::create(b, loc, joined);
        });
    return failed ? SmallVector<Value>()
                  : SmallVector<Value>(generic.getResults());
  }

private:
  /// The index vector's place among all, of an update's element.
  SmallVector<Value> batchOf(ArrayRef<Value> from) {
    return llvm::map_to_vector(batchDims,
                               [&](int64_t dim) { return from[dim]; });
  }

  /// An element joined with what an index vector's window has for it: of a
  /// window that has nothing for it the first element is read, and not used, so
  /// that many can be read before the first is known.
  SmallVector<Value> joinAt(ArrayRef<Value> at, SmallVector<Value> from,
                            ValueRange carried) {
    auto [start, inside] = startOf(batchOf(from));
    for (int64_t dim = 0; dim < input.getRank(); ++dim) {
      Value offset = arith::SubIOp::create(b, loc, at[dim], start[dim]);
      // As an unsigned number, a negative one is beyond all.
      Value has = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                        offset, constant(windowSize(dim)));
      inside = arith::AndIOp::create(b, loc, inside, has);
      if (const int64_t *shown = llvm::find(shownDims, dim);
          shown != shownDims.end()) {
        from[windowDims[shown - shownDims.begin()]] =
            arith::SelectOp::create(b, loc, has, offset, constant(0));
      }
    }
    SmallVector<Value> arguments(carried);
    for (auto [index, element] : llvm::enumerate(carried)) {
      arguments.push_back(updateAt(index, from, element.getType()));
    }
    SmallVector<Value> values =
        emitComputation(b, converter, op.getUpdateComputation(), arguments);
    failed |= values.empty();
    SmallVector<Value> joined(carried);
    for (auto [before, value] : llvm::zip(joined, values)) {
      before = arith::SelectOp::create(b, loc, inside, value, before);
    }
    return joined;
  }

  /// An element of an update, in the type of its result.
  Value updateAt(size_t index, ValueRange from, Type element) {
    bool isUnsigned =
        getElementTypeOrSelf(op.getResult(index).getType()).isUnsignedInteger();
    return convertScalar(
        b, loc,
        tensor::ExtractOp::create(b, loc, adaptor.getUpdates()[index], from),
        element, isUnsigned, isUnsigned);
  }

  using Body = llvm::function_ref<SmallVector<Value>(ValueRange ivs,
                                                     ValueRange carried)>;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  SmallVector<Value> sizesOf(ArrayRef<int64_t> dims) {
    return llvm::map_to_vector(
        dims, [&](int64_t dim) { return constant(update.getDimSize(dim)); });
  }

  SmallVector<Value> nest(ArrayRef<Value> sizes, ValueRange carried, Body body,
                          bool isParallel = false) {
    SmallVector<Value> low(sizes.size(), constant(0)),
        step(sizes.size(), constant(1));
    scf::LoopNest loops = scf::buildLoopNest(
        b, loc, low, sizes, step, carried,
        [&](OpBuilder &, Location, ValueRange ivs, ValueRange values) {
          return scf::ValueVector(body(ivs, values));
        });
    if (isParallel) {
      llvm::for_each(loops.loops, markParallel);
    }
    // buildLoopNest moves the insertion point into the loops and back.
    return SmallVector<Value>(loops.results);
  }

  /// The input in the result's element type, which may be wider.
  Value convert(Value value, Value result) {
    auto type = converter.convertType<RankedTensorType>(result.getType());
    if (value.getType() == type) {
      return value;
    }
    bool isUnsigned =
        getElementTypeOrSelf(result.getType()).isUnsignedInteger();
    return elementwise(b, loc, type, value,
                       [&](OpBuilder &nested, Location, ValueRange elements) {
                         return convertScalar(nested, loc, elements[0],
                                              type.getElementType(), isUnsigned,
                                              isUnsigned);
                       });
  }

  /// Where the window of an index vector starts in the inputs, and whether it
  /// lies inside of them.
  std::pair<SmallVector<Value>, Value> startOf(ValueRange batch) {
    auto indices = cast<RankedTensorType>(op.getScatterIndices().getType());
    bool isUnsigned = indices.getElementType().isUnsignedInteger();
    int64_t vectorDim = numbers.getIndexVectorDim();
    SmallVector<Value> start(input.getRank(), constant(0));
    Value inside = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
    for (auto [component, dim] :
         llvm::enumerate(numbers.getScatterDimsToOperandDims())) {
      SmallVector<Value> position(batch);
      if (vectorDim < indices.getRank()) {
        position.insert(position.begin() + vectorDim, constant(component));
      }
      start[dim] = extractIndex(b, loc, adaptor.getScatterIndices(), position,
                                isUnsigned);
      // As an unsigned number, a negative one is beyond all. In a dimension of
      // size 0 there is no room for a window of 1.
      int64_t starts = input.getDimSize(dim) - windowSize(dim) + 1;
      Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                         start[dim], constant(starts));
      inside = arith::AndIOp::create(b, loc, inside, fits);
    }
    for (auto [own, index] : llvm::zip(ownInput, batch)) {
      if (own >= 0) {
        start[own] = index;
      }
    }
    return {start, inside};
  }

  int64_t windowSize(int64_t inputDim) {
    const int64_t *shown = llvm::find(shownDims, inputDim);
    return shown == shownDims.end()
               ? 1
               : update.getDimSize(windowDims[shown - shownDims.begin()]);
  }

  /// All of a window along `dims`; along others at `from`.
  SmallVector<Value> window(SmallVector<Value> from, ArrayRef<int64_t> dims,
                            ValueRange carried) {
    auto [start, inside] = startOf(batchOf(from));
    // A window outside has no elements.
    SmallVector<Value> sizes = sizesOf(dims);
    if (dims.empty()) {
      sizes.push_back(constant(1));
    }
    sizes[0] = arith::SelectOp::create(b, loc, inside, sizes[0], constant(0));
    return nest(sizes, carried, [&](ValueRange ivs, ValueRange values) {
      for (auto [dim, iv] : llvm::zip(dims, ivs)) {
        from[dim] = iv;
      }
      return element(from, start, values);
    });
  }

  SmallVector<Value> element(ArrayRef<Value> from, ArrayRef<Value> start,
                             ValueRange carried) {
    SmallVector<Value> to(start);
    for (auto [updateDim, inputDim] : llvm::zip(windowDims, shownDims)) {
      to[inputDim] =
          arith::AddIOp::create(b, loc, to[inputDim], from[updateDim]);
    }
    SmallVector<Value> arguments, updates;
    for (auto [index, tensor] : llvm::enumerate(carried)) {
      arguments.push_back(tensor::ExtractOp::create(b, loc, tensor, to));
      updates.push_back(
          updateAt(index, from, getElementTypeOrSelf(tensor.getType())));
    }
    llvm::append_range(arguments, updates);
    SmallVector<Value> values =
        emitComputation(b, converter, op.getUpdateComputation(), arguments);
    failed |= values.empty();
    SmallVector<Value> next(carried);
    for (auto [tensor, value] : llvm::zip(next, values)) {
      tensor = tensor::InsertOp::create(b, loc, value, tensor, to);
    }
    return next;
  }

  OpBuilder &b;
  Location loc;
  ScatterOp op;
  ScatterOp::Adaptor adaptor;
  const TypeConverter &converter;
  ScatterDimensionNumbersAttr numbers;
  RankedTensorType input, update;
  /// Dimensions of the updates, and of the inputs those that windows have.
  SmallVector<int64_t> windowDims, batchDims, shownDims;
  /// Of each of `batchDims`, the dimension of the inputs that it runs along,
  /// so that no two of its indices meet; -1: there is none.
  SmallVector<int64_t> ownInput;
  bool failed = false;
};

struct Scatter : OpConversionPattern<ScatterOp> {
  Scatter(const TypeConverter &converter, MLIRContext *context,
          int64_t workByDestination)
      : OpConversionPattern(converter, context),
        workByDestination(workByDestination) {}

  LogicalResult
  matchAndRewrite(ScatterOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ScatterWriter writer(rewriter, op, adaptor, *getTypeConverter());
    SmallVector<Value> results = writer.workByDestination() <= workByDestination
                                     ? writer.writeByDestination()
                                     : writer.write(workByDestination >= 0);
    if (results.empty()) {
      return failure();
    }
    rewriter.replaceOp(op, results);
    return success();
  }

  int64_t workByDestination;
};

} // namespace

void steelyard::populateScatterPatterns(const TypeConverter &converter,
                                        RewritePatternSet &patterns,
                                        int64_t workByDestination) {
  patterns.add<Scatter>(converter, patterns.getContext(), workByDestination);
}
