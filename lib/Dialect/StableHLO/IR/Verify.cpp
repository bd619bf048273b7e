//===- Verify.cpp - Constraints beyond inferred types -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/TypeInference.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::stablehlo;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult ConstantOp::verify() {
  if (getValue().getShapedType() != getOutput().getType()) { // (C1)
    return emitOpError() << "the value has type " << getValue().getShapedType();
  }
  return success();
}

LogicalResult IotaOp::verify() {
  RankedTensorType type = tensorType(getOutput());
  int64_t dim = getIotaDimension();
  if (dim < 0 || dim >= type.getRank()) { // (C1)
    return emitOpError() << "dimension " << dim << " is out of range for rank "
                         << type.getRank();
  }
  if (type.getElementType().isInteger(1)) { // (I1) excludes booleans
    return emitOpError("counts in numbers, not in booleans");
  }
  return success();
}

LogicalResult BroadcastInDimOp::verify() {
  RankedTensorType from = tensorType(getOperand()),
                   to = tensorType(getResult());
  ArrayRef<int64_t> dims = getBroadcastDimensions();
  if (from.getElementType() != to.getElementType()) { // (C1)
    return emitOpError() << "changes the element type from "
                         << from.getElementType() << " to "
                         << to.getElementType();
  }
  if (static_cast<int64_t>(dims.size()) != from.getRank()) { // (C2)
    return emitOpError() << "names " << dims.size()
                         << " dimension(s) for an operand of rank "
                         << from.getRank();
  }
  if (failed(verifyDimensions(getLoc(), "broadcast_in_dim: dimension", dims,
                              to.getRank()))) { // (C3), (C4)
    return failure();
  }
  for (auto [index, dim] : llvm::enumerate(dims)) { // (C5)
    if (from.getDimSize(index) != 1 &&
        from.getDimSize(index) != to.getDimSize(dim)) {
      return emitOpError() << "operand dimension " << index << " of size "
                           << from.getDimSize(index)
                           << " does not broadcast to size "
                           << to.getDimSize(dim);
    }
  }
  return success();
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = tensorType(getOperand()),
                   to = tensorType(getResult());
  if (from.getElementType() != to.getElementType()) { // (C1)
    return emitOpError() << "changes the element type from "
                         << from.getElementType() << " to "
                         << to.getElementType();
  }
  if (from.getNumElements() != to.getNumElements()) { // (C2)
    return emitOpError() << "has " << from.getNumElements()
                         << " element(s) before and " << to.getNumElements()
                         << " after";
  }
  return success();
}

LogicalResult ReverseOp::verify() {
  return verifyDimensions(getLoc(), "reverse: dimension", getDimensions(),
                          tensorType(getOperand()).getRank()); // (C2), (C3)
}

LogicalResult
mlir::stablehlo::verifyPrecisions(Operation *op,
                                  std::optional<ArrayAttr> precisions) {
  if (precisions && !precisions->empty() && precisions->size() != 2) {
    return op->emitOpError()
           << "has " << precisions->size() << " precision(s) for two operands";
  }
  return success();
}

LogicalResult
DotAlgorithmAttr::verify(function_ref<InFlightDiagnostic()> emitError, Type,
                         Type, Type, int64_t lhsComponents,
                         int64_t rhsComponents, int64_t operations, bool) {
  for (int64_t count : {lhsComponents, rhsComponents, operations}) {
    if (count < 1) {
      return emitError() << "an algorithm has at least one component of each "
                            "operand and one operation, got "
                         << count;
    }
  }
  return success();
}

LogicalResult DotGeneralOp::verify() {
  RankedTensorType result = tensorType(getResult());
  FailureOr<RankedTensorType> expected =
      inferDotGeneral(getLoc(), tensorType(getLhs()), tensorType(getRhs()),
                      getDotDimensionNumbers(), result.getElementType());
  if (failed(expected)) {
    return failure();
  }
  if (*expected != result) { // (C12)
    return emitOpError() << "the result's type should be " << *expected
                         << ", got " << result;
  }
  return verifyPrecisions(*this, getPrecisionConfig()); // (C11)
}

