//===- Buffers.cpp - What passes ask about buffers --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Buffers.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

void steelyard::host::addContext(func::FuncOp function) {
  auto pointer = LLVM::LLVMPointerType::get(function.getContext());
  [[maybe_unused]] LogicalResult added =
      function.insertArgument(0, pointer, {}, function.getLoc());
  assert(succeeded(added) && "a function with a signature of its own");
}

Value steelyard::host::rootOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>()) {
    buffer = view.getViewSource();
  }
  return buffer;
}

void steelyard::host::markDisjointBuffers(func::FuncOp function,
                                          ArrayRef<Value> values,
                                          unsigned first) {
  Builder builder(function.getContext());
  for (auto [index, value] : llvm::enumerate(values)) {
    bool isAlone = isa<MemRefType>(value.getType()) &&
                   llvm::count_if(values, [value = value](Value other) {
                     return rootOf(other) == rootOf(value);
                   }) == 1;
    if (isAlone) {
      function.setArgAttr(first + index,
                          LLVM::LLVMDialect::getNoAliasAttrName(),
                          builder.getUnitAttr());
    }
  }
}

/// Its layout is known.
static bool isBarePointer(MemRefType type) {
  int64_t offset;
  SmallVector<int64_t> strides;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         !ShapedType::isDynamic(offset) &&
         !llvm::is_contained(strides, ShapedType::kDynamic);
}

void steelyard::host::CapturedValues::insert(Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  Operation *view = value.getDefiningOp<ViewLikeOpInterface>();
  if (!type || isBarePointer(type) || !view) {
    values.insert(value);
    return;
  }
  for (Value operand : view->getOperands()) {
    insert(operand);
  }
  views.insert(view);
}

void steelyard::host::CapturedValues::insertUses(Operation *op) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value value : used) {
    Operation *definition = value.getDefiningOp();
    if (definition && definition->hasTrait<OpTrait::ConstantLike>()) {
      constants.insert(definition);
    } else {
      insert(value);
    }
  }
}

void steelyard::host::CapturedValues::rebuild(OpBuilder &builder,
                                              IRMapping &mapping) const {
  for (Operation *constant : constants) {
    builder.clone(*constant, mapping);
  }
  for (Operation *view : views) {
    builder.clone(*view, mapping);
  }
}
