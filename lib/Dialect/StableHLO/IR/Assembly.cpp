//===- Assembly.cpp - The published text format -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Assembly.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::stablehlo;

ParseResult mlir::stablehlo::parseSameTypes(OpAsmParser &parser,
                                            ArrayRef<Type *> operands,
                                            Type &result) {
  SMLoc location = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type)) {
    return failure();
  }
  auto function = dyn_cast<FunctionType>(type);
  if (!function) {
    for (Type *operand : operands) {
      *operand = type;
    }
    result = type;
    return success();
  }
  if (function.getNumInputs() != operands.size() ||
      function.getNumResults() != 1) {
    return parser.emitError(location)
           << "expected a type of " << operands.size()
           << " operand(s) and one result";
  }
  for (auto [operand, input] : llvm::zip(operands, function.getInputs())) {
    *operand = input;
  }
  result = function.getResult(0);
  return success();
}

void mlir::stablehlo::printSameTypes(OpAsmPrinter &printer, TypeRange operands,
                                     Type result) {
  if (llvm::all_of(operands, [&](Type type) { return type == result; })) {
    printer << result;
    return;
  }
  printer.printFunctionalType(operands, TypeRange(result));
}

ParseResult mlir::stablehlo::parseSelectType(OpAsmParser &parser, Type &pred,
                                             Type &onTrue, Type &onFalse,
                                             Type &result) {
  SMLoc location = parser.getCurrentLocation();
  Type first;
  if (parser.parseType(first)) {
    return failure();
  }
  if (auto function = dyn_cast<FunctionType>(first)) {
    if (function.getNumInputs() != 3 || function.getNumResults() != 1) {
      return parser.emitError(
          location, "expected a type of three operands and one result");
    }
    pred = function.getInput(0);
    onTrue = function.getInput(1);
    onFalse = function.getInput(2);
    result = function.getResult(0);
    return success();
  }
  pred = first;
  if (parser.parseComma() || parser.parseType(result)) {
    return failure();
  }
  onTrue = onFalse = result;
  return success();
}

void mlir::stablehlo::printSelectType(OpAsmPrinter &printer, Operation *,
                                      Type pred, Type onTrue, Type onFalse,
                                      Type result) {
  if (onTrue == result && onFalse == result) {
    printer << pred << ", " << result;
    return;
  }
  printer.printFunctionalType(TypeRange{pred, onTrue, onFalse},
                              TypeRange(result));
}

ParseResult
mlir::stablehlo::parsePairwiseSameType(OpAsmParser &parser,
                                       SmallVectorImpl<Type> &operands,
                                       SmallVectorImpl<Type> &results) {
  if (parser.parseTypeList(operands)) {
    return failure();
  }
  results.assign(operands.begin(), operands.end());
  return success();
}

void mlir::stablehlo::printPairwiseSameType(OpAsmPrinter &printer, Operation *,
                                            TypeRange operands, TypeRange) {
  llvm::interleaveComma(operands, printer);
}

ParseResult mlir::stablehlo::parseInteger(OpAsmParser &parser,
                                          IntegerAttr &value) {
  int64_t number;
  if (parser.parseInteger(number)) {
    return failure();
  }
  value = parser.getBuilder().getI64IntegerAttr(number);
  return success();
}

void mlir::stablehlo::printInteger(OpAsmPrinter &printer, Operation *,
                                   IntegerAttr value) {
  printer << value.getInt();
}

ParseResult mlir::stablehlo::parseSliceRanges(OpAsmParser &parser,
                                              DenseI64ArrayAttr &start,
                                              DenseI64ArrayAttr &limit,
                                              DenseI64ArrayAttr &strides) {
  SmallVector<int64_t> starts, limits, steps;
  auto parseRange = [&]() -> ParseResult {
    starts.push_back(0);
    limits.push_back(0);
    steps.push_back(1);
    if (parser.parseInteger(starts.back()) || parser.parseColon() ||
        parser.parseInteger(limits.back())) {
      return failure();
    }
    return failed(parser.parseOptionalColon())
               ? ParseResult(success())
               : parser.parseInteger(steps.back());
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     parseRange)) {
    return failure();
  }
  Builder &builder = parser.getBuilder();
  start = builder.getDenseI64ArrayAttr(starts);
  limit = builder.getDenseI64ArrayAttr(limits);
  strides = builder.getDenseI64ArrayAttr(steps);
  return success();
}

