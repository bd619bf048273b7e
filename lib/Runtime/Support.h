//===- Support.h - Errors and sizes inside the runtime ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_SUPPORT_H
#define STEELYARD_LIB_RUNTIME_SUPPORT_H

#include "steelyard/Runtime/steelyard.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace steelyard::runtime {

/// An error inside the library: a STEELYARD_* code and why. (Not absl::Status:
/// Debian's Abseil archives can't go into a shared library, and its shared
/// libraries would meet other versions in a Python process.)
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(int32_t code, std::string message)
      : value(code), text(std::move(message)) {}

  bool ok() const { return value == STEELYARD_OK; }
  int32_t code() const { return value; }
  const std::string &message() const { return text; }

private:
  int32_t value = STEELYARD_OK;
  std::string text;
};

inline Status cancelled(std::string message) {
  return {STEELYARD_CANCELLED, std::move(message)};
}
inline Status invalidArgument(std::string message) {
  return {STEELYARD_INVALID_ARGUMENT, std::move(message)};
}
inline Status notFound(std::string message) {
  return {STEELYARD_NOT_FOUND, std::move(message)};
}
inline Status resourceExhausted(std::string message) {
  return {STEELYARD_RESOURCE_EXHAUSTED, std::move(message)};
}
inline Status failedPrecondition(std::string message) {
  return {STEELYARD_FAILED_PRECONDITION, std::move(message)};
}
inline Status unimplemented(std::string message) {
  return {STEELYARD_UNIMPLEMENTED, std::move(message)};
}
inline Status internal(std::string message) {
  return {STEELYARD_INTERNAL, std::move(message)};
}

/// Writes `status` into the caller's `error` (may be null); returns its code.
int32_t report(const Status &status, steelyard_error *error);

/// printf into a string.
__attribute__((format(printf, 1, 2))) std::string format(const char *pattern,
                                                         ...);

/// The parts between separators that are not empty.
std::vector<std::string> split(const std::string &text, char separator);

/// a * b, a + b for sizes >= 0; false on overflow.
inline bool multiply(int64_t a, int64_t b, int64_t &product) {
  return !__builtin_mul_overflow(a, b, &product);
}
inline bool add(int64_t a, int64_t b, int64_t &sum) {
  return !__builtin_add_overflow(a, b, &sum);
}

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

/// The alignment of the arena and of scratch memory.
inline constexpr size_t kAlignment = 64;

} // namespace steelyard::runtime

#endif // STEELYARD_LIB_RUNTIME_SUPPORT_H
