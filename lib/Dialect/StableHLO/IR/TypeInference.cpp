//===- TypeInference.cpp - Result types from operands -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/TypeInference.h"

#include "mlir/IR/Builders.h"

#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace mlir::stablehlo;

using MaybeLocation = std::optional<Location>;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult mlir::stablehlo::verifyDimensions(MaybeLocation location,
                                                const Twine &what,
                                                ArrayRef<int64_t> dimensions,
                                                int64_t rank) {
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t dim : dimensions) {
    if (dim < 0 || dim >= rank) {
      return emitOptionalError(location, what, " ", dim,
                               " is out of range for rank ", rank);
    }
    if (!seen.insert(dim).second) {
      return emitOptionalError(location, what, " ", dim, " is named twice");
    }
  }
  return success();
}

FailureOr<RankedTensorType>
mlir::stablehlo::inferTranspose(MaybeLocation location,
                                RankedTensorType operand,
                                ArrayRef<int64_t> permutation) {
  if (static_cast<int64_t>(permutation.size()) != operand.getRank()) { // (C2)
    return emitOptionalError(
        location, "transpose: permutes ", permutation.size(),
        " dimension(s) of an operand of rank ", operand.getRank());
  }
  if (failed(verifyDimensions(location, "transpose: dimension", permutation,
                              operand.getRank()))) { // (C2)
    return failure();
  }
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation) {
    shape.push_back(operand.getDimSize(dim));
  }
  return operand.clone(shape); // (C1), (C3)
}

FailureOr<RankedTensorType>
mlir::stablehlo::inferSlice(MaybeLocation location, RankedTensorType operand,
                            ArrayRef<int64_t> start, ArrayRef<int64_t> limit,
                            ArrayRef<int64_t> strides) {
  int64_t rank = operand.getRank();
  for (ArrayRef<int64_t> list : {start, limit, strides}) {
    if (static_cast<int64_t>(list.size()) != rank) { // (C2)
      return emitOptionalError(location, "slice: has ", list.size(),
                               " range(s) for an operand of rank ", rank);
    }
  }
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (start[dim] < 0 || start[dim] > limit[dim] ||
        limit[dim] > operand.getDimSize(dim)) { // (C3)
      return emitOptionalError(location, "slice: range ", start[dim], ":",
                               limit[dim], " is not inside of dimension ", dim,
                               " of size ", operand.getDimSize(dim));
    }
    if (strides[dim] < 1) { // (C4)
      return emitOptionalError(location, "slice: stride ", strides[dim],
                               " of dimension ", dim, " is not positive");
    }
    int64_t extent = limit[dim] - start[dim];
    shape.push_back(extent / strides[dim] + (extent % strides[dim] != 0));
  }
  return operand.clone(shape); // (C1), (C5)
}

FailureOr<RankedTensorType>
mlir::stablehlo::inferConcatenate(MaybeLocation location, TypeRange inputs,
                                  int64_t dimension) {
  if (inputs.empty()) { // (C3)
    return emitOptionalError(location, "concatenate: has no inputs");
  }
  auto first = cast<RankedTensorType>(inputs.front());
  if (dimension < 0 || dimension >= first.getRank()) { // (C4)
    return emitOptionalError(location, "concatenate: dimension ", dimension,
                             " is out of range for rank ", first.getRank());
  }
  SmallVector<int64_t> shape(first.getShape());
  for (Type input : inputs.drop_front()) {
    auto type = cast<RankedTensorType>(input);
    bool fits = type.getRank() == first.getRank() &&
                type.getElementType() == first.getElementType(); // (C1)
    for (int64_t dim = 0; fits && dim < first.getRank(); ++dim) {
      fits = dim == dimension ||
             type.getDimSize(dim) == first.getDimSize(dim); // (C2)
    }
    if (!fits) {
      return emitOptionalError(location, "concatenate: ", type,
                               " does not continue ", first,
                               " along dimension ", dimension);
    }
    shape[dimension] += type.getDimSize(dimension);
  }
  return first.clone(shape); // (C5), (C6)
}

