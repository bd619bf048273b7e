//===- Ordering.cpp - Types and constraints of scatter and sort -*- C++ -*-===//
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

static SmallVector<Type> elementsOf(TypeRange types) {
  return llvm::map_to_vector(
      types, [](Type type) { return getElementTypeOrSelf(type); });
}

//===----------------------------------------------------------------------===//
// scatter
//===----------------------------------------------------------------------===//

namespace {

/// What a scatter's types and dimension numbers have to satisfy.
struct ScatterChecker {
  MaybeLocation location;
  RankedTensorType input, indices, update;
  ScatterDimensionNumbersAttr numbers;

  LogicalResult check() const {
    return success(succeeded(checkUpdateDims()) &&
                   succeeded(checkInputDims()) &&
                   succeeded(checkIndicesDims()) && succeeded(checkShape()));
  }

private:
  LogicalResult verifySorted(StringRef what,
                             ArrayRef<int64_t> dimensions) const {
    if (llvm::is_sorted(dimensions)) {
      return success();
    }
    return emitOptionalError(location, "scatter: the ", what,
                             " are not in order");
  }

  LogicalResult checkUpdateDims() const {
    return success(
        succeeded(verifyDimensions(location,
                                   "scatter: window dimension of the updates",
                                   numbers.getUpdateWindowDims(),
                                   update.getRank())) && // (C7), (C8)
        succeeded(verifySorted("window dimensions of the updates",
                               numbers.getUpdateWindowDims()))); // (C7)
  }

  LogicalResult checkInputDims() const {
    int64_t rank = input.getRank();
    int64_t named = numbers.getUpdateWindowDims().size() +
                    numbers.getInsertedWindowDims().size() +
                    numbers.getInputBatchingDims().size();
    if (named != rank) { // (C2)
      return emitOptionalError(location, "scatter: names ", named,
                               " window, inserted and batching dimension(s) "
                               "for inputs of rank ",
                               rank);
    }
    SmallVector<int64_t> hidden(numbers.getInsertedWindowDims());
    llvm::append_range(hidden, numbers.getInputBatchingDims());
    SmallVector<int64_t> mapped(numbers.getScatterDimsToOperandDims());
    llvm::append_range(mapped, numbers.getInputBatchingDims());
    return success(
        succeeded(verifyDimensions(location,
                                   "scatter: inserted or batching dimension",
                                   hidden, rank)) && // (C9), (C11), (C13)
        succeeded(verifySorted("inserted window dimensions",
                               numbers.getInsertedWindowDims())) && // (C10)
        succeeded(verifySorted("batching dimensions of the inputs",
                               numbers.getInputBatchingDims())) && // (C12)
        succeeded(verifyDimensions(location,
                                   "scatter: mapped or batching dimension",
                                   mapped, rank))); // (C20), (C21)
  }

  LogicalResult checkIndicesDims() const {
    int64_t vectorDim = numbers.getIndexVectorDim();
    if (vectorDim < 0 || vectorDim > indices.getRank()) { // (C22)
      return emitOptionalError(
          location, "scatter: index_vector_dim ", vectorDim,
          " is out of range for indices of rank ", indices.getRank());
    }
    int64_t count =
        vectorDim == indices.getRank() ? 1 : indices.getDimSize(vectorDim);
    size_t mapped = numbers.getScatterDimsToOperandDims().size();
    if (static_cast<int64_t>(mapped) != count) { // (C19)
      return emitOptionalError(location,
                               "scatter: scatter_dims_to_operand_dims has ",
                               mapped, " entries for index vectors of ", count);
    }
    ArrayRef<int64_t> ofInputs = numbers.getInputBatchingDims(),
                      ofIndices = numbers.getScatterIndicesBatchingDims();
    if (failed(verifyDimensions(
            location, "scatter: batching dimension of the indices", ofIndices,
            indices.getRank()))) { // (C14), (C15)
      return failure();
    }
    if (llvm::is_contained(ofIndices, vectorDim)) { // (C16)
      return emitOptionalError(location,
                               "scatter: the index vector's dimension ",
                               vectorDim, " is a batching one");
    }
    if (ofInputs.size() != ofIndices.size()) { // (C17)
      return emitOptionalError(location, "scatter: names ", ofInputs.size(),
                               " batching dimension(s) of the inputs and ",
                               ofIndices.size(), " of the indices");
    }
    for (auto [inputDim, indexDim] : llvm::zip(ofInputs, ofIndices)) {
      if (input.getDimSize(inputDim) != indices.getDimSize(indexDim)) { // (C18)
        return emitOptionalError(
            location, "scatter: batching dimension ", inputDim, " of size ",
            input.getDimSize(inputDim), " meets one of size ",
            indices.getDimSize(indexDim));
      }
    }
    return success();
  }

  LogicalResult checkShape() const { // (C4)
    SmallVector<int64_t> windows, batches;
    for (auto [dim, size] : llvm::enumerate(input.getShape())) {
      auto at = static_cast<int64_t>(dim);
      if (!llvm::is_contained(numbers.getInsertedWindowDims(), at) &&
          !llvm::is_contained(numbers.getInputBatchingDims(), at)) {
        windows.push_back(size);
      }
    }
    for (auto [dim, size] : llvm::enumerate(indices.getShape())) {
      if (static_cast<int64_t>(dim) != numbers.getIndexVectorDim()) {
        batches.push_back(size);
      }
    }
    if (update.getRank() !=
        static_cast<int64_t>(windows.size() + batches.size())) {
      return emitOptionalError(
          location, "scatter: the updates should have rank ",
          windows.size() + batches.size(), ", got ", update);
    }
    const int64_t *window = windows.begin(), *batch = batches.begin();
    for (auto [dim, size] : llvm::enumerate(update.getShape())) {
      bool isWindow = llvm::is_contained(numbers.getUpdateWindowDims(),
                                         static_cast<int64_t>(dim));
      int64_t expected = isWindow ? *window++ : *batch++;
      if (isWindow ? size > expected : size != expected) {
        return emitOptionalError(location, "scatter: dimension ", dim,
                                 " of the updates has size ", size, ", not ",
                                 isWindow ? "at most " : "", expected);
      }
    }
    return success();
  }
};

} // namespace

