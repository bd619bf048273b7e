//===- Sort.cpp - sort to loops on tensors ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/Support/MathExtras.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

/// How many elements of each line are read, from the first on: all, unless
/// nothing but slices use the results, as they do after top_k.
int64_t countOfRead(SortOp op) {
  int64_t dimension = op.getSortedDimension();
  int64_t length = cast<RankedTensorType>(op.getInputs().front().getType())
                       .getDimSize(dimension);
  int64_t count = 0;
  for (Operation *user : op->getUsers()) {
    auto slice = dyn_cast<SliceOp>(user);
    if (!slice) {
      return length;
    }
    count = std::max(count, slice.getLimitIndices()[dimension]);
  }
  return count;
}

/// Merge sort from the bottom, which is stable: a line is copied into the first
/// row of a scratch tensor of two rows, runs of 1, 2, 4 ... elements are merged
/// from row to row, and the last row is copied back.
///
/// If k of many elements are read, a row has room for 2k: the first k so far,
/// then those that came before the k-th of them when they were met. A full row
/// is sorted and its second half forgotten. Of the results no others are
/// written.
class SortWriter {
public:
  SortWriter(OpBuilder &builder, SortOp op, ValueRange inputs,
             const TypeConverter &converter)
      : b(builder), loc(op.getLoc()), op(op), inputs(inputs),
        converter(converter), dimension(op.getSortedDimension()) {
    shape.assign(cast<RankedTensorType>(inputs.front().getType()).getShape());
    length = shape[dimension];
    kept = countOfRead(op);
    isPartial = 4 * kept <= length;
    room = isPartial ? 2 * kept : length;
  }

