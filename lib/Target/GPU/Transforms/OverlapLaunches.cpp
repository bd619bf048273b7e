//===- OverlapLaunches.cpp - Kernels that wait themselves -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/DeviceCode.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAOVERLAPLAUNCHES
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;

bool steelyard::cuda::canOverlapLaunches(StringRef chip) {
  unsigned number = 0;
  return chip.consume_front("sm_") && !chip.consumeInteger(10, number) &&
         number >= 90;
}

namespace {

struct OverlapLaunches
    : steelyard::cuda::impl::CUDAOverlapLaunchesBase<OverlapLaunches> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<mlir::gpu::GPUFuncOp>()) {
      if (!kernel.isKernel()) {
        continue;
      }
      OpBuilder b = OpBuilder::atBlockBegin(&kernel.getBody().front());
      for (NVVM::GridDepActionKind kind :
           {NVVM::GridDepActionKind::launch_dependents,
            NVVM::GridDepActionKind::wait}) {
        NVVM::GriddepcontrolOp::create(b, kernel.getLoc(), kind);
      }
    }
  }
};

} // namespace
