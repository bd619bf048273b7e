//===- ScalifyRewriter.cpp - What Scalify's rules work with -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ScalifyRewriter.h"

#include "steelyard/Dialect/Scaled/Utils/Exponents.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include <cmath>

using namespace mlir;
using namespace mlir::scaled;
using namespace steelyard;

namespace {

/// Data whose amax is so far from where it is normalised to is rounded as it
/// is: storage keeps nearly all of its range, and overflow is far.
constexpr int kLeastKept = -3, kGreatestKept = 4;

/// A constant of such magnitude stays float64: values beside it would leave
/// float32.
constexpr int kBeyondFloat32 = 100;

bool isHeld(const AmaxRange &range, int magnitude) {
  return range.low && range.high && *range.low >= magnitude + kLeastKept &&
         *range.high <= magnitude + kGreatestKept;
}

RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

bool isDouble(Value value) { return tensorOf(value).getElementType().isF64(); }

std::optional<int64_t> sliceDimensionOf(Value scaled) {
  return cast<ScaledTensorType>(scaled.getType()).getSliceDimension();
}

} // namespace

FloatType steelyard::storageOf(RankedTensorType type, FloatType storage) {
  return type.getNumElements() == 1 ? Float32Type::get(type.getContext())
                                    : storage;
}

ScalifyRewriter::ScalifyRewriter(Operation *op, FloatType storageType,
                                 ScalifiedValues &values, VisitBlock visitBlock)
    : b(op), loc(op->getLoc()), op(op), storageType(storageType),
      values(values), visitBlock(visitBlock) {}

const ScalifiedValue &ScalifyRewriter::value(unsigned index) {
  auto found = values.find(op->getOperand(index));
  assert(found != values.end() && "operands are visited before their users");
  return found->second;
}

const ScalifiedValue &ScalifyRewriter::single(unsigned index) {
  const ScalifiedValue &known = value(index);
  if (!known.scaled || !sliceDimensionOf(known.scaled)) {
    return known;
  }
  auto [entry, isNew] = joined.try_emplace(index);
  if (isNew) {
    int64_t dimension = *sliceDimensionOf(known.scaled);
    op->emitRemark() << "'" << op->getName()
                     << "' has one scale a tensor: those of the "
                     << tensorOf(op->getOperand(index)).getDimSize(dimension)
                     << " slices that a loop stacked in operand " << index
                     << " are joined";
    entry->second = joinSlices(known);
  }
  return entry->second;
}

/// Float32 holds slices 2^126 below the largest.
ScalifiedValue ScalifyRewriter::joinSlices(const ScalifiedValue &value) {
  // Once, where the stack is made: a loop may read it in each trip.
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(value.scaled);
  auto parts = UnpackOp::create(b, loc, value.scaled);
  Value exponents = parts.getScales().front();
  Value largest = largestExponent(b, loc, exponents);
  ScalifiedValue result = value;
  result.scaled =
      pack(move(widen(parts.getData()), exponents, largest), largest);
  return result;
}

std::optional<int64_t> ScalifyRewriter::sliceDimension(unsigned index) {
  Value found = value(index).scaled;
  return found ? sliceDimensionOf(found) : std::nullopt;
}

std::pair<Value, Value> ScalifyRewriter::slices(unsigned index) {
  auto parts = UnpackOp::create(b, loc, value(index).scaled);
  return {parts.getData(), parts.getScales().front()};
}

bool ScalifyRewriter::isScaled(unsigned index) {
  return static_cast<bool>(value(index).scaled);
}
Value ScalifyRewriter::plain(unsigned index) { return value(index).plain; }
Value ScalifyRewriter::scaled(unsigned index) {
  Value found = single(index).scaled;
  auto type = cast<ScaledTensorType>(found.getType());
  if (type.getElementType() == storageType) {
    return found;
  }
  auto [data, exponent] = withinStorage(single(index));
  return pack(
      CastOp::create(b, loc, type.getDataType().clone(storageType), data),
      exponent);
}

std::pair<Value, Value>
ScalifyRewriter::withinStorage(const ScalifiedValue &value) {
  auto parts = UnpackOp::create(b, loc, value.scaled);
  if (!value.isSpread) {
    return {parts.getData(), parts.getScales().front()};
  }
  auto normalized =
      NormalizeOp::create(b, loc, parts.getData(), parts.getScales().front(),
                          magnitudeOf(parts.getData()));
  return {normalized.getResult(), normalized.getResultExponent()};
}

Value ScalifyRewriter::storage(unsigned index) {
  return UnpackOp::create(b, loc, single(index).scaled).getData();
}
Value ScalifyRewriter::exponent(unsigned index) {
  return UnpackOp::create(b, loc, single(index).scaled).getScales().front();
}

