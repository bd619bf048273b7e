//===- ExplainWaits.cpp - Where the host waits for the device ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAEXPLAINWAITS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;

namespace {

/// The loops and branches that a scalar of the host decides over.
void addDecided(Value scalar, llvm::SetVector<Operation *> &decided) {
  for (Operation *user : scalar.getUsers()) {
    if (isa<scf::ConditionOp>(user)) {
      decided.insert(user->getParentOp());
    } else if (isa<scf::IfOp, scf::IndexSwitchOp, scf::ForOp>(user)) {
      decided.insert(user);
    } else if (user->getNumRegions() == 0 && isMemoryEffectFree(user)) {
      for (Value result : user->getResults()) {
        addDecided(result, decided);
      }
    }
  }
}

struct ExplainWaits
    : steelyard::cuda::impl::CUDAExplainWaitsBase<ExplainWaits> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isExternal()) {
      return;
    }
    // What the host loads, it copies from the device.
    llvm::SetVector<Operation *> decided;
    function.walk(
        [&](memref::LoadOp load) { addDecided(load.getResult(), decided); });
    for (Operation *op : decided) {
      bool isLoop = isa<LoopLikeOpInterface>(op);
      op->emitRemark()
          << (isLoop ? "the device computes whether this loop goes on, and the "
                       "host waits for that in each trip"
                     : "the device computes which branch is taken, and the "
                       "host waits for that")
          << ": calls of @" << function.getName()
          << " are not replayed as a CUDA graph. "
          << (isLoop ? "A number of trips that is known when it is compiled, "
                       "as that of a scan or a fori_loop from a constant to a "
                       "constant, is not waited for"
                     : "A select of both results (jnp.where) is not waited "
                       "for");
    }
  }
};

} // namespace
