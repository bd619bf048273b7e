//===- FP8Current.cpp - FP8 with current per-tensor scales ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Recipes.h"

using namespace mlir;
using namespace steelyard;

namespace {

/// FP8-AMAX (arXiv:2309.17224): E4M3 for weights and activations, E5M2 for
/// gradients, a power-of-two scale from each tensor's own amax. The scale makes
/// every finite element fit, so the cast need not saturate: an infinity stays
/// visible, as NaN in E4M3.
class FP8Current : public Recipe {
public:
  StringRef name() const override { return "fp8-current"; }
  StringRef description() const override {
    return "E4M3 weights and activations, E5M2 gradients, current per-tensor "
           "power-of-two scales";
  }

  std::string reasonToLeave(OperandRole lhs, OperandRole rhs) const override {
    bool both = lhs == OperandRole::Gradient && rhs == OperandRole::Gradient;
    return both ? "both operands are gradients, and E5M2 x E5M2 is not formed"
                : "";
  }

  Value quantize(OpBuilder &builder, Location location, Value operand,
                 OperandRole role) const override {
    auto shape = cast<ShapedType>(operand.getType()).getShape();
    Type element = role == OperandRole::Gradient
                       ? Type(Float8E5M2Type::get(builder.getContext()))
                       : Type(Float8E4M3FNType::get(builder.getContext()));
    return scaled::QuantizeOp::create(
        builder, location, scaled::ScaledTensorType::get(shape, element),
        operand,
        /*saturate=*/false);
  }
};

} // namespace

std::unique_ptr<Recipe> steelyard::createFP8Current() {
  return std::make_unique<FP8Current>();
}
