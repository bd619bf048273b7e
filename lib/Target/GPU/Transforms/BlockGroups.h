//===- BlockGroups.h - Which operations run as one kernel -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TARGET_GPU_TRANSFORMS_BLOCKGROUPS_H
#define STEELYARD_LIB_TARGET_GPU_TRANSFORMS_BLOCKGROUPS_H

#include "steelyard/Target/GPU/Schedules/Group.h"

#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/BitVector.h"

#include <optional>

namespace steelyard::cuda {

/// All linalg operations as generics, without reductions over loops of one
/// iteration: what groups are made of.
void generalize(mlir::ModuleOp module);

/// What depends on what, in one block: nodes are groups of operations that run
/// at once, and operations that are in none.
class Dependences {
public:
  /// A node that needs what an operation needs.
  unsigned addNode(mlir::Operation *op);
  /// Whether something an operation needs, but for the node itself, needs the
  /// node: then it can't be added there.
  bool wouldDependOnItself(unsigned node, mlir::Operation *op) const;
  void addTo(unsigned node, mlir::Operation *op);
  /// Whether two nodes can become one: nothing else needs one of them and is
  /// needed by the other.
  bool canMerge(unsigned a, unsigned b) const;
  /// Makes the second node part of the first.
  void merge(unsigned into, unsigned from);

private:
  llvm::SmallSetVector<unsigned, 8> operandNodes(mlir::Operation *op) const;

  llvm::DenseMap<mlir::Operation *, unsigned> nodeOf;
  std::vector<llvm::BitVector> needs; // of each node: nodes
};

/// The operations of one block, shared out into groups. The block stays as it
/// is.
class BlockGroups {
public:
  /// Operations for which `isApart` (may be null) holds are not put together
  /// with others.
  using Predicate = llvm::function_ref<bool(mlir::linalg::GenericOp)>;
  explicit BlockGroups(mlir::Block &block, Predicate isApart = nullptr);

  llvm::MutableArrayRef<Group> groups() { return all; }
  /// The number of an operation's group; nullopt: it is in none.
  std::optional<unsigned> numberOf(mlir::Operation *op) const;

private:
  void place(mlir::linalg::GenericOp op);
  void merge(unsigned into, unsigned from);
  void add(mlir::linalg::GenericOp op, llvm::ArrayRef<unsigned> found);
  void placeAlone(mlir::linalg::GenericOp op);
  llvm::SmallVector<unsigned> candidates(mlir::linalg::GenericOp op) const;

  std::vector<Group> all;
  std::vector<unsigned> nodes; // of each group
  llvm::DenseMap<mlir::Operation *, unsigned> groupOf;
  Dependences dependences;
};

} // namespace steelyard::cuda

#endif // STEELYARD_LIB_TARGET_GPU_TRANSFORMS_BLOCKGROUPS_H
