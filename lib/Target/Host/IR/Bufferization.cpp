//===- Bufferization.cpp - host operations on buffers -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace steelyard::host;

namespace {

struct GemmBufferization
    : DstBufferizableOpInterfaceExternalModel<GemmBufferization, GemmOp> {
  /// The destination is overwritten, not accumulated into.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return operand.get() != cast<GemmOp>(op).getInit();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto gemm = cast<GemmOp>(op);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> buffers;
    for (Value operand : {gemm.getLhs(), gemm.getRhs(), gemm.getInit()}) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer)) {
        return failure();
      }
      buffers.push_back(*buffer);
    }
    GemmOp::create(rewriter, op->getLoc(), TypeRange(), buffers[0], buffers[1],
                   buffers[2], gemm.getLhsDims(), gemm.getRhsDims(),
                   gemm.getTf32(), gemm.getFastAccumulate());
    replaceOpWithBufferizedValues(rewriter, op, buffers[2]);
    return success();
  }
};

struct CheckBufferization
    : BufferizableOpInterface::ExternalModel<CheckBufferization, CheckOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return true;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &,
                               const AnalysisState &) const {
    return false;
  }
  AliasingValueList getAliasingValues(Operation *, OpOperand &,
                                      const AnalysisState &) const {
    return {};
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto check = cast<CheckOp>(op);
    FailureOr<Value> got = getBuffer(rewriter, check.getGot(), options, state);
    FailureOr<Value> want =
        getBuffer(rewriter, check.getWant(), options, state);
    if (failed(got) || failed(want)) {
      return failure();
    }
    CheckOp::create(rewriter, op->getLoc(), *got, *want, check.getKindAttr(),
                    check.getBoundAttr());
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void steelyard::host::registerBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, HostDialect *) {
    GemmOp::attachInterface<GemmBufferization>(*context);
    CheckOp::attachInterface<CheckBufferization>(*context);
  });
}