FloatType ScalifyRewriter::wideType() {
  bool hasDouble = llvm::any_of(op->getOperands(), [&](Value operand) {
    auto type = dyn_cast_if_present<ScaledTensorType>(
        values.lookup(operand).scaled ? values.lookup(operand).scaled.getType()
                                      : Type());
    return type && type.getElementType().isF64();
  });
  return hasDouble ? FloatType(b.getF64Type()) : b.getF32Type();
}

Value ScalifyRewriter::converted(Value data, FloatType element) {
  RankedTensorType type = tensorOf(data).clone(element);
  return tensorOf(data) == type
             ? data
             : stablehlo::ConvertOp::create(b, loc, type, data).getResult();
}

int ScalifyRewriter::magnitudeOf(Value data) const {
  return storageOf(tensorOf(data), storageType).isF16() ? kMagnitudeOfFloat16
                                                        : 0;
}

Value ScalifyRewriter::widen(Value data) { return converted(data, wideType()); }

Value ScalifyRewriter::round(Value data) {
  RankedTensorType type = tensorOf(data);
  type = type.clone(storageOf(type, storageType));
  if (type.getElementType().isF32() || (keepsWide && !isSpread)) {
    return converted(data, b.getF32Type());
  }
  return keepsWide || tensorOf(data) == type
             ? data
             : CastOp::create(b, loc, type, data).getResult();
}

Value ScalifyRewriter::pack(Value data, Value exponent,
                            std::optional<int64_t> dimension) {
  ArrayRef<int64_t> shape = tensorOf(data).getShape();
  Type element = tensorOf(data).getElementType();
  auto type = dimension ? ScaledTensorType::get(shape, element, *dimension)
                        : ScaledTensorType::get(shape, element);
  return PackOp::create(b, loc, type, data, exponent);
}

ScaledOperand ScalifyRewriter::operand(unsigned index) {
  const ScalifiedValue &known = single(index);
  Value data = storage(index);
  return {widen(data),
          exponent(index),
          cast<FloatType>(tensorOf(data).getElementType()),
          known.range,
          known.isUniform,
          known.isZero};
}

Value ScalifyRewriter::real(unsigned index) {
  auto [data, exponents] = slices(index);
  return converted(move(widen(data), exponents, constant(0)), b.getF32Type());
}

Value ScalifyRewriter::add(Value lhs, Value rhs) {
  return b.createOrFold<ExponentAddOp>(loc, lhs.getType(), lhs, rhs);
}
Value ScalifyRewriter::sub(Value lhs, Value rhs) {
  return b.createOrFold<ExponentSubOp>(loc, lhs.getType(), lhs, rhs);
}
Value ScalifyRewriter::max(Value lhs, Value rhs) {
  return b.createOrFold<ExponentMaxOp>(loc, lhs.getType(), lhs, rhs);
}
Value ScalifyRewriter::constant(int64_t exponent) {
  return ConstantExponentOp::create(b, loc, exponent);
}

std::pair<Value, Value> ScalifyRewriter::half(Value exponent) {
  auto op = ExponentHalfOp::create(b, loc, exponent);
  return {op.getHalf(), op.getOdd()};
}

Value ScalifyRewriter::move(Value data, Value from, Value to) {
  if (from == to) {
    return data;
  }
  // One exponent stands for each slice's.
  for (auto [one, other] : {std::pair(&from, &to), std::pair(&to, &from)}) {
    RankedTensorType type = tensorOf(*other);
    if (tensorOf(*one).getRank() == 0 && type.getRank() != 0) {
      *one = stablehlo::BroadcastInDimOp::create(b, loc, type, *one,
                                                 b.getDenseI64ArrayAttr({}));
    }
  }
  Value delta = b.createOrFold<ExponentDeltaOp>(loc, from.getType(), from, to);
  return b.createOrFold<RescaleOp>(loc, data.getType(), data, delta);
}

void ScalifyRewriter::set(unsigned index, ScalifiedValue value) {
  value.isSpread = isSpread;
  values[op->getResult(index)] = value;
}

void ScalifyRewriter::result(unsigned index, Value data, Value exponent,
                             AmaxRange range) {
  bool isUniform = tensorOf(data).getNumElements() == 1;
  int magnitude = isSpread ? 0 : magnitudeOf(data);
  if (isHeld(range, magnitude)) {
    set(index, {pack(round(data), exponent), {}, range, isUniform, false});
    return;
  }
  if (isSpread && isDouble(data)) {
    Value zero = constant(0);
    set(index, {pack(move(data, exponent, zero), zero),
                {},
                {std::nullopt, 1023},
                isUniform,
                false});
    return;
  }
  auto normalized = NormalizeOp::create(b, loc, data, exponent, magnitude);
  if (isSpread) {
    constexpr int kLargest = 60;
    Value up = constant(kLargest);
    set(index, {pack(move(normalized.getResult(), up, constant(0)),
                     sub(normalized.getResultExponent(), up)),
                {},
                {kLargest, kLargest},
                isUniform,
                false});
    return;
  }
  set(index,
      {pack(round(normalized.getResult()), normalized.getResultExponent()),
       {},
       AmaxRange::exactly(magnitude),
       isUniform,
       false});
}

