//===- CUDADeviceTest.cpp - Calls on a real device --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exit status 77, which ctest calls skipped, where there is none. Its code is
// PTX, so any GPU since Ampere will do. `runtime-cudadevice time` prints what
// calls cost instead.
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <chrono>
#include <cstring>
#include <dlfcn.h>

#include "Test.h"

namespace {

const char kCode[] = R"(
.version 7.0
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 pool[];

// y[i] = x[i] + 1
.visible .entry add_one(.param .u64 x, .param .u64 y, .param .u64 n) {
  .reg .pred %p;
  .reg .b32 %a, %b, %c, %v;
  .reg .b64 %x, %y, %n, %i;
  ld.param.u64 %x, [x];
  ld.param.u64 %y, [y];
  ld.param.u64 %n, [n];
  mov.u32 %a, %ctaid.x;
  mov.u32 %b, %ntid.x;
  mov.u32 %c, %tid.x;
  mad.lo.u32 %a, %a, %b, %c;
  cvt.u64.u32 %i, %a;
  setp.ge.u64 %p, %i, %n;
  @%p bra DONE;
  shl.b64 %i, %i, 2;
  add.u64 %x, %x, %i;
  add.u64 %y, %y, %i;
  ld.global.u32 %v, [%x];
  add.u32 %v, %v, 1;
  st.global.u32 [%y], %v;
DONE:
  ret;
}

// y[0] = x[0], by way of the last word of `bytes` of shared memory
.visible .entry through_shared(.param .u64 x, .param .u64 y, .param .u32 bytes) {
  .reg .b32 %v, %s;
  .reg .b64 %x, %y;
  ld.param.u64 %x, [x];
  ld.param.u64 %y, [y];
  ld.param.u32 %s, [bytes];
  mov.u32 %v, pool;
  add.u32 %s, %s, %v;
  ld.global.u32 %v, [%x];
  st.shared.u32 [%s + -4], %v;
  bar.sync 0;
  ld.shared.u32 %v, [%s + -4];
  st.global.u32 [%y], %v;
  ret;
}

.visible .entry fault() {
  .reg .b64 %x;
  mov.u64 %x, 64;
  st.global.u64 [%x], %x;
  ret;
}
)";

const char *const kKernels[] = {"add_one", "through_shared", "fault"};
enum { kAddOne, kThroughShared, kFault };

constexpr int64_t kCount = 1000;
constexpr size_t kBytes = kCount * sizeof(int32_t);
const int32_t kConstant[kCount] = {41};

using Body =
    std::function<int32_t(steelyard_context *, void *arena, void *const *)>;
thread_local const Body *current = nullptr;

int32_t enter(steelyard_context *context, void *arena, const void *const *,
              void *const *results) {
  return (*current)(context, arena, results);
}

/// A function of `count` i32 results and no argument.
steelyard_executable *makeExecutable(const char *code, int64_t count) {
  int64_t shape[] = {kCount};
  steelyard_value value{"y", STEELYARD_I32, 1, shape, -1, -1, 0,
                        0,   nullptr,       -1};
  std::vector<steelyard_value> results(static_cast<size_t>(count), value);
  steelyard_function function{"f",     enter, kBytes,        0,
                              nullptr, count, results.data()};
  steelyard_gpu_image image{steelyard_device_chip(0, nullptr), code,
                            static_cast<int64_t>(std::strlen(code)) + 1, 3,
                            kKernels};
  steelyard_constant constant{kConstant, kBytes};
  steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 1, &function,
                                 "cuda"};
  desc.image_count = 1;
  desc.images = &image;
  desc.constant_count = 1;
  desc.constants = &constant;
  steelyard_error error;
  steelyard_executable *made = steelyard_executable_create(&desc, &error);
  if (!made) {
    std::fprintf(stderr, "%s\n", error.message);
    std::exit(1);
  }
  return made;
}

std::string run(const steelyard_executable *executable,
                steelyard_context *context, void *const *results,
                const Body &body) {
  current = &body;
  steelyard_error error;
  steelyard_execute(executable, 0, context, nullptr, results, &error);
  return error.message;
}

