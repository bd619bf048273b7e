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
  static bool hasScaleRule() { return true; }
  static llvm::StringRef describeScaleRule() { return description; }
};

/// The model of operations without a rule, with the reason.
template <typename Op, const char *reason>
struct NoScaleModel
    : ScalePropagationOpInterface::ExternalModel<NoScaleModel<Op, reason>, Op> {
  llvm::LogicalResult propagateScale(mlir::Operation *, ScaleRewriter &) const {
    return llvm::failure();
  }
  static bool hasScaleRule() { return false; }
  static llvm::StringRef describeScaleRule() { return reason; }
};

/// The exponent to which the data of all operands is moved before elements are
/// chosen from them. At the maximum of the exponents float32 would lose an
/// operand 2^126 below another, though it may be the one chosen; there is room
/// above the data.
mlir::Value meet(ScaleRewriter &rw, llvm::ArrayRef<ScaledOperand> operands);

/// The operation on other operands, its floats, also those of the computations
/// in it, in float32.
mlir::Operation *againWide(mlir::Operation *op, ScaleRewriter &rw,
                           mlir::ValueRange operands);

/// A result of elements of x and y, where y stands beside or in place of
/// elements of x. `create` makes it of their data at one exponent.
mlir::LogicalResult chooseBetween(
    ScaleRewriter &rw, const ScaledOperand &x, const ScaledOperand &y,
    llvm::function_ref<mlir::Value(mlir::Value x, mlir::Value y)> create);

/// The dimension along which the update replaces one whole slice of at least
/// two, if it does.
std::optional<int64_t> updatedSlice(mlir::stablehlo::DynamicUpdateSliceOp op);

/// An update of one whole slice along the dimension along which the operand's
/// slices have their own exponents. Failure: it is another update.
mlir::LogicalResult updateSlice(mlir::stablehlo::DynamicUpdateSliceOp op,
                                ScaleRewriter &rw);

/// A move of whole slices with their own exponents. Failure: the operand has
/// none, or the operation takes slices apart.
mlir::LogicalResult moveSlices(mlir::Operation *op, ScaleRewriter &rw);

/// The operation that moves elements, on other operands.
mlir::Value moveAgain(mlir::Operation *op, ScaleRewriter &rw,
                      mlir::ValueRange operands);

void attachElementwiseRules(mlir::MLIRContext &context);
void attachDataMovementRules(mlir::MLIRContext &context);
void attachReductionRules(mlir::MLIRContext &context);
void attachOrderingRules(mlir::MLIRContext &context);
void attachContractionRules(mlir::MLIRContext &context);
void attachControlFlowRules(mlir::MLIRContext &context);
void attachCHLORules(mlir::MLIRContext &context);
void attachNoRules(mlir::MLIRContext &context);
void attachCHLONoRules(mlir::MLIRContext &context);

} // namespace steelyard

#endif // STEELYARD_LIB_RULES_SCALE_FAMILIES_H
