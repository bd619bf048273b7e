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

LLVM_YAML_IS_SEQUENCE_VECTOR(TensorSpec)
LLVM_YAML_IS_SEQUENCE_VECTOR(ArenaTensor)
LLVM_YAML_IS_SEQUENCE_VECTOR(Site)
LLVM_YAML_IS_SEQUENCE_VECTOR(FunctionSpec)
LLVM_YAML_IS_SEQUENCE_VECTOR(steelyard::Diagnostic)

namespace {

/// Bytes of any value: YAML holds text.
struct Bytes {
  explicit Bytes(yaml::IO &) {}
  Bytes(yaml::IO &, const std::string &bytes) : hexadecimal(toHex(bytes)) {}
  std::string denormalize(yaml::IO &io) {
    std::string bytes;
    if (!tryGetFromHex(hexadecimal, bytes)) {
      io.setError("not hexadecimal");
    }
    return bytes;
  }
  std::string hexadecimal;
};

} // namespace

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
struct yaml::MappingTraits<TensorSpec> {
  static void mapping(IO &io, TensorSpec &spec) {
    io.mapRequired("name", spec.name);
    io.mapRequired("shape", spec.shape);
    io.mapRequired("type", spec.elementType);
    io.mapRequired("aliased", spec.aliasedArgument);
    io.mapRequired("scale-of", spec.scaleOf);
    io.mapRequired("user-type", spec.userElementType);
    io.mapRequired("state-form", spec.stateForm);
    io.mapRequired("recipe-state", spec.isRecipeState);
    io.mapRequired("observed", spec.isObserved);
    MappingNormalization<Bytes, std::string> initial(io, spec.initial);
    io.mapRequired("initial", initial->hexadecimal);
    io.mapRequired("bytes", spec.byteSize);
  }
};

template <>
struct yaml::MappingTraits<ArenaTensor> {
  static void mapping(IO &io, ArenaTensor &tensor) {
    io.mapRequired("shape", tensor.shape);
    io.mapRequired("type", tensor.elementType);
    io.mapRequired("offset", tensor.offset);
    io.mapRequired("bytes", tensor.byteSize);
  }
};

template <>
struct yaml::MappingTraits<Site> {
  static void mapping(IO &io, Site &site) {
    io.mapRequired("kind", site.kind);
    io.mapRequired("buffers", site.buffers);
    io.mapRequired("location", site.location);
  }
};

template <>
struct yaml::MappingTraits<FunctionSpec> {
  static void mapping(IO &io, FunctionSpec &spec) {
    io.mapRequired("name", spec.name);
    io.mapRequired("arguments", spec.arguments);
    io.mapRequired("results", spec.results);
    io.mapRequired("arena-bytes", spec.arenaSize);
    io.mapRequired("arena-tensors", spec.arenaTensors);
    io.mapRequired("sites", spec.sites);
    io.mapRequired("checks", spec.hasChecks);
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
    io.mapRequired("functions", code.functions);
    io.mapRequired("diagnostics", code.diagnostics);
  }
};

static constexpr StringLiteral magic("steelyard code 1");
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
