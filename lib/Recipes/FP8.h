//===- FP8.h - What recipes in FP8 share ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_RECIPES_FP8_H
#define STEELYARD_LIB_RECIPES_FP8_H

#include "steelyard/Recipes/Recipe.h"

namespace steelyard {

/// The formats of arXiv:2209.05433: E4M3 for weights and activations, E5M2 for
/// gradients, and no product of two gradients.
class FP8Recipe : public Recipe {
public:
  std::string reasonToLeave(OperandRole lhs, OperandRole rhs) const override {
    bool both = lhs == OperandRole::Gradient && rhs == OperandRole::Gradient;
    return both ? "both operands are gradients, and E5M2 x E5M2 is not formed"
                : "";
  }

protected:
  static mlir::scaled::ScaledTensorType typeOf(const QuantizeSite &site) {
    mlir::MLIRContext *context = site.builder.getContext();
    auto shape =
        mlir::cast<mlir::ShapedType>(site.operand.getType()).getShape();
    mlir::Type element = site.role == OperandRole::Gradient
                             ? mlir::Type(mlir::Float8E5M2Type::get(context))
                             : mlir::Type(mlir::Float8E4M3FNType::get(context));
    return mlir::scaled::ScaledTensorType::get(shape, element);
  }
};

} // namespace steelyard

#endif // STEELYARD_LIB_RECIPES_FP8_H
