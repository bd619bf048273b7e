//===- Bufferization.cpp - cuda operations on buffers -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/IR/CUDA.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace steelyard::cuda;

namespace {

struct LaunchBufferization
    : DstBufferizableOpInterfaceExternalModel<LaunchBufferization, LaunchOp> {
  /// Destinations are overwritten.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<LaunchOp>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto launch = cast<LaunchOp>(op);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> inputs, inits;
    for (auto [tensors, buffers] : {std::pair(launch.getInputs(), &inputs),
                                    std::pair(launch.getInits(), &inits)}) {
      for (Value tensor : tensors) {
        if (!isa<TensorType>(tensor.getType())) {
          buffers->push_back(tensor);
          continue;
        }
        FailureOr<Value> buffer = getBuffer(rewriter, tensor, options, state);
        if (failed(buffer)) {
          return failure();
        }
        buffers->push_back(*buffer);
      }
    }
    LaunchOp::create(rewriter, op->getLoc(), TypeRange(),
                     launch.getKernelAttr(), launch.getGridAttr(),
                     launch.getBlockAttr(), inputs, inits);
    replaceOpWithBufferizedValues(rewriter, op, inits);
    return success();
  }
};

struct ZeroBufferization
    : DstBufferizableOpInterfaceExternalModel<ZeroBufferization, ZeroOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return false;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    FailureOr<Value> buffer =
        getBuffer(rewriter, cast<ZeroOp>(op).getInit(), options, state);
    if (failed(buffer)) {
      return failure();
    }
    ZeroOp::create(rewriter, op->getLoc(), Type(), *buffer);
    replaceOpWithBufferizedValues(rewriter, op, *buffer);
    return success();
  }
};

struct ContractionBufferization
    : DstBufferizableOpInterfaceExternalModel<ContractionBufferization,
                                              ContractionOp> {
  /// The destination is overwritten, not accumulated into.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<ContractionOp>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto contraction = cast<ContractionOp>(op);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> buffers;
    for (Value tensor : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, tensor, options, state);
      if (failed(buffer)) {
        return failure();
      }
      buffers.push_back(*buffer);
    }
    ContractionOp::create(rewriter, op->getLoc(), TypeRange(), buffers,
                          op->getAttrs());
    replaceOpWithBufferizedValues(
        rewriter, op, buffers[contraction.getInitMutable().getOperandNumber()]);
    return success();
  }
};

} // namespace

void steelyard::cuda::registerBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CUDADialect *) {
    LaunchOp::attachInterface<LaunchBufferization>(*context);
    ZeroOp::attachInterface<ZeroBufferization>(*context);
    ContractionOp::attachInterface<ContractionBufferization>(*context);
  });
}
