//===- DataMovementVerify.cpp - Constraints of shapes and regions ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/Builders.h"

#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace mlir::stablehlo;

static RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }

static LogicalResult expectResult(Operation *op, ArrayRef<int64_t> shape, Type element) {
  auto expected = RankedTensorType::get(shape, element);
  if (op->getResult(0).getType() != expected) {
    return op->emitOpError() << "the result's type should be " << expected << ", got " << op->getResult(0).getType();
  }
  return success();
}

/// Dimensions are in range and named once.
static LogicalResult verifyDims(Operation *op, StringRef what, ArrayRef<int64_t> dims, int64_t rank) {
  llvm::SmallSet<int64_t, 8> seen;
  for (int64_t dim : dims) {
    if (dim < 0 || dim >= rank) {
      return op->emitOpError() << what << " " << dim << " is out of range for rank " << rank;
    }
    if (!seen.insert(dim).second) {
      return op->emitOpError() << what << " " << dim << " is named twice";
    }
  }
  return success();
}

LogicalResult ConstantOp::verify() {
  if (getValue().getShapedType() != getOutput().getType()) {
    return emitOpError() << "the value has type " << getValue().getShapedType();
  }
  return success();
}

LogicalResult IotaOp::verify() {
  int64_t rank = tensorType(getOutput()).getRank();
  int64_t dim = getIotaDimension();
  if (dim < 0 || dim >= rank) { // (C1)
    return emitOpError() << "dimension " << dim << " is out of range for rank " << rank;
  }
  return success();
}

LogicalResult BroadcastInDimOp::verify() {
  RankedTensorType from = tensorType(getOperand()), to = tensorType(getResult());
  ArrayRef<int64_t> dims = getBroadcastDimensions();
  if (from.getElementType() != to.getElementType()) { // (C1)
    return emitOpError("changes the element type");
  }
  if (static_cast<int64_t>(dims.size()) != from.getRank()) { // (C2)
    return emitOpError() << "names " << dims.size() << " dimension(s) for an operand of rank " << from.getRank();
  }
  if (failed(verifyDims(*this, "broadcast dimension", dims, to.getRank()))) { // (C3), (C4)
    return failure();
  }
  for (auto [index, dim] : llvm::enumerate(dims)) { // (C5)
    if (from.getDimSize(index) != 1 && from.getDimSize(index) != to.getDimSize(dim)) {
      return emitOpError() << "operand dimension " << index << " of size " << from.getDimSize(index)
                           << " does not broadcast to size " << to.getDimSize(dim);
    }
  }
  return success();
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = tensorType(getOperand()), to = tensorType(getResult());
  if (from.getElementType() != to.getElementType()) { // (C1)
    return emitOpError("changes the element type");
  }
  if (from.hasStaticShape() && to.hasStaticShape() && from.getNumElements() != to.getNumElements()) { // (C2)
    return emitOpError() << "has " << from.getNumElements() << " elements before and " << to.getNumElements()
                         << " after";
  }
  return success();
}

LogicalResult TransposeOp::verify() {
  RankedTensorType from = tensorType(getOperand());
  ArrayRef<int64_t> permutation = getPermutation();
  if (static_cast<int64_t>(permutation.size()) != from.getRank()) { // (C2)
    return emitOpError() << "permutes " << permutation.size() << " dimension(s) of an operand of rank "
                         << from.getRank();
  }
  if (failed(verifyDims(*this, "dimension", permutation, from.getRank()))) {
    return failure();
  }
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation) {
    shape.push_back(from.getDimSize(dim));
  }
  return expectResult(*this, shape, from.getElementType()); // (C1), (C3)
}

LogicalResult SliceOp::verify() {
  RankedTensorType from = tensorType(getOperand());
  int64_t rank = from.getRank();
  for (ArrayRef<int64_t> list : {getStartIndices(), getLimitIndices(), getStrides()}) {
    if (static_cast<int64_t>(list.size()) != rank) { // (C2)
      return emitOpError() << "has " << list.size() << " range(s) for an operand of rank " << rank;
    }
  }
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t start = getStartIndices()[dim], limit = getLimitIndices()[dim], stride = getStrides()[dim];
    if (start < 0 || start > limit || limit > from.getDimSize(dim)) { // (C3)
      return emitOpError() << "range " << start << ":" << limit << " is not inside of dimension " << dim << " of size "
                           << from.getDimSize(dim);
    }
    if (stride < 1) { // (C4)
      return emitOpError() << "stride " << stride << " of dimension " << dim << " is not positive";
    }
    shape.push_back((limit - start + stride - 1) / stride);
  }
  return expectResult(*this, shape, from.getElementType()); // (C1), (C5)
}