void mlir::stablehlo::printSliceRanges(OpAsmPrinter &printer, Operation *,
                                       DenseI64ArrayAttr start,
                                       DenseI64ArrayAttr limit,
                                       DenseI64ArrayAttr strides) {
  printer << '[';
  llvm::interleaveComma(
      llvm::zip(start.asArrayRef(), limit.asArrayRef(), strides.asArrayRef()),
      printer, [&](auto range) {
        auto [from, to, step] = range;
        printer << from << ':' << to;
        if (step != 1) {
          printer << ':' << step;
        }
      });
  printer << ']';
}

ParseResult mlir::stablehlo::parseOperandList(
    OpAsmParser &parser,
    SmallVectorImpl<OpAsmParser::UnresolvedOperand> &operands) {
  OpAsmParser::UnresolvedOperand operand;
  while (true) {
    OptionalParseResult parsed = parser.parseOptionalOperand(operand);
    if (!parsed.has_value()) {
      return success();
    }
    if (failed(*parsed) || parser.parseComma()) {
      return failure();
    }
    operands.push_back(operand);
  }
}

void mlir::stablehlo::printOperandList(OpAsmPrinter &printer, Operation *,
                                       OperandRange operands) {
  llvm::interleave(operands, printer, ", ");
  printer << ',';
}

/// name = [..] x [..]
static ParseResult parseDimensionPair(AsmParser &parser,
                                      SmallVectorImpl<int64_t> &lhs,
                                      SmallVectorImpl<int64_t> &rhs) {
  auto list = [&](SmallVectorImpl<int64_t> &dims) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
      return parser.parseInteger(dims.emplace_back());
    });
  };
  return failure(parser.parseEqual() || list(lhs) || parser.parseKeyword("x") ||
                 list(rhs));
}

ParseResult
mlir::stablehlo::parseDotDimensionNumbers(OpAsmParser &parser,
                                          DotDimensionNumbersAttr &numbers) {
  SmallVector<int64_t> lhsBatching, rhsBatching, lhsContracting, rhsContracting;
  if (succeeded(parser.parseOptionalKeyword("batching_dims"))) {
    if (parseDimensionPair(parser, lhsBatching, rhsBatching) ||
        parser.parseComma()) {
      return failure();
    }
  }
  if (parser.parseKeyword("contracting_dims") ||
      parseDimensionPair(parser, lhsContracting, rhsContracting)) {
    return failure();
  }
  numbers =
      DotDimensionNumbersAttr::get(parser.getContext(), lhsBatching,
                                   rhsBatching, lhsContracting, rhsContracting);
  return success();
}

void mlir::stablehlo::printDotDimensionNumbers(
    OpAsmPrinter &printer, Operation *, DotDimensionNumbersAttr numbers) {
  auto list = [&](ArrayRef<int64_t> dims) {
    printer << '[';
    llvm::interleaveComma(dims, printer);
    printer << ']';
  };
  if (!numbers.getLhsBatchingDimensions().empty()) {
    printer << "batching_dims = ";
    list(numbers.getLhsBatchingDimensions());
    printer << " x ";
    list(numbers.getRhsBatchingDimensions());
    printer << ", ";
  }
  printer << "contracting_dims = ";
  list(numbers.getLhsContractingDimensions());
  printer << " x ";
  list(numbers.getRhsContractingDimensions());
}

static ParseResult parsePrecisions(OpAsmParser &parser, ArrayAttr &precisions) {
  SmallVector<Attribute> values;
  auto parseOne = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc location = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword)) {
      return failure();
    }
    std::optional<Precision> precision = symbolizePrecision(keyword);
    if (!precision) {
      return parser.emitError(location)
             << "unknown precision '" << keyword
             << "', expected DEFAULT, HIGH or HIGHEST";
    }
    values.push_back(PrecisionAttr::get(parser.getContext(), *precision));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne)) {
    return failure();
  }
  precisions = parser.getBuilder().getArrayAttr(values);
  return success();
}

