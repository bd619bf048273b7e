//===- StableHLOToLinalg.h - From stablehlo to linalg -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_CONVERSION_STABLEHLOTOLINALG_STABLEHLOTOLINALG_H
#define STEELYARD_CONVERSION_STABLEHLOTOLINALG_STABLEHLOTOLINALG_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace steelyard {

#define GEN_PASS_DECL
#include "steelyard/Conversion/StableHLOToLinalg/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "steelyard/Conversion/StableHLOToLinalg/Passes.h.inc"

/// Of an scf.for: no iteration reads what another one writes.
inline constexpr llvm::StringLiteral kParallelAttrName("steelyard.parallel");

inline void markParallel(mlir::scf::ForOp loop) {
  loop->setAttr(kParallelAttrName, mlir::UnitAttr::get(loop.getContext()));
}

} // namespace steelyard

#endif // STEELYARD_CONVERSION_STABLEHLOTOLINALG_STABLEHLOTOLINALG_H
