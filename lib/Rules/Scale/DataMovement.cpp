//===- DataMovement.cpp - Scale rules of creation and data movement -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kMove[] = "kept: elements are moved in their storage type";
constexpr char kConstant[] = "from amax, at compile time";
constexpr char kIota[] = "from amax";
constexpr char kJoin[] = "maximum of the operands', data moved to it";

Value again(Operation *op, ScaleRewriter &rw, ValueRange operands) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(type.clone(getElementTypeOrSelf(operands.front().getType())));
  state.addAttributes(op->getAttrs());
  return rw.builder().create(state)->getResult(0);
}

LogicalResult moveElements(Operation *op, ScaleRewriter &rw) {
  if (!rw.isScaled(0)) {
    return failure();
  }
  SmallVector<Value> operands = {rw.storage(0)};
  for (unsigned index = 1; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.plain(index)); // indices
  }
  bool spreadsScalar =
      isa<BroadcastInDimOp>(op) &&
      cast<ShapedType>(op->getOperand(0).getType()).getNumElements() == 1;
  rw.moved(0, again(op, rw, operands), 0, spreadsScalar);
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
  bool normalized = true;
  for (unsigned index = 0; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.operand(index));
    e = e ? rw.max(e, operands.back().exponent) : operands.back().exponent;
    normalized &=
        operands.back().range.low == 0 && operands.back().range.high == 0;
  }
  SmallVector<Value> moved;
  for (const ScaledOperand &operand : operands) {
    moved.push_back(rw.move(operand.data, operand.exponent, e));
  }
  // The operand with the largest exponent keeps its data, so a concatenation of
  // normalised tensors is one.
  bool keepsRange = normalized && isa<ConcatenateOp>(op);
  rw.result(0, again(op, rw, moved), e,
            keepsRange ? AmaxRange::normalized() : AmaxRange::unknown());
  return success();
}

constexpr char kUpdate[] =
    "from amax of the result, both operands' data moved to one exponent";
LogicalResult update(Operation *op, ScaleRewriter &rw) {
  return chooseBetween(rw, rw.operand(0), rw.operand(1), [&](Value x, Value y) {
    SmallVector<Value> operands = {x, y};
    for (unsigned index = 2; index < op->getNumOperands(); ++index) {
      operands.push_back(rw.plain(index));
    }
    return again(op, rw, operands);
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
