//===- Dialect.cpp - Registration, attributes and types of scaled -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::scaled;

#include "steelyard/Dialect/Scaled/IR/Dialect.cpp.inc"
#include "steelyard/Dialect/Scaled/IR/Enums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "steelyard/Dialect/Scaled/IR/Attributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "steelyard/Dialect/Scaled/IR/Types.cpp.inc"

namespace {
/// Every operation may be inlined anywhere.
struct Inliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Operation *, bool) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void ScaledDialect::initialize() {
  addInterfaces<Inliner>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "steelyard/Dialect/Scaled/IR/Attributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "steelyard/Dialect/Scaled/IR/Types.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "steelyard/Dialect/Scaled/IR/Ops.cpp.inc"

#include <cmath>
      >();
}

//===----------------------------------------------------------------------===//
// FormatAttr
//===----------------------------------------------------------------------===//

LogicalResult FormatAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t exponentBits, int64_t significandBits,
                                 int64_t bias, NonFinite nonFinite) {
  // Beyond int these are no format either.
  auto narrow = [](int64_t value) {
    return static_cast<int>(std::clamp<int64_t>(value, INT32_MIN, INT32_MAX));
  };
  std::string error = steelyard::validate(
      {narrow(exponentBits), narrow(significandBits), narrow(bias),
       static_cast<steelyard::NonFinite>(nonFinite)});
  return error.empty() ? success() : LogicalResult(emitError() << error);
}

steelyard::FloatFormat mlir::scaled::getFloatFormat(FormatAttr format) {
  return {static_cast<int>(format.getExponentBits()),
          static_cast<int>(format.getSignificandBits()),
          static_cast<int>(format.getBias()),
          static_cast<steelyard::NonFinite>(format.getNonFinite())};
}

std::optional<steelyard::FloatFormat>
mlir::scaled::getFloatFormat(FloatType type) {
  using Format = std::optional<steelyard::FloatFormat>;
  namespace formats = steelyard::formats;
  return TypeSwitch<Type, Format>(type)
      .Case<Float8E5M2Type>([](auto) { return formats::f8E5M2; })
      .Case<Float8E4M3Type>([](auto) { return formats::f8E4M3; })
      .Case<Float8E4M3FNType>([](auto) { return formats::f8E4M3FN; })
      .Case<Float8E3M4Type>([](auto) { return formats::f8E3M4; })
      .Case<Float8E5M2FNUZType>([](auto) { return formats::f8E5M2FNUZ; })
      .Case<Float8E4M3FNUZType>([](auto) { return formats::f8E4M3FNUZ; })
      .Case<Float8E4M3B11FNUZType>([](auto) { return formats::f8E4M3B11FNUZ; })
      .Case<Float6E2M3FNType>([](auto) { return formats::f6E2M3FN; })
      .Case<Float6E3M2FNType>([](auto) { return formats::f6E3M2FN; })
      .Case<Float4E2M1FNType>([](auto) { return formats::f4E2M1FN; })
      .Case<BFloat16Type>([](auto) { return formats::bf16; })
      .Case<Float16Type>([](auto) { return formats::f16; })
      .Default([](Type) { return Format(); });
}

FormatAttr mlir::scaled::getFormatOf(FloatType type) {
  std::optional<steelyard::FloatFormat> format = getFloatFormat(type);
  return format ? FormatAttr::get(type.getContext(), format->exponentBits,
                                  format->significandBits, format->bias,
                                  static_cast<NonFinite>(format->nonFinite))
                : FormatAttr();
}

std::pair<double, int> mlir::scaled::getLargest(FormatAttr format) {
  int exponent;
  double half = std::frexp(getFloatFormat(format).maxFinite(), &exponent);
  return {2 * half, exponent - 1};
}

//===----------------------------------------------------------------------===//
// ScaleLevelAttr
//===----------------------------------------------------------------------===//

