//===- StepState.cpp - State that the compiler adds to a step ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/Utils/StepState.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

static constexpr llvm::StringLiteral kAlias = "tf.aliasing_output";

static void addResult(func::FuncOp function, NamedAttribute name, Value value) {
  LogicalResult inserted =
      function.insertResult(function.getNumResults(), value.getType(),
                            DictionaryAttr::get(function.getContext(), {name}));
  assert(succeeded(inserted) && "a function's own type can grow");
  (void)inserted;
  Operation *leave = function.getBody().front().getTerminator();
  leave->insertOperands(leave->getNumOperands(), value);
}

BlockArgument steelyard::addStepState(func::FuncOp function, StringRef name,
                                      DenseElementsAttr initial) {
  Builder builder(function.getContext());
  unsigned argument = function.getNumArguments(),
           result = function.getNumResults();
  NamedAttribute named =
      builder.getNamedAttr(kStepStateName, builder.getStringAttr(name));
  auto argumentAttributes = builder.getDictionaryAttr(
      {named, builder.getNamedAttr(kStepStateInitial, initial),
       builder.getNamedAttr(kAlias, builder.getI32IntegerAttr(result))});
  LogicalResult inserted = function.insertArgument(
      argument, initial.getType(), argumentAttributes, function.getLoc());
  assert(succeeded(inserted) && "a function's own type can grow");
  (void)inserted;
  BlockArgument state = function.getArgument(argument);
  addResult(function, named, state);
  return state;
}

void steelyard::setNextStepState(BlockArgument state, Value next) {
  auto function = cast<func::FuncOp>(state.getOwner()->getParentOp());
  auto alias =
      function.getArgAttrOfType<IntegerAttr>(state.getArgNumber(), kAlias);
  state.getOwner()->getTerminator()->setOperand(alias.getInt(), next);
}

void steelyard::addObservedResult(func::FuncOp function, StringRef name,
                                  Value value) {
  Builder builder(function.getContext());
  addResult(function,
            builder.getNamedAttr(kObservedName, builder.getStringAttr(name)),
            value);
}
