//===- Bufferization.h - Calls of the runtime on buffers --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_HOST_IR_BUFFERIZATION_H
#define STEELYARD_TARGET_HOST_IR_BUFFERIZATION_H

#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace steelyard::host {

/// Of an operation that overwrites its destinations, every element, and reads
/// none of them: the same on buffers.
template <typename Op>
struct OverwritingBufferization
    : mlir::bufferization::DstBufferizableOpInterfaceExternalModel<
          OverwritingBufferization<Op>, Op> {
  bool
  bufferizesToMemoryRead(mlir::Operation *op, mlir::OpOperand &operand,
                         const mlir::bufferization::AnalysisState &) const {
    return !mlir::cast<Op>(op).isDpsInit(&operand);
  }

  llvm::LogicalResult
  bufferize(mlir::Operation *op, mlir::RewriterBase &rewriter,
            const mlir::bufferization::BufferizationOptions &options,
            mlir::bufferization::BufferizationState &state) const {
    mlir::OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    llvm::SmallVector<mlir::Value> buffers, inits;
    llvm::SmallPtrSet<mlir::Value, 8> overwritten;
    for (mlir::OpOperand &operand : op->getOpOperands()) {
      mlir::Value value = operand.get();
      if (mlir::isa<mlir::TensorType>(value.getType())) {
        llvm::FailureOr<mlir::Value> buffer =
            mlir::bufferization::getBuffer(rewriter, value, options, state);
        if (llvm::failed(buffer)) {
          return llvm::failure();
        }
        value = *buffer;
      }
      if (mlir::cast<Op>(op).isDpsInit(&operand)) {
        // Where nobody reads a result, its init may be another's, too.
        if (!overwritten.insert(operand.get()).second) {
          value = mlir::memref::AllocOp::create(
              rewriter, op->getLoc(),
              mlir::cast<mlir::MemRefType>(value.getType()));
        }
        inits.push_back(value);
      }
      buffers.push_back(value);
    }
    mlir::clone(rewriter, op, mlir::TypeRange(), buffers);
    mlir::bufferization::replaceOpWithBufferizedValues(rewriter, op, inits);
    return llvm::success();
  }
};

} // namespace steelyard::host

#endif // STEELYARD_TARGET_HOST_IR_BUFFERIZATION_H