ParseResult mlir::stablehlo::parsePrecision(OpAsmParser &parser,
                                            ArrayAttr &precisions,
                                            DotAlgorithmAttr &algorithm) {
  if (failed(parser.parseOptionalComma())) {
    return success();
  }
  if (succeeded(parser.parseOptionalKeyword("precision"))) {
    if (parser.parseEqual() || parsePrecisions(parser, precisions)) {
      return failure();
    }
    if (failed(parser.parseOptionalComma())) {
      return success();
    }
  }
  if (failed(parser.parseOptionalKeyword("algorithm"))) {
    return parser.emitError(parser.getCurrentLocation())
           << "expected " << (precisions ? "" : "'precision' or ")
           << "'algorithm'";
  }
  return failure(parser.parseEqual() ||
                 parser.parseCustomAttributeWithFallback(algorithm));
}

void mlir::stablehlo::printPrecision(OpAsmPrinter &printer, Operation *,
                                     ArrayAttr precisions,
                                     DotAlgorithmAttr algorithm) {
  if (precisions && !precisions.empty()) {
    printer << ", precision = [";
    llvm::interleaveComma(precisions.getAsRange<PrecisionAttr>(), printer,
                          [&](PrecisionAttr precision) {
                            printer << stringifyPrecision(precision.getValue());
                          });
    printer << ']';
  }
  if (algorithm) {
    printer << ", algorithm = ";
    printer.printStrippedAttrOrType(algorithm);
  }
}

ParseResult mlir::stablehlo::parseExponentMantissa(OpAsmParser &parser,
                                                   IntegerAttr &exponent,
                                                   IntegerAttr &mantissa) {
  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword)) {
    return failure();
  }
  StringRef rest = keyword;
  int32_t exponentBits, mantissaBits;
  if (!rest.consume_front("e") || rest.consumeInteger(10, exponentBits) ||
      !rest.consume_front("m") || rest.consumeInteger(10, mantissaBits) ||
      !rest.empty()) {
    return parser.emitError(location)
           << "expected a format such as e5m2, got '" << keyword << "'";
  }
  exponent = parser.getBuilder().getI32IntegerAttr(exponentBits);
  mantissa = parser.getBuilder().getI32IntegerAttr(mantissaBits);
  return success();
}

void mlir::stablehlo::printExponentMantissa(OpAsmPrinter &printer, Operation *,
                                            IntegerAttr exponent,
                                            IntegerAttr mantissa) {
  printer << 'e' << exponent.getInt() << 'm' << mantissa.getInt();
}

template <typename Attr, typename Symbolize>
static ParseResult parseEnumerator(OpAsmParser &parser, Attr &value,
                                   StringRef what, Symbolize symbolize) {
  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword)) {
    return failure();
  }
  auto enumerator = symbolize(keyword);
  if (!enumerator) {
    return parser.emitError(location)
           << "unknown " << what << " '" << keyword << "'";
  }
  value = Attr::get(parser.getContext(), *enumerator);
  return success();
}

ParseResult mlir::stablehlo::parseEnum(OpAsmParser &parser,
                                       ComparisonDirectionAttr &value) {
  return parseEnumerator(
      parser, value, "comparison direction",
      [](StringRef keyword) { return symbolizeComparisonDirection(keyword); });
}

ParseResult mlir::stablehlo::parseEnum(OpAsmParser &parser,
                                       ComparisonTypeAttr &value) {
  return parseEnumerator(
      parser, value, "comparison type",
      [](StringRef keyword) { return symbolizeComparisonType(keyword); });
}

void mlir::stablehlo::printEnum(OpAsmPrinter &printer, Operation *,
                                ComparisonDirectionAttr value) {
  printer << stringifyComparisonDirection(value.getValue());
}

void mlir::stablehlo::printEnum(OpAsmPrinter &printer, Operation *,
                                ComparisonTypeAttr value) {
  printer << stringifyComparisonType(value.getValue());
}

ParseResult mlir::stablehlo::parseEnum(OpAsmParser &parser,
                                       RngAlgorithmAttr &value) {
  return parseEnumerator(
      parser, value, "algorithm of random bits",
      [](StringRef keyword) { return symbolizeRngAlgorithm(keyword); });
}

