//===- FP8Current.cpp - FP8 with current per-tensor scales ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FP8.h"
#include "Recipes.h"

using namespace mlir;
using namespace steelyard;

namespace {

/// FP8-AMAX (arXiv:2309.17224): a power-of-two scale from each tensor's own
/// amax. The scale makes every finite element fit, so the cast need not
/// saturate: an infinity stays visible, as NaN in E4M3.
class FP8Current : public FP8Recipe {
public:
  StringRef name() const override { return "fp8-current"; }
  StringRef description() const override {
    return "E4M3 weights and activations, E5M2 gradients, current per-tensor "
           "power-of-two scales";
  }

  Value quantize(const QuantizeSite &site) const override {
    return scaled::QuantizeOp::create(site.builder, site.location, typeOf(site),
                                      site.operand, /*saturate=*/false);
  }
};

} // namespace

std::unique_ptr<Recipe> steelyard::createFP8Current() {
  return std::make_unique<FP8Current>();
}
