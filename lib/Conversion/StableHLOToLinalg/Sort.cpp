//===- Sort.cpp - sort to loops on tensors ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/Support/MathExtras.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

/// Merge sort from the bottom, which is stable: a line is copied into the first
/// row of a scratch tensor of two rows, runs of 1, 2, 4 ... elements are merged
/// from row to row, and the last row is copied back.
class SortWriter {
public:
  SortWriter(OpBuilder &builder, SortOp op, ValueRange inputs,
             const TypeConverter &converter)
      : b(builder), loc(op.getLoc()), op(op), inputs(inputs),
        converter(converter), dimension(op.getSortedDimension()) {
    shape.assign(cast<RankedTensorType>(inputs.front().getType()).getShape());
    length = shape[dimension];
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
      carried.push_back(allocate({2, length}, input));
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
          return scf::ValueVector(sortLine(ivs, values));
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
  /// Not tensor.empty: CSE would merge two of one type, and bufferization,
  /// which sees no value in them that could be lost, would leave them merged.
  Value allocate(ArrayRef<int64_t> sizes, Value like) {
    return bufferization::AllocTensorOp::create(
        b, loc, RankedTensorType::get(sizes, getElementTypeOrSelf(like)),
        ValueRange());
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

  /// `carried`: results, then scratch.
  SmallVector<Value> sortLine(ValueRange line, ValueRange carried) {
    size_t count = inputs.size();
    auto at = [&](Value k) {
      SmallVector<Value> position(line);
      position.insert(position.begin() + dimension, k);
      return position;
    };
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
    SmallVector<Value> arguments;
    for (auto [l, r] : llvm::zip(lefts, rights)) {
      arguments.push_back(r);
      arguments.push_back(l);
    }
    SmallVector<Value> comesBefore =
        emitComputation(b, converter, op.getComparator(), arguments);
    if (comesBefore.empty()) {
      failed = true;
      return SmallVector<Value>(state);
    }
    Value leftDone = compare(arith::CmpIPredicate::sge, left, middle);
    Value rightLeft = compare(arith::CmpIPredicate::slt, right, close);
    Value takesRight = arith::OrIOp::create(
        b, loc, leftDone,
        arith::AndIOp::create(b, loc, rightLeft, comesBefore.front()));
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
  int64_t dimension, length;
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
