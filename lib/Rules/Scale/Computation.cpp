//===- Computation.cpp - Scales in computations of elements -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Computation.h"

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

bool steelyard::isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

bool steelyard::isScaleFree(Value value) {
  DenseFPElementsAttr constant;
  return matchPattern(value, m_Constant(&constant)) &&
         llvm::all_of(constant, [](const APFloat &number) {
           return number.isZero() || !number.isFinite();
         });
}

ScaledComputation::ScaledComputation(Region &region,
                                     function_ref<int(unsigned)> inputOf)
    : block(region.front()) {
  for (BlockArgument argument : block.getArguments()) {
    if (isFloat(argument)) {
      inputs[argument] = inputOf(argument.getArgNumber());
    }
  }
  isUniform = llvm::all_of(block.without_terminator(),
                           [&](Operation &op) { return visit(&op); });
}

bool ScaledComputation::keepsInputs() const {
  return llvm::all_of(
      block.getTerminator()->getOpOperands(), [&](OpOperand &result) {
        auto found = inputs.find(result.get());
        return !isFloat(result.get()) ||
               (found == inputs.end()
                    ? isScaleFree(result.get())
                    : found->second ==
                          static_cast<int>(result.getOperandNumber()));
      });
}

int ScaledComputation::inputOf(Operation *op) const {
  int input = kAny;
  for (Value operand : op->getOperands()) {
    auto found = inputs.find(operand);
    input = found == inputs.end() ? input : found->second;
  }
  return input;
}

bool ScaledComputation::visit(Operation *op) {
  if (op->getNumRegions() != 0 || op->getNumResults() != 1) {
    return false;
  }
  Value result = op->getResult(0);
  if (isa<ConstantOp>(op)) {
    return true; // looked at where it is used
  }
  int input = inputOf(op);
  bool hasFloats = isFloat(result);
  for (Value operand : op->getOperands()) {
    if (!isFloat(operand)) {
      continue;
    }
    hasFloats = true;
    auto found = inputs.find(operand);
    if (found == inputs.end() ? !isScaleFree(operand)
                              : found->second != input) {
      return false;
    }
  }
  if (!hasFloats) {
    return true;
  }
  if (input == kAny) {
    return false;
  }
  if (isFloat(result)) {
    inputs[result] = input;
  }
  sums |= isa<AddOp, SubtractOp>(op);
  return isa<CompareOp, SelectOp, MaximumOp, MinimumOp, AddOp, SubtractOp,
             NegateOp, AbsOp, IsFiniteOp, BroadcastInDimOp, ReshapeOp>(op);
}

/// The constant in another type, rounded.
static Value constantIn(OpBuilder &b, Value value, FloatType type) {
  DenseFPElementsAttr constant;
  [[maybe_unused]] bool isConstant = matchPattern(value, m_Constant(&constant));
  assert(isConstant && "computations capture constants alone");
  auto converted = constant.mapValues(type, [&](const APFloat &number) {
    bool losesInfo;
    APFloat other = number;
    other.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return other.bitcastToAPInt();
  });
  return ConstantOp::create(b, value.getLoc(), converted);
}

void steelyard::copyComputation(OpBuilder &b, Region &from, Region &to,
                                TypeRange arguments,
                                function_ref<FloatType(Operation *)> typeIn) {
  OpBuilder::InsertionGuard guard(b);
  Block &body = from.front();
  auto locations = llvm::map_to_vector(
      body.getArguments(), [](Value argument) { return argument.getLoc(); });
  Block *block = b.createBlock(&to, {}, arguments, locations);
  IRMapping mapping;
  mapping.map(body.getArguments(), block->getArguments());
  for (Operation &op : body) {
    if (isa<ConstantOp>(op) && isFloat(op.getResult(0))) {
      continue;
    }
    Operation *copy = b.clone(op, mapping);
    for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
      if (isFloat(operand) && !mapping.contains(operand)) {
        b.setInsertionPoint(copy);
        copy->setOperand(index, constantIn(b, operand, typeIn(&op)));
        b.setInsertionPointAfter(copy);
      }
    }
    for (Value result : copy->getResults()) {
      if (isFloat(result)) {
        auto type = cast<RankedTensorType>(result.getType());
        result.setType(type.clone(typeIn(&op)));
      }
    }
  }
}