void mlir::stablehlo::printEnum(OpAsmPrinter &printer, Operation *,
                                RngAlgorithmAttr value) {
  printer << stringifyRngAlgorithm(value.getValue());
}

ParseResult mlir::stablehlo::parseCallTarget(OpAsmParser &parser,
                                             StringAttr &target) {
  return parser.parseSymbolName(target);
}

void mlir::stablehlo::printCallTarget(OpAsmPrinter &printer, Operation *,
                                      StringAttr target) {
  printer.printSymbolName(target.getValue());
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// < name = [..], name = [..], name = 1 > in any order; what is missing stays
/// as it is.
static ParseResult
parseFields(AsmParser &parser,
            ArrayRef<std::pair<StringRef, SmallVector<int64_t> *>> lists,
            ArrayRef<std::pair<StringRef, int64_t *>> numbers) {
  auto parseField = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc location = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword) || parser.parseEqual()) {
      return failure();
    }
    for (auto [name, list] : lists) {
      if (name == keyword) {
        return parser.parseCommaSeparatedList(
            AsmParser::Delimiter::Square, [&, list = list]() {
              return parser.parseInteger(list->emplace_back());
            });
      }
    }
    for (auto [name, number] : numbers) {
      if (name == keyword) {
        return parser.parseInteger(*number);
      }
    }
    return parser.emitError(location) << "unknown field '" << keyword << "'";
  };
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                        parseField);
}

/// Empty lists and the number 0 are left out.
static void printFields(AsmPrinter &printer,
                        ArrayRef<std::pair<StringRef, ArrayRef<int64_t>>> lists,
                        std::pair<StringRef, int64_t> number = {}) {
  printer << '<';
  StringRef separator = "";
  for (auto [name, list] : lists) {
    if (!list.empty()) {
      printer << separator << name << " = [";
      llvm::interleaveComma(list, printer);
      printer << ']';
      separator = ", ";
    }
  }
  if (number.second != 0) {
    printer << separator << number.first << " = " << number.second;
  }
  printer << '>';
}

Attribute DotDimensionNumbersAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> lb, rb, lc, rc;
  if (parseFields(parser,
                  {{"lhs_batching_dimensions", &lb},
                   {"rhs_batching_dimensions", &rb},
                   {"lhs_contracting_dimensions", &lc},
                   {"rhs_contracting_dimensions", &rc}},
                  {})) {
    return {};
  }
  return get(parser.getContext(), lb, rb, lc, rc);
}

void DotDimensionNumbersAttr::print(AsmPrinter &printer) const {
  printFields(printer,
              {{"lhs_batching_dimensions", getLhsBatchingDimensions()},
               {"rhs_batching_dimensions", getRhsBatchingDimensions()},
               {"lhs_contracting_dimensions", getLhsContractingDimensions()},
               {"rhs_contracting_dimensions", getRhsContractingDimensions()}});
}

Attribute GatherDimensionNumbersAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> offset, collapsed, operandBatching, indicesBatching, map;
  int64_t indexVectorDim = 0;
  if (parseFields(parser,
                  {{"offset_dims", &offset},
                   {"collapsed_slice_dims", &collapsed},
                   {"operand_batching_dims", &operandBatching},
                   {"start_indices_batching_dims", &indicesBatching},
                   {"start_index_map", &map}},
                  {{"index_vector_dim", &indexVectorDim}})) {
    return {};
  }
  return get(parser.getContext(), offset, collapsed, operandBatching,
             indicesBatching, map, indexVectorDim);
}

void GatherDimensionNumbersAttr::print(AsmPrinter &printer) const {
  printFields(printer,
              {{"offset_dims", getOffsetDims()},
               {"collapsed_slice_dims", getCollapsedSliceDims()},
               {"operand_batching_dims", getOperandBatchingDims()},
               {"start_indices_batching_dims", getStartIndicesBatchingDims()},
               {"start_index_map", getStartIndexMap()}},
              {"index_vector_dim", getIndexVectorDim()});
}

Attribute ScatterDimensionNumbersAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> window, inserted, inputBatching, indicesBatching, map;
  int64_t indexVectorDim = 0;
  if (parseFields(parser,
                  {{"update_window_dims", &window},
                   {"inserted_window_dims", &inserted},
                   {"input_batching_dims", &inputBatching},
                   {"scatter_indices_batching_dims", &indicesBatching},
                   {"scatter_dims_to_operand_dims", &map}},
                  {{"index_vector_dim", &indexVectorDim}})) {
    return {};
  }
  return get(parser.getContext(), window, inserted, inputBatching,
             indicesBatching, map, indexVectorDim);
}

void ScatterDimensionNumbersAttr::print(AsmPrinter &printer) const {
  printFields(
      printer,
      {{"update_window_dims", getUpdateWindowDims()},
       {"inserted_window_dims", getInsertedWindowDims()},
       {"input_batching_dims", getInputBatchingDims()},
       {"scatter_indices_batching_dims", getScatterIndicesBatchingDims()},
       {"scatter_dims_to_operand_dims", getScatterDimsToOperandDims()}},
      {"index_vector_dim", getIndexVectorDim()});
}

void RngBitGeneratorOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getOutputState(), "output_state");
  setName(getOutput(), "output");
}

Attribute OutputOperandAliasAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> output, operand;
  int64_t index = 0;
  if (parseFields(parser,
                  {{"output_tuple_indices", &output},
                   {"operand_tuple_indices", &operand}},
                  {{"operand_index", &index}})) {
    return {};
  }
  return get(parser.getContext(), output, index, operand);
}

void OutputOperandAliasAttr::print(AsmPrinter &printer) const {
  printer << "<output_tuple_indices = [";
  llvm::interleaveComma(getOutputTupleIndices(), printer);
  printer << "], operand_index = " << getOperandIndex()
          << ", operand_tuple_indices = [";
  llvm::interleaveComma(getOperandTupleIndices(), printer);
  printer << "]>";
}

//===----------------------------------------------------------------------===//
// constant, reduce
//===----------------------------------------------------------------------===//

void ConstantOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  bool isInteger =
      isa<IntegerType>(getValue().getShapedType().getElementType());
  setName(getOutput(), isInteger ? "c" : "cst");
}

ParseResult ConstantOp::parse(OpAsmParser &parser, OperationState &result) {
  ElementsAttr value;
  if (parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseAttribute(value, "value", result.attributes)) {
    return failure();
  }
  result.addTypes(value.getShapedType());
  return success();
}

void ConstantOp::print(OpAsmPrinter &printer) {
  printer.printOptionalAttrDict((*this)->getAttrs(), {"value"});
  printer << ' ' << getValue();
}

