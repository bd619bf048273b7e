//===- Convolutions.cpp - convolution to a contraction of patches -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The windows of the input are copied next to each other, in the type that the
// input is stored in, and contracted with the kernel by dot_general. Where a
// spatial dimension has one window, or windows of one element, the input is its
// own patch; where all of them have, nothing is copied.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Dialect/Scaled/Utils/FastAccumulate.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

/// What a dimension stands for.
struct Label {
  enum Kind { Group, Batch, Position, Element, InFeature, OutFeature } kind;
  int64_t spatial = 0; ///< of a position of the window, and an element in it

  bool operator==(const Label &other) const {
    return kind == other.kind && spatial == other.spatial;
  }
  bool isContracted() const { return kind == Element || kind == InFeature; }
};

struct Labelled {
  Value value;
  SmallVector<Label> labels;

  RankedTensorType type() const {
    return cast<RankedTensorType>(value.getType());
  }
  std::optional<int64_t> find(Label label) const {
    const Label *found = llvm::find(labels, label);
    return found == labels.end()
               ? std::nullopt
               : std::optional<int64_t>(found - labels.begin());
  }
  int64_t sizeOf(Label label) const { return type().getDimSize(*find(label)); }
};

/// Splits the dimension of a label into groups and the rest of it.
void splitGroups(OpBuilder &b, Location loc, Labelled &tensor, Label label,
                 int64_t groups) {
  if (groups == 1) {
    return;
  }
  int64_t dim = *tensor.find(label);
  SmallVector<int64_t> shape(tensor.type().getShape());
  shape[dim] /= groups;
  shape.insert(shape.begin() + dim, groups);
  tensor.value =
      ReshapeOp::create(b, loc, tensor.type().clone(shape), tensor.value);
  tensor.labels.insert(tensor.labels.begin() + dim, {Label::Group});
}

/// Drops a dimension of size 1.
void drop(OpBuilder &b, Location loc, Labelled &tensor, Label label) {
  int64_t dim = *tensor.find(label);
  SmallVector<int64_t> shape(tensor.type().getShape());
  shape.erase(shape.begin() + dim);
  tensor.value =
      ReshapeOp::create(b, loc, tensor.type().clone(shape), tensor.value);
  tensor.labels.erase(tensor.labels.begin() + dim);
}

class Lowering {
public:
  Lowering(OpBuilder &builder, ConvolutionOp op, Value lhs, Value rhs)
      : b(builder), loc(op.getLoc()), op(op),
        numbers(op.getDimensionNumbers()) {
    input.value = lhs;
    input.labels.resize(input.type().getRank(), {Label::Batch});
    input.labels[numbers.getInputFeatureDimension()] = {Label::InFeature};
    kernel.value = rhs;
    kernel.labels.resize(kernel.type().getRank(), {Label::InFeature});
    kernel.labels[numbers.getKernelOutputFeatureDimension()] = {
        Label::OutFeature};
    SmallVector<int64_t> sizes;
    for (auto [spatial, dims] :
         llvm::enumerate(llvm::zip(numbers.getInputSpatialDimensions(),
                                   numbers.getKernelSpatialDimensions()))) {
      auto [ofInput, ofKernel] = dims;
      input.labels[ofInput] = position(spatial);
      kernel.labels[ofKernel] = element(spatial);
      sizes.push_back(kernel.type().getDimSize(ofKernel));
    }
    window = *makeWindow(std::nullopt, "", sizes, op.getWindowAttributes());
  }

  /// The result, in the operation's own type.
  Value run() {
    pad();
    int64_t groups = op.getFeatureGroupCount() * op.getBatchGroupCount();
    splitGroups(b, loc, input,
                {op.getBatchGroupCount() > 1 ? Label::Batch : Label::InFeature},
                groups);
    splitGroups(b, loc, kernel, {Label::OutFeature}, groups);
    bool isPatch = true;
    for (auto [spatial, dimension] : llvm::enumerate(window)) {
      isPatch &= isElement(spatial) || isWhole(spatial);
    }
    if (isPatch) {
      viewAsPatches();
    } else {
      copyPatches();
    }
    return order(contract());
  }

private:
  static Label position(int64_t spatial) { return {Label::Position, spatial}; }
  static Label element(int64_t spatial) { return {Label::Element, spatial}; }

