//===- ConvolutionAssembly.cpp - Text of convolutions -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/Builders.h"

#include "llvm/ADT/StringSwitch.h"

#include "Assembly.h"

using namespace mlir;
using namespace mlir::stablehlo;

//===----------------------------------------------------------------------===//
// [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]
//===----------------------------------------------------------------------===//

namespace {

/// Dimensions of one tensor: two with letters, the others numbered.
struct ConvolvedTensor {
  char firstName, secondName;
  int64_t first = -1, second = -1;
  SmallVector<int64_t> spatial;
};

} // namespace

static ParseResult parseTensor(AsmParser &parser, ConvolvedTensor &tensor) {
  SmallVector<std::pair<int64_t, int64_t>> numbered; // (number, position)
  int64_t position = 0;
  SMLoc start = parser.getCurrentLocation();
  auto parseOne = [&]() -> ParseResult {
    SMLoc location = parser.getCurrentLocation();
    int64_t number;
    OptionalParseResult isNumber = parser.parseOptionalInteger(number);
    if (isNumber.has_value()) {
      numbered.emplace_back(number, position++);
      return *isNumber;
    }
    StringRef name;
    if (parser.parseKeyword(&name)) {
      return failure();
    }
    int64_t *dim = name == StringRef(&tensor.firstName, 1)    ? &tensor.first
                   : name == StringRef(&tensor.secondName, 1) ? &tensor.second
                                                              : nullptr;
    if (!dim || *dim >= 0) {
      return parser.emitError(location)
             << "expected " << tensor.firstName << " and " << tensor.secondName
             << " once each, and numbers of spatial dimensions, got '" << name
             << "'";
    }
    *dim = position++;
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne)) {
    return failure();
  }
  llvm::sort(numbered);
  for (auto [index, entry] : llvm::enumerate(numbered)) {
    if (entry.first != static_cast<int64_t>(index)) {
      return parser.emitError(start)
             << "spatial dimensions are numbered from 0, each once";
    }
    tensor.spatial.push_back(entry.second);
  }
  if (tensor.first < 0 || tensor.second < 0) {
    return parser.emitError(start)
           << "expected the dimensions " << tensor.firstName << " and "
           << tensor.secondName;
  }
  return success();
}

static void printTensor(AsmPrinter &printer, char firstName, int64_t first,
                        char secondName, int64_t second,
                        ArrayRef<int64_t> spatial) {
  // Parts that do not fit together are printed too, for errors to show.
  SmallVector<std::pair<int64_t, std::string>> dims = {{first, {firstName}},
                                                       {second, {secondName}}};
  for (auto [index, dim] : llvm::enumerate(spatial)) {
    dims.emplace_back(dim, std::to_string(index));
  }
  llvm::sort(dims);
  printer << '[';
  llvm::interleaveComma(llvm::make_second_range(dims), printer);
  printer << ']';
}

static FailureOr<ConvDimensionNumbersAttr> parseNumbers(AsmParser &parser) {
  ConvolvedTensor input{'b', 'f'}, kernel{'i', 'o'}, output{'b', 'f'};
  if (parseTensor(parser, input) || parser.parseKeyword("x") ||
      parseTensor(parser, kernel) || parser.parseArrow() ||
      parseTensor(parser, output)) {
    return failure();
  }
  return ConvDimensionNumbersAttr::get(
      parser.getContext(), input.first, input.second, input.spatial,
      kernel.first, kernel.second, kernel.spatial, output.first, output.second,
      output.spatial);
}

static void printNumbers(AsmPrinter &printer,
                         ConvDimensionNumbersAttr numbers) {
  printTensor(printer, 'b', numbers.getInputBatchDimension(), 'f',
              numbers.getInputFeatureDimension(),
              numbers.getInputSpatialDimensions());
  printer << 'x';
  printTensor(printer, 'i', numbers.getKernelInputFeatureDimension(), 'o',
              numbers.getKernelOutputFeatureDimension(),
              numbers.getKernelSpatialDimensions());
  printer << "->";
  printTensor(printer, 'b', numbers.getOutputBatchDimension(), 'f',
              numbers.getOutputFeatureDimension(),
              numbers.getOutputSpatialDimensions());
}

Attribute ConvDimensionNumbersAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess()) {
    return {};
  }
  FailureOr<ConvDimensionNumbersAttr> numbers = parseNumbers(parser);
  if (failed(numbers) || parser.parseGreater()) {
    return {};
  }
  return *numbers;
}

void ConvDimensionNumbersAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printNumbers(printer, *this);
  printer << '>';
}

ParseResult
mlir::stablehlo::parseConvDimensionNumbers(OpAsmParser &parser,
                                           ConvDimensionNumbersAttr &numbers) {
  FailureOr<ConvDimensionNumbersAttr> parsed = parseNumbers(parser);
  if (failed(parsed)) {
    return failure();
  }
  numbers = *parsed;
  return success();
}

void mlir::stablehlo::printConvDimensionNumbers(
    OpAsmPrinter &printer, Operation *, ConvDimensionNumbersAttr numbers) {
  printNumbers(printer, numbers);
}

//===----------------------------------------------------------------------===//
// stride = [..], pad = [[..], ..], lhs_dilate = [..], rhs_dilate = [..],
// reverse = [..]
//===----------------------------------------------------------------------===//