FailureOr<RankedTensorType>
mlir::stablehlo::inferPad(MaybeLocation location, RankedTensorType operand,
                          RankedTensorType padding, ArrayRef<int64_t> low,
                          ArrayRef<int64_t> high, ArrayRef<int64_t> interior) {
  int64_t rank = operand.getRank();
  if (padding.getRank() != 0 ||
      padding.getElementType() != operand.getElementType()) { // (C1)
    return emitOptionalError(location,
                             "pad: the padding value should be tensor<",
                             operand.getElementType(), ">, got ", padding);
  }
  for (ArrayRef<int64_t> list : {low, high, interior}) {
    if (static_cast<int64_t>(list.size()) != rank) { // (C2)
      return emitOptionalError(location, "pad: has ", list.size(),
                               " padding(s) for an operand of rank ", rank);
    }
  }
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (interior[dim] < 0) { // (C3)
      return emitOptionalError(location, "pad: interior padding ",
                               interior[dim], " of dimension ", dim,
                               " is negative");
    }
    int64_t size = operand.getDimSize(dim);
    size +=
        std::max<int64_t>(size - 1, 0) * interior[dim] + low[dim] + high[dim];
    if (size < 0) {
      return emitOptionalError(location, "pad: dimension ", dim,
                               " would have size ", size);
    }
    shape.push_back(size);
  }
  return operand.clone(shape); // (C4)
}

FailureOr<RankedTensorType>
mlir::stablehlo::inferGather(MaybeLocation location, RankedTensorType operand,
                             RankedTensorType startIndices,
                             GatherDimensionNumbersAttr numbers,
                             ArrayRef<int64_t> sliceSizes) {
  int64_t vectorDim = numbers.getIndexVectorDim();
  if (static_cast<int64_t>(sliceSizes.size()) != operand.getRank()) { // (C11)
    return emitOptionalError(location, "gather: has ", sliceSizes.size(),
                             " slice size(s) for an operand of rank ",
                             operand.getRank());
  }
  if (vectorDim < 0 || vectorDim > startIndices.getRank()) { // (C2)
    return emitOptionalError(location, "gather: index_vector_dim ", vectorDim,
                             " is out of range for indices of rank ",
                             startIndices.getRank());
  }
  int64_t indexCount = vectorDim == startIndices.getRank()
                           ? 1
                           : startIndices.getDimSize(vectorDim);
  if (static_cast<int64_t>(numbers.getStartIndexMap().size()) !=
      indexCount) { // (C3)
    return emitOptionalError(location, "gather: start_index_map has ",
                             numbers.getStartIndexMap().size(),
                             " entries for index vectors of ", indexCount);
  }
  ArrayRef<int64_t> operandBatching = numbers.getOperandBatchingDims();
  ArrayRef<int64_t> indicesBatching = numbers.getStartIndicesBatchingDims();
  SmallVector<int64_t> hidden(numbers.getCollapsedSliceDims());
  llvm::append_range(hidden, operandBatching);
  SmallVector<int64_t> mapped(numbers.getStartIndexMap());
  llvm::append_range(mapped, operandBatching);
  if (failed(verifyDimensions(location,
                              "gather: collapsed or batching dimension", hidden,
                              operand.getRank())) || // (C6), (C7), (C9)
      failed(verifyDimensions(location, "gather: mapped or batching dimension",
                              mapped,
                              operand.getRank())) || // (C18), (C19)
      failed(verifyDimensions(location,
                              "gather: batching dimension of the indices",
                              indicesBatching,
                              startIndices.getRank()))) { // (C13), (C14)
    return failure();
  }
  if (operandBatching.size() != indicesBatching.size()) { // (C16)
    return emitOptionalError(location, "gather: names ", operandBatching.size(),
                             " batching dimension(s) of the operand and ",
                             indicesBatching.size(), " of the indices");
  }
  for (auto [ofOperand, ofIndices] :
       llvm::zip(operandBatching, indicesBatching)) {
    if (ofIndices == vectorDim) { // (C15)
      return emitOptionalError(location,
                               "gather: the index vector's dimension ",
                               vectorDim, " is a batching one");
    }
    if (operand.getDimSize(ofOperand) !=
        startIndices.getDimSize(ofIndices)) { // (C17)
      return emitOptionalError(
          location, "gather: batching dimension ", ofOperand, " of size ",
          operand.getDimSize(ofOperand), " meets one of size ",
          startIndices.getDimSize(ofIndices));
    }
  }
  SmallVector<int64_t> offsets, batches;
  for (auto [dim, size] : llvm::enumerate(sliceSizes)) {
    if (size < 0 || size > operand.getDimSize(dim)) { // (C20)
      return emitOptionalError(location, "gather: slice size ", size,
                               " is out of range for dimension ", dim,
                               " of size ", operand.getDimSize(dim));
    }
    if (!llvm::is_contained(hidden, static_cast<int64_t>(dim))) {
      offsets.push_back(size);
    } else if (size > 1) { // (C8), (C12)
      return emitOptionalError(
          location,
          "gather: the slice size of collapsed or batching dimension ", dim,
          " is ", size);
    }
  }
  for (auto [dim, size] : llvm::enumerate(startIndices.getShape())) {
    if (static_cast<int64_t>(dim) != vectorDim) {
      batches.push_back(size);
    }
  }
  int64_t rank = offsets.size() + batches.size();
  if (numbers.getOffsetDims().size() != offsets.size()) { // (C1)
    return emitOptionalError(
        location, "gather: has ", numbers.getOffsetDims().size(),
        " offset dimension(s) for slices of rank ", offsets.size());
  }
  if (failed(verifyDimensions(location, "gather: offset dimension",
                              numbers.getOffsetDims(), rank))) { // (C4), (C5)
    return failure();
  }
  SmallVector<int64_t> shape;
  const int64_t *offset = offsets.begin(), *batch = batches.begin();
  for (int64_t dim = 0; dim < rank; ++dim) {
    shape.push_back(llvm::is_contained(numbers.getOffsetDims(), dim)
                        ? *offset++
                        : *batch++);
  }
  return operand.clone(shape); // (C22), (C23)
}

