//===- Passes.h - Passes that targets share ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_HOST_TRANSFORMS_PASSES_H
#define STEELYARD_TARGET_HOST_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace steelyard::host {

#define GEN_PASS_DECL
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "steelyard/Target/Host/Transforms/Passes.h.inc"

} // namespace steelyard::host

#endif // STEELYARD_TARGET_HOST_TRANSFORMS_PASSES_H
