//===- Ops.cpp - Verifiers and folders of the scaled dialect ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/StableHLO/IR/TypeInference.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace mlir::scaled;

#define GET_OP_CLASSES
#include "steelyard/Dialect/Scaled/IR/Ops.cpp.inc"

//===----------------------------------------------------------------------===//
// pack, unpack
//===----------------------------------------------------------------------===//

static LogicalResult verifyParts(Operation *op, ScaledTensorType type,
                                 Type data, TypeRange scales) {
  if (data != type.getDataType()) {
    return op->emitOpError() << "the data of " << type << " is "
                             << type.getDataType() << ", got " << data;
  }
  SmallVector<RankedTensorType> expected = type.getScaleTypes();
  if (expected.size() != scales.size()) {
    return op->emitOpError() << type << " has " << expected.size()
                             << " level(s) of scales, got " << scales.size();
  }
  for (auto [want, got] : llvm::zip(expected, scales)) {
    if (want != got) {
      return op->emitOpError()
             << "the scales of " << type << " are " << want << ", got " << got;
    }
  }
  return success();
}

LogicalResult PackOp::verify() {
  return verifyParts(*this, getResult().getType(), getData().getType(),
                     getScales().getTypes());
}

OpFoldResult PackOp::fold(FoldAdaptor) {
  auto unpack = getData().getDefiningOp<UnpackOp>();
  if (unpack && unpack.getData() == getData() &&
      unpack.getInput().getType() == getType() &&
      llvm::equal(unpack.getScales(), getScales())) {
    return unpack.getInput();
  }
  return {};
}

void UnpackOp::build(OpBuilder &builder, OperationState &state, Value input) {
  auto type = cast<ScaledTensorType>(input.getType());
  SmallVector<Type> results = {type.getDataType()};
  llvm::append_range(results, type.getScaleTypes());
  state.addOperands(input);
  state.addTypes(results);
}

LogicalResult UnpackOp::verify() {
  return verifyParts(*this, getInput().getType(), getData().getType(),
                     getScales().getTypes());
}

LogicalResult UnpackOp::fold(FoldAdaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  auto pack = getInput().getDefiningOp<PackOp>();
  if (!pack) {
    return failure();
  }
  results.push_back(pack.getData());
  llvm::append_range(results, pack.getScales());
  return success();
}

//===----------------------------------------------------------------------===//
// cast, quantize, dequantize
//===----------------------------------------------------------------------===//

void CastOp::build(OpBuilder &builder, OperationState &state, Type result,
                   Value input, bool saturate, Rounding rounding,
                   Value random) {
  build(builder, state, result, input, random, rounding, saturate,
        /*source_format=*/FormatAttr(), /*result_format=*/FormatAttr());
}

static LogicalResult verifyCodes(Operation *op, StringRef what, Type type,
                                 FormatAttr format) {
  Type element = getElementTypeOrSelf(type);
  if (isa<FloatType>(element)) {
    return format ? op->emitOpError() << what << " format is given, but "
                                      << element << " has its own"
                  : success();
  }
  if (!format) {
    return op->emitOpError() << what << " of integer type " << element
                             << " needs a " << what << "_format";
  }
  unsigned bits = 1 + format.getExponentBits() + format.getSignificandBits();
  if (element.getIntOrFloatBitWidth() != (bits <= 8 ? 8 : 16)) {
    return op->emitOpError()
           << "a format of " << bits << " bits is not stored in " << element;
  }
  return success();
}

/// Stochastic rounding and random bits come together.
static LogicalResult verifyRounding(Operation *op, Rounding rounding,
                                    Value random) {
  if ((rounding == Rounding::Stochastic) != static_cast<bool>(random)) {
    return op->emitOpError(random
                               ? "random bits are for stochastic rounding only"
                               : "stochastic rounding needs random bits");
  }
  return success();
}

LogicalResult CastOp::verify() {
  if (failed(verifyCodes(*this, "source", getInput().getType(),
                         getSourceFormatAttr())) ||
      failed(verifyCodes(*this, "result", getType(), getResultFormatAttr()))) {
    return failure();
  }
  return verifyRounding(*this, getRounding(), getRandom());
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType() && !getSaturate() &&
      getSourceFormatAttr() == getResultFormatAttr()) {
    return getInput();
  }
  return {};
}

void QuantizeOp::build(OpBuilder &builder, OperationState &state, Type result,
                       Value input, bool saturate, int64_t margin,
                       Value exponent) {
  build(builder, state, result, input, exponent, /*random=*/Value(),
        Rounding::NearestEven, saturate, margin);
}

