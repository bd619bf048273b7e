//===- Sites.h - Where the time goes ----------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_HOST_TRANSFORMS_SITES_H
#define STEELYARD_TARGET_HOST_TRANSFORMS_SITES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace steelyard::host {

/// Puts a mark behind each operation of a function that `kindOf` gives a kind,
/// and one at the start; says in the attribute `steelyard.sites` what they are.
void markSites(mlir::func::FuncOp function,
               llvm::function_ref<std::string(mlir::Operation *)> kindOf);

} // namespace steelyard::host

#endif // STEELYARD_TARGET_HOST_TRANSFORMS_SITES_H
