//===- Nesting.cpp - Brackets in brackets in text ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Nesting.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

using namespace mlir;

/// Where the first bracket stands that is nested too deeply, or npos.
static size_t findTooDeep(StringRef text) {
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
    case '-': // ->
    case '=':
      at += text.substr(at + 1).starts_with(">");
      break;
    case '(':
    case '<':
    case '[':
    case '{':
      if (++depth > steelyard::kDeepestNesting) {
        return at;
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
  return StringRef::npos;
}

LogicalResult steelyard::verifyNesting(llvm::MemoryBufferRef text,
                                       MLIRContext &context) {
  if (isBytecode(text)) {
    return success();
  }
  StringRef buffer = text.getBuffer();
  size_t at = findTooDeep(buffer);
  if (at == StringRef::npos) {
    return success();
  }
  StringRef before = buffer.take_front(at);
  size_t column = at - (before.rfind('\n') + 1); // npos + 1 is 0
  auto location = FileLineColLoc::get(&context, text.getBufferIdentifier(),
                                      before.count('\n') + 1, column + 1);
  return emitError(location)
         << "brackets are nested more than " << kDeepestNesting << " deep";
}
