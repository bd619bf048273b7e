//===- ProtectArguments.cpp - What the caller owns is not written -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace steelyard::host {
#define GEN_PASS_DEF_HOSTPROTECTARGUMENTS
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
} // namespace steelyard::host

using namespace mlir;

namespace {

struct ProtectArguments
    : steelyard::host::impl::HostProtectArgumentsBase<ProtectArguments> {
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