LogicalResult ConcatenateOp::verify() {
  if (getInputs().empty()) { // (C3)
    return emitOpError("has no inputs");
  }
  RankedTensorType first = tensorType(getInputs().front());
  int64_t dim = getDimension();
  if (dim < 0 || dim >= first.getRank()) { // (C4)
    return emitOpError() << "dimension " << dim << " is out of range for rank " << first.getRank();
  }
  SmallVector<int64_t> shape(first.getShape());
  for (Value input : getInputs().drop_front()) {
    RankedTensorType type = tensorType(input);
    bool fits = type.getRank() == first.getRank() && type.getElementType() == first.getElementType();
    for (int64_t d = 0; fits && d < first.getRank(); ++d) {
      fits = d == dim || type.getDimSize(d) == first.getDimSize(d);
    }
    if (!fits) { // (C1), (C2)
      return emitOpError() << "inputs " << first << " and " << type << " don't join along dimension " << dim;
    }
    shape[dim] += type.getDimSize(dim);
  }
  return expectResult(*this, shape, first.getElementType()); // (C5), (C6)
}

LogicalResult PadOp::verify() {
  RankedTensorType from = tensorType(getOperand());
  RankedTensorType value = tensorType(getPaddingValue());
  int64_t rank = from.getRank();
  if (value.getRank() != 0 || value.getElementType() != from.getElementType()) { // (C1)
    return emitOpError() << "the padding value should be tensor<" << from.getElementType() << ">";
  }
  for (ArrayRef<int64_t> list : {getEdgePaddingLow(), getEdgePaddingHigh(), getInteriorPadding()}) {
    if (static_cast<int64_t>(list.size()) != rank) { // (C2)
      return emitOpError() << "has " << list.size() << " padding(s) for an operand of rank " << rank;
    }
  }
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t interior = getInteriorPadding()[dim];
    if (interior < 0) { // (C3)
      return emitOpError() << "interior padding of dimension " << dim << " is negative";
    }
    int64_t size = from.getDimSize(dim) + std::max<int64_t>(from.getDimSize(dim) - 1, 0) * interior +
                   getEdgePaddingLow()[dim] + getEdgePaddingHigh()[dim];
    if (size < 0) {
      return emitOpError() << "dimension " << dim << " would have size " << size;
    }
    shape.push_back(size);
  }
  return expectResult(*this, shape, from.getElementType()); // (C4)
}

LogicalResult ReverseOp::verify() {
  return verifyDims(*this, "dimension", getDimensions(), tensorType(getOperand()).getRank()); // (C2), (C3)
}

LogicalResult GatherOp::verify() {
  RankedTensorType operand = tensorType(getOperand()), indices = tensorType(getStartIndices());
  GatherDimensionNumbersAttr numbers = getDimensionNumbers();
  ArrayRef<int64_t> sizes = getSliceSizes();
  int64_t vectorDim = numbers.getIndexVectorDim();
  if (static_cast<int64_t>(sizes.size()) != operand.getRank()) { // (C11)
    return emitOpError() << "has " << sizes.size() << " slice size(s) for an operand of rank " << operand.getRank();
  }
  if (vectorDim < 0 || vectorDim > indices.getRank()) { // (C2)
    return emitOpError() << "index_vector_dim " << vectorDim << " is out of range";
  }
  int64_t indexCount = vectorDim == indices.getRank() ? 1 : indices.getDimSize(vectorDim);
  if (static_cast<int64_t>(numbers.getStartIndexMap().size()) != indexCount) { // (C3)
    return emitOpError() << "start_index_map has " << numbers.getStartIndexMap().size() << " entries for index vectors of "
                         << indexCount;
  }
  SmallVector<int64_t> hidden(numbers.getCollapsedSliceDims());
  llvm::append_range(hidden, numbers.getOperandBatchingDims());
  if (failed(verifyDims(*this, "collapsed or batching dimension", hidden, operand.getRank())) ||
      failed(verifyDims(*this, "start_index_map entry", numbers.getStartIndexMap(), operand.getRank()))) {
    return failure();
  }
  SmallVector<int64_t> offsets, batches;
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (size < 0 || size > operand.getDimSize(dim)) { // (C20)
      return emitOpError() << "slice size " << size << " of dimension " << dim << " is out of range";
    }
    if (!llvm::is_contained(hidden, static_cast<int64_t>(dim))) {
      offsets.push_back(size);
    } else if (size > 1) { // (C12), (C18)
      return emitOpError() << "slice size of the collapsed or batching dimension " << dim << " is " << size;
    }
  }
  for (auto [dim, size] : llvm::enumerate(indices.getShape())) {
    if (static_cast<int64_t>(dim) != vectorDim) {
      batches.push_back(size);
    }
  }
  int64_t rank = offsets.size() + batches.size();
  if (numbers.getOffsetDims().size() != offsets.size() ||
      failed(verifyDims(*this, "offset dimension", numbers.getOffsetDims(), rank))) {
    return emitOpError() << "has " << numbers.getOffsetDims().size() << " offset dimension(s) for slices of rank "
                         << offsets.size();
  }
  SmallVector<int64_t> shape;
  const int64_t *offset = offsets.begin(), *batch = batches.begin();
  for (int64_t dim = 0; dim < rank; ++dim) {
    shape.push_back(llvm::is_contained(numbers.getOffsetDims(), dim) ? *offset++ : *batch++);
  }
  return expectResult(*this, shape, operand.getElementType()); // (C22), (C23)
}

