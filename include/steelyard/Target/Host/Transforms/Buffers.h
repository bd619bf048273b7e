//===- Buffers.h - What passes ask about buffers ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_HOST_TRANSFORMS_BUFFERS_H
#define STEELYARD_TARGET_HOST_TRANSFORMS_BUFFERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Value.h"

#include "llvm/ADT/SetVector.h"

namespace steelyard::host {

/// Of an outlined function, a string: what it does, for profiles.
inline constexpr llvm::StringLiteral kKindAttrName("steelyard.kind");

/// The execution context, which every call of the runtime takes, becomes the
/// first argument.
void addContext(mlir::func::FuncOp function);

/// The buffer that a chain of views looks at.
mlir::Value rootOf(mlir::Value buffer);

/// Marks as llvm.noalias those arguments of a function, from `first` on, that
/// are called with buffers of which no other view is among `values`.
void markDisjointBuffers(mlir::func::FuncOp function,
                         llvm::ArrayRef<mlir::Value> values, unsigned first);

/// What an outlined function takes of the function around it. Buffers are
/// passed as bare pointers, so a view at a computed offset is made again
/// inside, of its buffer and the offset.
struct CapturedValues {
  llvm::SetVector<mlir::Value> values;
  llvm::SetVector<mlir::Operation *> views;
  llvm::SetVector<mlir::Operation *> constants; // likewise made again

  void insert(mlir::Value value);
  /// All that an operation and its regions take.
  void insertUses(mlir::Operation *op);
  /// Makes constants and views, of what `mapping` has for the values.
  void rebuild(mlir::OpBuilder &builder, mlir::IRMapping &mapping) const;
};

} // namespace steelyard::host

#endif // STEELYARD_TARGET_HOST_TRANSFORMS_BUFFERS_H