int32_t addOne(steelyard_context *context, const void *x, void *y) {
  uint32_t grid[3] = {(kCount + 127) / 128, 1, 1}, block[3] = {128, 1, 1};
  int64_t n = kCount;
  void *arguments[] = {static_cast<void *>(&x), static_cast<void *>(&y), &n};
  return steelyard_gpu_launch(context, kAddOne, grid, block, 0, arguments);
}

int32_t firstOf(steelyard_context *context, const void *device) {
  int32_t value = -1;
  EXPECT(steelyard_context_download(context, &value, device, sizeof value,
                                    nullptr) == 0);
  return value;
}

void testCalls() {
  steelyard_context *context = makeContext(1);
  steelyard_executable *executable = makeExecutable(kCode, 1);
  void *y = steelyard_context_allocate(context, kBytes, nullptr);
  // The constant, + 1 in the arena, + 1 in y.
  std::string told =
      run(executable, context, &y,
          [](steelyard_context *inner, void *arena, void *const *results) {
            const void *constant = steelyard_gpu_constant(inner, 0);
            EXPECT(constant);
            EXPECT(addOne(inner, constant, arena) == 0);
            EXPECT(addOne(inner, arena, results[0]) == 0);
            int32_t value = 0;
            EXPECT(steelyard_gpu_read(inner, &value, results[0], 4) == 0);
            EXPECT(value == 43);
            EXPECT(steelyard_gpu_fill(inner, results[0], 4) == 0);
            EXPECT(steelyard_gpu_read(inner, &value, results[0], 4) == 0);
            EXPECT(value == 0);
            return steelyard_gpu_copy(inner, results[0], arena, kBytes);
          });
  EXPECT(told.empty());
  std::vector<int32_t> values(kCount);
  EXPECT(steelyard_context_download(context, values.data(), y, kBytes,
                                    nullptr) == 0);
  EXPECT(values[0] == 42);
  EXPECT(std::all_of(values.begin() + 1, values.end(),
                     [](int32_t value) { return value == 1; }));
  // More shared memory than a launch gets unasked.
  for (uint32_t bytes : {1u << 10, 48u << 10, 99u << 10, 64u << 10}) {
    const int32_t mark = static_cast<int32_t>(bytes);
    EXPECT(steelyard_context_upload(context, y, &mark, 4, nullptr) == 0);
    told =
        run(executable, context, &y,
            [&](steelyard_context *inner, void *arena, void *const *results) {
              uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
              uint32_t given = bytes;
              void *in = results[0];
              void *arguments[] = {static_cast<void *>(&in),
                                   static_cast<void *>(&arena), &given};
              return steelyard_gpu_launch(inner, kThroughShared, grid, block,
                                          bytes, arguments);
            });
    EXPECT(told.empty());
    EXPECT(firstOf(context, steelyard_context_arena(context, nullptr)) == mark);
  }
  steelyard_context_free(context, y, nullptr);
  steelyard_executable_destroy(executable);
  steelyard_context_destroy(context);
}

void testMistakes() {
  steelyard_context *context = makeContext(1);
  steelyard_executable *executable = makeExecutable(kCode, 1);
  steelyard_error error;
  void *y = steelyard_context_allocate(context, kBytes, nullptr);
  auto nothing = [](steelyard_context *, void *, void *const *) { return 0; };
  std::vector<int32_t> host(kCount);
  void *onHost = host.data();
  EXPECT_CONTAINS(run(executable, context, &onHost, nothing),
                  "result 0 ('y') is memory of the host, and device 0 (");
  EXPECT(!steelyard_context_allocate(context, size_t(1) << 44, &error));
  EXPECT(error.code == STEELYARD_RESOURCE_EXHAUSTED);
  EXPECT_CONTAINS(error.message, "no memory for a buffer of 17592186044416 "
                                 "bytes on device 0 (");
  std::string told =
      run(executable, context, &y,
          [](steelyard_context *inner, void *, void *const *) {
            uint32_t grid[3] = {1, 1, 1}, block[3] = {4096, 1, 1};
            return steelyard_gpu_launch(inner, kFault, grid, block, 0, nullptr);
          });
  EXPECT_CONTAINS(told, "kernel 'fault' (grid 1 x 1 x 1, block 4096 x 1 x 1");
  EXPECT_CONTAINS(told, "CUDA_ERROR_INVALID_VALUE");
  told = run(executable, context, &y,
             [](steelyard_context *inner, void *arena, void *const *) {
               uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
               void *both = static_cast<void *>(&arena);
               void *arguments[] = {both, both, grid};
               return steelyard_gpu_launch(inner, kThroughShared, grid, block,
                                           1u << 20, arguments);
             });
  EXPECT_CONTAINS(told, "asks for 1048576 bytes of dynamic shared memory");
  steelyard_executable *broken = makeExecutable(".version 7.0\nnonsense\n", 1);
  told = run(broken, context, &y, nothing);
  EXPECT_CONTAINS(told, "can't be loaded on device 0 (");
  EXPECT_CONTAINS(told, "CUDA_ERROR_INVALID_PTX");
  EXPECT_CONTAINS(told, "line 2");
  steelyard_executable_destroy(broken);
  EXPECT(run(executable, context, &y, nothing).empty());
  steelyard_context_free(context, y, nullptr);
  steelyard_executable_destroy(executable);
  steelyard_context_destroy(context);
}

