//===- OutlineLoops.cpp - Loops over scalars become kernels -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Target/GPU/Transforms/Kernels.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"
#include "steelyard/Target/Host/Transforms/Buffers.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAOUTLINELOOPS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;

namespace {

bool isScalarOp(Operation *op) {
  return isa<arith::ArithDialect, math::MathDialect, scf::SCFDialect,
             affine::AffineDialect, scaled::ScaledDialect>(op->getDialect()) ||
         isa<host::LibmOp, memref::LoadOp, memref::StoreOp, memref::SubViewOp,
             memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp,
             memref::AllocOp, memref::CopyOp>(op);
}

/// What a kernel can hold, and gives nothing back but through buffers.
bool isScalarCode(scf::ForOp loop) {
  WalkResult walked = loop->walk([](Operation *op) {
    return isScalarOp(op) ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !walked.wasInterrupted() && loop->use_empty();
}

bool isDense(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getLayout().isIdentity();
}

struct OutlineLoops : cuda::impl::CUDAOutlineLoopsBase<OutlineLoops> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal()) {
        continue;
      }
      host::addContext(function);
      makeLoops(function);
      SmallVector<Operation *> work;
      function.walk<WalkOrder::PreOrder>([&](Operation *op) {
        auto loop = dyn_cast<scf::ForOp>(op);
        if (isa<memref::StoreOp>(op) || (loop && isScalarCode(loop))) {
          work.push_back(op);
          return WalkResult::skip();
        }
        return WalkResult::advance();
      });
      for (Operation *op : work) {
        hoistBuffers(op);
        outline(op);
      }
    }
  }

  /// What is left of linalg, and copies that aren't of neighbouring elements.
  static void makeLoops(func::FuncOp function) {
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) {
      auto copy = dyn_cast<memref::CopyOp>(op);
      bool isStrided =
          copy && (copy->getParentOfType<scf::ForOp>() ||
                   !isDense(copy.getSource()) || !isDense(copy.getTarget()));
      if (isStrided || isa<linalg::LinalgOp>(op)) {
        ops.push_back(op);
      }
    });
    IRRewriter rewriter(function.getContext());
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      if (auto copy = dyn_cast<memref::CopyOp>(op)) {
        op = linalg::CopyOp::create(rewriter, copy.getLoc(), copy.getSource(),
                                    copy.getTarget());
        rewriter.eraseOp(copy);
      }
      makeLoop(rewriter, cast<linalg::LinalgOp>(op));
    }
  }

  static void makeLoop(IRRewriter &rewriter, linalg::LinalgOp op) {
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    // Parallel loops outside.
    if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation())) {
      SmallVector<unsigned> order;
      for (bool isParallel : {true, false}) {
        for (auto [loop, kind] : llvm::enumerate(kinds)) {
          if ((kind == utils::IteratorType::parallel) == isParallel) {
            order.push_back(loop);
          }
        }
      }
      if (!llvm::is_sorted(order)) {
        rewriter.setInsertionPoint(op);
        op = *linalg::interchangeGenericOp(rewriter, generic, order);
        kinds = op.getIteratorTypesArray();
      }
    }
    rewriter.setInsertionPoint(op);
    if (op.getNumLoops() == 0) {
      // Its body needs a loop around it to become a kernel.
      Value zero = arith::ConstantIndexOp::create(rewriter, op.getLoc(), 0),
            one = arith::ConstantIndexOp::create(rewriter, op.getLoc(), 1);
      auto once = scf::ForOp::create(rewriter, op.getLoc(), zero, one, one);
      rewriter.moveOpBefore(op, once.getBody()->getTerminator());
      rewriter.setInsertionPoint(op);
      (void)linalg::linalgOpToLoops(rewriter, op);
      rewriter.eraseOp(op);
      return;
    }
    FailureOr<linalg::LinalgLoops> loops =
        linalg::linalgOpToLoops(rewriter, op);
    rewriter.eraseOp(op);
    for (auto [loop, kind] : llvm::zip(*loops, kinds)) {
      if (kind == utils::IteratorType::parallel) {
        markParallel(cast<scf::ForOp>(loop));
      }
    }
  }

  /// Scratch memory of a loop is the arena's; iterations that share it are one
  /// thread's.
  static void hoistBuffers(Operation *op) {
    SmallVector<memref::AllocOp> allocs;
    op->walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
    for (memref::AllocOp alloc : allocs) {
      alloc->moveBefore(op);
    }
    if (!allocs.empty()) {
      op->walk([](scf::ForOp loop) { loop->removeAttr(kParallelAttrName); });
    }
  }

  /// The loops, from outside to inside, that threads share out: each but the
  /// first alone in the one before, with constant bounds.
  static SmallVector<scf::ForOp> sharedLoops(Operation *op) {
    SmallVector<scf::ForOp> loops;
    auto loop = dyn_cast<scf::ForOp>(op);
    while (loop && loop->hasAttr(kParallelAttrName) &&
           loop.getNumResults() == 0 && loop.getStaticTripCount() &&
           loop.getConstantStep()) {
      loops.push_back(loop);
      Block *body = loop.getBody();
      loop = body->getOperations().size() == 2
                 ? dyn_cast<scf::ForOp>(body->front())
                 : scf::ForOp();
      if (loop && llvm::any_of(loop->getOperands(), [&](Value operand) {
            return operand.getParentBlock() == body;
          })) {
        break;
      }
    }
    return loops;
  }

  void outline(Operation *op) {
    host::CapturedValues closure;
    closure.insertUses(op);
    // What is read and what is written, which the launch says.
    SmallVector<Value> inputs, inits;
    for (Value value : closure.values) {
      (isa<MemRefType>(value.getType()) ? inits : inputs).push_back(value);
    }
    SmallVector<Value> all(inputs);
    llvm::append_range(all, inits);
    Location loc = op->getLoc();
    cuda::KernelBuilder kernel(getOperation(), loc, "loop",
                               ValueRange(all).getTypes());
    OpBuilder &builder = kernel.builder;
    IRMapping mapping;
    mapping.map(all, kernel.function.getArguments());
    closure.rebuild(builder, mapping);
    SmallVector<scf::ForOp> shared = sharedLoops(op);
    int64_t count = 1;
    for (scf::ForOp loop : shared) {
      count *= loop.getStaticTripCount()->getSExtValue();
    }
    constexpr int64_t kThreads = 128;
    int64_t threads = std::min(count, kThreads);
    if (count == 0) {
      kernel.function->erase();
      op->erase();
      return;
    }
    if (shared.empty()) {
      builder.clone(*op, mapping);
    } else {
      writeShared(builder, loc, shared, count, threads, mapping);
    }
    unroll(kernel.function);
    kernel.launch(op, llvm::divideCeil(count, threads), threads, inputs, inits);
    op->erase();
  }

  /// A thread that only reads in its innermost loop has the reads of several
  /// iterations under way at once.
  static void unroll(mlir::gpu::GPUFuncOp kernel) {
    constexpr int64_t kTimes = 8, kLargest = 64;
    SmallVector<scf::ForOp> loops;
    kernel.walk([&](scf::ForOp loop) {
      int64_t size = 0;
      bool onlyReads = true;
      loop.getBody()->walk([&](Operation *inner) {
        ++size;
        onlyReads &= inner->getNumRegions() == 0 &&
                     (isa<memref::LoadOp>(inner) || isMemoryEffectFree(inner));
      });
      std::optional<APInt> trips = loop.getStaticTripCount();
      if (onlyReads && size <= kLargest && trips && trips->sge(2 * kTimes)) {
        loops.push_back(loop);
      }
    });
    for (scf::ForOp loop : loops) {
      (void)loopUnrollByFactor(loop, kTimes);
    }
  }

  /// Thread number i has iteration number i of all.
  static void writeShared(OpBuilder &builder, Location loc,
                          ArrayRef<scf::ForOp> loops, int64_t count,
                          int64_t threads, IRMapping &mapping) {
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(builder, loc, value);
    };
    Value thread =
        mlir::gpu::ThreadIdOp::create(builder, loc, mlir::gpu::Dimension::x);
    Value block =
        mlir::gpu::BlockIdOp::create(builder, loc, mlir::gpu::Dimension::x);
    Value number = arith::AddIOp::create(
        builder, loc,
        arith::MulIOp::create(builder, loc, block, index(threads)), thread);
    Value isInside = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ult, number, index(count));
    auto branch =
        scf::IfOp::create(builder, loc, isInside, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    for (scf::ForOp loop : llvm::reverse(loops)) {
      Value trips = index(loop.getStaticTripCount()->getSExtValue());
      Value trip = arith::RemUIOp::create(builder, loc, number, trips);
      number = arith::DivUIOp::create(builder, loc, number, trips);
      Value step = index(loop.getConstantStep()->getSExtValue());
      mapping.map(loop.getInductionVar(),
                  arith::AddIOp::create(
                      builder, loc,
                      mapping.lookupOrDefault(loop.getLowerBound()),
                      arith::MulIOp::create(builder, loc, trip, step)));
    }
    scf::ForOp innermost = loops.back();
    for (Operation &inner : innermost.getBody()->without_terminator()) {
      builder.clone(inner, mapping);
    }
  }
};

} // namespace
