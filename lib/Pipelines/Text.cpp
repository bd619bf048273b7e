//===- Text.cpp - What MLIR's parser does not survive -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Text.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

using namespace mlir;

static bool isArrayOfIndex(StringRef text) {
  return text.consume_front("array") &&
         (text = text.ltrim()).consume_front("<") &&
         (text = text.ltrim()).consume_front("index") &&
         !llvm::isAlnum(text.empty() ? ' ' : text.front());
}

namespace {

struct Finding {
  size_t at = StringRef::npos;
  std::string message;
};

} // namespace

/// The first place that the parser does not survive, or npos.
static Finding findUnreadable(StringRef text) {
  unsigned depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
    case '"': // ends with its line, if not before
      for (++at; at < text.size() && text[at] != '"' && text[at] != '\n';
           ++at) {
        at += text[at] == '\\';
      }
      break;
    case '/':
      if (text.substr(at).starts_with("//")) {
        at = std::min(text.find('\n', at), text.size());
      }
      break;
    case 'a':
      if (isArrayOfIndex(text.substr(at))) {
        return {at, "the elements of array<...> are integers or floats of a "
                    "width; 'index' has none"};
      }
      break;
    case '-': // ->
    case '=':
      at += text.substr(at + 1).starts_with(">");
      break;
    case '(':
    case '<':
    case '[':
    case '{':
      if (++depth > steelyard::kDeepestNesting) {
        return {at, "brackets are nested more than " +
                        std::to_string(steelyard::kDeepestNesting) + " deep"};
      }
      break;
    case ')':
    case '>':
    case ']':
    case '}':
      depth -= depth > 0 && !text.substr(at).starts_with(">=");
      break;
    default:
      break;
    }
  }
  return {};
}

LogicalResult steelyard::verifyText(llvm::MemoryBufferRef text,
                                    MLIRContext &context) {
  if (isBytecode(text)) {
    return success();
  }
  StringRef buffer = text.getBuffer();
  auto [at, message] = findUnreadable(buffer);
  if (at == StringRef::npos) {
    return success();
  }
  StringRef before = buffer.take_front(at);
  size_t column = at - (before.rfind('\n') + 1); // npos + 1 is 0
  auto location = FileLineColLoc::get(&context, text.getBufferIdentifier(),
                                      before.count('\n') + 1, column + 1);
  return emitError(location) << message;
}
