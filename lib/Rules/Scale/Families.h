//===- Families.h - The families of scale rules -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_RULES_SCALE_FAMILIES_H
#define STEELYARD_LIB_RULES_SCALE_FAMILIES_H

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Interfaces/ScalePropagation.h"

namespace steelyard {

using ScaleRule = llvm::LogicalResult (*)(mlir::Operation *, ScaleRewriter &);

/// A rule as a model of the interface. The description is a static string of
/// the rule's family.
template <typename Op, ScaleRule rule, const char *description>
struct ScaleModel : ScalePropagationOpInterface::ExternalModel<
                        ScaleModel<Op, rule, description>, Op> {
  llvm::LogicalResult propagateScale(mlir::Operation *op,
                                     ScaleRewriter &rewriter) const {
    return rule(op, rewriter);
  }
  llvm::StringRef describeScaleRule(mlir::Operation *) const {
    return description;
  }
};

void attachElementwiseRules(mlir::MLIRContext &context);
void attachDataMovementRules(mlir::MLIRContext &context);
void attachReductionRules(mlir::MLIRContext &context);
void attachContractionRules(mlir::MLIRContext &context);

} // namespace steelyard

#endif // STEELYARD_LIB_RULES_SCALE_FAMILIES_H
