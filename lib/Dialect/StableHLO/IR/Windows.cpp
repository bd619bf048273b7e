//===- Windows.cpp - Constraints of windows ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/TypeInference.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::stablehlo;

using MaybeLocation = std::optional<Location>;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

static int64_t dilate(int64_t size, int64_t dilation) {
  return size == 0 ? 0 : (size - 1) * dilation + 1;
}

int64_t WindowDimension::paddedSize(int64_t inputSize) const {
  return low + dilate(inputSize, baseDilation) + high;
}

int64_t WindowDimension::count(int64_t inputSize) const {
  int64_t padded = paddedSize(inputSize), dilated = dilate(size, dilation);
  return padded <= 0 || dilated > padded ? 0 : (padded - dilated) / stride + 1;
}

FailureOr<SmallVector<WindowDimension>>
mlir::stablehlo::makeWindow(MaybeLocation location, StringRef op,
                            ArrayRef<int64_t> sizes,
                            const WindowAttributes &attributes) {
  size_t rank = sizes.size();
  SmallVector<WindowDimension> window(rank);
  for (auto [dimension, size] : llvm::zip_equal(window, sizes)) {
    dimension.size = size;
  }
  auto set = [&](StringRef what, std::optional<ArrayRef<int64_t>> values,
                 int64_t WindowDimension::*member) -> LogicalResult {
    if (!values) {
      return success();
    }
    if (values->size() != rank) {
      return emitOptionalError(location, op, ": has ", values->size(), " ",
                               what, "(s) for a window of rank ", rank);
    }
    for (auto [index, value] : llvm::enumerate(*values)) {
      if (value < 1) {
        return emitOptionalError(location, op, ": ", what, " ", value,
                                 " of dimension ", index, " is not positive");
      }
      window[index].*member = value;
    }
    return success();
  };
  if (failed(set("stride", attributes.strides, &WindowDimension::stride)) ||
      failed(set("base dilation", attributes.baseDilations,
                 &WindowDimension::baseDilation)) ||
      failed(set("window dilation", attributes.dilations,
                 &WindowDimension::dilation))) {
    return failure();
  }
  if (attributes.padding) {
    ShapedType type = attributes.padding->getType();
    if (type.getShape() != ArrayRef<int64_t>({int64_t(rank), 2})) {
      return emitOptionalError(location, op, ": the padding has type ", type,
                               ", not tensor<", rank, "x2xi64>");
    }
    SmallVector<int64_t> values(attributes.padding->getValues<int64_t>());
    for (size_t index = 0; index < rank; ++index) {
      window[index].low = values[2 * index];
      window[index].high = values[2 * index + 1];
    }
  }
  if (attributes.reversal) {
    if (attributes.reversal->size() != rank) {
      return emitOptionalError(location, op, ": has ",
                               attributes.reversal->size(),
                               " reversal(s) for a window of rank ", rank);
    }
    for (auto [dimension, value] :
         llvm::zip_equal(window, *attributes.reversal)) {
      dimension.isReversed = value;
    }
  }
  return window;
}

//===----------------------------------------------------------------------===//
// convolution
//===----------------------------------------------------------------------===//

/// The two dimensions with names and the spatial ones are all dimensions.
static LogicalResult verifyTensor(MaybeLocation location, StringRef what,
                                  int64_t rank, int64_t first, int64_t second,
                                  ArrayRef<int64_t> spatial) {
  SmallVector<int64_t> dims(spatial);
  dims.push_back(first);
  dims.push_back(second);
  if (static_cast<int64_t>(dims.size()) != rank) {
    return emitOptionalError(location, "convolution: names ", dims.size(),
                             " dimension(s) of the ", what, ", whose rank is ",
                             rank);
  }
  return verifyDimensions(location, "convolution: " + what + " dimension", dims,
                          rank);
}

static LogicalResult verifyGroups(MaybeLocation location, StringRef what,
                                  int64_t size, int64_t groups) {
  if (size % groups != 0) {
    return emitOptionalError(location, "convolution: the ", what, "'s size ",
                             size, " is not a multiple of ", groups,
                             " group(s)");
  }
  return success();
}

