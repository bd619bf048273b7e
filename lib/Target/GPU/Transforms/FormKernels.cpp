//===- FormKernels.cpp - Kernels of linalg operations -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Schedule.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAFORMKERNELS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;
using steelyard::cuda::Group;
using steelyard::cuda::Schedule;

namespace {

/// The operations of one block, shared out into groups.
class BlockGroups {
public:
  explicit BlockGroups(Block &block) {
    for (auto [position, op] : llvm::enumerate(block)) {
      positions[&op] = position;
    }
    // Who uses a constant knows it.
    SmallVector<linalg::GenericOp> constants;
    for (auto op : block.getOps<linalg::GenericOp>()) {
      if (llvm::all_of(op->getResults(), cuda::splatOf)) {
        constants.push_back(op);
      } else {
        place(op);
      }
    }
    for (linalg::GenericOp op : constants) {
      if (llvm::any_of(op->getUsers(), [&](Operation *user) {
            return !groupOf.contains(user);
          })) {
        place(op);
      }
    }
  }

  ArrayRef<Group> groups() const { return all; }

private:
  // A kernel with more takes too many registers.
  static constexpr size_t kMaxOps = 24;

  void place(linalg::GenericOp op) {
    for (unsigned index : candidates(op)) {
      if (all[index].ops().size() < kMaxOps && !isReachable(op, index) &&
          add(all[index], index, op)) {
        return;
      }
    }
    Group alone;
    if (add(alone, all.size(), op)) {
      all.push_back(std::move(alone));
    }
  }

  bool add(Group &group, unsigned index, linalg::GenericOp op) {
    Group longer = group;
    if (!longer.add(op) || !findSchedule(longer)) {
      return false;
    }
    group = std::move(longer);
    groupOf[op] = index;
    return true;
  }

  static const Schedule *findSchedule(const Group &group) {
    for (const std::unique_ptr<Schedule> &schedule : cuda::allSchedules()) {
      if (schedule->takes(group)) {
        return schedule.get();
      }
    }
    return nullptr;
  }

  /// Groups whose results it reads, the latest first, then those that read
  /// what it reads.
  SmallVector<unsigned> candidates(linalg::GenericOp op) {
    llvm::SetVector<unsigned> found;
    auto collect = [&](auto &&values) {
      SmallVector<unsigned> indices;
      for (Operation *other : values) {
        if (other && groupOf.contains(other)) {
          indices.push_back(groupOf[other]);
        }
      }
      llvm::sort(indices, std::greater<>());
      found.insert(indices.begin(), indices.end());
    };
    SmallVector<Operation *> producers, readers;
    for (Value operand : op->getOperands()) {
      producers.push_back(operand.getDefiningOp());
    }
    for (Value input : op.getDpsInputs()) {
      if (auto type = dyn_cast<RankedTensorType>(input.getType());
          type && type.getRank() > 0) {
        llvm::append_range(readers, input.getUsers());
      }
    }
    collect(producers);
    collect(readers);
    return found.takeVector();
  }

  /// Whether what an operation needs depends on a group by way of others: it
  /// can't be in the group then.
  bool isReachable(linalg::GenericOp op, unsigned index) {
    size_t first = positions[all[index].ops().front()];
    SmallVector<Operation *> worklist;
    llvm::SmallPtrSet<Operation *, 16> seen;
    auto visitOperands = [&](Operation *user, bool isMember) {
      user->walk([&](Operation *nested) {
        for (Value operand : nested->getOperands()) {
          Operation *source = operand.getDefiningOp();
          while (source && source->getBlock() != op->getBlock()) {
            source = source->getParentOp();
          }
          if (source && source != user && positions[source] >= first &&
              !(isMember && all[index].contains(source)) &&
              seen.insert(source).second) {
            worklist.push_back(source);
          }
        }
      });
    };
    visitOperands(op, /*isMember=*/true);
    while (!worklist.empty()) {
      Operation *source = worklist.pop_back_val();
      if (all[index].contains(source)) {
        return true;
      }
      visitOperands(source, false);
      // A kernel needs all that its operations need.
      if (auto other = groupOf.find(source); other != groupOf.end()) {
        for (linalg::GenericOp member : all[other->second].ops()) {
          visitOperands(member, false);
        }
      }
    }
    return false;
  }

