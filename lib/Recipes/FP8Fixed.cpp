//===- FP8Fixed.cpp - FP8 with one given scale ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FP8.h"
#include "Recipes.h"

using namespace mlir;
using namespace steelyard;

namespace {

constexpr RecipeOption kOptions[] = {
    {"exponent", "the scale of every operand is 2^exponent; 0: a plain cast", 0,
     -126, 127}};

/// What is done without scales that follow the data: it works while all
/// operands happen to lie in the formats' ranges. Here to be compared with.
class FP8Fixed : public FP8Recipe {
public:
  StringRef name() const override { return "fp8-fixed"; }
  StringRef description() const override {
    return "E4M3 weights and activations, E5M2 gradients, saturating casts "
           "with one given scale: plain casts unless told otherwise";
  }
  ArrayRef<RecipeOption> options() const override { return kOptions; }

  Value quantize(const QuantizeSite &site) const override {
    Value exponent = scaled::ConstantExponentOp::create(
        site.builder, site.location, site.options.front());
    return scaled::QuantizeOp::create(site.builder, site.location, typeOf(site),
                                      site.operand, /*saturate=*/true,
                                      /*margin=*/0, exponent);
  }
};

} // namespace

std::unique_ptr<Recipe> steelyard::createFP8Fixed() {
  return std::make_unique<FP8Fixed>();
}