/// kind ( `[` (int | `*`) (`,` (int | `*`))* `]` )?
/// `keyword`: the kind, if it was read already.
static FailureOr<ScaleLevelAttr> parseLevel(AsmParser &parser,
                                            StringRef keyword = {}) {
  SMLoc location = parser.getCurrentLocation();
  if (keyword.empty() && parser.parseKeyword(&keyword)) {
    return failure();
  }
  std::optional<ScaleKind> kind = symbolizeScaleKind(keyword);
  if (!kind) {
    return parser.emitError(location)
           << "unknown kind of scale '" << keyword
           << "', expected exp, f8E8M0FNU, f8E4M3FN or f32";
  }
  SmallVector<int64_t> block;
  auto parseEntry = [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalStar())) {
      block.push_back(-1);
      return success();
    }
    SMLoc entry = parser.getCurrentLocation();
    int64_t size;
    if (parser.parseInteger(size)) {
      return failure();
    }
    if (size < 1) {
      return parser.emitError(entry) << "a block has a size of at least 1, or "
                                        "* for the whole dimension";
    }
    block.push_back(size);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalSquare,
                                     parseEntry)) {
    return failure();
  }
  if (llvm::all_of(block, [](int64_t size) { return size == -1; })) {
    block.clear(); // exp[*, *] is written exp
  }
  return ScaleLevelAttr::get(parser.getContext(), *kind, block);
}

static void printLevel(AsmPrinter &printer, ScaleLevelAttr level) {
  printer << stringifyScaleKind(level.getKind());
  if (level.isPerTensor()) {
    return;
  }
  printer << '[';
  llvm::interleaveComma(level.getBlock(), printer, [&](int64_t size) {
    size == -1 ? printer << '*' : printer << size;
  });
  printer << ']';
}

Attribute ScaleLevelAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess()) {
    return {};
  }
  FailureOr<ScaleLevelAttr> level = parseLevel(parser);
  if (failed(level) || parser.parseGreater()) {
    return {};
  }
  return *level;
}

void ScaleLevelAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printLevel(printer, *this);
  printer << '>';
}

SmallVector<int64_t>
ScaleLevelAttr::getScaleShape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> scales;
  for (auto [size, block] : llvm::zip_equal(
           isPerTensor() ? ArrayRef<int64_t>() : shape, getBlock())) {
    scales.push_back(block == -1 ? 1 : (size + block - 1) / block);
  }
  return scales;
}

Type ScaleLevelAttr::getScaleElementType() const {
  MLIRContext *context = getContext();
  switch (getKind()) {
  case ScaleKind::Exponent:
    return IntegerType::get(context, 32);
  case ScaleKind::E8M0:
    return Float8E8M0FNUType::get(context);
  case ScaleKind::E4M3:
    return Float8E4M3FNType::get(context);
  case ScaleKind::F32:
    return Float32Type::get(context);
  }
  llvm_unreachable("all kinds are handled");
}

//===----------------------------------------------------------------------===//
// ScaledTensorType
//===----------------------------------------------------------------------===//

Type ScaledTensorType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType)) {
    return {};
  }
  FormatAttr format;
  SmallVector<ScaleLevelAttr> levels;
  if (parser.parseComma()) {
    return {};
  }
  // A format starts with '#'; kinds of scales are keywords, some of them types.
  StringRef kind;
  bool startsWithKind = succeeded(parser.parseOptionalKeyword(
      &kind, {"exp", "f8E8M0FNU", "f8E4M3FN", "f32"}));
  if (!startsWithKind) {
    OptionalParseResult hasFormat = parser.parseOptionalAttribute(format);
    if (hasFormat.has_value() && (failed(*hasFormat) || parser.parseComma())) {
      return {};
    }
  }
  do {
    FailureOr<ScaleLevelAttr> level = parseLevel(parser, kind);
    kind = {};
    if (failed(level)) {
      return {};
    }
    levels.push_back(*level);
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseGreater()) {
    return {};
  }
  return parser.getChecked<ScaledTensorType>(
      location, parser.getContext(), shape, elementType, format, levels);
}

void ScaledTensorType::print(AsmPrinter &printer) const {
  printer << '<';
  for (int64_t size : getShape()) {
    printer << size << 'x';
  }
  printer << getElementType();
  if (getFormat()) {
    printer << ", " << getFormat();
  }
  for (ScaleLevelAttr level : getLevels()) {
    printer << ", ";
    printLevel(printer, level);
  }
  printer << '>';
}