/// As many as the operand has dimensions, rank 0, one integer type.
static LogicalResult verifyStartIndices(MaybeLocation location, StringRef op,
                                        TypeRange indices, int64_t rank) {
  if (static_cast<int64_t>(indices.size()) != rank) {
    return emitOptionalError(location, op, ": has ", indices.size(),
                             " start indices for an operand of rank ", rank);
  }
  for (Type index : indices) {
    auto type = cast<RankedTensorType>(index);
    if (type.getRank() != 0 || type.getElementType().isInteger(1) ||
        index != indices.front()) {
      return emitOptionalError(
          location, op,
          ": start indices are integers of rank 0 and one type, got ", index);
    }
  }
  return success();
}

FailureOr<RankedTensorType> mlir::stablehlo::inferDynamicSlice(
    MaybeLocation location, RankedTensorType operand, TypeRange startIndices,
    ArrayRef<int64_t> sliceSizes) {
  if (failed(verifyStartIndices(location, "dynamic_slice", startIndices,
                                operand.getRank()))) { // (C2), (C3)
    return failure();
  }
  if (static_cast<int64_t>(sliceSizes.size()) != operand.getRank()) { // (C2)
    return emitOptionalError(location, "dynamic_slice: has ", sliceSizes.size(),
                             " size(s) for an operand of rank ",
                             operand.getRank());
  }
  for (auto [dim, size] : llvm::enumerate(sliceSizes)) {
    if (size < 0 || size > operand.getDimSize(dim)) { // (C4)
      return emitOptionalError(location, "dynamic_slice: size ", size,
                               " is out of range for dimension ", dim,
                               " of size ", operand.getDimSize(dim));
    }
  }
  return operand.clone(sliceSizes); // (C1), (C5)
}

FailureOr<RankedTensorType> mlir::stablehlo::inferDynamicUpdateSlice(
    MaybeLocation location, RankedTensorType operand, RankedTensorType update,
    TypeRange startIndices) {
  if (update.getElementType() != operand.getElementType() ||
      update.getRank() != operand.getRank()) { // (C2), (C3)
    return emitOptionalError(location, "dynamic_update_slice: ", update,
                             " is not a slice of ", operand);
  }
  if (failed(verifyStartIndices(location, "dynamic_update_slice", startIndices,
                                operand.getRank()))) { // (C4), (C5)
    return failure();
  }
  for (auto [dim, size] : llvm::enumerate(update.getShape())) {
    if (size > operand.getDimSize(dim)) { // (C6)
      return emitOptionalError(location, "dynamic_update_slice: dimension ",
                               dim, " of the update has size ", size,
                               ", of the operand ", operand.getDimSize(dim));
    }
  }
  return operand; // (C1)
}