  int64_t paddedSize(int64_t spatial) {
    return input.sizeOf(position(spatial));
  }
  int64_t count(int64_t spatial) {
    int64_t dim = numbers.getInputSpatialDimensions()[spatial];
    return window[spatial].count(
        cast<RankedTensorType>(op.getLhs().getType()).getDimSize(dim));
  }
  /// One window an element.
  bool isElement(int64_t spatial) {
    return window[spatial].size == 1 && window[spatial].stride == 1;
  }
  /// One window, all of the input.
  bool isWhole(int64_t spatial) {
    const WindowDimension &w = window[spatial];
    return w.size == paddedSize(spatial) && w.dilation == 1 && !w.isReversed;
  }

  /// Padding and the dilation of the input.
  void pad() {
    if (llvm::all_of(window, [](const WindowDimension &dimension) {
          return dimension.keepsInput();
        })) {
      return;
    }
    SmallVector<int64_t> low(input.labels.size(), 0), high = low,
                                                      interior = low;
    for (auto [dim, dimension] :
         llvm::zip(numbers.getInputSpatialDimensions(), window)) {
      low[dim] = dimension.low;
      high[dim] = dimension.high;
      interior[dim] = dimension.baseDilation - 1;
    }
    Type element = input.type().getElementType();
    Value zero = ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, element),
                               b.getZeroAttr(element)));
    input.value = PadOp::create(b, loc, input.value, zero, low, high, interior);
  }

  void viewAsPatches() {
    for (size_t spatial = 0; spatial < window.size(); ++spatial) {
      if (isElement(spatial)) {
        drop(b, loc, kernel, element(spatial));
      } else {
        input.labels[*input.find(position(spatial))] = element(spatial);
      }
    }
  }

  /// patches[g, b, positions, elements, f] = input[g, b, position × stride +
  /// element × dilation, f]. What is free is in the output's order, what is
  /// contracted in the kernel's, and what the input holds contiguously is last.
  void copyPatches() {
    SmallVector<Label> free(cast<RankedTensorType>(op.getType()).getRank(),
                            {Label::InFeature});
    free[numbers.getOutputBatchDimension()] = {Label::Batch};
    for (auto [spatial, dim] :
         llvm::enumerate(numbers.getOutputSpatialDimensions())) {
      free[dim] = position(spatial);
    }
    llvm::erase_if(free, [](Label label) { return label.isContracted(); });
    SmallVector<Label> contracted = kernel.labels;
    llvm::erase_if(contracted,
                   [](Label label) { return !label.isContracted(); });
    bool featureLast = input.labels.back().isContracted();
    SmallVector<Label> labels;
    if (input.find({Label::Group})) {
      labels.push_back({Label::Group});
    }
    llvm::append_range(labels, featureLast ? free : contracted);
    llvm::append_range(labels, featureLast ? contracted : free);

    Labelled patches{{}, labels};
    auto loopOf = [&](Label label) {
      return b.getAffineDimExpr(*patches.find(label));
    };
    SmallVector<int64_t> shape;
    for (Label label : labels) {
      shape.push_back(label.kind == Label::Element ? window[label.spatial].size
                      : label.kind == Label::Position ? count(label.spatial)
                                                      : input.sizeOf(label));
    }
    SmallVector<AffineExpr> exprs;
    for (Label label : input.labels) {
      if (label.kind != Label::Position) {
        exprs.push_back(loopOf(label));
        continue;
      }
      const WindowDimension &w = window[label.spatial];
      AffineExpr at = loopOf(element(label.spatial));
      if (w.isReversed) {
        at = (w.size - 1) - at;
      }
      exprs.push_back(loopOf(label) * w.stride + at * w.dilation);
    }
    int64_t rank = labels.size();
    AffineMap map = AffineMap::get(rank, 0, exprs, b.getContext());
    patches.value =
        gatherByMap(b, loc, input.type().clone(shape), input.value, map);
    input = patches;
  }

  /// Unsigned elements are read as such.
  Value asDeclared(Value value, Type declared) {
    Type element = getElementTypeOrSelf(declared);
    auto type = cast<RankedTensorType>(value.getType());
    return type.getElementType() == element
               ? value
               : UnrealizedConversionCastOp::create(b, loc, type.clone(element),
                                                    value)
                     .getResult(0);
  }

  Labelled contract() {
    SmallVector<int64_t> lb, rb, lc, rc;
    Labelled result;
    if (std::optional<int64_t> group = input.find({Label::Group})) {
      lb.push_back(*group);
      rb.push_back(*kernel.find({Label::Group}));
      result.labels.push_back({Label::Group});
    }
    for (auto [dim, label] : llvm::enumerate(kernel.labels)) {
      if (label.isContracted()) {
        rc.push_back(dim);
        lc.push_back(*input.find(label));
      }
    }
    llvm::copy_if(input.labels, std::back_inserter(result.labels),
                  [](Label label) {
                    return label.kind != Label::Group && !label.isContracted();
                  });
    result.labels.push_back({Label::OutFeature});
    auto dims = DotDimensionNumbersAttr::get(b.getContext(), lb, rb, lc, rc);
    auto product = DotGeneralOp::create(
        b, loc, asDeclared(input.value, op.getLhs().getType()),
        asDeclared(kernel.value, op.getRhs().getType()), dims,
        getElementTypeOrSelf(op.getType()));
    if (op->hasAttr(scaled::kFastAccumulateAttrName)) {
      product.setAlgorithmAttr(
          scaled::fastAlgorithm(getElementTypeOrSelf(product.getLhs()),
                                getElementTypeOrSelf(product.getRhs())));
    }
    result.value = product;
    return result;
  }

  /// Dimensions in the result's order, groups beside their features, dimensions
  /// of one position.
  Value order(const Labelled &product) {
    SmallVector<SmallVector<Label, 2>> ofResult(
        cast<RankedTensorType>(op.getType()).getRank());
    ofResult[numbers.getOutputBatchDimension()] = {{Label::Batch}};
    ofResult[numbers.getOutputFeatureDimension()] = {{Label::Group},
                                                     {Label::OutFeature}};
    for (auto [spatial, dim] :
         llvm::enumerate(numbers.getOutputSpatialDimensions())) {
      ofResult[dim] = {position(spatial)};
    }
    SmallVector<int64_t> permutation;
    for (const SmallVector<Label, 2> &labels : ofResult) {
      for (Label label : labels) {
        if (std::optional<int64_t> dim = product.find(label)) {
          permutation.push_back(*dim);
        }
      }
    }
    Value value = product.value;
    if (!llvm::is_sorted(permutation)) {
      value = TransposeOp::create(b, loc, value, permutation);
    }
    return value.getType() == op.getType()
               ? value
               : ReshapeOp::create(b, loc, op.getType(), value).getResult();
  }

  OpBuilder &b;
  Location loc;
  ConvolutionOp op;
  ConvDimensionNumbersAttr numbers;
  SmallVector<WindowDimension> window;
  Labelled input, kernel;
};

struct Convolution : OpConversionPattern<ConvolutionOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ConvolutionOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = getTypeConverter()->convertType<RankedTensorType>(op.getType());
    if (isEmpty(op.getLhs().getType()) || isEmpty(op.getRhs().getType())) {
      // Sums over no products.
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(
          op, cast<TypedAttr>(rewriter.getZeroAttr(type)));
      return success();
    }
    rewriter.replaceOp(
        op, Lowering(rewriter, op, adaptor.getLhs(), adaptor.getRhs()).run());
    return success();
  }
};

} // namespace

void steelyard::populateConvolutionPatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns) {
  patterns.add<Convolution>(converter, patterns.getContext());
}
