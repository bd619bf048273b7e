//===- OperandRoles.h - Which operand of a contraction is which -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TRANSFORMS_OPERANDROLES_H
#define STEELYARD_LIB_TRANSFORMS_OPERANDROLES_H

#include "steelyard/Recipes/Recipe.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace steelyard {

struct ContractionRoles {
  OperandRole lhs, rhs;
  std::string evidence;
};

/// Finds the roles of contractions' operands in one function from, in this
/// order: the attribute `steelyard.roles = ["activation", "weight"]` on the
/// contraction; JAX's name stack in locations, where what `transpose(...)` made
/// is a cotangent; the structure, in which a contraction of x (or w) with
/// something computed from x·w, over other dimensions of x (or w) than x·w is
/// summed over, is a derivative of that product.
class OperandRoles {
public:
  explicit OperandRoles(mlir::func::FuncOp function);

  /// Failure, with an error at the operation, if its attribute is not
  /// understood.
  llvm::FailureOr<ContractionRoles> of(ContractionOpInterface contraction);

private:
  bool isCotangentByName(mlir::Value value);
  bool dependsOn(mlir::Value value, mlir::Operation *op);
  bool isDerivative(ContractionOpInterface contraction, unsigned shared,
                    ContractionOpInterface forward);
  OperandRole primalRole(mlir::Value value);

  mlir::func::FuncOp function;
  bool hasNameStack = false;
  llvm::SmallVector<ContractionOpInterface> contractions;
};

/// The tensor that a value is, through conversions, casts, transposes and
/// packing.
mlir::Value originOf(mlir::Value value);

} // namespace steelyard

#endif // STEELYARD_LIB_TRANSFORMS_OPERANDROLES_H