void ScalifyRewriter::exact(unsigned index, Value data, Value exponent,
                            AmaxRange range, FloatType kept) {
  bool isUniform = tensorOf(data).getNumElements() == 1;
  bool isWider = kept && kept.getWidth() >
                             storageOf(tensorOf(data), storageType).getWidth();
  Value rounded = isWider && !isSpread ? converted(data, kept) : round(data);
  set(index, {pack(rounded, exponent), {}, range, isUniform, false});
}

void ScalifyRewriter::moved(unsigned index, Value storage, unsigned from,
                            bool isUniform) {
  const ScalifiedValue known = single(from);
  bool keepsAll = isUniform || known.isUniform ||
                  tensorOf(storage).getNumElements() ==
                      tensorOf(op->getOperand(from)).getNumElements();
  AmaxRange range =
      keepsAll ? known.range : AmaxRange{std::nullopt, known.range.high};
  set(index, {pack(storage, exponent(from)),
              {},
              range,
              isUniform || known.isUniform,
              known.isZero});
}

void ScalifyRewriter::accumulator(unsigned index, Value scaled) {
  auto parts = UnpackOp::create(b, loc, scaled);
  result(index, parts.getData(), parts.getScales().front(),
         AmaxRange::unknown());
}

void ScalifyRewriter::constantResult(unsigned index, DenseElementsAttr value) {
  SmallVector<APFloat> numbers(value.getValues<APFloat>());
  int32_t exponent = kLeastExponent;
  for (const APFloat &number : numbers) {
    if (number.isFinite() && !number.isZero()) {
      exponent = std::max<int32_t>(exponent, ilogb(number));
    }
  }
  bool isZero =
      exponent == kLeastExponent &&
      llvm::all_of(numbers, [](const APFloat &n) { return n.isZero(); });
  bool staysDouble =
      value.getElementType().isF64() && exponent > kBeyondFloat32;
  if (staysDouble) {
    op->emitRemark() << "a number of magnitude 2^" << exponent
                     << ", which float32 lacks: it stays float64, and so do "
                        "values that are chosen beside it";
  }
  FloatType element = staysDouble       ? FloatType(b.getF64Type())
                      : value.isSplat() ? FloatType(b.getF32Type())
                                        : storageType;
  int magnitude = staysDouble       ? exponent
                  : element.isF16() ? kMagnitudeOfFloat16
                                    : 0;
  int shift = exponent == kLeastExponent ? 0 : exponent - magnitude;
  for (APFloat &number : numbers) {
    bool loses;
    number = scalbn(number, -shift, APFloat::rmNearestTiesToEven);
    number.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &loses);
  }
  RankedTensorType type = tensorOf(op->getResult(0)).clone(element);
  auto data = DenseElementsAttr::get(
      type, value.isSplat() ? ArrayRef<APFloat>(numbers).take_front(1)
                            : ArrayRef<APFloat>(numbers));
  Value constantData = stablehlo::ConstantOp::create(b, loc, data);
  int32_t e = exponent == kLeastExponent ? exponent : shift;
  set(index, {pack(constantData, constant(e)),
              {},
              AmaxRange::exactly(magnitude),
              value.isSplat() || numbers.size() == 1,
              isZero});
}

void ScalifyRewriter::plainResult(unsigned index, Value value) {
  set(index, {{}, value, {}, false, false});
}

namespace {

/// A value as it comes out of a region: storage is all that bounds it.
ScalifiedValue afterBoundary(Value value) {
  auto type = dyn_cast<ScaledTensorType>(value.getType());
  if (!type) {
    return {{}, value, {}, false, false};
  }
  return {value,
          {},
          AmaxRange::unknown(),
          type.getDataType().getNumElements() == 1,
          false};
}

} // namespace

Type ScalifyRewriter::carriedType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isa<FloatType>(tensor.getElementType())) {
    return type;
  }
  return ScaledTensorType::get(tensor.getShape(),
                               storageOf(tensor, storageType));
}

Value ScalifyRewriter::carried(unsigned index,
                               std::optional<int64_t> dimension) {
  const ScalifiedValue known = value(index);
  if (!known.scaled) {
    return known.plain;
  }
  if (dimension && sliceDimensionOf(known.scaled) == dimension) {
    return known.scaled;
  }
  Value kept = keep(single(index), StateRounding());
  if (!dimension) {
    return kept;
  }
  auto parts = UnpackOp::create(b, loc, kept);
  auto type = ScaledTensorType::get(tensorOf(parts.getData()).getShape(),
                                    tensorOf(parts.getData()).getElementType(),
                                    *dimension);
  Value exponents = stablehlo::BroadcastInDimOp::create(
      b, loc, type.getScaleTypes().front(), parts.getScales().front(),
      b.getDenseI64ArrayAttr({}));
  return PackOp::create(b, loc, type, parts.getData(), exponents);
}