  /// Empty if the comparator has no lowering.
  SmallVector<Value> write() {
    zero = constant(0);
    one = constant(1);
    end = constant(length);
    SmallVector<Value> carried;
    for (Value input : inputs) {
      carried.push_back(allocate(shape, input));
    }
    for (Value input : inputs) {
      carried.push_back(allocate({2, room}, input));
    }
    SmallVector<Value> sizes;
    for (auto [dim, size] : llvm::enumerate(shape)) {
      if (static_cast<int64_t>(dim) != dimension) {
        sizes.push_back(constant(size));
      }
    }
    SmallVector<Value> low(sizes.size(), zero), step(sizes.size(), one);
    scf::LoopNest lines = scf::buildLoopNest(
        b, loc, low, sizes, step, carried,
        [&](OpBuilder &, Location, ValueRange ivs, ValueRange values) {
          return scf::ValueVector(isPartial ? keepFirst(ivs, values)
                                            : sortLine(ivs, values));
        });
    SmallVector<Value> results(lines.results);
    results.resize(inputs.size());
    return failed ? SmallVector<Value>() : results;
  }

private:
  using Body = llvm::function_ref<SmallVector<Value>(Value iv, ValueRange)>;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value allocate(ArrayRef<int64_t> sizes, Value like) {
    return allocateCarried(b, loc, sizes, getElementTypeOrSelf(like));
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value smaller(Value lhs, Value rhs) {
    return arith::MinSIOp::create(b, loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }

  SmallVector<Value> loop(Value from, Value to, Value step, ValueRange carried,
                          Body body) {
    auto made = scf::ForOp::create(
        b, loc, from, to, step, carried,
        [&](OpBuilder &, Location, Value iv, ValueRange values) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToEnd(iv.getParentBlock());
          scf::YieldOp::create(b, loc, body(iv, values));
        });
    return SmallVector<Value>(made.getResults());
  }

  /// The element at `position` of each tensor.
  SmallVector<Value> extract(ValueRange tensors, ValueRange position) {
    return llvm::map_to_vector(tensors, [&](Value tensor) -> Value {
      return tensor::ExtractOp::create(b, loc, tensor, position);
    });
  }
  SmallVector<Value> insert(ValueRange values, ValueRange tensors,
                            ValueRange position) {
    SmallVector<Value> results;
    for (auto [value, tensor] : llvm::zip_equal(values, tensors)) {
      results.push_back(
          tensor::InsertOp::create(b, loc, value, tensor, position));
    }
    return results;
  }

  /// Position k of a line.
  SmallVector<Value> positionIn(ValueRange line, Value k) {
    SmallVector<Value> position(line);
    position.insert(position.begin() + dimension, k);
    return position;
  }

  /// Whether the left elements come before the right ones; null if the
  /// comparator has no lowering.
  Value comesBefore(ValueRange left, ValueRange right) {
    SmallVector<Value> arguments;
    for (auto [l, r] : llvm::zip_equal(left, right)) {
      arguments.push_back(l);
      arguments.push_back(r);
    }
    SmallVector<Value> result =
        emitComputation(b, converter, op.getComparator(), arguments);
    failed |= result.empty();
    return result.empty() ? Value() : result.front();
  }

  /// The first `count` elements of a line, in row 0.
  SmallVector<Value> fill(ValueRange line, int64_t count, ValueRange rows) {
    return loop(
        zero, constant(count), one, rows, [&](Value k, ValueRange rows) {
          return insert(extract(inputs, positionIn(line, k)), rows, {zero, k});
        });
  }

  /// Row 0's elements from 0 to `size` sorted, in the row that is returned too.
  std::pair<SmallVector<Value>, Value> sortRow(Value size, ValueRange rows) {
    unsigned passes = llvm::Log2_64_Ceil(room);
    SmallVector<Value> sorted = loop(zero, constant(passes), one, rows,
                                     [&](Value pass, ValueRange rows) {
                                       return mergeRuns(pass, size, rows);
                                     });
    return {sorted, constant(passes % 2)};
  }

  /// `carried`: results, then scratch.
  SmallVector<Value> writeLine(ValueRange line, Value row, int64_t count,
                               ValueRange rows, ValueRange results) {
    SmallVector<Value> next = loop(
        zero, constant(count), one, results, [&](Value k, ValueRange results) {
          return insert(extract(rows, {row, k}), results, positionIn(line, k));
        });
    llvm::append_range(next, rows);
    return next;
  }

  /// `carried`: results, then scratch.
  SmallVector<Value> keepFirst(ValueRange line, ValueRange carried) {
    size_t count = inputs.size();
    if (kept == 0) {
      return SmallVector<Value>(carried);
    }
    SmallVector<Value> state =
        keepHalf(constant(room), fill(line, room, carried.drop_front(count)));
    state.push_back(constant(kept));
    Value last = constant(kept - 1);
    state =
        loop(constant(room), end, one, state, [&](Value k, ValueRange state) {
          SmallVector<Value> elements = extract(inputs, positionIn(line, k));
          Value enters =
              comesBefore(elements, extract(state.drop_back(), {zero, last}));
          return enters ? chooseState(enters, state,
                                      [&] { return enter(elements, state); })
                        : SmallVector<Value>(state);
        });
    auto [sorted, row] = sortRow(state.back(), ValueRange(state).drop_back());
    return writeLine(line, row, kept, sorted, carried.take_front(count));
  }

  /// Row 0 sorted; what is behind its first half will be written over.
  SmallVector<Value> keepHalf(Value size, ValueRange rows) {
    auto [sorted, row] = sortRow(size, rows);
    return loop(zero, constant(kept), one, sorted,
                [&, row = row](Value k, ValueRange rows) {
                  return insert(extract(rows, {row, k}), rows, {zero, k});
                });
  }

  /// `state`: the scratch, then how many elements are in row 0.
  SmallVector<Value> enter(ValueRange elements, ValueRange state) {
    Value size = state.back();
    SmallVector<Value> next = insert(elements, state.drop_back(), {zero, size});
    next.push_back(add(size, one));
    Value isFull =
        compare(arith::CmpIPredicate::eq, next.back(), constant(room));
    return chooseState(isFull, next, [&] {
      SmallVector<Value> half =
          keepHalf(constant(room), ValueRange(next).drop_back());
      half.push_back(constant(kept));
      return half;
    });
  }

  /// What `change` makes of the state if the condition holds.
  SmallVector<Value> chooseState(Value condition, ValueRange state,
                                 function_ref<SmallVector<Value>()> change) {
    auto made = scf::IfOp::create(b, loc, state.getTypes(), condition,
                                  /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(made.thenBlock());
    scf::YieldOp::create(b, loc, change());
    b.setInsertionPointToStart(made.elseBlock());
    scf::YieldOp::create(b, loc, state);
    return SmallVector<Value>(made.getResults());
  }

  /// `carried`: results, then scratch.
  SmallVector<Value> sortLine(ValueRange line, ValueRange carried) {
    size_t count = inputs.size();
    auto [sorted, row] =
        sortRow(end, fill(line, length, carried.drop_front(count)));
    return writeLine(line, row, length, sorted, carried.take_front(count));
  }

  /// Runs of 2^pass elements in row `pass` mod 2, which has `size`, are merged
  /// into the other row.
  SmallVector<Value> mergeRuns(Value pass, Value size, ValueRange rows) {
    Value width = arith::ShLIOp::create(b, loc, one, pass);
    Value from = arith::AndIOp::create(b, loc, pass, one);
    Value to = arith::XOrIOp::create(b, loc, from, one);
    return loop(
        zero, size, add(width, width), rows,
        [&](Value begin, ValueRange carried) {
          Value middle = smaller(add(begin, width), size);
          Value close = smaller(add(middle, width), size);
          SmallVector<Value> state = {begin, middle};
          llvm::append_range(state, carried);
          SmallVector<Value> merged =
              loop(begin, close, one, state, [&](Value k, ValueRange values) {
                return mergeOne(k, middle, close, from, to, values);
              });
          return SmallVector<Value>(llvm::drop_begin(merged, 2));
        });
  }

  /// Element k is the next of the left run, or of the right one if that comes
  /// before it. `state`: the positions in both runs, then the scratch.
  SmallVector<Value> mergeOne(Value k, Value middle, Value close, Value from,
                              Value to, ValueRange state) {
    Value left = state[0], right = state[1];
    ValueRange rows = state.drop_front(2);
    Value lastIndex = constant(room - 1);
    SmallVector<Value> lefts = extract(rows, {from, smaller(left, lastIndex)}),
                       rights =
                           extract(rows, {from, smaller(right, lastIndex)});
    Value rightFirst = comesBefore(rights, lefts);
    if (!rightFirst) {
      return SmallVector<Value>(state);
    }
    Value leftDone = compare(arith::CmpIPredicate::sge, left, middle);
    Value rightLeft = compare(arith::CmpIPredicate::slt, right, close);
    Value takesRight = arith::OrIOp::create(
        b, loc, leftDone, arith::AndIOp::create(b, loc, rightLeft, rightFirst));
    SmallVector<Value> chosen;
    for (auto [l, r] : llvm::zip(lefts, rights)) {
      chosen.push_back(arith::SelectOp::create(b, loc, takesRight, r, l));
    }
    Value isRight =
        arith::IndexCastUIOp::create(b, loc, b.getIndexType(), takesRight);
    SmallVector<Value> next = {
        add(left, arith::SubIOp::create(b, loc, one, isRight)),
        add(right, isRight)};
    llvm::append_range(next, insert(chosen, rows, {to, k}));
    return next;
  }

  OpBuilder &b;
  Location loc;
  SortOp op;
  ValueRange inputs;
  const TypeConverter &converter;
  int64_t dimension, length, kept, room;
  bool isPartial;
  SmallVector<int64_t> shape;
  Value zero, one, end;
  bool failed = false;
};

struct Sort : OpConversionPattern<SortOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SortOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getInputs().front().getType());
    if (type.getNumElements() == 0) {
      rewriter.replaceOp(op, adaptor.getInputs());
      return success();
    }
    SmallVector<Value> results =
        SortWriter(rewriter, op, adaptor.getInputs(), *getTypeConverter())
            .write();
    if (results.empty()) {
      return failure();
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

} // namespace

void steelyard::populateSortPatterns(const TypeConverter &converter,
                                     RewritePatternSet &patterns) {
  patterns.add<Sort>(converter, patterns.getContext());
}
