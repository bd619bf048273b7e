//===- ScaleRules.h - Registration of Scalify's rules -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_RULES_SCALE_SCALERULES_H
#define STEELYARD_RULES_SCALE_SCALERULES_H

#include "mlir/IR/DialectRegistry.h"

#include "llvm/Support/LogicalResult.h"
#include "llvm/Support/raw_ostream.h"

namespace steelyard {

/// Attaches a model of ScalePropagationOpInterface to every operation of
/// stablehlo and chlo: a rule, or none with its reason.
void registerScaleRules(mlir::DialectRegistry &registry);

/// Writes docs/reference/scale-rules.md: every operation of stablehlo and chlo
/// with its rule. Both dialects must be registered in the context. Failure if
/// an operation has no model.
llvm::LogicalResult printScaleRules(mlir::MLIRContext &context,
                                    llvm::raw_ostream &os);

} // namespace steelyard

#endif // STEELYARD_RULES_SCALE_SCALERULES_H
