//===- Computation.h - Scales in computations of elements -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_RULES_SCALE_COMPUTATION_H
#define STEELYARD_LIB_RULES_SCALE_COMPUTATION_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/DenseMap.h"

namespace steelyard {

bool isFloat(mlir::Value value);

/// True for constants of zeros, infinities and NaN: any scale leaves them.
bool isScaleFree(mlir::Value value);

/// How the computation in a region treats its arguments' scale: every float in
/// it has the scale of one of the operation's inputs, and comparisons are
/// between such.
class ScaledComputation {
public:
  /// `inputOf`: the input of which an argument is an element, by number.
  ScaledComputation(mlir::Region &region,
                    llvm::function_ref<int(unsigned)> inputOf);

  /// f(a × s, b × s) = f(a, b) × s, for each input its own s; booleans are the
  /// same.
  bool isHomogeneous() const { return isUniform; }
  /// The results of one that joins `count` inputs are of them, in order.
  bool keepsInputs() const;
  /// Some results are sums, not elements as they were.
  bool hasSums() const { return sums; }
  /// The input whose scale an operation's floats have; -1 where it has none.
  int inputOf(mlir::Operation *op) const;

private:
  static constexpr int kAny = -1;

  bool visit(mlir::Operation *op);

  mlir::Block &block;
  llvm::DenseMap<mlir::Value, int> inputs;
  bool isUniform;
  bool sums = false;
};

/// The computation with arguments of other types, each operation's floats in
/// the type that `typeIn` gives; constants of floats, in the region or outside
/// of it, are made anew where they are used.
void copyComputation(
    mlir::OpBuilder &b, mlir::Region &from, mlir::Region &to,
    mlir::TypeRange arguments,
    llvm::function_ref<mlir::FloatType(mlir::Operation *)> typeIn);

} // namespace steelyard

#endif // STEELYARD_LIB_RULES_SCALE_COMPUTATION_H
