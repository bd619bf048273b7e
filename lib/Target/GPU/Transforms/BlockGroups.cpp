//===- BlockGroups.cpp - Which operations run as one kernel -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "BlockGroups.h"

#include "steelyard/Target/GPU/Schedules/Schedule.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

using namespace mlir;
using namespace steelyard::cuda;

void steelyard::cuda::generalize(ModuleOp module) {
  MLIRContext *context = module.getContext();
  IRRewriter rewriter(context);
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
  module.walk([&](linalg::GenericOp op) {
    SmallVector<Attribute> kinds(op.getIteratorTypes().getValue());
    for (auto [kind, range] : llvm::zip(kinds, op.getStaticLoopRanges())) {
      if (range == 1) {
        kind = linalg::IteratorTypeAttr::get(context,
                                             utils::IteratorType::parallel);
      }
    }
    op.setIteratorTypesAttr(rewriter.getArrayAttr(kinds));
  });
}

//===----------------------------------------------------------------------===//
// Dependences
//===----------------------------------------------------------------------===//

static bool has(const llvm::BitVector &set, unsigned node) {
  return node < set.size() && set.test(node);
}

unsigned Dependences::addNode(Operation *op) {
  unsigned node = needs.size();
  needs.emplace_back();
  addTo(node, op);
  return node;
}

bool Dependences::wouldDependOnItself(unsigned node, Operation *op) const {
  return llvm::any_of(operandNodes(op), [&](unsigned other) {
    return other != node && has(needs[other], node);
  });
}

void Dependences::addTo(unsigned node, Operation *op) {
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

bool Dependences::canMerge(unsigned a, unsigned b) const {
  for (unsigned other = 0; other < needs.size(); ++other) {
    bool isBetween = (has(needs[other], a) && has(needs[b], other)) ||
                     (has(needs[other], b) && has(needs[a], other));
    if (other != a && other != b && isBetween) {
      return false;
    }
  }
  return true;
}

void Dependences::merge(unsigned into, unsigned from) {
  for (auto &[op, node] : nodeOf) {
    node = node == from ? into : node;
  }
  llvm::BitVector all = needs[into];
  all |= needs[from];
  all.resize(needs.size());
  all.reset(into);
  all.reset(from);
  needs[from].clear();
  needs[into] = all;
  for (llvm::BitVector &other : needs) {
    if (has(other, from)) {
      other.reset(from);
      other.set(into);
    }
    if (has(other, into)) {
      other |= all;
    }
  }
}

llvm::SmallSetVector<unsigned, 8>
Dependences::operandNodes(Operation *op) const {
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

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

// A kernel with more takes too many registers.
static constexpr size_t kMaxOps = 24;

BlockGroups::BlockGroups(Block &block, Predicate isApart) {
  SmallVector<linalg::GenericOp> constants;
  for (Operation &op : block) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      dependences.addNode(&op);
    } else if (llvm::all_of(op.getResults(), splatOf)) {
      // Who uses a constant knows it.
      constants.push_back(generic);
    } else if (isApart && isApart(generic)) {
      dependences.addNode(generic);
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

std::optional<unsigned> BlockGroups::numberOf(Operation *op) const {
  auto found = groupOf.find(op);
  return found == groupOf.end() ? std::nullopt : std::optional(found->second);
}

void BlockGroups::place(linalg::GenericOp op) {
  SmallVector<unsigned> found = candidates(op);
  add(op, found);
  // What it has brought together.
  for (unsigned index : found) {
    auto home = groupOf.find(op);
    if (home != groupOf.end() && index != home->second) {
      merge(std::min(index, home->second), std::max(index, home->second));
    }
  }
}

/// Makes two groups one, where a schedule takes it.
void BlockGroups::merge(unsigned into, unsigned from) {
  SmallVector<linalg::GenericOp> ops(all[into].ops());
  llvm::append_range(ops, all[from].ops());
  if (all[from].ops().empty() || ops.size() > kMaxOps ||
      !dependences.canMerge(nodes[into], nodes[from])) {
    return;
  }
  llvm::sort(ops, [](linalg::GenericOp a, linalg::GenericOp b) {
    return a->isBeforeInBlock(b);
  });
  Group merged;
  for (linalg::GenericOp op : ops) {
    if (!merged.add(op)) {
      return;
    }
  }
  if (!findSchedule(merged)) {
    return;
  }
  for (linalg::GenericOp op : ops) {
    groupOf[op] = into;
  }
  all[into] = std::move(merged);
  all[from] = Group();
  dependences.merge(nodes[into], nodes[from]);
}

void BlockGroups::add(linalg::GenericOp op, ArrayRef<unsigned> found) {
  for (unsigned index : found) {
    Group &group = all[index];
    if (group.ops().size() >= kMaxOps ||
        dependences.wouldDependOnItself(nodes[index], op)) {
      continue;
    }
    if (!group.add(op)) {
      continue;
    }
    if (findSchedule(group)) {
      groupOf[op] = index;
      dependences.addTo(nodes[index], op);
      return;
    }
    group.removeLast();
  }
  placeAlone(op);
}

void BlockGroups::placeAlone(linalg::GenericOp op) {
  unsigned node = dependences.addNode(op);
  Group alone;
  if (alone.add(op) && findSchedule(alone)) {
    groupOf[op] = all.size();
    all.push_back(std::move(alone));
    nodes.push_back(node);
  }
}

/// Groups whose results it reads, the latest first, then those that read
/// what it reads.
SmallVector<unsigned> BlockGroups::candidates(linalg::GenericOp op) const {
  llvm::SetVector<unsigned> found;
  auto collect = [&](auto &&values) {
    SmallVector<unsigned> indices;
    for (Operation *other : values) {
      if (std::optional<unsigned> number =
              other ? numberOf(other) : std::nullopt) {
        indices.push_back(*number);
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
