//===- CUDA.cpp - The dialect of runtime calls for NVIDIA GPUs --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/IR/CUDA.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace steelyard::cuda;

#include "steelyard/Target/GPU/IR/CUDADialect.cpp.inc"
#include "steelyard/Target/GPU/IR/CUDAEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "steelyard/Target/GPU/IR/CUDAAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "steelyard/Target/GPU/IR/CUDAOps.cpp.inc"

void CUDADialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "steelyard/Target/GPU/IR/CUDAAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "steelyard/Target/GPU/IR/CUDAOps.cpp.inc"
      >();
}

LogicalResult LaunchOp::verify() {
  // CUDA C++ Programming Guide, "Features and Technical Specifications".
  constexpr int64_t kMaxThreads = 1024, kMaxGridYZ = 65535;
  auto isPositive = [](ArrayRef<int32_t> sizes) {
    return sizes.size() == 3 &&
           llvm::all_of(sizes, [](int32_t size) { return size > 0; });
  };
  ArrayRef<int32_t> grid = getGrid(), block = getBlock();
  if (!isPositive(grid) || !isPositive(block)) {
    return emitOpError("takes three positive sizes of its grid and its block");
  }
  if (int64_t(block[0]) * block[1] * block[2] > kMaxThreads) {
    return emitOpError("has more than 1024 threads in a block");
  }
  if (grid[1] > kMaxGridYZ || grid[2] > kMaxGridYZ) {
    return emitOpError("has more than 65535 blocks along y or z");
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<gpu::GPUFuncOp>(
      getOperation(), getKernelAttr());
  // Once it is a binary there is no function to compare with.
  if (!kernel) {
    return success();
  }
  if (!kernel.isKernel()) {
    return emitOpError() << getKernel() << " is no kernel";
  }
  if (kernel.getNumArguments() != getInputs().size() + getInits().size()) {
    return emitOpError() << "gives " << getInputs().size() + getInits().size()
                         << " buffers to a kernel of "
                         << kernel.getNumArguments();
  }
  for (auto [buffer, argument] :
       llvm::zip(llvm::concat<Value>(getInputs(), getInits()),
                 kernel.getArgumentTypes())) {
    auto elements = [](Type type) -> std::optional<int64_t> {
      auto shaped = dyn_cast<ShapedType>(type);
      return shaped && shaped.hasRank() && shaped.hasStaticShape()
                 ? std::optional(shaped.getNumElements())
                 : std::nullopt;
    };
    std::optional<int64_t> given = elements(buffer.getType());
    bool fits = given && isa<MemRefType>(argument)
                    ? given == elements(argument)
                    : buffer.getType() == argument;
    if (!fits) {
      return emitOpError() << "gives " << buffer.getType() << " for "
                           << argument;
    }
  }
  return success();
}

/// Buffers are read and written; tensors have no effects.
void LaunchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  auto add = [&](MutableOperandRange operands, MemoryEffects::Effect *effect) {
    for (OpOperand &operand : operands) {
      if (isa<MemRefType>(operand.get().getType())) {
        effects.emplace_back(effect, &operand);
      }
    }
  };
  add(getInputsMutable(), MemoryEffects::Read::get());
  add(getInitsMutable(), MemoryEffects::Read::get());
  add(getInitsMutable(), MemoryEffects::Write::get());
}

void ZeroOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (isa<MemRefType>(getInit().getType())) {
    effects.emplace_back(MemoryEffects::Write::get(), &getInitMutable());
  }
}
