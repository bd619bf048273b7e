//===- Bufferization.cpp - host operations on buffers -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/IR/Bufferization.h"

#include "steelyard/Target/Host/IR/Host.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace steelyard::host;

namespace {

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
    GemmOp::attachInterface<OverwritingBufferization<GemmOp>>(*context);
    CheckOp::attachInterface<CheckBufferization>(*context);
  });
}
