//===- Reductions.cpp - Scale rules of reductions ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/IRMapping.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kReduce[] = "sums and extrema: maximum of input's and initial "
                           "value's; others computed on real values, with a "
                           "remark";

/// The reduction on float32 data, its body rewritten for float32.
Value reduceInFloat32(ReduceOp op, Operation *joined, ScaleRewriter &rw,
                      Value data, Value init) {
  OpBuilder &b = rw.builder();
  auto type =
      cast<RankedTensorType>(op.getResult(0).getType()).clone(b.getF32Type());
  OperationState state(op.getLoc(), op->getName());
  state.addOperands({data, init});
  state.addTypes(type);
  state.addAttributes(op->getAttrs());
  state.addRegion();
  Operation *created = b.create(state);
  OpBuilder::InsertionGuard guard(b);
  auto scalar = RankedTensorType::get({}, b.getF32Type());
  Block *block = b.createBlock(&created->getRegion(0), {}, {scalar, scalar},
                               {op.getLoc(), op.getLoc()});
  OperationState join(op.getLoc(), joined->getName());
  join.addOperands(block->getArguments());
  join.addTypes(scalar);
  join.addAttributes(joined->getAttrs());
  ReturnOp::create(b, op.getLoc(), b.create(join)->getResults());
  return created->getResult(0);
}

LogicalResult reduce(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<ReduceOp>(operation);
  Operation *joined =
      op.getInputs().size() == 1 ? getReducerOp(op.getBody()) : nullptr;
  if (!joined || !rw.isScaled(0) || !isa<AddOp, MaximumOp, MinimumOp>(joined)) {
    return failure();
  }
  ScaledOperand x = rw.operand(0), init = rw.operand(1);
  bool isSum = isa<AddOp>(joined);
  Value e = isSum || init.isZero ? rw.max(x.exponent, init.exponent)
                                 : meet(rw, {x, init});
  Value data = reduceInFloat32(op, joined, rw, rw.move(x.data, x.exponent, e),
                               rw.move(init.data, init.exponent, e));
  // An extremum is one of the elements; an initial value without finite numbers
  // (or zero) does not move them.
  if (!isSum && init.isZero) {
    rw.exact(0, data, e, {std::nullopt, x.range.high});
  } else {
    rw.result(0, data, e);
  }
  return success();
}

} // namespace

void steelyard::attachReductionRules(MLIRContext &context) {
  ReduceOp::attachInterface<ScaleModel<ReduceOp, reduce, kReduce>>(context);
}
