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
/// prints without its name. Written anew: between tokens there may be anything.
static FailureOr<Attribute> parseBody(OpAsmParser &parser, StringRef name) {
  if (parser.parseLess()) {
    return failure();
  }
  std::string text = (name + "<").str();
  llvm::raw_string_ostream body(text);
  SmallVector<char> open = {'>'}; // what closes what is open
  bool afterWord = false;
  auto word = [&]() -> llvm::raw_ostream & {
    body << (afterWord ? " " : "");
    afterWord = true;
    return body;
  };
  auto mark = [&](ParseResult found, StringRef as, char closing = 0) {
    if (failed(found)) {
      return false;
    }
    body << as;
    afterWord = false;
    if (closing) {
      open.push_back(closing);
    }
    return true;
  };
  auto close = [&](char closing, ParseResult (AsmParser::*parse)()) {
    if (open.back() != closing || failed((parser.*parse)())) {
      return false;
    }
    open.pop_back();
    body << closing;
    afterWord = false;
    return true;
  };
  while (!open.empty()) {
    StringRef keyword;
    std::string string;
    StringAttr symbol;
    APInt number;
    if (close('>', &AsmParser::parseOptionalGreater) ||
        close(']', &AsmParser::parseOptionalRSquare) ||
        close('}', &AsmParser::parseOptionalRBrace) ||
        close(')', &AsmParser::parseOptionalRParen) ||
        mark(parser.parseOptionalLess(), "<", '>') ||
        mark(parser.parseOptionalLSquare(), "[", ']') ||
        mark(parser.parseOptionalLBrace(), "{", '}') ||
        mark(parser.parseOptionalLParen(), "(", ')') ||
        mark(parser.parseOptionalComma(), ", ") ||
        mark(parser.parseOptionalEqual(), "=") ||
        mark(parser.parseOptionalColon(), ":") ||
        mark(parser.parseOptionalQuestion(), "?")) {
      continue;
    }
    if (succeeded(parser.parseOptionalString(&string))) {
      body << '"';
      llvm::printEscapedString(string, body);
      mark(success(), "\"");
    } else if (succeeded(parser.parseOptionalSymbolName(symbol))) {
      word() << SymbolRefAttr::get(symbol);
    } else if (succeeded(parser.parseOptionalKeyword(&keyword))) {
      word() << keyword;
    } else if (parser.parseOptionalInteger(number).has_value()) {
      word() << number;
    } else {
      parser.emitError(parser.getCurrentLocation(), "expected '")
          << open.back() << "' at the end of a sharding";
      return failure();
    }
  }
  return makeOpaque(parser.getContext(), text);
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