  llvm::DenseMap<Operation *, size_t> positions;
  std::vector<Group> all;
  llvm::DenseMap<Operation *, unsigned> groupOf;
};

struct FormKernels : cuda::impl::CUDAFormKernelsBase<FormKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    generalize(module);
    SmallVector<Block *> blocks;
    for (auto function : module.getOps<func::FuncOp>()) {
      function.walk([&](Block *block) {
        if (!block->getOps<linalg::GenericOp>().empty()) {
          blocks.push_back(block);
        }
      });
    }
    for (Block *block : blocks) {
      BlockGroups formed(*block);
      for (Group group : formed.groups()) {
        write(group);
      }
      sortTopologically(block);
    }
  }

  void generalize(ModuleOp module) {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> named;
    module.walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp>(op)) {
        named.push_back(op);
      }
    });
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      (void)linalg::generalizeNamedOp(rewriter, op);
    }
    // A loop of one iteration reduces nothing.
    module.walk([&](linalg::GenericOp op) {
      SmallVector<Attribute> kinds(op.getIteratorTypes().getValue());
      for (auto [kind, range] : llvm::zip(kinds, op.getStaticLoopRanges())) {
        if (range == 1) {
          kind = linalg::IteratorTypeAttr::get(&getContext(),
                                               utils::IteratorType::parallel);
        }
      }
      op.setIteratorTypesAttr(rewriter.getArrayAttr(kinds));
    });
  }

  mlir::gpu::GPUModuleOp kernels() {
    ModuleOp module = getOperation();
    if (auto known = module.lookupSymbol<mlir::gpu::GPUModuleOp>("kernels")) {
      return known;
    }
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    module->setAttr(mlir::gpu::GPUDialect::getContainerModuleAttrName(),
                    builder.getUnitAttr());
    return mlir::gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
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

  /// One value of the parts, by a kernel of its own.
  void joinParts(OpBuilder &builder, linalg::GenericOp part, Value values) {
    MLIRContext *context = &getContext();
    Operation *combiner = cuda::findReduction(part)->combiner;
    auto joined = linalg::GenericOp::create(
        builder, part.getLoc(), part->getResultTypes(), values,
        part.getDpsInits(),
        ArrayRef{AffineMap::getMultiDimIdentityMap(1, context),
                 AffineMap::get(1, 0, zeros(part), context)},
        ArrayRef{utils::IteratorType::reduction},
        [&](OpBuilder &b, Location location, ValueRange args) {
          IRMapping operands;
          operands.map(combiner->getOperand(0), args[1]);
          operands.map(combiner->getOperand(1), args[0]);
          linalg::YieldOp::create(b, location,
                                  b.clone(*combiner, operands)->getResults());
        });
    part->replaceAllUsesWith(joined);
    Group alone;
    alone.add(joined);
    write(alone);
  }

  /// Indices of the one element that a reduction in parts writes.
  static SmallVector<AffineExpr> zeros(linalg::GenericOp part) {
    auto type = cast<RankedTensorType>(part->getResult(0).getType());
    return SmallVector<AffineExpr>(type.getRank(),
                                   getAffineConstantExpr(0, part.getContext()));
  }

  void write(Group &group) {
    SmallVector<Value> inputs = group.inputs().takeVector();
    SmallVector<OpResult> outputs = group.outputs();
    SmallVector<linalg::GenericOp> parts = group.parts();
    if (outputs.empty() && parts.empty()) {
      for (linalg::GenericOp op : llvm::reverse(group.ops())) {
        op->erase();
      }
      return;
    }
    const Schedule *chosen = nullptr;
    for (const std::unique_ptr<Schedule> &schedule : cuda::allSchedules()) {
      if (!chosen && schedule->takes(group)) {
        chosen = schedule.get();
      }
    }
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
    mlir::gpu::GPUModuleOp module = kernels();
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(module.getBody());
    std::string name =
        (chosen->name() + "_" + Twine(module.getBody()->getOperations().size()))
            .str();
    auto kernel = mlir::gpu::GPUFuncOp::create(
        builder, loc, name, builder.getFunctionType(types, {}));
    kernel->setAttr(mlir::gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
    builder.setInsertionPointToStart(&kernel.getBody().front());
    group.mergeDimensions();
    cuda::Writer writer(builder, group, kernel);
    cuda::LaunchShape shape = chosen->write(writer);
    mlir::gpu::ReturnOp::create(writer.b);
    for (auto [index, part] : llvm::enumerate(parts)) {
      unsigned position = inputs.size() + outputs.size() + index;
      auto type = RankedTensorType::get(
          {shape.blocks}, getElementTypeOrSelf(part->getResult(0).getType()));
      types[position] = bufferType(type);
      kernel.getArgument(position).setType(types[position]);
      results.push_back(type);
    }
    kernel.setFunctionType(builder.getFunctionType(types, {}));

    builder.setInsertionPoint(last);
    SmallVector<Value> inits;
    for (Type result : results) {
      auto type = cast<RankedTensorType>(result);
      inits.push_back(tensor::EmptyOp::create(builder, loc, type.getShape(),
                                              type.getElementType()));
    }
    auto symbol = SymbolRefAttr::get(
        builder.getStringAttr(module.getName()),
        {FlatSymbolRefAttr::get(builder.getStringAttr(name))});
    auto launch =
        cuda::LaunchOp::create(builder, loc, results, symbol,
                               builder.getDenseI32ArrayAttr(
                                   {static_cast<int32_t>(shape.blocks), 1, 1}),
                               builder.getDenseI32ArrayAttr(
                                   {static_cast<int32_t>(shape.threads), 1, 1}),
                               inputs, inits);
    for (auto [output, result] : llvm::zip(outputs, launch->getResults())) {
      output.replaceAllUsesWith(result);
    }
    for (auto [part, values] :
         llvm::zip(parts, launch->getResults().drop_front(outputs.size()))) {
      joinParts(builder, part, values);
    }
    for (linalg::GenericOp op : llvm::reverse(group.ops())) {
      op->erase();
    }
  }
};

} // namespace
