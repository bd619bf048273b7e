//===- MarkSites.cpp - Where the time goes ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"
#include "steelyard/Target/Host/Transforms/Buffers.h"
#include "steelyard/Target/Host/Transforms/Sites.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUMARKSITES
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;
using namespace steelyard::cpu;
using namespace steelyard::host;

namespace {

std::string kindOf(Operation *op, SymbolTable &symbols) {
  if (isa<GemmOp, memref::CopyOp>(op)) {
    return op->getName().stripDialect().str();
  }
  auto call = dyn_cast<func::CallOp>(op);
  if (!call) {
    return {};
  }
  auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
  if (auto region = callee->getAttrOfType<FlatSymbolRefAttr>(
          "steelyard.parallel_region")) {
    callee = symbols.lookup<func::FuncOp>(region.getValue());
  }
  auto kind = callee->getAttrOfType<StringAttr>(kKindAttrName);
  return kind ? kind.str() : "scalars";
}

struct MarkSites : steelyard::cpu::impl::CPUMarkSitesBase<MarkSites> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isPublic() && !function.isExternal()) {
        markSites(function, [&](Operation *op) { return kindOf(op, symbols); });
      }
    }
  }
};

} // namespace