/// true, false, or the integers that older text has.
static ParseResult parseBool(OpAsmParser &parser, bool &value) {
  int64_t number;
  OptionalParseResult isNumber = parser.parseOptionalInteger(number);
  if (isNumber.has_value()) {
    value = number != 0;
    return *isNumber;
  }
  value = succeeded(parser.parseOptionalKeyword("true"));
  return value ? ParseResult(success()) : parser.parseKeyword("false");
}

ParseResult mlir::stablehlo::parseConvolutionWindow(
    OpAsmParser &parser, DenseI64ArrayAttr &strides,
    DenseIntElementsAttr &padding, DenseI64ArrayAttr &lhsDilation,
    DenseI64ArrayAttr &rhsDilation, DenseBoolArrayAttr &reversal) {
  Builder &builder = parser.getBuilder();
  auto list = [&](llvm::function_ref<ParseResult()> element) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                          element);
  };
  auto integers = [&](DenseI64ArrayAttr &attribute) -> ParseResult {
    SmallVector<int64_t> values;
    if (list([&] { return parser.parseInteger(values.emplace_back()); })) {
      return failure();
    }
    attribute = builder.getDenseI64ArrayAttr(values);
    return success();
  };
  auto pairs = [&]() -> ParseResult {
    SmallVector<int64_t> values;
    int64_t rows = 0;
    auto parseRow = [&]() -> ParseResult {
      ++rows;
      return failure(
          parser.parseLSquare() || parser.parseInteger(values.emplace_back()) ||
          parser.parseComma() || parser.parseInteger(values.emplace_back()) ||
          parser.parseRSquare());
    };
    if (list(parseRow)) {
      return failure();
    }
    padding = DenseIntElementsAttr::get(
        RankedTensorType::get({rows, 2}, builder.getI64Type()), values);
    return success();
  };
  auto booleans = [&]() -> ParseResult {
    SmallVector<bool> values;
    auto parseOne = [&]() -> ParseResult {
      bool value = false;
      if (parseBool(parser, value)) {
        return failure();
      }
      values.push_back(value);
      return success();
    };
    if (list(parseOne)) {
      return failure();
    }
    reversal = builder.getDenseBoolArrayAttr(values);
    return success();
  };
  // The list is empty in `window = {}`.
  StringRef name;
  SMLoc location = parser.getCurrentLocation();
  if (failed(parser.parseOptionalKeyword(&name))) {
    return success();
  }
  while (true) {
    enum Field { Stride, Pad, LhsDilate, RhsDilate, Reverse, Unknown };
    Field field = llvm::StringSwitch<Field>(name)
                      .Case("stride", Stride)
                      .Case("pad", Pad)
                      .Case("lhs_dilate", LhsDilate)
                      .Case("rhs_dilate", RhsDilate)
                      .Case("reverse", Reverse)
                      .Default(Unknown);
    bool isRepeated =
        (field == Stride && strides) || (field == Pad && padding) ||
        (field == LhsDilate && lhsDilation) ||
        (field == RhsDilate && rhsDilation) || (field == Reverse && reversal);
    if (field == Unknown || isRepeated) {
      return parser.emitError(location)
             << "expected stride, pad, lhs_dilate, rhs_dilate or reverse, each "
                "at most once, got '"
             << name << "'";
    }
    if (parser.parseEqual() || (field == Stride      ? integers(strides)
                                : field == Pad       ? pairs()
                                : field == LhsDilate ? integers(lhsDilation)
                                : field == RhsDilate ? integers(rhsDilation)
                                                     : booleans())) {
      return failure();
    }
    if (failed(parser.parseOptionalComma())) {
      return success();
    }
    location = parser.getCurrentLocation();
    if (parser.parseKeyword(&name)) {
      return failure();
    }
  }
}

void mlir::stablehlo::printConvolutionWindow(OpAsmPrinter &printer, Operation *,
                                             DenseI64ArrayAttr strides,
                                             DenseIntElementsAttr padding,
                                             DenseI64ArrayAttr lhsDilation,
                                             DenseI64ArrayAttr rhsDilation,
                                             DenseBoolArrayAttr reversal) {
  StringRef separator = "";
  auto begin = [&](StringRef name) {
    printer << separator << name << " = [";
    separator = ", ";
  };
  auto integers = [&](StringRef name, DenseI64ArrayAttr values) {
    if (values) {
      begin(name);
      llvm::interleaveComma(values.asArrayRef(), printer);
      printer << ']';
    }
  };
  integers("stride", strides);
  if (padding) {
    begin("pad");
    SmallVector<int64_t> values(padding.getValues<int64_t>());
    llvm::interleaveComma(llvm::seq<size_t>(0, values.size() / 2), printer,
                          [&](size_t row) {
                            printer << '[' << values[2 * row] << ", "
                                    << values[2 * row + 1] << ']';
                          });
    printer << ']';
  }
  integers("lhs_dilate", lhsDilation);
  integers("rhs_dilate", rhsDilation);
  if (reversal) {
    begin("reverse");
    llvm::interleaveComma(reversal.asArrayRef(), printer, [&](bool value) {
      printer << (value ? "true" : "false");
    });
    printer << ']';
  }
}