LogicalResult QuantizeOp::verify() {
  auto input = cast<ShapedType>(getInput().getType());
  if (input.getShape() != getType().getShape()) {
    return emitOpError("changes the shape");
  }
  if (getExponent() && getMargin() != 0) {
    return emitOpError("has a margin below an exponent that is given");
  }
  return verifyRounding(*this, getRounding(), getRandom());
}

LogicalResult DequantizeOp::verify() {
  if (getInput().getType().getShape() != getType().getShape()) {
    return emitOpError("changes the shape");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Exponent arithmetic
//===----------------------------------------------------------------------===//

static std::optional<int32_t> constantExponent(Attribute attribute) {
  if (auto integer = dyn_cast_or_null<IntegerAttr>(attribute)) {
    return static_cast<int32_t>(integer.getInt());
  }
  if (auto dense = dyn_cast_or_null<DenseIntElementsAttr>(attribute);
      dense && dense.isSplat()) {
    return static_cast<int32_t>(dense.getSplatValue<APInt>().getSExtValue());
  }
  return std::nullopt;
}

static OpFoldResult exponentAttr(Type type, int32_t value) {
  Builder builder(type.getContext());
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    return DenseElementsAttr::get(tensor, value);
  }
  return builder.getI32IntegerAttr(value);
}

template <typename Function>
static OpFoldResult foldBinary(Type type, Attribute lhs, Attribute rhs,
                               Function function) {
  std::optional<int32_t> l = constantExponent(lhs), r = constantExponent(rhs);
  return l && r ? exponentAttr(type, function(*l, *r)) : OpFoldResult();
}

OpFoldResult ExponentAddOp::fold(FoldAdaptor adaptor) {
  if (constantExponent(adaptor.getRhs()) == 0) {
    return getLhs();
  }
  return foldBinary(getType(), adaptor.getLhs(), adaptor.getRhs(),
                    addExponents);
}

OpFoldResult ExponentSubOp::fold(FoldAdaptor adaptor) {
  if (constantExponent(adaptor.getRhs()) == 0) {
    return getLhs();
  }
  return foldBinary(getType(), adaptor.getLhs(), adaptor.getRhs(),
                    subtractExponents);
}

OpFoldResult ExponentMaxOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs() ||
      constantExponent(adaptor.getRhs()) == kLeastExponent) {
    return getLhs();
  }
  return foldBinary(getType(), adaptor.getLhs(), adaptor.getRhs(),
                    maxExponents);
}

OpFoldResult ExponentDeltaOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs()) {
    return exponentAttr(getType(), 0);
  }
  return foldBinary(getType(), adaptor.getLhs(), adaptor.getRhs(),
                    [](int32_t l, int32_t r) { return l - r; });
}

LogicalResult ConstantExponentOp::verify() {
  // A difference of exponents is twice as large at most.
  int64_t value = getValueAttr().getInt(), most = -2 * int64_t{kLeastExponent};
  if (value < -most || value > most) {
    return emitOpError() << "is " << value
                         << "; exponents lie in ±2^20, and their differences "
                            "in ±2^21";
  }
  return success();
}

OpFoldResult ConstantExponentOp::fold(FoldAdaptor) {
  return exponentAttr(getType(), static_cast<int32_t>(getValueAttr().getInt()));
}

LogicalResult RescaleOp::verify() {
  auto deltas = dyn_cast<RankedTensorType>(getDelta().getType());
  if (!deltas || deltas.getRank() == 0) {
    return success();
  }
  auto data = dyn_cast<RankedTensorType>(getData().getType());
  bool fits = data && data.getRank() == deltas.getRank() &&
              llvm::all_of(llvm::zip(data.getShape(), deltas.getShape()),
                           [](auto sizes) {
                             auto [size, count] = sizes;
                             return count == 1 || count == size;
                           });
  return fits ? success()
              : emitOpError() << "deltas " << deltas << " do not fit "
                              << getData().getType()
                              << ": each of their sizes is 1 or the data's";
}

OpFoldResult RescaleOp::fold(FoldAdaptor adaptor) {
  return constantExponent(adaptor.getDelta()) == 0 ? OpFoldResult(getData())
                                                   : OpFoldResult();
}