/// Of the driver, what a caller with a stream and a graph uses.
template <typename... Parameters>
void cuda(const char *name, Parameters... parameters) {
  const char *given = std::getenv("STEELYARD_CUDA_DRIVER");
  static void *driver =
      dlopen(given && *given ? given : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  int result = reinterpret_cast<int (*)(Parameters...)>(dlsym(driver, name))(
      parameters...);
  if (result != 0) {
    std::fprintf(stderr, "%s: %d\n", name, result);
    ++failures;
  }
}

/// The device's primary context is current, and has a stream.
struct CallersStream {
  CallersStream() {
    void *context = nullptr;
    cuda("cuDevicePrimaryCtxRetain", &context, 0);
    cuda("cuCtxPushCurrent_v2", context);
    cuda("cuStreamCreate", &stream, 1u);
  }
  ~CallersStream() {
    void *context = nullptr;
    cuda("cuStreamDestroy_v2", stream);
    cuda("cuCtxPopCurrent_v2", &context);
    cuda("cuDevicePrimaryCtxRelease_v2", 0);
  }
  void *stream = nullptr;
};

/// A call on a caller's stream, captured after the first one and run again.
void testCapture() {
  steelyard_executable *executable = makeExecutable(kCode, 1);
  {
    CallersStream callers;
    steelyard_context_options options{STEELYARD_ABI_VERSION, 1, nullptr, 0, 0,
                                      callers.stream};
    steelyard_context *context = steelyard_context_create(&options, nullptr);
    void *y = steelyard_context_allocate(context, kBytes, nullptr);
    std::vector<int32_t> zeros(kCount);
    EXPECT(steelyard_context_upload(context, y, zeros.data(), kBytes,
                                    nullptr) == 0);
    auto body = [](steelyard_context *inner, void *arena,
                   void *const *results) {
      EXPECT(addOne(inner, results[0], arena) == 0);
      return steelyard_gpu_copy(inner, results[0], arena, kBytes);
    };
    EXPECT(run(executable, context, &y, body).empty());
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    EXPECT(firstOf(context, y) == 1);
    void *graph = nullptr, *ready = nullptr;
    cuda("cuStreamBeginCapture_v2", callers.stream, 0);
    EXPECT(run(executable, context, &y, body).empty());
    cuda("cuStreamEndCapture", callers.stream, &graph);
    EXPECT(firstOf(context, y) == 1); // captured, not run
    cuda("cuGraphInstantiateWithFlags", &ready, graph, 0ull);
    for (int i = 0; i < 3; ++i) {
      cuda("cuGraphLaunch", ready, callers.stream);
    }
    EXPECT(firstOf(context, y) == 4);
    cuda("cuGraphExecDestroy", ready);
    cuda("cuGraphDestroy", graph);
    steelyard_context_free(context, y, nullptr);
    steelyard_context_destroy(context);
  }
  steelyard_executable_destroy(executable);
}

/// Each context has its own device, whatever is current.
void testTwoDevices() {
  if (steelyard_device_count(nullptr) < 2) {
    return;
  }
  steelyard_executable *executable = makeExecutable(kCode, 1);
  steelyard_context *contexts[2] = {};
  void *buffers[2] = {};
  for (int32_t device : {0, 1}) {
    steelyard_context_options options{STEELYARD_ABI_VERSION, 1, nullptr,
                                      device};
    contexts[device] = steelyard_context_create(&options, nullptr);
    buffers[device] =
        steelyard_context_allocate(contexts[device], kBytes, nullptr);
  }
  auto body = [](steelyard_context *inner, void *, void *const *results) {
    return addOne(inner, steelyard_gpu_constant(inner, 0), results[0]);
  };
  for (int round = 0; round < 2; ++round) {
    for (int device : {0, 1}) {
      EXPECT(run(executable, contexts[device], &buffers[device], body).empty());
      EXPECT(firstOf(contexts[device], buffers[device]) == 42);
    }
  }
  EXPECT_CONTAINS(run(executable, contexts[0], &buffers[1], body),
                  "is memory of device 1, and the context's is device 0 (");
  EXPECT_CONTAINS(run(executable, contexts[1], &buffers[0], body),
                  "is memory of device 0, and the context's is device 1 (");
  for (int device : {0, 1}) {
    steelyard_context_free(contexts[device], buffers[device], nullptr);
    steelyard_context_destroy(contexts[device]);
  }
  steelyard_executable_destroy(executable);
}

/// Comes last: the process can't use the device any more.
void testFault() {
  steelyard_context *context = makeContext(1);
  steelyard_executable *executable = makeExecutable(kCode, 1);
  steelyard_error error;
  void *y = steelyard_context_allocate(context, kBytes, nullptr);
  auto fault = [](steelyard_context *inner, void *, void *const *) {
    uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
    return steelyard_gpu_launch(inner, kFault, grid, block, 0, nullptr);
  };
  EXPECT_CONTAINS(run(executable, context, &y, fault),
                  "CUDA_ERROR_ILLEGAL_ADDRESS: ");
  EXPECT_CONTAINS(run(executable, context, &y, fault),
                  "CUDA_ERROR_ILLEGAL_ADDRESS");
  EXPECT(steelyard_context_synchronize(context, &error) == STEELYARD_INTERNAL);
  steelyard_executable_destroy(executable);
  steelyard_context_destroy(context);
}

/// Least microseconds of one call, of many.
double timeOf(const std::function<void()> &call) {
  double least = 1e9;
  for (int i = 0; i < 300; ++i) {
    auto start = std::chrono::steady_clock::now();
    call();
    std::chrono::duration<double, std::micro> spent =
        std::chrono::steady_clock::now() - start;
    least = std::min(least, spent.count());
  }
  return least;
}

void printTimes() {
  std::printf("%s, %s; least of 300, microseconds a call\n",
              steelyard_device_name(0, nullptr),
              steelyard_device_chip(0, nullptr));
  CallersStream callers;
  steelyard_context_options options{STEELYARD_ABI_VERSION, 1, nullptr, 0, 0,
                                    callers.stream};
  for (bool waits : {true, false}) {
    steelyard_context *context =
        waits ? makeContext(1) : steelyard_context_create(&options, nullptr);
    for (int64_t count : {1, 100, 400}) {
      steelyard_executable *executable = makeExecutable(kCode, count);
      std::vector<void *> results(static_cast<size_t>(count));
      for (void *&result : results) {
        result = steelyard_context_allocate(context, kBytes, nullptr);
      }
      for (int launches : {0, 1, 100}) {
        double time = timeOf([&] {
          run(executable, context, results.data(),
              [&](steelyard_context *inner, void *arena, void *const *out) {
                for (int i = 0; i < launches; ++i) {
                  addOne(inner, arena, out[0]);
                }
                return 0;
              });
        });
        steelyard_context_synchronize(context, nullptr);
        std::printf("%s, %3lld buffers, %3d launches: %8.2f\n",
                    waits ? "own stream" : "caller's stream",
                    static_cast<long long>(count), launches, time);
      }
      for (void *result : results) {
        steelyard_context_free(context, result, nullptr);
      }
      steelyard_executable_destroy(executable);
    }
    steelyard_context_destroy(context);
  }
}

} // namespace

int main(int count, char **arguments) {
  steelyard_error error;
  if (steelyard_device_count(&error) == 0) {
    std::fprintf(stderr, "%s\n", error.message);
    return 77;
  }
  if (count > 1 && std::strcmp(arguments[1], "time") == 0) {
    printTimes();
    return 0;
  }
  testCalls();
  testMistakes();
  testCapture();
  testTwoDevices();
  testFault();
  return failures != 0;
}
