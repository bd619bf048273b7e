//===- StepState.h - State that the compiler adds to a step -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What a recipe or a rounding keeps between calls (an amax history, a random
// key) is explicit: an argument of the function and the result that it is in
// the next call. Both carry `steelyard.state`, its name; the argument also
// carries `steelyard.initial`, what it is before the first call, and
// `tf.aliasing_output`. The executable's metadata names them
// (STEELYARD_VALUE_RECIPE_STATE); who calls passes them along.
//
// What a tap of the step sees is one more result, `steelyard.observed` its name
// (STEELYARD_VALUE_OBSERVED).
//
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_DIALECT_SCALED_UTILS_STEPSTATE_H
#define STEELYARD_DIALECT_SCALED_UTILS_STEPSTATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace steelyard {

inline constexpr llvm::StringLiteral kStepStateName = "steelyard.state",
                                     kStepStateInitial = "steelyard.initial",
                                     kObservedName = "steelyard.observed";

/// Adds a last argument of `initial`'s type and a last result, which is the
/// argument itself until `setNextStepState`. The function has one block.
/// `name` is unique in the function.
mlir::BlockArgument addStepState(mlir::func::FuncOp function,
                                 llvm::StringRef name,
                                 mlir::DenseElementsAttr initial);

/// What the state is in the next call: a value of its type.
void setNextStepState(mlir::BlockArgument state, mlir::Value next);

/// Adds a last result: what the tap `name` sees. The function has one block.
void addObservedResult(mlir::func::FuncOp function, llvm::StringRef name,
                       mlir::Value value);

} // namespace steelyard

#endif // STEELYARD_DIALECT_SCALED_UTILS_STEPSTATE_H
