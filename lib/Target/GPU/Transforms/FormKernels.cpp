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

#include "llvm/ADT/BitVector.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAFORMKERNELS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;
using steelyard::cuda::Group;
using steelyard::cuda::Schedule;

namespace {

/// What depends on what, in one block: nodes are groups of operations that run
/// at once, and operations that are in none.
class Dependences {
public:
  /// A node that needs what an operation needs.
  unsigned addNode(Operation *op) {
    unsigned node = needs.size();
    needs.emplace_back();
    addTo(node, op);
    return node;
  }

  /// Whether something an operation needs, but for the node itself, needs the
  /// node: then it can't be added there.
  bool wouldDependOnItself(unsigned node, Operation *op) const {
    return llvm::any_of(operandNodes(op), [&](unsigned other) {
      return other != node && has(needs[other], node);
    });
  }

  void addTo(unsigned node, Operation *op) {
    llvm::BitVector added(needs.size());
    for (unsigned other : operandNodes(op)) {
      if (other != node) {
        added.set(other);
        added |= needs[other];
      }
    }
    nodeOf[op] = node;
    needs[node] |= added;
    // So does what needs the node.
    for (llvm::BitVector &other : needs) {
      if (has(other, node)) {
        other |= added;
      }
    }
  }

private:
  static bool has(const llvm::BitVector &set, unsigned node) {
    return node < set.size() && set.test(node);
  }

  llvm::SmallSetVector<unsigned, 8> operandNodes(Operation *op) const {
    llvm::SmallSetVector<unsigned, 8> nodes;
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands()) {
        Operation *source = operand.getDefiningOp();
        while (source && source->getBlock() != op->getBlock()) {
          source = source->getParentOp();
        }
        if (auto known = nodeOf.find(source);
            source && source != op && known != nodeOf.end()) {
          nodes.insert(known->second);
        }
      }
    });
    return nodes;
  }

  llvm::DenseMap<Operation *, unsigned> nodeOf;
  std::vector<llvm::BitVector> needs; // of each node: nodes
};

/// The operations of one block, shared out into groups.
class BlockGroups {
public:
  explicit BlockGroups(Block &block) {
    SmallVector<linalg::GenericOp> constants;
    for (Operation &op : block) {
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (!generic) {
        dependences.addNode(&op);
      } else if (llvm::all_of(op.getResults(), cuda::splatOf)) {
        // Who uses a constant knows it.
        constants.push_back(generic);
      } else {
        place(generic);
      }
    }
    for (linalg::GenericOp op : constants) {
      if (llvm::any_of(op->getUsers(), [&](Operation *user) {
            return !groupOf.contains(user);
          })) {
        placeAlone(op);
      }
    }
  }

  MutableArrayRef<Group> groups() { return all; }

private:
  // A kernel with more takes too many registers.
  static constexpr size_t kMaxOps = 24;

  void place(linalg::GenericOp op) {
    for (unsigned index : candidates(op)) {
      Group &group = all[index];
      if (group.ops().size() >= kMaxOps ||
          dependences.wouldDependOnItself(nodes[index], op)) {
        continue;
      }
      if (!group.add(op)) {
        continue;
      }
      if (cuda::findSchedule(group)) {
        groupOf[op] = index;
        dependences.addTo(nodes[index], op);
        return;
      }
      group.removeLast();
    }
    placeAlone(op);
  }

  void placeAlone(linalg::GenericOp op) {
    unsigned node = dependences.addNode(op);
    Group alone;
    if (alone.add(op) && cuda::findSchedule(alone)) {
      groupOf[op] = all.size();
      all.push_back(std::move(alone));
      nodes.push_back(node);
    }
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

  std::vector<Group> all;
  std::vector<unsigned> nodes; // of each group
  llvm::DenseMap<Operation *, unsigned> groupOf;
  Dependences dependences;
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
      for (Group &group : formed.groups()) {
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
  void join(OpBuilder &builder, linalg::GenericOp part, Value values) {
    AffineMap result = AffineMap::get(1, 0, zeros(part), &getContext());
    linalg::GenericOp joined = cuda::joinParts(builder, part, values, result);
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
    SmallVector<Value> inits;
    for (Type result : results) {
      auto type = cast<RankedTensorType>(result);
      inits.push_back(tensor::EmptyOp::create(host, loc, type.getShape(),
                                              type.getElementType()));
    }
    cuda::LaunchOp launch =
        made.launch(last, shape.blocks, shape.threads, inputs, inits);
    for (auto [output, result] : llvm::zip(outputs, launch->getResults())) {
      output.replaceAllUsesWith(result);
    }
    for (auto [part, values] :
         llvm::zip(parts, launch->getResults().drop_front(outputs.size()))) {
      join(host, part, values);
    }
    for (linalg::GenericOp op : llvm::reverse(group.ops())) {
      op->erase();
    }
  }
};

} // namespace
