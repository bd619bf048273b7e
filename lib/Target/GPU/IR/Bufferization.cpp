//===- Bufferization.cpp - cuda operations on buffers -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/IR/Bufferization.h"

#include "steelyard/Target/GPU/IR/CUDA.h"

using namespace mlir;
using namespace steelyard::cuda;
using steelyard::host::OverwritingBufferization;

void steelyard::cuda::registerBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CUDADialect *) {
    LaunchOp::attachInterface<OverwritingBufferization<LaunchOp>>(*context);
    ZeroOp::attachInterface<OverwritingBufferization<ZeroOp>>(*context);
    ContractionOp::attachInterface<OverwritingBufferization<ContractionOp>>(
        *context);
  });
}