FailureOr<RankedTensorType> mlir::stablehlo::inferConvolution(
    MaybeLocation location, RankedTensorType lhs, RankedTensorType rhs,
    ConvDimensionNumbersAttr numbers, const WindowAttributes &attributes,
    int64_t featureGroups, int64_t batchGroups, Type elementType) {
  int64_t rank = lhs.getRank();
  if (rhs.getRank() != rank) { // (C1)
    return emitOptionalError(location, "convolution: the input has rank ", rank,
                             ", the kernel ", rhs.getRank());
  }
  if (failed(verifyTensor(location, "input", rank,
                          numbers.getInputBatchDimension(),
                          numbers.getInputFeatureDimension(),
                          numbers.getInputSpatialDimensions())) ||
      failed(verifyTensor(location, "kernel", rank,
                          numbers.getKernelInputFeatureDimension(),
                          numbers.getKernelOutputFeatureDimension(),
                          numbers.getKernelSpatialDimensions())) ||
      failed(verifyTensor(
          location, "output", rank, numbers.getOutputBatchDimension(),
          numbers.getOutputFeatureDimension(),
          numbers.getOutputSpatialDimensions()))) { // (C12), (C13), (C17)-(C20)
    return failure();
  }
  SmallVector<int64_t> sizes =
      llvm::map_to_vector(numbers.getKernelSpatialDimensions(),
                          [&](int64_t dim) { return rhs.getDimSize(dim); });
  FailureOr<SmallVector<WindowDimension>> window =
      makeWindow(location, "convolution", sizes, attributes); // (C2)-(C9)
  if (failed(window)) {
    return failure();
  }
  if (featureGroups < 1 || batchGroups < 1) { // (C21), (C22)
    return emitOptionalError(location, "convolution: has ", featureGroups,
                             " feature group(s) and ", batchGroups,
                             " batch group(s), both should be positive");
  }
  if (featureGroups > 1 && batchGroups > 1) { // (C23)
    return emitOptionalError(
        location, "convolution: has feature groups and batch groups");
  }
  int64_t batch = lhs.getDimSize(numbers.getInputBatchDimension());
  int64_t features = lhs.getDimSize(numbers.getInputFeatureDimension());
  int64_t kernelIn = rhs.getDimSize(numbers.getKernelInputFeatureDimension());
  int64_t kernelOut = rhs.getDimSize(numbers.getKernelOutputFeatureDimension());
  if (failed(verifyGroups(location, "input batch dimension", batch,
                          batchGroups)) || // (C10)
      failed(verifyGroups(location, "input feature dimension", features,
                          featureGroups)) || // (C11)
      failed(verifyGroups(location, "kernel output feature dimension",
                          kernelOut, batchGroups * featureGroups))) {
    return failure(); // (C15), (C16)
  }
  if (kernelIn != features / featureGroups) { // (C14)
    return emitOptionalError(
        location, "convolution: the kernel's input feature dimension has size ",
        kernelIn, " where a group of the input has ", features / featureGroups,
        " feature(s)");
  }
  SmallVector<int64_t> shape(rank);
  shape[numbers.getOutputBatchDimension()] = batch / batchGroups;
  shape[numbers.getOutputFeatureDimension()] = kernelOut;
  for (auto [dimension, input, output] :
       llvm::zip_equal(*window, numbers.getInputSpatialDimensions(),
                       numbers.getOutputSpatialDimensions())) {
    shape[output] = dimension.count(lhs.getDimSize(input));
  }
  return RankedTensorType::get(shape, elementType); // (C25), (C26)
}

LogicalResult ConvolutionOp::verify() {
  RankedTensorType result = tensorType(getResult());
  FailureOr<RankedTensorType> expected = inferConvolution(
      getLoc(), tensorType(getLhs()), tensorType(getRhs()),
      getDimensionNumbers(), getWindowAttributes(), getFeatureGroupCount(),
      getBatchGroupCount(), result.getElementType());
  if (failed(expected)) {
    return failure();
  }
  if (*expected != result) { // (C25), (C26)
    return emitOpError() << "the result's type should be " << *expected
                         << ", got " << result;
  }
  return verifyPrecisions(*this, getPrecisionConfig()); // (C24)
}

//===----------------------------------------------------------------------===//
// reduce_window
//===----------------------------------------------------------------------===//

/// A window of positive sizes over a tensor of `rank`.
static FailureOr<SmallVector<WindowDimension>>
makeWindowOver(MaybeLocation location, StringRef op, int64_t rank,
               ArrayRef<int64_t> sizes, const WindowAttributes &attributes) {
  if (static_cast<int64_t>(sizes.size()) != rank) {
    return emitOptionalError(location, op, ": the window has rank ",
                             sizes.size(), ", the operand ", rank);
  }
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (size < 1) {
      return emitOptionalError(location, op, ": window size ", size,
                               " of dimension ", dim, " is not positive");
    }
  }
  return makeWindow(location, op, sizes, attributes);
}

static SmallVector<int64_t> countWindows(ArrayRef<int64_t> shape,
                                         ArrayRef<WindowDimension> window) {
  SmallVector<int64_t> counts;
  for (auto [size, dimension] : llvm::zip_equal(shape, window)) {
    counts.push_back(dimension.count(size));
  }
  return counts;
}

