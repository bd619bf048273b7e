//===- CompiledCode.cpp - Compiled modules as bytes -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CompiledCode.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/YAMLTraits.h"

using namespace llvm;
using namespace steelyard;

LLVM_YAML_IS_SEQUENCE_VECTOR(steelyard::Diagnostic)

template <>
struct yaml::ScalarEnumerationTraits<steelyard::Diagnostic::Severity> {
  static void enumeration(IO &io, steelyard::Diagnostic::Severity &severity) {
    using Severity = steelyard::Diagnostic::Severity;
    io.enumCase(severity, "error", Severity::Error);
    io.enumCase(severity, "warning", Severity::Warning);
    io.enumCase(severity, "remark", Severity::Remark);
    io.enumCase(severity, "note", Severity::Note);
  }
};

template <>
struct yaml::MappingTraits<steelyard::Diagnostic> {
  static void mapping(IO &io, steelyard::Diagnostic &diagnostic) {
    io.mapRequired("severity", diagnostic.severity);
    io.mapRequired("message", diagnostic.message);
    io.mapRequired("location", diagnostic.location);
  }
};

template <>
struct yaml::MappingTraits<CompiledCode> { // the object lies beside
  static void mapping(IO &io, CompiledCode &code) {
    io.mapRequired("diagnostics", code.diagnostics);
  }
};

static constexpr StringLiteral magic("steelyard code 2");
static_assert(magic.size() == 16);
static constexpr size_t hashSize = 32, lengthSize = 8;

static std::string hash(StringRef bytes) {
  auto digest = SHA256::hash(arrayRefFromStringRef(bytes));
  return std::string(digest.begin(), digest.end());
}

std::string steelyard::serialize(const CompiledCode &code) {
  std::string description;
  raw_string_ostream stream(description);
  yaml::Output output(stream, nullptr, /*WrapColumn=*/0);
  output << const_cast<CompiledCode &>(code); // only read here
  std::string rest(lengthSize, 0);
  support::endian::write64le(rest.data(), description.size());
  rest += description;
  rest += code.object;
  return magic.str() + hash(rest) + rest;
}

std::optional<CompiledCode> steelyard::deserialize(StringRef bytes) {
  if (!bytes.consume_front(magic) || bytes.size() < hashSize + lengthSize) {
    return std::nullopt;
  }
  StringRef rest = bytes.drop_front(hashSize);
  if (hash(rest) != bytes.take_front(hashSize)) {
    return std::nullopt;
  }
  uint64_t length = support::endian::read64le(rest.data());
  rest = rest.drop_front(lengthSize);
  if (length > rest.size()) {
    return std::nullopt;
  }
  CompiledCode code;
  yaml::Input input(rest.take_front(length), nullptr,
                    [](const SMDiagnostic &, void *) {});
  input >> code;
  if (input.error()) {
    return std::nullopt;
  }
  code.object = rest.drop_front(length).str();
  return code;
}
