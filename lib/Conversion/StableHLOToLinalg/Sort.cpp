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

/// More elements than this are sorted as all are: keeping the first ones costs
/// as many steps for each element that enters.
constexpr int64_t kMostKept = 64;

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
/// from row to row, and the last row is copied back. If few elements are read,
/// the scratch is a row of the first ones so far, into which later elements
/// are inserted; of the results no others are written.
class SortWriter {
public:
  SortWriter(OpBuilder &builder, SortOp op, ValueRange inputs,
             const TypeConverter &converter)
      : b(builder), loc(op.getLoc()), op(op), inputs(inputs),
        converter(converter), dimension(op.getSortedDimension()) {
    shape.assign(cast<RankedTensorType>(inputs.front().getType()).getShape());
    length = shape[dimension];
    kept = countOfRead(op);
    isPartial = kept <= kMostKept && 4 * kept <= length;
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
      carried.push_back(isPartial ? allocate({kept}, input)
                                  : allocate({2, length}, input));
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

  /// `carried`: results, then scratch.
  SmallVector<Value> keepFirst(ValueRange line, ValueRange carried) {
    size_t count = inputs.size();
    Value keptEnd = constant(kept);
    SmallVector<Value> rows =
        loop(zero, keptEnd, one, carried.drop_front(count),
             [&](Value k, ValueRange rows) {
               SmallVector<Value> state = enter(k, positionIn(line, k), rows);
               return insert(ValueRange(state).take_front(count),
                             ValueRange(state).drop_front(count), k);
             });
    if (kept > 0) {
      Value last = constant(kept - 1);
      rows = loop(keptEnd, end, one, rows, [&](Value k, ValueRange rows) {
        SmallVector<Value> position = positionIn(line, k);
        Value enters =
            comesBefore(extract(inputs, position), extract(rows, last));
        return enters ? enterIf(enters, keptEnd, position, rows)
                      : SmallVector<Value>(rows);
      });
    }
    SmallVector<Value> next =
        loop(zero, keptEnd, one, carried.take_front(count),
             [&](Value k, ValueRange results) {
               return insert(extract(rows, k), results, positionIn(line, k));
             });
    llvm::append_range(next, rows);
    return next;
  }

  SmallVector<Value> enterIf(Value condition, Value size, ValueRange position,
                             ValueRange rows) {
    auto made = scf::IfOp::create(b, loc, rows.getTypes(), condition,
                                  /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(made.thenBlock());
    SmallVector<Value> state = enter(size, position, rows);
    scf::YieldOp::create(b, loc, ValueRange(state).drop_front(inputs.size()));
    b.setInsertionPointToStart(made.elseBlock());
    scf::YieldOp::create(b, loc, rows);
    return SmallVector<Value>(made.getResults());
  }

  /// The inputs' elements at `position` among the first `size` ones of sorted
  /// rows, behind those that are equal: from there on each takes the place of
  /// the next. What drops out, then the rows.
  SmallVector<Value> enter(Value size, ValueRange position, ValueRange rows) {
    size_t count = inputs.size();
    SmallVector<Value> state = extract(inputs, position);
    llvm::append_range(state, rows);
    state.push_back(arith::ConstantOp::create(b, loc, b.getBoolAttr(false)));
    state = loop(zero, size, one, state, [&](Value k, ValueRange values) {
      ValueRange moving = values.take_front(count);
      ValueRange tensors = values.slice(count, count);
      SmallVector<Value> there = extract(tensors, k);
      Value before = comesBefore(moving, there);
      if (!before) {
        return SmallVector<Value>(values);
      }
      before = arith::OrIOp::create(b, loc, values.back(), before);
      SmallVector<Value> next, stay;
      for (auto [ours, theirs] : llvm::zip_equal(moving, there)) {
        next.push_back(arith::SelectOp::create(b, loc, before, theirs, ours));
        stay.push_back(arith::SelectOp::create(b, loc, before, ours, theirs));
      }
      llvm::append_range(next, insert(stay, tensors, k));
      next.push_back(before);
      return next;
    });
    state.pop_back();
    return state;
  }

  /// `carried`: results, then scratch.
  SmallVector<Value> sortLine(ValueRange line, ValueRange carried) {
    size_t count = inputs.size();
    auto at = [&](Value k) { return positionIn(line, k); };
    SmallVector<Value> scratch =
        loop(zero, end, one, carried.drop_front(count),
             [&](Value k, ValueRange rows) {
               return insert(extract(inputs, at(k)), rows, {zero, k});
             });
    unsigned passes = llvm::Log2_64_Ceil(length);
    scratch = loop(
        zero, constant(passes), one, scratch,
        [&](Value pass, ValueRange rows) { return mergeRuns(pass, rows); });
    Value last = constant(passes % 2);
    SmallVector<Value> next =
        loop(zero, end, one, carried.take_front(count),
             [&](Value k, ValueRange results) {
               return insert(extract(scratch, {last, k}), results, at(k));
             });
    llvm::append_range(next, scratch);
    return next;
  }

  /// Runs of 2^pass elements in row `pass` mod 2 are merged into the other row.
  SmallVector<Value> mergeRuns(Value pass, ValueRange rows) {
    Value width = arith::ShLIOp::create(b, loc, one, pass);
    Value from = arith::AndIOp::create(b, loc, pass, one);
    Value to = arith::XOrIOp::create(b, loc, from, one);
    return loop(
        zero, end, add(width, width), rows,
        [&](Value begin, ValueRange carried) {
          Value middle = smaller(add(begin, width), end);
          Value close = smaller(add(middle, width), end);
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
    Value lastIndex = constant(length - 1);
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
  int64_t dimension, length, kept;
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
