//===- MarkSites.cpp - Where the time goes ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"
#include "steelyard/Target/Host/Transforms/Buffers.h"

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

StringAttr kindOf(Operation *op, SymbolTable &symbols) {
  auto call = dyn_cast<func::CallOp>(op);
  if (!call) {
    return StringAttr::get(op->getContext(), op->getName().stripDialect());
  }
  auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
  if (auto region = callee->getAttrOfType<FlatSymbolRefAttr>(
          "steelyard.parallel_region")) {
    callee = symbols.lookup<func::FuncOp>(region.getValue());
  }
  auto kind = callee->getAttrOfType<StringAttr>(kKindAttrName);
  return kind ? kind : StringAttr::get(op->getContext(), "scalars");
}

std::string buffersOf(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::ListSeparator separator;
  for (Type type : op->getOperandTypes()) {
    if (auto buffer = dyn_cast<MemRefType>(type)) {
      stream << separator;
      for (int64_t size : buffer.getShape()) {
        stream << size << 'x';
      }
      stream << buffer.getElementType();
    }
  }
  return text;
}

struct MarkSites : steelyard::cpu::impl::CPUMarkSitesBase<MarkSites> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isPublic() && !function.isExternal()) {
        mark(function, symbols);
      }
    }
  }

  static void mark(func::FuncOp function, SymbolTable &symbols) {
    SmallVector<Operation *> work;
    function.walk([&](Operation *op) {
      if (isa<func::CallOp, GemmOp, memref::CopyOp>(op)) {
        work.push_back(op);
      }
    });
    OpBuilder builder(function.getBody());
    MarkOp::create(builder, function.getLoc(), -1);
    SmallVector<Attribute> sites;
    for (auto [index, op] : llvm::enumerate(work)) {
      builder.setInsertionPointAfter(op);
      MarkOp::create(builder, op->getLoc(), static_cast<int64_t>(index));
      sites.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr("kind", kindOf(op, symbols)),
           builder.getNamedAttr("buffers",
                                builder.getStringAttr(buffersOf(op))),
           builder.getNamedAttr("location", LocationAttr(op->getLoc()))}));
    }
    function->setAttr("steelyard.sites", builder.getArrayAttr(sites));
  }
};

} // namespace
