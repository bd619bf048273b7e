//===- Test.h - What the runtime's tests share ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TEST_UNIT_RUNTIME_TEST_H
#define STEELYARD_TEST_UNIT_RUNTIME_TEST_H

#include "steelyard/Runtime/steelyard.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

inline int failures = 0;

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__,          \
                   #condition);                                                \
      ++failures;                                                              \
    }                                                                          \
  } while (false)

/// `text` contains `part`.
#define EXPECT_CONTAINS(text, part)                                            \
  do {                                                                         \
    const std::string &whole = (text);                                         \
    if (whole.find(part) == std::string::npos) {                               \
      std::fprintf(stderr, "%s:%d: '%s' is not in: %s\n", __FILE__, __LINE__,  \
                   part, whole.c_str());                                       \
      ++failures;                                                              \
    }                                                                          \
  } while (false)

/// A context of `threads` threads; ends the test when there is none.
inline steelyard_context *
makeContext(int threads, const steelyard_allocator *allocator = nullptr) {
  steelyard_context_options options{STEELYARD_ABI_VERSION, threads, allocator};
  steelyard_error error;
  steelyard_context *context = steelyard_context_create(&options, &error);
  if (!context) {
    std::fprintf(stderr, "no context: %s\n", error.message);
    std::exit(1);
  }
  return context;
}

/// Runs `body` as compiled code would be, inside `steelyard_execute`.
class Runner {
public:
  explicit Runner(int64_t arenaBytes = 0) {
    steelyard_function function{"runner", entry, arenaBytes};
    steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 1, &function};
    executable = steelyard_executable_create(&desc, nullptr);
  }
  ~Runner() { steelyard_executable_destroy(executable); }
  Runner(const Runner &) = delete;

  using Body = std::function<int32_t(steelyard_context *, void *arena)>;

  int32_t run(steelyard_context *context, const Body &body,
              steelyard_error *error = nullptr) const {
    current = &body;
    return steelyard_execute(executable, 0, context, nullptr, nullptr, error);
  }

private:
  static int32_t entry(steelyard_context *context, void *arena,
                       const void *const *, void *const *) {
    return (*current)(context, arena);
  }

  static inline thread_local const Body *current = nullptr;
  steelyard_executable *executable;
};

#endif // STEELYARD_TEST_UNIT_RUNTIME_TEST_H
