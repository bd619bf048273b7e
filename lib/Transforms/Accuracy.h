//===- Accuracy.h - Whether tolerances can be met ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_TRANSFORMS_ACCURACY_H
#define STEELYARD_LIB_TRANSFORMS_ACCURACY_H

#include "mlir/IR/BuiltinOps.h"

namespace steelyard {

/// There is one form of each function, for every mode: result_accuracy is
/// dropped where that form meets it, and a located error where it does not.
mlir::LogicalResult dropResultAccuracy(mlir::ModuleOp module);

} // namespace steelyard

#endif // STEELYARD_LIB_TRANSFORMS_ACCURACY_H