FailureOr<RankedTensorType> mlir::stablehlo::inferGetDimensionSize(
    MaybeLocation location, RankedTensorType operand, int64_t dimension) {
  if (dimension < 0 || dimension >= operand.getRank()) { // (C1)
    return emitOptionalError(location, "get_dimension_size: dimension ",
                             dimension, " is out of range for rank ",
                             operand.getRank());
  }
  return RankedTensorType::get({}, IntegerType::get(operand.getContext(), 32));
}

FailureOr<RankedTensorType>
mlir::stablehlo::inferClamp(MaybeLocation location, RankedTensorType min,
                            RankedTensorType operand, RankedTensorType max) {
  for (auto [name, bound] : {std::pair("min", min), std::pair("max", max)}) {
    if (bound.getElementType() != operand.getElementType()) { // (C3)
      return emitOptionalError(location, "clamp: ", name,
                               " has elements of type ", bound.getElementType(),
                               ", the operand of type ",
                               operand.getElementType());
    }
    if (bound.getRank() != 0 &&
        bound.getShape() != operand.getShape()) { // (C1), (C2)
      return emitOptionalError(location, "clamp: ", name, ", ", bound,
                               ", has neither the operand's shape nor rank 0");
    }
  }
  return operand; // (C4)
}

FailureOr<RankedTensorType> mlir::stablehlo::inferDotGeneral(
    MaybeLocation location, RankedTensorType lhs, RankedTensorType rhs,
    DotDimensionNumbersAttr numbers, Type elementType) {
  ArrayRef<int64_t> lb = numbers.getLhsBatchingDimensions(),
                    rb = numbers.getRhsBatchingDimensions();
  ArrayRef<int64_t> lc = numbers.getLhsContractingDimensions(),
                    rc = numbers.getRhsContractingDimensions();
  if (lb.size() != rb.size() || lc.size() != rc.size()) { // (C1), (C2)
    return emitOptionalError(
        location,
        "dot_general: names different numbers of dimensions of lhs and rhs");
  }
  SmallVector<int64_t> lhsNamed(lb), rhsNamed(rb);
  llvm::append_range(lhsNamed, lc);
  llvm::append_range(rhsNamed, rc);
  if (failed(verifyDimensions(location, "dot_general: lhs dimension", lhsNamed,
                              lhs.getRank())) || // (C3), (C5), (C6)
      failed(verifyDimensions(location, "dot_general: rhs dimension", rhsNamed,
                              rhs.getRank()))) { // (C4), (C7), (C8)
    return failure();
  }
  for (auto [l, r] : llvm::zip(lhsNamed, rhsNamed)) { // (C9), (C10)
    if (lhs.getDimSize(l) != rhs.getDimSize(r)) {
      return emitOptionalError(location, "dot_general: lhs dimension ", l,
                               " of size ", lhs.getDimSize(l),
                               " meets rhs dimension ", r, " of size ",
                               rhs.getDimSize(r));
    }
  }
  SmallVector<int64_t> shape;
  for (int64_t dim : lb) {
    shape.push_back(lhs.getDimSize(dim));
  }
  auto appendOthers = [&](RankedTensorType type, ArrayRef<int64_t> named) {
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (!llvm::is_contained(named, dim)) {
        shape.push_back(type.getDimSize(dim));
      }
    }
  };
  appendOthers(lhs, lhsNamed);
  appendOthers(rhs, rhsNamed);
  return RankedTensorType::get(shape, elementType); // (C12)
}

LogicalResult mlir::stablehlo::verifyReduced(MaybeLocation location,
                                             StringRef op, TypeRange inputs,
                                             TypeRange initValues) {
  if (inputs.empty() || inputs.size() != initValues.size()) {
    return emitOptionalError(location, op, ": has ", inputs.size(),
                             " input(s) and ", initValues.size(),
                             " initial value(s)");
  }
  auto first = cast<RankedTensorType>(inputs.front());
  for (auto [input, init] : llvm::zip(inputs, initValues)) {
    auto type = cast<RankedTensorType>(input),
         initType = cast<RankedTensorType>(init);
    if (type.getShape() != first.getShape()) {
      return emitOptionalError(location, op, ": the inputs ", first, " and ",
                               type, " have different shapes");
    }
    if (initType.getRank() != 0) {
      return emitOptionalError(location, op,
                               ": an initial value has rank 0, got ", initType);
    }
  }
  return success();
}

