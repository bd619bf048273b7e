//===- Sdy.cpp - What Shardy writes into modules ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "Annotations.h"

using namespace mlir;
using namespace steelyard;

static Attribute makeOpaque(MLIRContext *context, const Twine &text) {
  return OpaqueAttr::get(
      StringAttr::get(context, SdyAnnotations::getDialectNamespace()),
      text.str(), NoneType::get(context));
}

Attribute SdyAnnotations::parseAttribute(DialectAsmParser &parser, Type) const {
  return makeOpaque(getContext(), parser.getFullSymbolSpec());
}

/// <...>, whatever balanced tokens are in it: an attribute that an operation
/// prints without its name.
static FailureOr<Attribute> parseBody(OpAsmParser &parser, StringRef name) {
  const char *begin = parser.getCurrentLocation().getPointer();
  if (parser.parseLess()) {
    return failure();
  }
  SmallVector<char> open = {'<'};
  const char *last = begin;
  while (!open.empty()) {
    last = parser.getCurrentLocation().getPointer();
    auto close = [&](char opening, auto parse) {
      if (open.back() != opening || failed((parser.*parse)())) {
        return false;
      }
      open.pop_back();
      return true;
    };
    if (close('<', &OpAsmParser::parseOptionalGreater) ||
        close('[', &OpAsmParser::parseOptionalRSquare) ||
        close('{', &OpAsmParser::parseOptionalRBrace) ||
        close('(', &OpAsmParser::parseOptionalRParen)) {
      continue;
    }
    StringRef keyword;
    std::string string;
    StringAttr symbol;
    int64_t number = 0;
    if (succeeded(parser.parseOptionalLess())) {
      open.push_back('<');
    } else if (succeeded(parser.parseOptionalLSquare())) {
      open.push_back('[');
    } else if (succeeded(parser.parseOptionalLBrace())) {
      open.push_back('{');
    } else if (succeeded(parser.parseOptionalLParen())) {
      open.push_back('(');
    } else if (failed(parser.parseOptionalComma()) &&
               failed(parser.parseOptionalEqual()) &&
               failed(parser.parseOptionalColon()) &&
               failed(parser.parseOptionalQuestion()) &&
               failed(parser.parseOptionalString(&string)) &&
               failed(parser.parseOptionalSymbolName(symbol)) &&
               failed(parser.parseOptionalKeyword(&keyword)) &&
               !parser.parseOptionalInteger(number).has_value()) {
      parser.emitError(parser.getCurrentLocation(), "expected '")
          << (open.back() == '<'   ? '>'
              : open.back() == '[' ? ']'
              : open.back() == '{' ? '}'
                                   : ')')
          << "' at the end of a sharding";
      return failure();
    }
  }
  return makeOpaque(parser.getContext(),
                    name + StringRef(begin, last + 1 - begin));
}

/// sdy.mesh @name = <["x"=2, "y"=4]>
static ParseResult parseMesh(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(),
                             result.attributes) ||
      parser.parseEqual()) {
    return failure();
  }
  FailureOr<Attribute> mesh = parseBody(parser, "mesh");
  if (failed(mesh)) {
    return failure();
  }
  result.addAttribute("mesh", *mesh);
  return parser.parseOptionalAttrDict(result.attributes);
}

/// sdy.sharding_constraint %x <@mesh, [{"x"}, {}]> : tensor<8x8xf32>
static ParseResult parseConstraint(OpAsmParser &parser,
                                   OperationState &result) {
  OpAsmParser::UnresolvedOperand operand;
  if (parser.parseOperand(operand)) {
    return failure();
  }
  FailureOr<Attribute> sharding = parseBody(parser, "sharding");
  Type type;
  if (failed(sharding) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(operand, type, result.operands)) {
    return failure();
  }
  result.addAttribute("sharding", *sharding);
  result.addTypes(type);
  return success();
}

std::optional<Dialect::ParseOpHook>
SdyAnnotations::getParseOperationHook(StringRef name) const {
  if (name == "sdy.mesh") {
    return ParseOpHook(parseMesh);
  }
  if (name == "sdy.sharding_constraint") {
    return ParseOpHook(parseConstraint);
  }
  return std::nullopt;
}
