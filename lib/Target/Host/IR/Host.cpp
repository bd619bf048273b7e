//===- Host.cpp - The dialect of runtime calls ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace steelyard::host;

#include "steelyard/Target/Host/IR/HostDialect.cpp.inc"

#define GET_OP_CLASSES
#include "steelyard/Target/Host/IR/HostOps.cpp.inc"

void HostDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "steelyard/Target/Host/IR/HostOps.cpp.inc"
      >();
}

LogicalResult steelyard::host::verifyContraction(Operation *op, ShapedType lhs,
                                                 ShapedType rhs,
                                                 ShapedType init,
                                                 ArrayRef<int64_t> lhsDims,
                                                 ArrayRef<int64_t> rhsDims) {
  if (!lhs.hasRank() || !rhs.hasRank() || !init.hasRank()) {
    return op->emitOpError("takes tensors of known ranks");
  }
  if (lhsDims.size() != 3 || rhsDims.size() != 3) {
    return op->emitOpError(
        "takes three dimensions an operand: batch, free, contracted");
  }
  for (auto [type, dims] : {std::pair(lhs, lhsDims), std::pair(rhs, rhsDims)}) {
    // Each dimension is of one kind.
    SmallVector<bool> isTaken(type.getRank(), false);
    for (int64_t dim : dims) {
      if (dim < -1 || dim >= type.getRank() || (dim >= 0 && isTaken[dim])) {
        return op->emitOpError() << "takes the dimensions of " << type
                                 << " once each, got " << dim;
      }
      if (dim >= 0) {
        isTaken[dim] = true;
      }
    }
  }
  auto size = [](ShapedType type, int64_t dim) {
    return dim < 0 ? 1 : type.getDimSize(dim);
  };
  if (size(lhs, lhsDims[2]) != size(rhs, rhsDims[2])) {
    return op->emitOpError("contracted dimensions differ in size");
  }
  if (size(lhs, lhsDims[0]) != size(rhs, rhsDims[0])) {
    return op->emitOpError("batch dimensions differ in size");
  }
  SmallVector<int64_t> shape;
  if (lhsDims[0] >= 0) {
    shape.push_back(lhs.getDimSize(lhsDims[0]));
  }
  if (lhsDims[1] >= 0) {
    shape.push_back(lhs.getDimSize(lhsDims[1]));
  }
  if (rhsDims[1] >= 0) {
    shape.push_back(rhs.getDimSize(rhsDims[1]));
  }
  if (ArrayRef<int64_t>(shape) != init.getShape()) {
    return op->emitOpError("the destination has another shape");
  }
  return success();
}

LogicalResult GemmOp::verify() {
  return verifyContraction(getOperation(), cast<ShapedType>(getLhs().getType()),
                           cast<ShapedType>(getRhs().getType()),
                           cast<ShapedType>(getInit().getType()), getLhsDims(),
                           getRhsDims());
}

LogicalResult LibmOp::verify() {
  static constexpr StringLiteral known[] = {"cos",    "exp", "expm1",
                                            "lgamma", "sin", "tan"};
  if (!llvm::is_contained(known, getFunction())) {
    return emitOpError() << "does not know '" << getFunction() << "'";
  }
  return success();
}

/// Buffers are read and written; tensors have no effects.
static void
addEffect(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
              &effects,
          OpOperand &operand, MemoryEffects::Effect *effect) {
  if (isa<MemRefType>(operand.get().getType())) {
    effects.emplace_back(effect, &operand);
  }
}

void GemmOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  addEffect(effects, getLhsMutable(), MemoryEffects::Read::get());
  addEffect(effects, getRhsMutable(), MemoryEffects::Read::get());
  addEffect(effects, getInitMutable(), MemoryEffects::Write::get());
}

void CheckOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  addEffect(effects, getGotMutable(), MemoryEffects::Read::get());
  addEffect(effects, getWantMutable(), MemoryEffects::Read::get());
  effects.emplace_back(MemoryEffects::Write::get()); // reports to the context
}