void ScalifyRewriter::stored(unsigned index, Value storage, Value exponent) {
  set(index, afterBoundary(pack(storage, exponent)));
}

void ScalifyRewriter::sliced(unsigned index, Value storage, Value exponents,
                             int64_t dimension) {
  set(index, afterBoundary(pack(storage, exponents, dimension)));
}

void ScalifyRewriter::carriedResult(unsigned index, Value value) {
  set(index, afterBoundary(value));
}

LogicalResult ScalifyRewriter::region(Region &from, Region &to,
                                      TypeRange arguments) {
  OpBuilder::InsertionGuard guard(b);
  Block &old = from.front();
  SmallVector<Location> locations = llvm::map_to_vector(
      old.getArguments(), [](BlockArgument a) { return a.getLoc(); });
  Block *block = b.createBlock(&to, {}, arguments, locations);
  // The operations keep seeing the old arguments until they are visited.
  block->getOperations().splice(block->end(), old.getOperations());
  for (auto [before, after] :
       llvm::zip_equal(old.getArguments(), block->getArguments())) {
    values[before] = afterBoundary(after);
  }
  return visitBlock(*block);
}

ScalifiedValue ScalifyRewriter::enter(Value value, bool isWide) {
  // Float64 reaches beyond float32 until its magnitude is in the exponent.
  int magnitude = isWide ? 0 : magnitudeOf(value);
  auto normalized = NormalizeOp::create(
      b, loc, isDouble(value) ? value : converted(value, b.getF32Type()),
      constant(0), magnitude);
  Value data = converted(normalized.getResult(), b.getF32Type());
  return {pack(isWide ? data : round(data), normalized.getResultExponent()),
          {},
          AmaxRange::exactly(magnitude),
          tensorOf(value).getNumElements() == 1,
          false};
}

Value ScalifyRewriter::leave(const ScalifiedValue &value,
                             RankedTensorType type) {
  auto parts = UnpackOp::create(b, loc, value.scaled);
  bool inDouble = type.getElementType().isF64() || isDouble(parts.getData());
  Value data = converted(parts.getData(),
                         inDouble ? FloatType(b.getF64Type()) : b.getF32Type());
  Value real = move(data, parts.getScales().front(), constant(0));
  return tensorOf(real) == type
             ? real
             : stablehlo::ConvertOp::create(b, loc, type, real).getResult();
}

ScalifiedValue ScalifyRewriter::square(Value scaled) {
  auto parts = UnpackOp::create(b, loc, scaled);
  Value data = converted(parts.getData(), b.getF32Type());
  Value e = parts.getScales().front();
  Value squared =
      stablehlo::MultiplyOp::create(b, loc, data.getType(), data, data);
  return {pack(squared, add(e, e)),
          {},
          AmaxRange::unknown(),
          tensorOf(data).getNumElements() == 1,
          false};
}

Value ScalifyRewriter::round(Value data, const StateRounding &rounding) {
  if (!rounding.key) {
    return round(data);
  }
  RankedTensorType type = tensorOf(data);
  type = type.clone(storageOf(type, storageType));
  if (tensorOf(data) == type) {
    return data;
  }
  Value bits =
      RandomBitsOp::create(b, loc, type.clone(b.getI32Type()), rounding.key,
                           b.getI64IntegerAttr(rounding.stream));
  return CastOp::create(b, loc, type, data, /*saturate=*/false,
                        Rounding::Stochastic, bits);
}

Value ScalifyRewriter::keep(const ScalifiedValue &value,
                            const StateRounding &rounding) {
  auto type = cast<ScaledTensorType>(value.scaled.getType());
  if (type.getElementType() == storageOf(type.getDataType(), storageType)) {
    return value.scaled;
  }
  auto [data, exponent] = withinStorage(value);
  return pack(round(data, rounding), exponent);
}

Value ScalifyRewriter::root(const ScalifiedValue &value,
                            const StateRounding &rounding) {
  auto parts = UnpackOp::create(b, loc, value.scaled);
  auto [halved, odd] = half(parts.getScales().front());
  Value data =
      move(converted(parts.getData(), b.getF32Type()), odd, constant(0));
  Value root = stablehlo::SqrtOp::create(b, loc, data.getType(), data);
  auto normalized =
      NormalizeOp::create(b, loc, root, halved, magnitudeOf(root));
  return pack(round(normalized.getResult(), rounding),
              normalized.getResultExponent());
}
