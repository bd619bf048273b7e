//===- Group.h - Operations that run as one kernel --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_SCHEDULES_GROUP_H
#define STEELYARD_TARGET_GPU_SCHEDULES_GROUP_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace steelyard::cuda {

/// Which element of a dense row-major tensor a point of the kernel's space is:
/// element number offset + sum over d of strides[d] * index[d].
struct Access {
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides; // one a dimension of the space

  bool operator==(const Access &) const = default;
};

/// A reduction of one value by one operation: result = combiner(result, x).
struct Reduction {
  mlir::Operation *combiner; // in the generic's body
  mlir::Value element;       // x, in the generic's body
};

/// The reduction that a generic with reduced loops makes; nullopt if it is
/// none of one value by an operation with a neutral element.
std::optional<Reduction> findReduction(mlir::linalg::GenericOp op);

/// Whether a reduction is to one value, of so much that many blocks do it: each
/// makes a part, and a second kernel one value of these.
bool isReducedInParts(mlir::linalg::GenericOp op);

/// What a reduction gives, of parts of it that have been reduced already: the
/// dimensions of `parts` that `result`, which maps them to the result's, leaves
/// out.
mlir::linalg::GenericOp joinParts(mlir::OpBuilder &builder,
                                  mlir::linalg::GenericOp reduction,
                                  mlir::Value parts, mlir::AffineMap result);

/// The element of a constant tensor whose elements are all the same; or null.
mlir::TypedAttr splatOf(mlir::Value tensor);

/// Tensors of which an operation's body reads elements at computed indices: a
/// gather's.
llvm::SmallVector<mlir::Value> tensorsReadBy(mlir::linalg::GenericOp op);

/// Operations over one space of loops. Each of them is over
///   all dimensions    elementwise, a reduction of all columns, or one of all
///                     to a value, in parts: of which nothing in the group is;
///   the rows          elementwise, on what reductions gave;
///   none              a scalar, which every thread computes.
/// Columns are the dimensions that are reduced; in a group without reductions
/// all dimensions are columns. Values pass from one operation to the next in
/// registers: who computes an element uses it.
class Group {
public:
  /// Adds an operation after those that are in the group. False, with nothing
  /// changed, where their loops do not fit together.
  bool add(mlir::linalg::GenericOp op);
  /// Takes back the last `add`, once.
  void removeLast();

  llvm::ArrayRef<mlir::linalg::GenericOp> ops() const {
    return operations.getArrayRef();
  }
  bool contains(mlir::Operation *op) const { return loops.contains(op); }

  /// Sizes of the space's dimensions.
  llvm::ArrayRef<int64_t> sizes() const { return spaceSizes; }
  /// The dimensions that are rows, and the columns: in both, neighbours along
  /// the last are nearest in memory.
  llvm::SmallVector<unsigned> rows() const;
  llvm::SmallVector<unsigned> columns() const;
  bool hasReductions() const;

  /// Over no dimension, over rows only, over all.
  enum class Extent { None, Rows, All };
  Extent extentOf(mlir::linalg::GenericOp op) const;

  const Access &access(mlir::OpOperand &operand) const;
  /// The space's dimension of an operation's loop, -1: it has one iteration.
  int dimOfLoop(mlir::linalg::GenericOp op, unsigned loop) const;

  /// Tensors and scalars of other operations that the group reads.
  llvm::SetVector<mlir::Value> inputs() const;
  /// Results that others use, but for what is reduced in parts.
  llvm::SmallVector<mlir::OpResult> outputs() const;
  /// Reductions in parts.
  llvm::SmallVector<mlir::linalg::GenericOp> parts() const;

  /// Merges neighbouring dimensions wherever every operand lies in memory as
  /// if they were one. After the last `add`.
  void mergeDimensions();

private:
  void bindByInputs(mlir::linalg::GenericOp op,
                    llvm::MutableArrayRef<int> loopsOfOp);
  bool isConsistent() const;
  int64_t memoryStride(unsigned dim) const;
  llvm::SmallVector<bool> reducedDims(mlir::linalg::GenericOp op) const;

  llvm::SmallSetVector<mlir::linalg::GenericOp, 8> operations;
  /// The space's dimension of each loop of an operation, -1: a loop of one
  /// iteration that only it has.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<int>> loops;
  llvm::DenseMap<mlir::OpOperand *, Access> accesses;
  llvm::SmallVector<int64_t> spaceSizes;
  llvm::SmallVector<bool> isReduced;
  /// As it was before the last operation, whose dimensions come last.
  llvm::SmallVector<bool> wasReduced;
};

/// Whether elements at one point differ in number by multiples of `lanes`,
/// wherever it is, and those of the last point come last in memory.
bool isAlignedLike(const Group &group, const Access &access,
                   const Access &other, int64_t lanes);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_SCHEDULES_GROUP_H
