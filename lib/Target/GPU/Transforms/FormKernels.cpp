//===- FormKernels.cpp - Kernels of linalg operations -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Schedule.h"
#include "steelyard/Target/GPU/Transforms/Kernels.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "BlockGroups.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAFORMKERNELS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;
using steelyard::cuda::BlockGroups;
using steelyard::cuda::Group;
using steelyard::cuda::Schedule;

namespace {

/// A function's counters of blocks that have ended: zeroed when it begins, one
/// a launch that needs one.
class Counters {
public:
  explicit Counters(func::FuncOp function) : function(function) {}

  static MemRefType bufferType(MLIRContext *context, int64_t count) {
    return MemRefType::get({count}, IntegerType::get(context, 32));
  }

  /// All of them, which are argument `position` of the kernel, and the number
  /// of another one.
  std::pair<Value, Value> add(OpBuilder &builder, mlir::gpu::GPUFuncOp kernel,
                              unsigned position) {
    if (!zeros) {
      OpBuilder first = OpBuilder::atBlockBegin(&function.getBody().front());
      empty = tensor::EmptyOp::create(first, function.getLoc(), {1},
                                      first.getI32Type());
      zeros = cuda::ZeroOp::create(first, function.getLoc(), empty.getType(),
                                   empty);
    }
    Value number = arith::ConstantIndexOp::create(builder, kernel.getLoc(),
                                                  arguments.size());
    arguments.push_back(kernel.getArgument(position));
    return {zeros.getResult(), number};
  }

  /// Now it is known how many there are.
  void finish() {
    if (!zeros) {
      return;
    }
    auto count = static_cast<int64_t>(arguments.size());
    MLIRContext *context = function.getContext();
    auto type = RankedTensorType::get({count}, IntegerType::get(context, 32));
    empty.getResult().setType(type);
    zeros.getResult().setType(type);
    for (BlockArgument argument : arguments) {
      argument.setType(bufferType(context, count));
      auto kernel =
          cast<mlir::gpu::GPUFuncOp>(argument.getOwner()->getParentOp());
      FunctionType before = kernel.getFunctionType();
      kernel.setFunctionType(FunctionType::get(
          context,
          TypeRange(kernel.getBody().front().getArgumentTypes())
              .take_front(before.getNumInputs()),
          {}));
    }
  }

private:
  func::FuncOp function;
  tensor::EmptyOp empty;
  cuda::ZeroOp zeros;
  SmallVector<BlockArgument> arguments;
};

struct FormKernels : cuda::impl::CUDAFormKernelsBase<FormKernels> {
  // More blocks take less time to join in a kernel of their own than they take
  // to agree which of them is the last.
  static constexpr int64_t kMostJoined = 528;

  void runOnOperation() override {
    cuda::generalize(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      Counters counters(function);
      SmallVector<Block *> blocks;
      function.walk([&](Block *block) {
        if (!block->getOps<linalg::GenericOp>().empty()) {
          blocks.push_back(block);
        }
      });
      for (Block *block : blocks) {
        BlockGroups formed(*block);
        for (Group &group : formed.groups()) {
          if (!group.ops().empty()) {
            write(group, counters);
          }
        }
        sortTopologically(block);
      }
      counters.finish();
    }
  }

  /// A dense buffer of one dimension; truth values are bytes.
  static MemRefType bufferType(Type tensor) {
    auto type = cast<RankedTensorType>(tensor);
    Type element = type.getElementType();
    if (element.isInteger(1)) {
      element = IntegerType::get(tensor.getContext(), 8);
    }
    return MemRefType::get({type.getNumElements()}, element);
  }

