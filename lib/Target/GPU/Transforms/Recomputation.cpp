//===- Recomputation.cpp - Scalars computed where they are used -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Recomputation.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

Value steelyard::cuda::Recomputation::get(Value value) {
  Operation *op = value.getDefiningOp();
  bool isScalar = op && !isa<ShapedType>(value.getType()) &&
                  op->getNumRegions() == 0 && isMemoryEffectFree(op);
  if (!isScalar || mapping.contains(value)) {
    return mapping.lookupOrDefault(value);
  }
  for (Value operand : op->getOperands()) {
    if (!isa<ShapedType>(operand.getType())) {
      mapping.map(operand, get(operand));
    }
  }
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}
