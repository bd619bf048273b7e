//===- Contraction.cpp - What cuBLASLt contracts ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/IR/CUDA.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace steelyard;
using namespace steelyard::cuda;

bool cuda::isEightBits(Type element) {
  return isa<Float8E4M3FNType, Float8E5M2Type>(element);
}

bool cuda::hasContraction(Type lhs, Type rhs, Type result) {
  if (isEightBits(lhs) && isEightBits(rhs)) {
    return !(isa<Float8E5M2Type>(lhs) && isa<Float8E5M2Type>(rhs)) &&
           isa<Float32Type, BFloat16Type, Float16Type>(result);
  }
  if (lhs != rhs) {
    return false;
  }
  if (isa<Float16Type, BFloat16Type>(lhs)) {
    return result == lhs || result.isF32();
  }
  return isa<Float32Type, Float64Type>(lhs) && result == lhs;
}

Type cuda::biasElement(Type lhs, Type result) {
  if (lhs.isF64()) {
    return {};
  }
  return isEightBits(lhs) && result.isF32()
             ? Type(BFloat16Type::get(lhs.getContext()))
             : result;
}

LogicalResult ContractionOp::verify() {
  auto lhs = cast<ShapedType>(getLhs().getType()),
       rhs = cast<ShapedType>(getRhs().getType()),
       init = cast<ShapedType>(getInit().getType());
  if (failed(host::verifyContraction(getOperation(), lhs, rhs, init,
                                     getLhsDims(), getRhsDims()))) {
    return failure();
  }
  Type a = lhs.getElementType(), b = rhs.getElementType(),
       c = init.getElementType();
  if (!hasContraction(a, b, c)) {
    return emitOpError() << "of " << a << " by " << b << " into " << c
                         << " is none of cuBLASLt's";
  }
  if (getScales().size() > 2) {
    return emitOpError("takes two scales at most, one for each operand");
  }
  for (Value scale : getScales()) {
    auto type = cast<ShapedType>(scale.getType());
    if (!type.hasRank() || type.getRank() != 0 ||
        !type.getElementType().isF32()) {
      return emitOpError() << "takes scales of one float32 value, got " << type;
    }
    if (!isEightBits(a)) {
      return emitOpError() << "takes scales of operands of 8 bits only";
    }
  }
  Type biased = biasElement(a, c);
  if (getEpilogue() != Epilogue::None && !biased) {
    return emitOpError() << "has no epilogue in " << a;
  }
  return getBias() ? verifyBias(biased) : success();
}

LogicalResult ContractionOp::verifyBias(Type element) {
  auto type = cast<ShapedType>(getBias().getType());
  int64_t dim = getRhsDims()[1], k = getRhsDims()[2];
  auto rhs = cast<ShapedType>(getRhs().getType());
  if (dim < 0 || !type.hasRank() || type.getRank() != 1 ||
      type.getDimSize(0) != rhs.getDimSize(dim)) {
    return emitOpError() << "takes a bias along n, got " << type;
  }
  if (type.getElementType() != element) {
    auto error = emitOpError();
    return element ? error << "takes a bias of " << element << ", got " << type
                   : error << "has no bias in "
                           << getElementTypeOrSelf(getLhs().getType());
  }
  if (k >= 0 && rhs.getDimSize(k) == 0) {
    return emitOpError("has no products to which it adds a bias");
  }
  return success();
}

/// Buffers are read and written; tensors have no effects.
void ContractionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : getOperation()->getOpOperands()) {
    if (isa<MemRefType>(operand.get().getType())) {
      bool isWritten = isDpsInit(&operand);
      effects.emplace_back(isWritten ? static_cast<MemoryEffects::Effect *>(
                                           MemoryEffects::Write::get())
                                     : MemoryEffects::Read::get(),
                           &operand);
    }
  }
}
