//===- DataMovement.cpp - Scale rules of creation and data movement -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

Value steelyard::moveAgain(Operation *op, ScaleRewriter &rw,
                           ValueRange operands) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(type.clone(getElementTypeOrSelf(operands.front().getType())));
  state.addAttributes(op->getAttrs());
  return rw.builder().create(state)->getResult(0);
}

namespace {

constexpr char kMove[] = "kept: elements are moved in their storage type";
constexpr char kConstant[] = "from amax, at compile time";
constexpr char kIota[] = "from amax";
constexpr char kJoin[] = "maximum of the operands', data moved to it";

LogicalResult moveElements(Operation *op, ScaleRewriter &rw) {
  if (!rw.isScaled(0)) {
    return failure();
  }
  if (succeeded(moveSlices(op, rw))) {
    return success();
  }
  SmallVector<Value> operands = {rw.storage(0)};
  for (unsigned index = 1; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.plain(index)); // indices
  }
  bool spreadsScalar =
      isa<BroadcastInDimOp>(op) &&
      cast<ShapedType>(op->getOperand(0).getType()).getNumElements() == 1;
  rw.moved(0, moveAgain(op, rw, operands), 0, spreadsScalar);
  return success();
}

LogicalResult constant(Operation *op, ScaleRewriter &rw) {
  auto value = dyn_cast<DenseElementsAttr>(cast<ConstantOp>(op).getValue());
  if (!value) {
    return failure();
  }
  rw.constantResult(0, value);
  return success();
}

LogicalResult iota(Operation *op, ScaleRewriter &rw) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType())
                  .clone(rw.builder().getF32Type());
  rw.result(0,
            IotaOp::create(rw.builder(), rw.location(), type,
                           cast<IotaOp>(op).getIotaDimensionAttr()),
            rw.constant(0));
  return success();
}

LogicalResult join(Operation *op, ScaleRewriter &rw) {
  SmallVector<ScaledOperand> operands;
  Value e;
  bool alike = true;
  for (unsigned index = 0; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.operand(index));
    e = e ? rw.max(e, operands.back().exponent) : operands.back().exponent;
    const AmaxRange first = operands.front().range,
                    range = operands.back().range;
    alike &= range.low && range.low == first.low && range.high == range.low;
  }
  SmallVector<Value> moved;
  for (const ScaledOperand &operand : operands) {
    moved.push_back(rw.move(operand.data, operand.exponent, e));
  }
  // The operand with the largest exponent keeps its data, so a concatenation of
  // tensors normalised alike is one.
  bool keepsRange = alike && isa<ConcatenateOp>(op);
  rw.result(0, moveAgain(op, rw, moved), e,
            keepsRange ? operands.front().range : AmaxRange::unknown());
  return success();
}

/// The operand is what a loop carries.
bool isCarried(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && isa<WhileOp>(argument.getOwner()->getParentOp());
}

/// The operand's elements in storage, at an exponent that only grows: where the
/// update has a larger one they are moved to it, else left as they are. So a
/// scan that stacks its results touches what it has stacked a few times, not in
/// each trip.
LogicalResult updateInLoop(Operation *op, ScaleRewriter &rw) {
  OpBuilder &b = rw.builder();
  Location loc = rw.location();
  Value stack = rw.storage(0), before = rw.exponent(0);
  ScaledOperand slice = rw.operand(1);
  if (getElementTypeOrSelf(stack) != slice.kept) {
    // As storage takes it: its elements may be too far apart.
    auto parts = scaled::UnpackOp::create(b, loc, rw.scaled(1));
    slice.data =
        ConvertOp::create(b, loc, slice.data.getType(), parts.getData());
    slice.exponent = parts.getScales().front();
  }
  Value e = rw.max(before, slice.exponent);
  auto pred = RankedTensorType::get({}, b.getI1Type());
  Value grows = CompareOp::create(
      b, loc, pred, e, before, ComparisonDirection::NE, ComparisonTypeAttr());
  auto raised = IfOp::create(b, loc, stack.getType(), grows);
  {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&raised.getTrueBranch());
    Value delta =
        scaled::ExponentDeltaOp::create(b, loc, e.getType(), before, e);
    auto moved =
        scaled::RescaleOp::create(b, loc, stack.getType(), stack, delta);
    moved->setDiscardableAttr(scaled::RescaleOp::kInPlace, b.getUnitAttr());
    ReturnOp::create(b, loc, moved.getResult());
    b.createBlock(&raised.getFalseBranch());
    ReturnOp::create(b, loc, stack);
  }
  auto type = cast<RankedTensorType>(slice.data.getType())
                  .clone(getElementTypeOrSelf(stack));
  SmallVector<Value> operands = {
      raised.getResult(0),
      scaled::CastOp::create(b, loc, type,
                             rw.move(slice.data, slice.exponent, e))};
  for (unsigned index = 2; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.plain(index));
  }
  rw.stored(0, moveAgain(op, rw, operands), e);
  return success();
}

constexpr char kUpdate[] =
    "from amax of the result, both operands' data moved to one exponent; of "
    "what "
    "a loop carries: the maximum, its data moved only where that grows; where "
    "slices have their own: the update's, beside the others";
LogicalResult update(Operation *op, ScaleRewriter &rw) {
  if (succeeded(updateSlice(cast<DynamicUpdateSliceOp>(op), rw))) {
    return success();
  }
  if (isCarried(op->getOperand(0))) {
    return updateInLoop(op, rw);
  }
  return chooseBetween(rw, rw.operand(0), rw.operand(1), [&](Value x, Value y) {
    SmallVector<Value> operands = {x, y};
    for (unsigned index = 2; index < op->getNumOperands(); ++index) {
      operands.push_back(rw.plain(index));
    }
    return moveAgain(op, rw, operands);
  });
}

template <ScaleRule rule, const char *description, typename... Ops>
void attach(MLIRContext &context) {
  (Ops::template attachInterface<ScaleModel<Ops, rule, description>>(context),
   ...);
}

} // namespace

void steelyard::attachDataMovementRules(MLIRContext &context) {
  attach<moveElements, kMove, BroadcastInDimOp, ReshapeOp, TransposeOp, SliceOp,
         ReverseOp, GatherOp, DynamicSliceOp>(context);
  attach<constant, kConstant, ConstantOp>(context);
  attach<iota, kIota, IotaOp>(context);
  attach<join, kJoin, ConcatenateOp, PadOp>(context);
  attach<update, kUpdate, DynamicUpdateSliceOp>(context);
}
