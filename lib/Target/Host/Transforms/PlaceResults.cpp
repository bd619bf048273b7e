//===- PlaceResults.cpp - Results are computed where they go ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"

namespace steelyard::host {
#define GEN_PASS_DEF_HOSTPLACERESULTS
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
} // namespace steelyard::host

using namespace mlir;

namespace {

/// The reshapes that lead from an allocation to `buffer`, last first. Null if
/// it comes from elsewhere.
memref::AllocOp allocationOf(Value buffer, SmallVectorImpl<Operation *> &path) {
  while (Operation *definition = buffer.getDefiningOp()) {
    if (auto alloc = dyn_cast<memref::AllocOp>(definition)) {
      return alloc;
    }
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(definition)) {
      break;
    }
    path.push_back(definition);
    buffer = definition->getOperand(0);
  }
  return {};
}

bool isDense(Type type) {
  return cast<MemRefType>(type).getLayout().isIdentity();
}

struct PlaceResults
    : steelyard::host::impl::HostPlaceResultsBase<PlaceResults> {
  using HostPlaceResultsBase::HostPlaceResultsBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isExternal()) {
      return;
    }
    Block &entry = function.getBody().front();
    // The copies into results stand right before the return.
    SmallVector<memref::CopyOp> copies;
    for (Operation &op : llvm::reverse(entry.without_terminator())) {
      auto copy = dyn_cast<memref::CopyOp>(op);
      if (!copy) {
        break;
      }
      copies.push_back(copy);
    }
    for (memref::CopyOp copy : llvm::reverse(copies)) {
      place(copy, entry);
    }
  }

  void place(memref::CopyOp copy, Block &entry) {
    auto result = dyn_cast<BlockArgument>(copy.getTarget());
    if (!result || result.getOwner() != &entry || !result.hasOneUse()) {
      return;
    }
    SmallVector<Operation *> path;
    memref::AllocOp alloc = allocationOf(copy.getSource(), path);
    if (!alloc || alloc->getBlock() != &entry || !isDense(alloc.getType()) ||
        !isDense(result.getType()) || !llvm::all_of(path, [](Operation *view) {
          return isDense(view->getResult(0).getType());
        })) {
      return;
    }
    // The reshapes undone, on the result's buffer.
    OpBuilder builder(alloc);
    Value buffer = result;
    for (Operation *view : path) {
      auto type = cast<MemRefType>(view->getOperand(0).getType());
      if (auto expand = dyn_cast<memref::ExpandShapeOp>(view)) {
        buffer = memref::CollapseShapeOp::create(
            builder, view->getLoc(), type, buffer,
            expand.getReassociationIndices());
      } else {
        buffer = memref::ExpandShapeOp::create(
            builder, view->getLoc(), type, buffer,
            cast<memref::CollapseShapeOp>(view).getReassociationIndices());
      }
    }
    alloc.getResult().replaceAllUsesWith(buffer);
    alloc.erase();
    copy.erase();
    for (Operation *view : path) {
      if (!view->use_empty()) {
        break;
      }
      view->erase();
    }
  }
};

} // namespace