LogicalResult mlir::stablehlo::inferScatter(
    MaybeLocation location, TypeRange inputs, RankedTensorType scatterIndices,
    TypeRange updates, ScatterDimensionNumbersAttr numbers, TypeRange elements,
    SmallVectorImpl<Type> &results) {
  if (inputs.empty() || inputs.size() != updates.size()) { // (C5)
    return emitOptionalError(location, "scatter: has ", inputs.size(),
                             " input(s) and ", updates.size(), " update(s)");
  }
  auto input = cast<RankedTensorType>(inputs.front()),
       update = cast<RankedTensorType>(updates.front());
  for (auto [left, right] : llvm::zip(inputs, updates)) {
    auto ofInput = cast<RankedTensorType>(left),
         ofUpdate = cast<RankedTensorType>(right);
    if (ofInput.getShape() != input.getShape() ||
        ofUpdate.getShape() != update.getShape()) { // (C1), (C3)
      return emitOptionalError(location,
                               "scatter: the inputs have one shape, and the "
                               "updates have one, got ",
                               ofInput, " and ", ofUpdate);
    }
    if (ofInput.getElementType() != ofUpdate.getElementType()) { // (C6)
      return emitOptionalError(location, "scatter: ", ofUpdate,
                               " does not update ", ofInput);
    }
  }
  if (failed(ScatterChecker{location, input, scatterIndices, update, numbers}
                 .check())) {
    return failure();
  }
  if (elements.size() != inputs.size()) { // (C23)
    return emitOptionalError(location, "scatter: the computation returns ",
                             elements.size(), " value(s) for ", inputs.size(),
                             " input(s)");
  }
  for (Type element : elements) {
    results.push_back(input.clone(getElementTypeOrSelf(element))); // (C24, C25)
  }
  return success();
}

/// The types that the block of a region returns.
static TypeRange returnedTypes(Region &region) {
  return region.empty() || region.front().empty()
             ? TypeRange()
             : TypeRange(region.front().back().getOperandTypes());
}

LogicalResult ScatterOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  return inferScatter(location, adaptor.getInputs().getTypes(),
                      tensorType(adaptor.getScatterIndices()),
                      adaptor.getUpdates().getTypes(),
                      adaptor.getScatterDimensionNumbers(),
                      returnedTypes(adaptor.getUpdateComputation()), results);
}

LogicalResult ScatterOp::verifyRegions() { // (C23)
  SmallVector<Type> elements = elementsOf(getResultTypes());
  for (auto [input, element] : llvm::zip(getInputs(), elements)) {
    Type from = getElementTypeOrSelf(input.getType());
    if (!isPromotable(from, element)) {
      return emitOpError() << "elements of type " << from
                           << " are not promoted to " << element;
    }
  }
  SmallVector<Type> arguments(elements);
  llvm::append_range(arguments, elements);
  return verifyComputation(*this, getUpdateComputation(), arguments, elements);
}

/// Nothing to update.
LogicalResult ScatterOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &to) {
  if (tensorType(getUpdates().front()).getNumElements() != 0 ||
      getInputs().getTypes() != getResultTypes()) {
    return failure();
  }
  llvm::append_range(to, getInputs());
  return success();
}

//===----------------------------------------------------------------------===//
// sort
//===----------------------------------------------------------------------===//

LogicalResult mlir::stablehlo::inferSort(MaybeLocation location,
                                         TypeRange inputs, int64_t dimension,
                                         SmallVectorImpl<Type> &results) {
  if (inputs.empty()) { // (C1)
    return emitOptionalError(location, "sort: has no inputs");
  }
  auto first = cast<RankedTensorType>(inputs.front());
  for (Type input : inputs) {
    if (cast<RankedTensorType>(input).getShape() != first.getShape()) { // (C3)
      return emitOptionalError(location, "sort: the inputs ", first, " and ",
                               input, " have different shapes");
    }
  }
  if (dimension < -first.getRank() || dimension >= first.getRank()) { // (C4)
    return emitOptionalError(location, "sort: dimension ", dimension,
                             " is out of range for rank ", first.getRank());
  }
  results.append(inputs.begin(), inputs.end()); // (C2)
  return success();
}

LogicalResult SortOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  return inferSort(location, adaptor.getInputs().getTypes(),
                   adaptor.getDimension(), results);
}

int64_t SortOp::getSortedDimension() {
  int64_t rank = tensorType(getInputs().front()).getRank();
  auto dimension = static_cast<int64_t>(getDimension());
  return dimension < 0 ? dimension + rank : dimension;
}

LogicalResult SortOp::verifyRegions() { // (C5)
  SmallVector<Type> arguments;
  for (Type element : elementsOf(getInputs().getTypes())) {
    arguments.append(2, element);
  }
  return verifyComputation(*this, getComparator(), arguments,
                           IntegerType::get(getContext(), 1));
}

/// Lines of one element.
LogicalResult SortOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &to) {
  if (tensorType(getInputs().front()).getDimSize(getSortedDimension()) > 1) {
    return failure();
  }
  llvm::append_range(to, getInputs());
  return success();
}