LogicalResult
ScaledTensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<int64_t> shape, Type elementType,
                         FormatAttr format, ArrayRef<ScaleLevelAttr> levels) {
  if (llvm::any_of(shape, [](int64_t size) { return size < 0; })) {
    return emitError() << "a scaled tensor has a static shape";
  }
  if (levels.empty()) {
    return emitError() << "a scaled tensor has at least one level of scales";
  }
  if (format) {
    unsigned bits = 1 + format.getExponentBits() + format.getSignificandBits();
    unsigned width = bits <= 8 ? 8 : 16;
    if (!elementType.isSignlessInteger(width)) {
      return emitError() << "a format of " << bits << " bits is stored as i"
                         << width << ", not as " << elementType;
    }
  } else if (!isa<FloatType>(elementType)) {
    return emitError() << "the element type is a float, or an integer with a "
                          "#scaled.format, got "
                       << elementType;
  }
  for (ScaleLevelAttr level : levels) {
    if (!level.isPerTensor() && level.getBlock().size() != shape.size()) {
      return emitError() << "a level of scales with " << level.getBlock().size()
                         << " block sizes on data of rank " << shape.size();
    }
  }
  return success();
}

ShapedType ScaledTensorType::cloneWith(std::optional<ArrayRef<int64_t>> shape,
                                       Type elementType) const {
  bool sameStorage = elementType == getElementType();
  return ScaledTensorType::get(
      getContext(), shape.value_or(getShape()), elementType,
      sameStorage ? getFormat() : FormatAttr(), getLevels());
}

RankedTensorType ScaledTensorType::getDataType() const {
  return RankedTensorType::get(getShape(), getElementType());
}

SmallVector<RankedTensorType> ScaledTensorType::getScaleTypes() const {
  return llvm::map_to_vector(getLevels(), [&](ScaleLevelAttr level) {
    return RankedTensorType::get(level.getScaleShape(getShape()),
                                 level.getScaleElementType());
  });
}

bool ScaledTensorType::isPerTensorExponent() const {
  return getLevels().size() == 1 && getLevels()[0].isPerTensor() &&
         getLevels()[0].getKind() == ScaleKind::Exponent;
}

std::optional<int64_t> ScaledTensorType::getSliceDimension() const {
  if (getLevels().size() != 1 ||
      getLevels()[0].getKind() != ScaleKind::Exponent) {
    return std::nullopt;
  }
  std::optional<int64_t> dimension;
  for (auto [index, size] : llvm::enumerate(getLevels()[0].getBlock())) {
    if (size == -1) {
      continue;
    }
    if (size != 1 || dimension) {
      return std::nullopt;
    }
    dimension = index;
  }
  return dimension;
}

ScaledTensorType
ScaledTensorType::cloneWithElementType(Type elementType,
                                       FormatAttr format) const {
  return ScaledTensorType::get(getContext(), getShape(), elementType, format,
                               getLevels());
}

//===----------------------------------------------------------------------===//
// Exponents
//===----------------------------------------------------------------------===//

int32_t mlir::scaled::addExponents(int32_t lhs, int32_t rhs) {
  if (lhs <= kLeastExponent || rhs <= kLeastExponent) {
    return kLeastExponent;
  }
  // A finite product never becomes the zero mark: it stops one above it.
  return static_cast<int32_t>(std::clamp<int64_t>(
      int64_t{lhs} + rhs, kLeastExponent + 1, kExponentLimit));
}

int32_t mlir::scaled::subtractExponents(int32_t lhs, int32_t rhs) {
  if (lhs <= kLeastExponent) {
    return kLeastExponent;
  }
  int64_t divisor = rhs <= kLeastExponent ? 0 : rhs;
  return static_cast<int32_t>(
      std::clamp<int64_t>(lhs - divisor, kLeastExponent + 1, kExponentLimit));
}

int32_t mlir::scaled::maxExponents(int32_t lhs, int32_t rhs) {
  return std::max(lhs, rhs);
}
