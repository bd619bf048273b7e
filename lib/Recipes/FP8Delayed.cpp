//===- FP8Delayed.cpp - FP8 with scales of earlier steps --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/Utils/Exponents.h"
#include "steelyard/Dialect/Scaled/Utils/StepState.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "FP8.h"
#include "Recipes.h"

using namespace mlir;
using namespace steelyard;

namespace {

constexpr RecipeOption kOptions[] = {
    {"history", "steps whose amax is remembered; 1: the last one", 1024, 1,
     int64_t{1} << 16},
    {"margin", "powers of two left free above the largest amax", 0, 0, 32}};
enum OptionIndex { History, Margin };

/// Delayed scaling (arXiv:2209.05433 section 3.1, as Transformer Engine's
/// DelayedScaling has it): the scale comes from the largest amax of earlier
/// steps, so that the data is read once; what exceeds it saturates. Scales are
/// powers of two: the history holds, for each step, the exponent that fits
/// that step's amax. Before there is one the data goes in with the exponent it
/// has.
class FP8Delayed : public FP8Recipe {
public:
  StringRef name() const override { return "fp8-delayed"; }
  StringRef description() const override {
    return "E4M3 weights and activations, E5M2 gradients, per-tensor "
           "power-of-two scales from the largest amax of earlier steps";
  }
  ArrayRef<RecipeOption> options() const override { return kOptions; }
  bool keepsState() const override { return true; }

  Value quantize(const QuantizeSite &site) const override {
    OpBuilder &b = site.builder;
    Location loc = site.location;
    scaled::ScaledTensorType type = typeOf(site);
    auto [significand, largest] = scaled::getLargest(
        scaled::getFormatOf(cast<FloatType>(type.getElementType())));
    auto exponentType = RankedTensorType::get({}, b.getI32Type());
    auto constant = [&](int64_t value) -> Value {
      return scaled::ConstantExponentOp::create(b, loc, value);
    };

    Value data = site.operand, own;
    if (isa<scaled::ScaledTensorType>(data.getType())) {
      auto parts = scaled::UnpackOp::create(b, loc, data);
      data = parts.getData();
      own = parts.getScales().front();
    } else {
      own = constant(0);
    }
    auto wide = cast<RankedTensorType>(data.getType()).clone(b.getF32Type());
    if (data.getType() != wide) {
      data = stablehlo::ConvertOp::create(b, loc, wide, data);
    }

    int64_t steps = site.options[History];
    auto historyType = RankedTensorType::get({steps}, b.getI32Type());
    auto none = b.getI32IntegerAttr(scaled::kLeastExponent);
    BlockArgument history =
        addStepState(site.function, "fp8-delayed." + site.name,
                     DenseElementsAttr::get(historyType, none.getValue()));
    Value greatest = largestExponent(b, loc, history);
    Value known = scaled::ExponentSubOp::create(
        b, loc, exponentType,
        scaled::ExponentAddOp::create(b, loc, exponentType, greatest,
                                      constant(site.options[Margin])),
        constant(largest));
    Value isEmpty = stablehlo::CompareOp::create(
        b, loc, exponentType.clone(b.getI1Type()), greatest,
        constant(scaled::kLeastExponent), stablehlo::ComparisonDirection::EQ,
        stablehlo::ComparisonTypeAttr());
    Value exponent =
        stablehlo::SelectOp::create(b, loc, exponentType, isEmpty, own, known);

    auto fit = scaled::AmaxExponentOp::create(b, loc, data);
    fit.setSignificandLimitAttr(b.getF64FloatAttr(significand));
    Value now = scaled::ExponentAddOp::create(b, loc, exponentType, own, fit);
    setNextStepState(history, append(b, loc, history, now));
    return scaled::QuantizeOp::create(b, loc, type, site.operand,
                                      /*saturate=*/true, /*margin=*/0,
                                      exponent);
  }

private:
  /// The history without its oldest entry, and a new one.
  static Value append(OpBuilder &b, Location loc, Value history, Value now) {
    auto type = cast<RankedTensorType>(history.getType());
    int64_t steps = type.getDimSize(0);
    Value entry = stablehlo::ReshapeOp::create(b, loc, type.clone({1}), now);
    if (steps == 1) {
      return entry;
    }
    Value kept = stablehlo::SliceOp::create(
        b, loc, type.clone({steps - 1}), history, b.getDenseI64ArrayAttr({1}),
        b.getDenseI64ArrayAttr({steps}), b.getDenseI64ArrayAttr({1}));
    return stablehlo::ConcatenateOp::create(b, loc, type,
                                            ValueRange{kept, entry}, 0);
  }
};

} // namespace

std::unique_ptr<Recipe> steelyard::createFP8Delayed() {
  return std::make_unique<FP8Delayed>();
}
