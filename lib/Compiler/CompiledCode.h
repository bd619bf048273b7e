//===- CompiledCode.h - What compiling a module gives -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_COMPILER_COMPILEDCODE_H
#define STEELYARD_LIB_COMPILER_COMPILEDCODE_H

#include "steelyard/Compiler/Compiler.h"

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>
#include <vector>

namespace steelyard {

/// Everything that running a module needs, and what was said on the way.
struct CompiledCode {
  /// Remarks and warnings, in their order.
  std::vector<Diagnostic> diagnostics;
  /// An ELF object, which describes its functions (Description.h).
  std::string object;
};

/// 16 bytes of magic, the SHA-256 of the rest, the description's length (8
/// bytes, little-endian), the description in YAML, the object.
std::string serialize(const CompiledCode &code);

/// Nothing where the bytes are not, to the last one, what `serialize` wrote.
std::optional<CompiledCode> deserialize(llvm::StringRef bytes);

} // namespace steelyard

#endif // STEELYARD_LIB_COMPILER_COMPILEDCODE_H