  /// One value of the parts, by the last block of their kernel, which gets
  /// more buffers: the counters and its number among them, and the results.
  void joinInside(cuda::Writer &writer, OpBuilder &host,
                  cuda::LaunchShape shape, Counters &counters,
                  SmallVector<Value> &inputs, SmallVector<Type> &results) {
    mlir::gpu::GPUFuncOp kernel = writer.kernel;
    Location loc = kernel.getLoc();
    auto add = [&](unsigned position, Type type) {
      (void)kernel.insertArgument(position, type, {}, loc);
    };
    add(inputs.size(), Counters::bufferType(&getContext(), 1));
    add(inputs.size() + 1, host.getIndexType());
    auto [all, number] = counters.add(host, kernel, inputs.size());
    SmallVector<Value> places;
    for (linalg::GenericOp part : writer.group.parts()) {
      Type result = part->getResult(0).getType();
      unsigned position = inputs.size() + 2 + results.size();
      results.push_back(result);
      add(position, bufferType(result));
      places.push_back(kernel.getArgument(position));
    }
    writer.joinParts(shape.blocks, shape.threads,
                     kernel.getArgument(inputs.size()),
                     kernel.getArgument(inputs.size() + 1), places);
    inputs.append({all, number});
  }

  /// One value of the parts, by a kernel of its own.
  void join(OpBuilder &builder, linalg::GenericOp part, Value values,
            Counters &counters) {
    AffineMap result = AffineMap::get(1, 0, zeros(part), &getContext());
    linalg::GenericOp joined = cuda::joinParts(builder, part, values, result);
    part->replaceAllUsesWith(joined);
    Group alone;
    alone.add(joined);
    write(alone, counters);
  }

  /// Indices of the one element that a reduction in parts writes.
  static SmallVector<AffineExpr> zeros(linalg::GenericOp part) {
    auto type = cast<RankedTensorType>(part->getResult(0).getType());
    return SmallVector<AffineExpr>(type.getRank(),
                                   getAffineConstantExpr(0, part.getContext()));
  }

  void write(Group &group, Counters &counters) {
    SmallVector<Value> inputs = group.inputs().takeVector();
    SmallVector<OpResult> outputs = group.outputs();
    SmallVector<linalg::GenericOp> parts = group.parts();
    if (outputs.empty() && parts.empty()) {
      for (linalg::GenericOp op : llvm::reverse(group.ops())) {
        op->erase();
      }
      return;
    }
    const Schedule *chosen = cuda::findSchedule(group);
    SmallVector<Type> types, results;
    for (Value input : inputs) {
      types.push_back(bufferType(input.getType()));
    }
    for (OpResult output : outputs) {
      types.push_back(bufferType(output.getType()));
      results.push_back(output.getType());
    }
    // As long as there are blocks, which are known when it is written.
    for (linalg::GenericOp part : parts) {
      types.push_back(bufferType(part->getResult(0).getType()));
    }
    Operation *last = group.ops().back();
    Location loc = last->getLoc();
    cuda::KernelBuilder made(getOperation(), loc, chosen->name(), types);
    OpBuilder &builder = made.builder;
    mlir::gpu::GPUFuncOp kernel = made.function;
    group.mergeDimensions();
    cuda::Writer writer(builder, group, kernel);
    cuda::LaunchShape shape = chosen->write(writer);
    for (auto [index, part] : llvm::enumerate(parts)) {
      auto type = RankedTensorType::get(
          {shape.blocks}, getElementTypeOrSelf(part->getResult(0).getType()));
      kernel.getArgument(inputs.size() + outputs.size() + index)
          .setType(bufferType(type));
      results.push_back(type);
    }
    OpBuilder host(last);
    if (!parts.empty() && shape.blocks <= kMostJoined) {
      joinInside(writer, host, shape, counters, inputs, results);
    }
    SmallVector<Value> inits;
    for (Type result : results) {
      auto type = cast<RankedTensorType>(result);
      inits.push_back(tensor::EmptyOp::create(host, loc, type.getShape(),
                                              type.getElementType()));
    }
    cuda::LaunchOp launch =
        made.launch(last, shape.blocks, shape.threads, inputs, inits);
    ValueRange given = launch->getResults();
    for (auto [output, result] : llvm::zip(outputs, given)) {
      output.replaceAllUsesWith(result);
    }
    given = given.drop_front(outputs.size());
    bool isJoined = given.size() > parts.size();
    for (auto [index, part] : llvm::enumerate(parts)) {
      if (isJoined) {
        part->replaceAllUsesWith(ValueRange(given[parts.size() + index]));
      } else {
        join(host, part, given[index], counters);
      }
    }
    for (linalg::GenericOp op : llvm::reverse(group.ops())) {
      op->erase();
    }
  }
};

} // namespace