LogicalResult mlir::stablehlo::inferReduceWindow(
    MaybeLocation location, TypeRange inputs, TypeRange initValues,
    ArrayRef<int64_t> windowDimensions, const WindowAttributes &attributes,
    SmallVectorImpl<Type> &results) {
  if (failed(verifyReduced(location, "reduce_window", inputs,
                           initValues))) { // (C1), (C2)
    return failure();
  }
  auto first = cast<RankedTensorType>(inputs.front());
  FailureOr<SmallVector<WindowDimension>> window =
      makeWindowOver(location, "reduce_window", first.getRank(),
                     windowDimensions, attributes); // (C4)-(C12)
  if (failed(window)) {
    return failure();
  }
  SmallVector<int64_t> shape = countWindows(first.getShape(), *window);
  for (Type init : initValues) { // (C14)-(C16)
    results.push_back(RankedTensorType::get(shape, getElementTypeOrSelf(init)));
  }
  return success();
}

LogicalResult ReduceWindowOp::inferReturnTypes(MLIRContext *,
                                               MaybeLocation location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  return inferReduceWindow(
      location, adaptor.getInputs().getTypes(),
      adaptor.getInitValues().getTypes(), adaptor.getWindowDimensions(),
      {adaptor.getWindowStrides(), adaptor.getPadding(),
       adaptor.getBaseDilations(), adaptor.getWindowDilations(), std::nullopt},
      results);
}

LogicalResult ReduceWindowOp::verifyRegions() { // (C13)
  return verifyReducer(*this, getBody(), getResultTypes());
}

//===----------------------------------------------------------------------===//
// select_and_scatter
//===----------------------------------------------------------------------===//

FailureOr<RankedTensorType> mlir::stablehlo::inferSelectAndScatter(
    MaybeLocation location, RankedTensorType operand, RankedTensorType source,
    RankedTensorType initValue, ArrayRef<int64_t> windowDimensions,
    const WindowAttributes &attributes) {
  Type element = operand.getElementType();
  if (source.getElementType() != element) { // (C1)
    return emitOptionalError(
        location, "select_and_scatter: the source has elements of type ",
        source.getElementType(), ", the operand of type ", element);
  }
  if (initValue != RankedTensorType::get({}, element)) { // (C3)
    return emitOptionalError(
        location, "select_and_scatter: the initial value should be tensor<",
        element, ">, got ", initValue);
  }
  FailureOr<SmallVector<WindowDimension>> window =
      makeWindowOver(location, "select_and_scatter", operand.getRank(),
                     windowDimensions, attributes); // (C4)-(C8)
  if (failed(window)) {
    return failure();
  }
  SmallVector<int64_t> counts = countWindows(operand.getShape(), *window);
  if (source.getShape() != ArrayRef<int64_t>(counts)) { // (C2)
    return emitOptionalError(location,
                             "select_and_scatter: the source should be ",
                             operand.clone(counts), ", got ", source);
  }
  return operand; // (C11), (C12)
}

static SmallVector<int64_t> sizesOrOnes(std::optional<ArrayRef<int64_t>> sizes,
                                        Type operand) {
  int64_t rank = cast<RankedTensorType>(operand).getRank();
  return sizes ? SmallVector<int64_t>(*sizes) : SmallVector<int64_t>(rank, 1);
}

SmallVector<int64_t> SelectAndScatterOp::getWindowSizes() {
  return sizesOrOnes(getWindowDimensions(), getOperand().getType());
}

LogicalResult
SelectAndScatterOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                     Adaptor adaptor,
                                     SmallVectorImpl<Type> &results) {
  FailureOr<RankedTensorType> type = inferSelectAndScatter(
      location, tensorType(adaptor.getOperand()),
      tensorType(adaptor.getSource()), tensorType(adaptor.getInitValue()),
      sizesOrOnes(adaptor.getWindowDimensions(),
                  adaptor.getOperand().getType()),
      {adaptor.getWindowStrides(), adaptor.getPadding(), std::nullopt,
       std::nullopt, std::nullopt});
  if (failed(type)) {
    return failure();
  }
  results.push_back(*type);
  return success();
}

LogicalResult SelectAndScatterOp::verifyRegions() {
  Type element = tensorType(getOperand()).getElementType();
  Type boolean = IntegerType::get(getContext(), 1);
  return success(
      succeeded(verifyComputation(*this, getSelect(), {element, element},
                                  {boolean})) && // (C9)
      succeeded(verifyComputation(*this, getScatter(), {element, element},
                                  {element}))); // (C10)
}