LogicalResult RescaleFactorsOp::fold(FoldAdaptor adaptor,
                                     SmallVectorImpl<OpFoldResult> &results) {
  std::optional<int32_t> delta = constantExponent(adaptor.getDelta());
  auto type = cast<FloatType>(getFirst().getType());
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  if (!delta || *delta < APFloat::semanticsMinExponent(semantics) ||
      *delta > APFloat::semanticsMaxExponent(semantics)) {
    return failure();
  }
  Builder b(getContext());
  APFloat one = APFloat::getOne(semantics);
  results.push_back(
      b.getFloatAttr(type, scalbn(one, *delta, APFloat::rmNearestTiesToEven)));
  results.append(2, b.getFloatAttr(type, one));
  return success();
}

Operation *ScaledDialect::materializeConstant(OpBuilder &builder,
                                              Attribute value, Type type,
                                              Location location) {
  if (std::optional<int32_t> exponent = constantExponent(value)) {
    return ConstantExponentOp::create(builder, location, type,
                                      builder.getI32IntegerAttr(*exponent));
  }
  if (isa<FloatAttr>(value)) {
    return arith::ConstantOp::materialize(builder, value, type, location);
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// dot_general, convolution
//===----------------------------------------------------------------------===//

static LogicalResult verifyAccumulator(Operation *op,
                                       FailureOr<RankedTensorType> expected) {
  if (failed(expected)) {
    return failure();
  }
  auto type = cast<ScaledTensorType>(op->getResult(0).getType());
  if (expected->getShape() != type.getShape()) {
    return op->emitOpError()
           << "the result's shape should be [" << expected->getShape() << "]";
  }
  if (!type.getElementType().isF32()) {
    return op->emitOpError("the result is the float32 accumulator");
  }
  return success();
}

LogicalResult DotGeneralOp::verify() {
  auto numbers = stablehlo::DotDimensionNumbersAttr::get(
      getContext(), getLhsBatching(), getRhsBatching(), getLhsContracting(),
      getRhsContracting());
  return verifyAccumulator(
      *this,
      stablehlo::inferDotGeneral(getLoc(), getLhs().getType().getDataType(),
                                 getRhs().getType().getDataType(), numbers,
                                 Float32Type::get(getContext())));
}

SmallVector<int64_t> DotGeneralOp::getContractedDimensions(unsigned index) {
  return SmallVector<int64_t>(index == 0 ? getLhsContracting()
                                         : getRhsContracting());
}

Value DotGeneralOp::createScaled(OpBuilder &builder, Value lhs, Value rhs) {
  auto created = DotGeneralOp::create(
      builder, getLoc(), getType(), lhs, rhs, getLhsBatchingAttr(),
      getRhsBatchingAttr(), getLhsContractingAttr(), getRhsContractingAttr(),
      getFastAccumulateAttr());
  created->setDiscardableAttrs((*this)->getDiscardableAttrDictionary());
  return created;
}

LogicalResult ConvolutionOp::verify() {
  return verifyAccumulator(
      *this, stablehlo::inferConvolution(
                 getLoc(), getLhs().getType().getDataType(),
                 getRhs().getType().getDataType(), getDimensionNumbers(),
                 getWindowAttributes(), getFeatureGroupCount(),
                 getBatchGroupCount(), Float32Type::get(getContext())));
}

SmallVector<int64_t> ConvolutionOp::getContractedDimensions(unsigned index) {
  stablehlo::ConvDimensionNumbersAttr numbers = getDimensionNumbers();
  return {index == 0 ? numbers.getInputFeatureDimension()
                     : numbers.getKernelInputFeatureDimension()};
}

Value ConvolutionOp::createScaled(OpBuilder &builder, Value lhs, Value rhs) {
  auto created = ConvolutionOp::create(
      builder, getLoc(), getType(), lhs, rhs, getWindowStridesAttr(),
      getPaddingAttr(), getLhsDilationAttr(), getRhsDilationAttr(),
      getWindowReversalAttr(), getDimensionNumbers(),
      getFeatureGroupCountAttr(), getBatchGroupCountAttr(),
      getFastAccumulateAttr());
  created->setDiscardableAttrs((*this)->getDiscardableAttrDictionary());
  return created;
}

//===----------------------------------------------------------------------===//
// observe, edge
//===----------------------------------------------------------------------===//

void ObserveOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  effects.emplace_back(MemoryEffects::Write::get());
}

LogicalResult EdgeOp::verify() {
  for (const auto &[name, factor] : {std::pair("forward", getForward()),
                                     std::pair("backward", getBackward())}) {
    if (!factor.isFinite() || factor.isZero() || factor.isNegative()) {
      return emitOpError() << name << " factor is positive and finite";
    }
  }
  return success();
}
