//===- Passes.h - Passes that cross dialects --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TRANSFORMS_PASSES_H
#define STEELYARD_TRANSFORMS_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace steelyard {

#define GEN_PASS_DECL
#include "steelyard/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "steelyard/Transforms/Passes.h.inc"

} // namespace steelyard

#endif // STEELYARD_TRANSFORMS_PASSES_H
