//===- Reductions.cpp - Scale rules of reductions ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Computation.h"
#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

Operation *steelyard::againWide(Operation *op, ScaleRewriter &rw,
                                ValueRange operands) {
  OpBuilder &b = rw.builder();
  FloatType wide = rw.wideType();
  auto widened = [&](Value value) -> Type {
    auto type = cast<RankedTensorType>(value.getType());
    return isFloat(value) ? type.clone(wide) : type;
  };
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(llvm::map_to_vector(op->getResults(), widened));
  state.addAttributes(op->getAttrs());
  for (unsigned index = 0; index < op->getNumRegions(); ++index) {
    state.addRegion();
  }
  Operation *created = b.create(state);
  for (auto [from, to] : llvm::zip(op->getRegions(), created->getRegions())) {
    copyComputation(b, from, to,
                    llvm::map_to_vector(from.getArguments(), widened),
                    [&](Operation *) { return wide; });
  }
  return created;
}

namespace {

/// A computation that joins `count` accumulators with as many elements.
ScaledComputation joining(Region &region, unsigned count) {
  return {region, [=](unsigned argument) { return argument % count; }};
}

constexpr char kReduce[] =
    "from amax of sums of data moved to the maximum of input's and initial "
    "value's; kept where elements are chosen; products and others computed on "
    "real values, with a remark";

/// reduce and reduce_window, whose padding is the initial value.
LogicalResult reduce(Operation *op, ScaleRewriter &rw) {
  unsigned count = op->getNumResults();
  ScaledComputation computation = joining(op->getRegion(0), count);
  if (!computation.isHomogeneous() || !computation.keepsInputs()) {
    return failure();
  }
  SmallVector<Value> data(2 * count), exponents(count);
  SmallVector<bool> areKept(count, false);
  for (unsigned index = 0; index < count; ++index) {
    unsigned initial = index + count;
    if (rw.isScaled(index) != rw.isScaled(initial)) {
      return failure();
    }
    if (!rw.isScaled(index)) {
      data[index] = rw.plain(index);
      data[initial] = rw.plain(initial);
      continue;
    }
    ScaledOperand x = rw.operand(index), init = rw.operand(initial);
    if (isScaleFree(op->getOperand(initial))) {
      exponents[index] = x.exponent;
      data[index] = x.data;
      data[initial] = init.data;
      areKept[index] = !computation.hasSums();
      continue;
    }
    Value e = computation.hasSums() ? rw.max(x.exponent, init.exponent)
                                    : meet(rw, {x, init});
    exponents[index] = e;
    data[index] = rw.move(x.data, x.exponent, e);
    data[initial] = rw.move(init.data, init.exponent, e);
  }
  Operation *created = againWide(op, rw, data);
  for (unsigned index = 0; index < count; ++index) {
    Value result = created->getResult(index);
    if (!rw.isScaled(index)) {
      rw.plainResult(index, result);
    } else if (areKept[index]) {
      ScaledOperand x = rw.operand(index);
      rw.exact(index, result, exponents[index], {std::nullopt, x.range.high},
               x.kept);
    } else {
      rw.result(index, result, exponents[index]);
    }
  }
  return success();
}

constexpr char kSelectAndScatter[] =
    "from amax of sums of data moved to the maximum of source's and initial "
    "value's; the operand's has no part in it";

LogicalResult selectAndScatter(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<SelectAndScatterOp>(operation);
  ScaledComputation scatter = joining(op.getScatter(), 1);
  if (!rw.isScaled(0) || !joining(op.getSelect(), 1).isHomogeneous() ||
      !scatter.isHomogeneous() || !scatter.keepsInputs()) {
    return failure();
  }
  ScaledOperand x = rw.operand(0), source = rw.operand(1), init = rw.operand(2);
  Value e = source.exponent, initial = init.data;
  if (!isScaleFree(op.getInitValue())) {
    e = rw.max(source.exponent, init.exponent);
    initial = rw.move(init.data, init.exponent, e);
  }
  Value data = rw.move(source.data, source.exponent, e);
  rw.result(0, againWide(op, rw, {x.data, data, initial})->getResult(0), e);
  return success();
}

} // namespace

void steelyard::attachReductionRules(MLIRContext &context) {
  ReduceOp::attachInterface<ScaleModel<ReduceOp, reduce, kReduce>>(context);
  ReduceWindowOp::attachInterface<ScaleModel<ReduceWindowOp, reduce, kReduce>>(
      context);
  SelectAndScatterOp::attachInterface<
      ScaleModel<SelectAndScatterOp, selectAndScatter, kSelectAndScatter>>(
      context);
}
