//===- ProtectArguments.cpp - What the caller owns is not written -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUPROTECTARGUMENTS
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;

namespace {

struct ProtectArguments
    : steelyard::cpu::impl::CPUProtectArgumentsBase<ProtectArguments> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isExternal()) {
      return;
    }
    Builder builder(function.getContext());
    for (BlockArgument argument : function.getArguments()) {
      if (isa<TensorType>(argument.getType())) {
        function.setArgAttr(
            argument.getArgNumber(),
            bufferization::BufferizationDialect::kWritableAttrName,
            builder.getBoolAttr(false));
      }
    }
  }
};

} // namespace