LogicalResult DotGeneralOp::verify() {
  RankedTensorType lhs = tensorType(getLhs()), rhs = tensorType(getRhs());
  DotDimensionNumbersAttr numbers = getDotDimensionNumbers();
  ArrayRef<int64_t> lb = numbers.getLhsBatchingDimensions(), rb = numbers.getRhsBatchingDimensions();
  ArrayRef<int64_t> lc = numbers.getLhsContractingDimensions(), rc = numbers.getRhsContractingDimensions();
  if (lb.size() != rb.size() || lc.size() != rc.size()) { // (C1), (C2)
    return emitOpError("names different numbers of dimensions of lhs and rhs");
  }
  SmallVector<int64_t> lhsNamed(lb), rhsNamed(rb);
  llvm::append_range(lhsNamed, lc);
  llvm::append_range(rhsNamed, rc);
  if (failed(verifyDims(*this, "lhs dimension", lhsNamed, lhs.getRank())) || // (C3), (C5), (C6)
      failed(verifyDims(*this, "rhs dimension", rhsNamed, rhs.getRank()))) { // (C4), (C7), (C8)
    return failure();
  }
  for (auto [l, r] : llvm::zip(lhsNamed, rhsNamed)) { // (C9), (C10)
    if (lhs.getDimSize(l) != rhs.getDimSize(r)) {
      return emitOpError() << "lhs dimension " << l << " of size " << lhs.getDimSize(l) << " meets rhs dimension " << r
                           << " of size " << rhs.getDimSize(r);
    }
  }
  SmallVector<int64_t> shape;
  for (int64_t dim : lb) {
    shape.push_back(lhs.getDimSize(dim));
  }
  for (auto [type, named] : {std::pair(lhs, ArrayRef<int64_t>(lhsNamed)), std::pair(rhs, ArrayRef<int64_t>(rhsNamed))}) {
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (!llvm::is_contained(named, dim)) {
        shape.push_back(type.getDimSize(dim));
      }
    }
  }
  return expectResult(*this, shape, tensorType(getResult()).getElementType()); // (C12)
}

LogicalResult ReduceOp::verify() {
  size_t count = getInputs().size();
  if (count == 0 || getInitValues().size() != count || getNumResults() != count) {
    return emitOpError("takes as many initial values, and gives as many results, as it has inputs");
  }
  RankedTensorType first = tensorType(getInputs().front());
  if (failed(verifyDims(*this, "dimension", getDimensions(), first.getRank()))) { // (C4), (C5)
    return failure();
  }
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(first.getShape())) {
    if (!llvm::is_contained(getDimensions(), static_cast<int64_t>(dim))) {
      shape.push_back(size);
    }
  }
  if (getBody().empty() || getBody().getNumArguments() != 2 * count) { // (C6)
    return emitOpError() << "the computation takes " << 2 * count << " arguments";
  }
  for (auto [input, init, result, index] :
       llvm::zip(getInputs(), getInitValues(), getResults(), llvm::seq<size_t>(0, count))) {
    RankedTensorType type = tensorType(input);
    if (type.getShape() != first.getShape()) { // (C1)
      return emitOpError("the inputs have different shapes");
    }
    if (tensorType(init).getRank() != 0) {
      return emitOpError("an initial value has rank 0");
    }
    auto expected = RankedTensorType::get(shape, tensorType(init).getElementType());
    if (result.getType() != expected) { // (C7), (C8)
      return emitOpError() << "result " << index << " should have type " << expected << ", got " << result.getType();
    }
  }
  return success();
}

LogicalResult OptimizationBarrierOp::verify() {
  if (getOperandTypes() != getResultTypes()) { // (C1)
    return emitOpError("results have the operands' types");
  }
  return success();
}
