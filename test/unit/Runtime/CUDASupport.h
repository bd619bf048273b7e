//===- CUDASupport.h - What the tests of CUDA share -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TEST_UNIT_RUNTIME_CUDASUPPORT_H
#define STEELYARD_TEST_UNIT_RUNTIME_CUDASUPPORT_H

#include <dlfcn.h>
#include <tuple>

#include "FakeCUDA.h"
#include "Test.h"

inline void *fakeSymbol(const char *name) {
  static void *library =
      dlopen(std::getenv("STEELYARD_CUDA_DRIVER"), RTLD_NOW | RTLD_LOCAL);
  void *found = library ? dlsym(library, name) : nullptr;
  if (!found) {
    std::fprintf(stderr, "STEELYARD_CUDA_DRIVER is not the fake driver\n");
    std::exit(1);
  }
  return found;
}
template <typename Function>
Function *fake(const char *name) {
  return reinterpret_cast<Function *>(fakeSymbol(name));
}
inline int64_t callCount(const char *function = nullptr) {
  return fake<FakeCUDACount>("fakeCUDACount")(function);
}
inline int64_t leakCount() { return fake<FakeCUDALeaks>("fakeCUDALeaks")(); }

/// An environment variable while this lives.
class Setting {
public:
  Setting(const char *name, const char *value) : name(name) {
    const char *old = std::getenv(name);
    wasSet = old != nullptr;
    before = old ? old : "";
    setenv(name, value, 1);
  }
  ~Setting() {
    if (wasSet) {
      setenv(name, before.c_str(), 1);
    } else {
      unsetenv(name);
    }
  }
  Setting(const Setting &) = delete;

private:
  const char *name;
  bool wasSet;
  std::string before;
};

// The kernels: y = x + 1 for n ints; what was launched; a fault.

inline fakecuda::Launch lastLaunch = {};

inline int addOne(const fakecuda::Launch &launch, void **arguments) {
  const int32_t *x = *static_cast<int32_t **>(arguments[0]);
  int32_t *y = *static_cast<int32_t **>(arguments[1]);
  int64_t n = *static_cast<int64_t *>(arguments[2]);
  auto *holds = fake<FakeCUDAHolds>("fakeCUDAHolds");
  size_t bytes = sizeof(int32_t) * static_cast<size_t>(n);
  if (!holds(x, bytes) || !holds(y, bytes)) {
    return 700;
  }
  for (int64_t i = 0; i < n; ++i) {
    y[i] = x[i] + 1;
  }
  lastLaunch = launch;
  return 0;
}
inline int fault(const fakecuda::Launch &, void **) { return 700; }

inline const fakecuda::KernelSymbol kSymbols[] = {
    {"add_one", addOne, 3, {8, 8, 8}}, {"fault", fault, 0, {}}};
inline const fakecuda::Image kImage = {fakecuda::kMagic, 2, kSymbols};
inline const char *const kKernels[] = {"add_one", "fault"};
enum { kAddOne = 0, kFault = 1 };

inline steelyard_gpu_image makeImage(const char *chip,
                                     const void *data = &kImage) {
  return {chip, data, sizeof kImage, 2, kKernels};
}

constexpr int64_t kCount = 100; // elements of a Program's x and y

/// A cuda executable of one function y = f(x), two i32 arrays; `body` is what
/// compiled code would be.
class Program {
public:
  using Body = std::function<int32_t(steelyard_context *, void *arena,
                                     const void *x, void *y)>;

  explicit Program(
      int64_t arenaBytes = 0,
      std::vector<steelyard_gpu_image> images = {makeImage("sm_90a")},
      std::vector<steelyard_constant> constants = {}, uint32_t flags = 0) {
    int64_t shape[] = {kCount};
    steelyard_value x{"x", STEELYARD_I32, 1, shape, -1, -1, 0, 0, nullptr, -1};
    steelyard_value y{"y", STEELYARD_I32, 1, shape, 0, -1, 0, 0, nullptr, -1};
    steelyard_function function{"f", entry, arenaBytes, 1, &x, 1, &y};
    steelyard_executable_desc desc{STEELYARD_ABI_VERSION, flags, 1, &function,
                                   "cuda"};
    desc.image_count = static_cast<int64_t>(images.size());
    desc.images = images.data();
    desc.constant_count = static_cast<int64_t>(constants.size());
    desc.constants = constants.data();
    steelyard_error error;
    executable = steelyard_executable_create(&desc, &error);
    creation = error.message;
  }
  ~Program() { steelyard_executable_destroy(executable); }
  Program(const Program &) = delete;

  /// The error's message, "" when all is well.
  std::string run(steelyard_context *context, const void *x, void *y,
                  const Body &body, int32_t *code = nullptr) const {
    current = &body;
    const void *arguments[] = {x};
    void *results[] = {y};
    steelyard_error error;
    int32_t status =
        steelyard_execute(executable, 0, context, arguments, results, &error);
    if (code) {
      *code = status;
    }
    return error.message;
  }

  std::string creation;

private:
  static int32_t entry(steelyard_context *context, void *arena,
                       const void *const *arguments, void *const *results) {
    return (*current)(context, arena, arguments[0], results[0]);
  }

  static inline thread_local const Body *current = nullptr;
  steelyard_executable *executable;
};

inline int32_t launch(steelyard_context *context, int64_t kernel, const void *x,
                      void *y, uint32_t sharedBytes = 0) {
  uint32_t grid[3] = {4, 1, 1}, block[3] = {32, 2, 1};
  int64_t n = kCount;
  void *arguments[] = {static_cast<void *>(&x), static_cast<void *>(&y), &n};
  return steelyard_gpu_launch(context, kernel, grid, block, sharedBytes,
                              arguments);
}

/// y = x + 1.
inline int32_t addOneBody(steelyard_context *context, void *, const void *x,
                          void *y) {
  return launch(context, kAddOne, x, y);
}

inline steelyard_context *makeDeviceContext(int32_t device = 0,
                                            void *stream = nullptr) {
  steelyard_context_options options{
      STEELYARD_ABI_VERSION, 1, nullptr, device, 0, stream};
  return steelyard_context_create(&options, nullptr);
}

/// An i32 array on a context's device.
class Array {
public:
  Array(steelyard_context *context, int32_t first) : context(context) {
    std::vector<int32_t> values(kCount, first);
    memory =
        steelyard_context_allocate(context, sizeof(int32_t) * kCount, nullptr);
    EXPECT(memory);
    EXPECT(steelyard_context_upload(context, memory, values.data(),
                                    sizeof(int32_t) * kCount, nullptr) == 0);
  }
  ~Array() { steelyard_context_free(context, memory, nullptr); }
  Array(const Array &) = delete;

  /// The value that all elements have; -1 where they differ.
  int32_t value() const {
    std::vector<int32_t> values(kCount);
    EXPECT(steelyard_context_download(context, values.data(), memory,
                                      sizeof(int32_t) * kCount, nullptr) == 0);
    for (int32_t each : values) {
      if (each != values[0]) {
        return -1;
      }
    }
    return values[0];
  }

  void *memory;

private:
  steelyard_context *context;
};

#endif // STEELYARD_TEST_UNIT_RUNTIME_CUDASUPPORT_H