LogicalResult mlir::stablehlo::inferReduce(MaybeLocation location,
                                           TypeRange inputs,
                                           TypeRange initValues,
                                           ArrayRef<int64_t> dimensions,
                                           SmallVectorImpl<Type> &results) {
  if (failed(verifyReduced(location, "reduce", inputs,
                           initValues))) { // (I1), (I2), (C1), (C2)
    return failure();
  }
  auto first = cast<RankedTensorType>(inputs.front());
  if (failed(verifyDimensions(location, "reduce: dimension", dimensions,
                              first.getRank()))) { // (C4), (C5)
    return failure();
  }
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(first.getShape())) {
    if (!llvm::is_contained(dimensions, static_cast<int64_t>(dim))) {
      shape.push_back(size);
    }
  }
  for (Type init : initValues) { // (C3), (C7), (C8)
    results.push_back(RankedTensorType::get(shape, getElementTypeOrSelf(init)));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// InferTypeOpInterface
//===----------------------------------------------------------------------===//

static LogicalResult append(FailureOr<RankedTensorType> type,
                            SmallVectorImpl<Type> &results) {
  if (failed(type)) {
    return failure();
  }
  results.push_back(*type);
  return success();
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *,
                                            MaybeLocation location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  return append(inferTranspose(location, tensorType(adaptor.getOperand()),
                               adaptor.getPermutation()),
                results);
}

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                        Adaptor adaptor,
                                        SmallVectorImpl<Type> &results) {
  return append(inferSlice(location, tensorType(adaptor.getOperand()),
                           adaptor.getStartIndices(), adaptor.getLimitIndices(),
                           adaptor.getStrides()),
                results);
}

LogicalResult ConcatenateOp::inferReturnTypes(MLIRContext *,
                                              MaybeLocation location,
                                              Adaptor adaptor,
                                              SmallVectorImpl<Type> &results) {
  return append(inferConcatenate(location, adaptor.getInputs().getTypes(),
                                 adaptor.getDimension()),
                results);
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &results) {
  return append(inferPad(location, tensorType(adaptor.getOperand()),
                         tensorType(adaptor.getPaddingValue()),
                         adaptor.getEdgePaddingLow(),
                         adaptor.getEdgePaddingHigh(),
                         adaptor.getInteriorPadding()),
                results);
}

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  return append(inferGather(location, tensorType(adaptor.getOperand()),
                            tensorType(adaptor.getStartIndices()),
                            adaptor.getDimensionNumbers(),
                            adaptor.getSliceSizes()),
                results);
}

LogicalResult DynamicSliceOp::inferReturnTypes(MLIRContext *,
                                               MaybeLocation location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  return append(inferDynamicSlice(location, tensorType(adaptor.getOperand()),
                                  adaptor.getStartIndices().getTypes(),
                                  adaptor.getSliceSizes()),
                results);
}

LogicalResult
DynamicUpdateSliceOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  return append(inferDynamicUpdateSlice(location,
                                        tensorType(adaptor.getOperand()),
                                        tensorType(adaptor.getUpdate()),
                                        adaptor.getStartIndices().getTypes()),
                results);
}

LogicalResult
GetDimensionSizeOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                     Adaptor adaptor,
                                     SmallVectorImpl<Type> &results) {
  return append(inferGetDimensionSize(location,
                                      tensorType(adaptor.getOperand()),
                                      adaptor.getDimension()),
                results);
}

LogicalResult ClampOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                        Adaptor adaptor,
                                        SmallVectorImpl<Type> &results) {
  return append(inferClamp(location, tensorType(adaptor.getMin()),
                           tensorType(adaptor.getOperand()),
                           tensorType(adaptor.getMax())),
                results);
}

LogicalResult CompareOp::inferReturnTypes(MLIRContext *context, MaybeLocation,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  results.push_back(
      tensorType(adaptor.getLhs()).clone(IntegerType::get(context, 1))); // (C2)
  return success();
}

LogicalResult IsFiniteOp::inferReturnTypes(MLIRContext *context, MaybeLocation,
                                           Adaptor adaptor,
                                           SmallVectorImpl<Type> &results) {
  results.push_back(
      tensorType(adaptor.getX()).clone(IntegerType::get(context, 1))); // (C1)
  return success();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, MaybeLocation location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  return inferReduce(location, adaptor.getInputs().getTypes(),
                     adaptor.getInitValues().getTypes(),
                     adaptor.getDimensions(), results);
}
