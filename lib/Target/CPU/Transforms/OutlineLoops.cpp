//===- OutlineLoops.cpp - Loops over scalars become functions ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/Host/Transforms/Buffers.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/SetVector.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUOUTLINELOOPS
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;
using namespace steelyard::cpu;
using namespace steelyard::host;

namespace {

/// Loads, stores and arithmetic: what a function without an arena and a context
/// can hold.
bool isScalarCode(scf::ForOp loop) {
  WalkResult walked = loop->walk([](Operation *op) {
    bool isScalar =
        isa<arith::ArithDialect, math::MathDialect, scf::SCFDialect,
            affine::AffineDialect, scaled::ScaledDialect>(op->getDialect()) ||
        isa<memref::LoadOp, memref::StoreOp, memref::SubViewOp,
            memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(op);
    return isScalar ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !walked.wasInterrupted() &&
         llvm::none_of(loop.getResultTypes(), llvm::IsaPred<MemRefType>);
}

struct OutlineLoops : steelyard::cpu::impl::CPUOutlineLoopsBase<OutlineLoops> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isPublic() && !function.isExternal()) {
        functions.push_back(function);
      }
    }
    for (func::FuncOp function : functions) {
      SmallVector<scf::ForOp> loops;
      function.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
        if (!isScalarCode(loop)) {
          return WalkResult::advance();
        }
        loops.push_back(loop);
        return WalkResult::skip();
      });
      for (auto [index, loop] : llvm::enumerate(loops)) {
        outline(function, loop, index);
      }
    }
  }

  static void outline(func::FuncOp function, scf::ForOp loop, size_t index) {
    CapturedValues closure;
    closure.insertUses(loop);
    llvm::SetVector<Value> &captured = closure.values;
    Location location = loop.getLoc();
    OpBuilder builder(function->getContext());
    builder.setInsertionPointAfter(function);
    SmallVector<Type> types = llvm::map_to_vector(
        captured, [](Value value) { return value.getType(); });
    auto outlined = func::FuncOp::create(
        builder, location, (function.getName() + "_loop_" + Twine(index)).str(),
        builder.getFunctionType(types, loop.getResultTypes()));
    outlined.setPrivate();
    outlined->setAttr(kKindAttrName, builder.getStringAttr("loop"));
    Block *entry = outlined.addEntryBlock();
    markDisjointBuffers(outlined, captured.getArrayRef(), /*first=*/0);
    builder.setInsertionPointToStart(entry);
    IRMapping mapping;
    mapping.map(captured.getArrayRef(), entry->getArguments());
    closure.rebuild(builder, mapping);
    Operation *inside = builder.clone(*loop, mapping);
    func::ReturnOp::create(builder, location, inside->getResults());
    builder.setInsertionPoint(loop);
    loop->replaceAllUsesWith(func::CallOp::create(builder, location, outlined,
                                                  captured.getArrayRef()));
    loop->erase();
  }
};

} // namespace
