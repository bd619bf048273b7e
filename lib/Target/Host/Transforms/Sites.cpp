//===- Sites.cpp - Where the time goes --------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Sites.h"

#include "steelyard/Target/Host/IR/Host.h"

using namespace mlir;

static std::string buffersOf(Operation *op) {
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

void steelyard::host::markSites(
    func::FuncOp function,
    llvm::function_ref<std::string(Operation *)> kindOf) {
  SmallVector<std::pair<Operation *, std::string>> work;
  function.walk([&](Operation *op) {
    if (std::string kind = kindOf(op); !kind.empty()) {
      work.emplace_back(op, kind);
    }
  });
  OpBuilder builder(function.getBody());
  MarkOp::create(builder, function.getLoc(), -1);
  SmallVector<Attribute> sites;
  for (auto &[op, kind] : work) {
    builder.setInsertionPointAfter(op);
    MarkOp::create(builder, op->getLoc(), static_cast<int64_t>(sites.size()));
    sites.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("kind", builder.getStringAttr(kind)),
         builder.getNamedAttr("buffers", builder.getStringAttr(buffersOf(op))),
         builder.getNamedAttr("location", LocationAttr(op->getLoc()))}));
  }
  function->setAttr("steelyard.sites", builder.getArrayAttr(sites));
}