/// (%x init: %c), (%y init: %d) applies op across dimensions = [..] : type
/// or: across dimensions = [..] : type reducer(%a: t, %b: t) (%c: u, %d: u) {
/// ... }
ParseResult ReduceOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands, inits;
  SMLoc location = parser.getCurrentLocation();
  auto parsePair = [&]() -> ParseResult {
    return failure(
        parser.parseLParen() || parser.parseOperand(operands.emplace_back()) ||
        parser.parseKeyword("init") || parser.parseColon() ||
        parser.parseOperand(inits.emplace_back()) || parser.parseRParen());
  };
  if (parser.parseCommaSeparatedList(parsePair)) {
    return failure();
  }
  operands.append(inits);
  std::string applied;
  Builder &builder = parser.getBuilder();
  if (succeeded(parser.parseOptionalKeyword("applies"))) {
    FailureOr<OperationName> name = parser.parseCustomOperationName();
    if (failed(name)) {
      return failure();
    }
    applied = name->getStringRef().str();
  }
  SmallVector<int64_t> dimensions;
  FunctionType type;
  if (parser.parseKeyword("across") || parser.parseKeyword("dimensions") ||
      parser.parseEqual() ||
      parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square,
          [&]() { return parser.parseInteger(dimensions.emplace_back()); }) ||
      parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.parseType(type)) {
    return failure();
  }
  if (parser.resolveOperands(operands, type.getInputs(), location,
                             result.operands)) {
    return failure();
  }
  result.addTypes(type.getResults());
  result.addAttribute("dimensions", builder.getDenseI64ArrayAttr(dimensions));
  Region *body = result.addRegion();
  size_t count = inits.size();
  if (!applied.empty()) {
    if (count != 1) {
      return parser.emitError(
          location, "'applies' takes one input and its initial value");
    }
    auto input = dyn_cast<RankedTensorType>(type.getInput(1));
    if (!input) {
      return parser.emitError(location, "the initial value is a tensor");
    }
    // The operation that is applied is where the reduction is.
    std::optional<Location> explicitLocation;
    if (parser.parseOptionalLocationSpecifier(explicitLocation)) {
      return failure();
    }
    if (explicitLocation) {
      result.location = *explicitLocation;
    }
    Location bodyLocation = result.location;
    OpBuilder regionBuilder(builder.getContext());
    Block *block = regionBuilder.createBlock(body, {}, {input, input},
                                             {bodyLocation, bodyLocation});
    OperationState state(bodyLocation, applied);
    state.addOperands(block->getArguments());
    state.addTypes(input);
    Operation *op = regionBuilder.create(state);
    ReturnOp::create(regionBuilder, bodyLocation, op->getResults());
    return success();
  }
  if (parser.parseKeyword("reducer")) {
    return failure();
  }
  // The arguments are printed in pairs (accumulator i, element i); the block
  // takes accumulators first.
  SmallVector<OpAsmParser::Argument> accumulators, elements;
  for (size_t i = 0; i < count; ++i) {
    if (parser.parseLParen() ||
        parser.parseArgument(accumulators.emplace_back(), /*allowType=*/true) ||
        parser.parseComma() ||
        parser.parseArgument(elements.emplace_back(), /*allowType=*/true) ||
        parser.parseRParen()) {
      return failure();
    }
  }
  accumulators.append(elements);
  return parser.parseRegion(*body, accumulators);
}

void ReduceOp::print(OpAsmPrinter &printer) {
  printer << '(';
  llvm::interleave(
      llvm::zip(getInputs(), getInitValues()),
      [&](auto pair) {
        printer << std::get<0>(pair) << " init: " << std::get<1>(pair);
      },
      [&]() { printer << "), ("; });
  printer << ')';
  Operation *applied =
      getInputs().size() == 1 ? getReducerOp(getBody()) : nullptr;
  // Only an operation without attributes and in argument order can be named
  // alone.
  bool compact = applied && applied->hasTrait<OpTrait::IsCommutative>() &&
                 applied->getAttrs().empty() &&
                 llvm::equal(applied->getOperands(), getBody().getArguments());
  if (compact) {
    printer << " applies ";
    printer << applied->getName().getStringRef();
  }
  printer << " across dimensions = [";
  llvm::interleaveComma(getDimensions(), printer);
  printer << ']';
  printer.printOptionalAttrDict((*this)->getAttrs(), {"dimensions"});
  printer << " : ";
  printer.printFunctionalType(*this);
  if (compact) {
    return;
  }
  printer.printNewline();
  printer << " reducer";
  size_t count = getInputs().size();
  for (size_t i = 0; i < count; ++i) {
    printer << '(';
    printer.printRegionArgument(getBody().getArgument(i));
    printer << ", ";
    printer.printRegionArgument(getBody().getArgument(i + count));
    printer << ") ";
  }
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

Operation *mlir::stablehlo::getReducerOp(Region &body) {
  if (!body.hasOneBlock()) {
    return nullptr;
  }
  Block &block = body.front();
  if (block.getNumArguments() != 2 || block.getOperations().size() != 2) {
    return nullptr;
  }
  Operation *op = &block.front();
  bool joins = op->getNumOperands() == 2 && op->getNumResults() == 1 &&
               ((op->getOperand(0) == block.getArgument(0) &&
                 op->getOperand(1) == block.getArgument(1)) ||
                (op->getOperand(0) == block.getArgument(1) &&
                 op->getOperand(1) == block.getArgument(0)));
  bool returned = block.getTerminator()->getNumOperands() == 1 &&
                  block.getTerminator()->getOperand(0) == op->getResult(0);
  return joins && returned ? op : nullptr;
}
