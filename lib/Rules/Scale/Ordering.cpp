//===- Ordering.cpp - Scale rules of scatter and sort -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Computation.h"
#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kScatter[] =
    "updates that replace, sums and extrema: from amax of the result, operand "
    "and updates moved to one exponent; others computed on real values, with a "
    "remark";

/// The computation returns the update.
bool replaces(ScatterOp op) {
  Block &body = op.getUpdateComputation().front();
  return body.getOperations().size() == 1 &&
         body.getTerminator()->getOperand(0) == body.getArgument(1);
}

LogicalResult scatter(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<ScatterOp>(operation);
  if (op.getInputs().size() != 1 || !rw.isScaled(0)) {
    return failure();
  }
  Operation *joined = getReducerOp(op.getUpdateComputation());
  bool isSum = isa_and_nonnull<AddOp>(joined);
  bool isExtremum = isa_and_nonnull<MaximumOp, MinimumOp>(joined);
  if (!isSum && !isExtremum && !replaces(op)) {
    return failure();
  }
  ScaledOperand x = rw.operand(0), updates = rw.operand(2);
  auto create = [&](Value data, Value update) {
    return againWide(op, rw, {data, rw.plain(1), update})->getResult(0);
  };
  if (!isSum) {
    return chooseBetween(rw, x, updates, create);
  }
  Value e = rw.max(x.exponent, updates.exponent);
  rw.result(0,
            create(rw.move(x.data, x.exponent, e),
                   rw.move(updates.data, updates.exponent, e)),
            e);
  return success();
}

constexpr char kSort[] =
    "kept: elements are moved in their storage type; where the comparator "
    "depends on a scale, on real values, with a remark";

LogicalResult sort(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<SortOp>(operation);
  // Elements that follow each other in the arguments are of one input.
  ScaledComputation comparator(op.getComparator(),
                               [](unsigned argument) { return argument / 2; });
  if (!comparator.isHomogeneous() || comparator.hasSums()) {
    return failure(); // sums round in the storage type
  }
  SmallVector<Value> operands;
  for (unsigned index = 0; index < op.getInputs().size(); ++index) {
    operands.push_back(rw.isScaled(index) ? rw.storage(index)
                                          : rw.plain(index));
  }
  OperationState state(op.getLoc(), SortOp::getOperationName());
  state.addOperands(operands);
  state.addTypes(ValueRange(operands).getTypes());
  state.addAttributes(op->getAttrs());
  state.addRegion();
  auto created = cast<SortOp>(rw.builder().create(state));
  SmallVector<Type> arguments;
  for (Value operand : operands) {
    arguments.append(
        2, RankedTensorType::get({}, getElementTypeOrSelf(operand.getType())));
  }
  copyComputation(rw.builder(), op.getComparator(), created.getComparator(),
                  arguments, [&](Operation *inner) {
                    return cast<FloatType>(getElementTypeOrSelf(
                        operands[comparator.inputOf(inner)].getType()));
                  });
  for (auto [index, result] : llvm::enumerate(created.getResults())) {
    if (rw.isScaled(index)) {
      rw.moved(index, result, index);
    } else {
      rw.plainResult(index, result);
    }
  }
  return success();
}

} // namespace

void steelyard::attachOrderingRules(MLIRContext &context) {
  ScatterOp::attachInterface<ScaleModel<ScatterOp, scatter, kScatter>>(context);
  SortOp::attachInterface<ScaleModel<SortOp, sort, kSort>>(context);
}
