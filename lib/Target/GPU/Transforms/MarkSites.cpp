//===- MarkSites.cpp - Where the time goes ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/IR/CUDA.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"
#include "steelyard/Target/Host/Transforms/Sites.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include "llvm/ADT/TypeSwitch.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAMARKSITES
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;

namespace {

/// A kernel's is its name without the number: the schedule's.
std::string kindOf(Operation *op) {
  if (auto launch = dyn_cast<cuda::LaunchOp>(op)) {
    StringRef kernel = launch.getKernel().getLeafReference();
    return kernel.rsplit('_').first.str();
  }
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case<cuda::ContractionOp>([](auto) { return "gemm"; })
      .Case<memref::CopyOp>([](auto) { return "copy"; })
      .Case<cuda::ZeroOp>([](auto) { return "zero"; })
      .Case<memref::LoadOp>([](auto) { return "read"; })
      .Default([](auto) { return ""; });
}

struct MarkSites : cuda::impl::CUDAMarkSitesBase<MarkSites> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isPublic() && !function.isExternal()) {
        host::markSites(function, kindOf);
      }
    }
  }
};

} // namespace