LogicalResult mlir::stablehlo::verifyComputation(Operation *op, Region &region,
                                                 ArrayRef<Type> arguments,
                                                 ArrayRef<Type> results) {
  Block &body = region.front();
  if (body.getNumArguments() != arguments.size()) {
    return op->emitOpError() << "the computation takes " << arguments.size()
                             << " arguments, not " << body.getNumArguments();
  }
  auto terminator = dyn_cast<ReturnOp>(body.getTerminator());
  if (!terminator || terminator.getNumOperands() != results.size()) {
    return op->emitOpError() << "the computation returns " << results.size()
                             << " value(s) by stablehlo.return";
  }
  auto check = [&](StringRef what, TypeRange types,
                   ArrayRef<Type> elements) -> LogicalResult {
    for (auto [index, type, element] : llvm::enumerate(types, elements)) {
      auto expected = RankedTensorType::get({}, element);
      if (type != expected) {
        return op->emitOpError()
               << "the computation's " << what << " " << index << " should be "
               << expected << ", got " << type;
      }
    }
    return success();
  };
  return success(
      succeeded(check("argument", body.getArgumentTypes(), arguments)) &&
      succeeded(check("result", terminator.getOperandTypes(), results)));
}

LogicalResult mlir::stablehlo::verifyReducer(Operation *op, Region &region,
                                             TypeRange tensors) {
  SmallVector<Type> results = llvm::map_to_vector(
      tensors, [](Type type) { return getElementTypeOrSelf(type); });
  SmallVector<Type> arguments(results);
  llvm::append_range(arguments, results);
  return verifyComputation(op, region, arguments, results);
}

LogicalResult ReduceOp::verifyRegions() { // (C6)
  return verifyReducer(*this, getBody(), getResultTypes());
}

bool mlir::stablehlo::isPromotable(Type from, Type to) {
  if (auto complex = dyn_cast<ComplexType>(from)) {
    auto toComplex = dyn_cast<ComplexType>(to);
    return toComplex &&
           isPromotable(complex.getElementType(), toComplex.getElementType());
  }
  bool sameKind = (isa<FloatType>(from) && isa<FloatType>(to)) ||
                  (isa<IntegerType>(from) && isa<IntegerType>(to) &&
                   from.isUnsignedInteger() == to.isUnsignedInteger() &&
                   from.isInteger(1) == to.isInteger(1));
  return sameKind && from.getIntOrFloatBitWidth() <= to.getIntOrFloatBitWidth();
}

LogicalResult MapOp::verify() {
  int64_t rank = tensorType(getResult()).getRank();
  if (!llvm::equal(getDimensions(), llvm::seq<int64_t>(0, rank))) { // (C3)
    return emitOpError() << "takes all dimensions, in order";
  }
  return success();
}

LogicalResult MapOp::verifyRegions() { // (C4)
  SmallVector<Type> elements =
      llvm::map_to_vector(getInputs().getTypes(),
                          [](Type type) { return getElementTypeOrSelf(type); });
  return verifyComputation(*this, getComputation(), elements,
                           getElementTypeOrSelf(getType()));
}

LogicalResult RngBitGeneratorOp::verify() {
  RankedTensorType state = tensorType(getInitialState());
  if (getOutputState().getType() != state) { // (C1)
    return emitOpError("the state keeps its type");
  }
  int64_t most = getRngAlgorithm() == RngAlgorithm::THREE_FRY ? 2 : 3;
  if (state.getRank() != 1 || state.getDimSize(0) < 2 ||
      state.getDimSize(0) > most) {
    return emitOpError() << "the state of " << stringifyEnum(getRngAlgorithm())
                         << " has 2" << (most == 3 ? " or 3" : "")
                         << " elements, got " << state;
  }
  return success();
}

LogicalResult ReducePrecisionOp::verify() {
  if (getExponentBits() < 1) { // (C2)
    return emitOpError() << "needs at least one exponent bit, got "
                         << static_cast<int32_t>(getExponentBits());
  }
  if (getMantissaBits() < 0) { // (C3)
    return emitOpError() << "has a negative number of mantissa bits";
  }
  return success();
}

LogicalResult CompositeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(
      *this, getDecompositionAttr());
  if (!function) { // (C4)
    return emitOpError() << "the decomposition @" << getDecomposition()
                         << " is not a function";
  }
  if (TypeRange(function.getArgumentTypes()) != getOperandTypes() ||
      TypeRange(function.getResultTypes()) != getResultTypes()) { // (C4)
    return emitOpError() << "the decomposition @" << getDecomposition()
                         << " has type " << function.getFunctionType();
  }
  return success();
}

LogicalResult OptimizationBarrierOp::verify() {
  if (getOperandTypes() != getResultTypes()) { // (C1)
    return emitOpError("results have the operands' types");
  }
  return success();
}
