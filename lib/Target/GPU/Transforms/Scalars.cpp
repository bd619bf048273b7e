//===- Scalars.cpp - Scalars of the device stay there -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/Transforms/Recomputation.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDASCALARS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;

namespace {

/// The tensors of rank 0 whose elements a scalar is computed of.
void collectTensors(Value scalar, llvm::SetVector<Operation *> &extracts,
                    llvm::SmallPtrSetImpl<Operation *> &seen) {
  Operation *op = scalar.getDefiningOp();
  if (!op || isa<ShapedType>(scalar.getType()) || !isMemoryEffectFree(op) ||
      !seen.insert(op).second) {
    return;
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op);
      extract && extract.getIndices().empty()) {
    extracts.insert(op);
  }
  for (Value operand : op->getOperands()) {
    collectTensors(operand, extracts, seen);
  }
}

struct Scalars : steelyard::cuda::impl::CUDAScalarsBase<Scalars> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> generics;
    getOperation().walk([&](linalg::GenericOp op) { generics.push_back(op); });
    for (linalg::GenericOp op : generics) {
      passAsTensors(op);
    }
    SmallVector<tensor::FromElementsOp> made;
    getOperation().walk([&](tensor::FromElementsOp op) {
      if (op.getType().getRank() == 0) {
        made.push_back(op);
      }
    });
    for (tensor::FromElementsOp op : made) {
      compute(op);
    }
  }

  /// A scalar that an operation takes by value becomes a tensor.
  static void passAsTensors(linalg::GenericOp op) {
    OpBuilder builder(op);
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value value = input->get();
      if (!isa<ShapedType>(value.getType()) &&
          !matchPattern(value, m_Constant())) {
        input->set(tensor::FromElementsOp::create(
            builder, op.getLoc(), RankedTensorType::get({}, value.getType()),
            value));
      }
    }
  }

  /// A tensor of rank 0 is computed by an operation, of others.
  static void compute(tensor::FromElementsOp op) {
    llvm::SetVector<Operation *> extracts;
    llvm::SmallPtrSet<Operation *, 8> seen;
    Value element = op.getElements().front();
    collectTensors(element, extracts, seen);
    if (extracts.empty()) {
      return;
    }
    OpBuilder builder(op);
    RankedTensorType type = op.getType();
    Value empty = tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(),
                                          type.getElementType());
    SmallVector<Value> inputs;
    for (Operation *extract : extracts) {
      inputs.push_back(cast<tensor::ExtractOp>(extract).getTensor());
    }
    AffineMap none = AffineMap::get(0, 0, op.getContext());
    auto generic = linalg::GenericOp::create(
        builder, op.getLoc(), type, inputs, empty,
        SmallVector<AffineMap>(inputs.size() + 1, none),
        ArrayRef<utils::IteratorType>(),
        [&](OpBuilder &b, Location loc, ValueRange elements) {
          steelyard::cuda::Recomputation again(b);
          for (auto [extract, argument] : llvm::zip(extracts, elements)) {
            again.replace(extract->getResult(0), argument);
          }
          linalg::YieldOp::create(b, loc, again.get(element));
        });
    op.replaceAllUsesWith(generic.getResult(0));
    op.erase();
  }
};

} // namespace
