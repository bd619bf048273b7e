//===- CUDADeviceTest.cpp - Calls on a real device --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exit status 77, which ctest calls skipped, where there is none. Its code is
// PTX, so any GPU since Ampere will do. `runtime-cudadevice time` prints what
// calls cost instead.
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <dlfcn.h>
#include <thread>

#include "CUDAGemm.h"

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

steelyard_context *makeStreamContext(void *stream) {
  steelyard_context_options options{
      STEELYARD_ABI_VERSION, 1, nullptr, 0, 0, stream};
  return steelyard_context_create(&options, nullptr);
}

// CU_STREAM_LEGACY
void *defaultStream() {
  return reinterpret_cast<void *>(1); // NOLINT(performance-no-int-to-ptr)
}

/// A call on a caller's stream, captured after the first one and run again.
void testCapture() {
  steelyard_executable *executable = makeExecutable(kCode, 1);
  {
    CallersStream callers;
    steelyard_context *context = makeStreamContext(callers.stream);
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

/// A call that comes again is a graph's launch, which sees what its buffers
/// hold then; on each kind of stream.
/// Two sites, of which one has ten times the other's work; replayed or not.
void testMarks() {
  steelyard_executable *executable = makeExecutable(kCode, 1);
  steelyard_context *context = makeContext(1);
  void *y = steelyard_context_allocate(context, kBytes, nullptr);
  auto body = [](steelyard_context *inner, void *arena, void *const *results) {
    int32_t code = steelyard_gpu_fill(inner, results[0], kBytes);
    steelyard_mark(inner, -1);
    for (int i = 0; i < 220; ++i) {
      code = code ? code : addOne(inner, arena, arena);
      if (i == 19) {
        steelyard_mark(inner, 0);
      }
    }
    steelyard_mark(inner, 1);
    return code;
  };
  int64_t times[2] = {}, before[2] = {};
  for (int call = 0; call < 20; ++call) {
    EXPECT(run(executable, context, &y, body).empty());
    steelyard_context_site_times(context, 2, times);
    int64_t few = times[0] - before[0], many = times[1] - before[1];
    // The first call loads kernels.
    EXPECT(call == 0 || (few > 0 && many > 2 * few && many < 1'000'000'000));
    std::copy(times, times + 2, before);
  }
  steelyard_context_free(context, y, nullptr);
  steelyard_context_destroy(context);
  steelyard_executable_destroy(executable);
}

void testReplay() {
  CallersStream callers;
  steelyard_executable *executable = makeExecutable(kCode, 2);
  for (void *stream :
       {static_cast<void *>(nullptr), callers.stream, defaultStream()}) {
    steelyard_context *context = makeStreamContext(stream);
    void *buffers[4];
    for (void *&buffer : buffers) {
      buffer = steelyard_context_allocate(context, kBytes, nullptr);
    }
    int entries = 0;
    // out = in + 41 + 1, by way of all that can be captured.
    auto body = [&](steelyard_context *inner, void *arena,
                    void *const *results) {
      ++entries;
      void *in = results[0], *out = results[1];
      EXPECT(steelyard_gpu_fill(inner, out, kBytes) == 0);
      EXPECT(steelyard_gpu_copy(inner, arena, in, kBytes) == 0);
      for (int i = 0; i < 41; ++i) {
        EXPECT(addOne(inner, arena, arena) == 0);
      }
      return addOne(inner, arena, out);
    };
    for (int32_t call = 0; call < 12; ++call) {
      void **results = buffers + call % 2 * 2; // state that alternates
      std::vector<int32_t> values(kCount, call);
      EXPECT(steelyard_context_upload(context, results[0], values.data(),
                                      kBytes, nullptr) == 0);
      EXPECT(run(executable, context, results, body).empty());
      EXPECT(firstOf(context, results[1]) == call + 42);
    }
    EXPECT(entries == 4);
    // Memory that is given back, and had again, most likely where it lay.
    for (int32_t call = 0; call < 4; ++call) {
      void *before = buffers[0];
      steelyard_context_free(context, buffers[0], nullptr);
      buffers[0] = steelyard_context_allocate(context, kBytes, nullptr);
      std::vector<int32_t> values(kCount, call);
      EXPECT(steelyard_context_upload(context, buffers[0], values.data(),
                                      kBytes, nullptr) == 0);
      int known = entries;
      EXPECT(run(executable, context, buffers, body).empty());
      EXPECT(entries == known || buffers[0] != before);
      EXPECT(firstOf(context, buffers[1]) == call + 42);
    }
    for (void *buffer : buffers) {
      steelyard_context_free(context, buffer, nullptr);
    }
    steelyard_context_destroy(context);
  }
  steelyard_executable_destroy(executable);
}

/// Captures while another thread allocates, copies, uses the default stream,
/// and has executables come and go.
void testReplayAmongThreads() {
  std::atomic<bool> isDone{false};
  std::atomic<int> others{0};
  auto body = [](steelyard_context *inner, void *arena, void *const *results) {
    EXPECT(steelyard_gpu_copy(inner, arena, results[0], kBytes) == 0);
    for (int i = 0; i < 200; ++i) {
      EXPECT(addOne(inner, arena, arena) == 0);
    }
    return steelyard_gpu_copy(inner, results[0], arena, kBytes);
  };
  std::thread other([&] {
    while (!isDone || others < 3) {
      steelyard_executable *executable = makeExecutable(kCode, 1);
      steelyard_context *context = makeStreamContext(defaultStream());
      void *y = steelyard_context_allocate(context, kBytes, nullptr);
      EXPECT(run(executable, context, &y,
                 [](steelyard_context *inner, void *, void *const *results) {
                   EXPECT(steelyard_gpu_fill(inner, results[0], kBytes) == 0);
                   return addOne(inner, results[0], results[0]);
                 })
                 .empty());
      EXPECT(firstOf(context, y) == 1);
      EXPECT(steelyard_context_free(context, y, nullptr) == 0);
      steelyard_executable_destroy(executable);
      steelyard_context_destroy(context);
      ++others;
    }
  });
  int replayed = 0;
  constexpr int kRounds = 20, kCalls = 8;
  steelyard_context *context = makeContext(1);
  for (int round = 0; round < kRounds; ++round) {
    steelyard_executable *executable = makeExecutable(kCode, 1);
    void *y = steelyard_context_allocate(context, kBytes, nullptr);
    std::vector<int32_t> zeros(kCount);
    EXPECT(steelyard_context_upload(context, y, zeros.data(), kBytes,
                                    nullptr) == 0);
    int entries = 0;
    for (int call = 0; call < kCalls; ++call) {
      EXPECT(
          run(executable, context, &y,
              [&](steelyard_context *inner, void *arena, void *const *results) {
                ++entries;
                return body(inner, arena, results);
              })
              .empty());
    }
    replayed += kCalls - entries;
    EXPECT(firstOf(context, y) == kCalls * 200);
    steelyard_context_free(context, y, nullptr);
    steelyard_executable_destroy(executable);
  }
  isDone = true;
  other.join();
  steelyard_context_destroy(context);
  // Some were not, while the other thread waited for the device.
  EXPECT(replayed > kRounds * kCalls / 4);
}

/// A point is ahead while the device works, and passed afterwards; copies on
/// the stream.
void testPoints() {
  CallersStream callers;
  steelyard_executable *executable = makeExecutable(kCode, 1);
  for (void *stream : {callers.stream, defaultStream()}) {
    steelyard_context *context = makeStreamContext(stream);
    void *y = steelyard_context_allocate(context, kBytes, nullptr);
    void *z = steelyard_context_allocate(context, kBytes, nullptr);
    auto body = [](steelyard_context *inner, void *, void *const *results) {
      EXPECT(steelyard_gpu_fill(inner, results[0], kBytes) == 0);
      for (int i = 0; i < 2000; ++i) { // some ms
        EXPECT(addOne(inner, results[0], results[0]) == 0);
      }
      return 0;
    };
    EXPECT(run(executable, context, &y, body).empty());
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    int seenAhead = 0;
    for (int call = 0; call < 10; ++call) {
      EXPECT(run(executable, context, &y, body).empty());
      EXPECT(steelyard_context_copy(context, z, y, kBytes, nullptr) == 0);
      int64_t point = steelyard_context_record(context, nullptr);
      EXPECT(point == 2 * call + 1);
      EXPECT(run(executable, context, &y, body).empty());
      int64_t second = steelyard_context_record(context, nullptr);
      seenAhead += steelyard_context_reached(context, second, nullptr) == 0;
      EXPECT(steelyard_context_wait(context, point, nullptr) == 0);
      EXPECT(steelyard_context_reached(context, point, nullptr) == 1);
      while (steelyard_context_reached(context, second, nullptr) == 0) {
      }
      EXPECT(steelyard_context_reached(context, second, nullptr) == 1);
      EXPECT(firstOf(context, z) == 2000 && firstOf(context, y) == 2000);
    }
    EXPECT(seenAhead > 0);
    // Asking disturbs no capture, not even in global mode.
    if (stream == callers.stream) {
      int64_t point = steelyard_context_record(context, nullptr);
      void *graph = nullptr;
      cuda("cuStreamBeginCapture_v2", callers.stream, 0);
      EXPECT(steelyard_context_record(context, nullptr) == 0);
      EXPECT(steelyard_context_reached(context, point, nullptr) >= 0);
      cuda("cuStreamEndCapture", callers.stream, &graph);
      cuda("cuGraphDestroy", graph);
    }
    steelyard_context_free(context, y, nullptr);
    steelyard_context_free(context, z, nullptr);
    steelyard_context_destroy(context);
  }
  steelyard_executable_destroy(executable);
}

/// Contractions against host loops; false where there is no cuBLASLt.
bool checkGemms(steelyard_context *context, const GemmProgram &program) {
  GemmRun first(context, GemmCase());
  std::string message;
  if (first.run(program, &message) == STEELYARD_NOT_FOUND) {
    std::printf("contractions are not tested: %s\n", message.c_str());
    return false;
  }
  std::string chip = steelyard_device_chip(0, nullptr);
  bool hasF8 = std::strtol(chip.c_str() + 3, nullptr, 10) >= 89;
  geluTolerance = 2e-5;
  for (const GemmCase &test : gemmCases(hasF8)) {
    expectRight(context, program, test);
  }
  GemmCase large;
  large.m = 384;
  large.n = 512;
  large.k = 1024;
  large.a = large.b = hasF8 ? STEELYARD_F8E4M3FN : STEELYARD_BF16;
  expectRight(context, program, large);
  if (hasF8) {
    GemmCase refused = large;
    refused.k = 24;
    GemmRun run(context, refused);
    EXPECT(run.run(program, &message) == STEELYARD_UNIMPLEMENTED);
    EXPECT_CONTAINS(message, "; FP8 needs k to be a multiple of 16");
  }
  return true;
}

/// Replayed with other values in the same buffers.
void testGemmReplay(const GemmProgram &program, bool hasF8) {
  steelyard_context *context = makeStreamContext(defaultStream());
  {
    GemmCase first, second;
    first.bias = true;
    second.m = second.n = second.k = 64;
    second.a = second.b = hasF8 ? STEELYARD_F8E4M3FN : STEELYARD_BF16;
    second.scales = hasF8;
    GemmRun a(context, first), b(context, second), c(context, second);
    int entries = 0;
    for (int call = 0; call < 5; ++call) {
      for (GemmRun *each : {&a, &b, &c}) {
        each->a.set(each->aIndex(0, 3, 4), call);
        each->a.upload();
      }
      EXPECT(program.run(context, [&](steelyard_context *inner) {
        ++entries;
        int32_t code = 0;
        for (GemmRun *each : {&a, &b, &c}) {
          code = code ? code : steelyard_gpu_gemm(inner, &each->desc);
        }
        return code;
      }) == STEELYARD_OK);
      for (GemmRun *each : {&a, &b, &c}) {
        each->c.download();
        EXPECT(each->countWrong() == 0);
      }
    }
    EXPECT(entries == 2);
  }
  steelyard_context_destroy(context);
}

/// One of them is captured and run again.
void testGemm() {
  GemmProgram program;
  steelyard_context *own = makeContext(1);
  bool isThere = checkGemms(own, program);
  steelyard_context_destroy(own);
  if (!isThere) {
    return;
  }
  // `program` has met single contractions, which gain nothing by it.
  std::string chip = steelyard_device_chip(0, nullptr);
  testGemmReplay(GemmProgram(),
                 std::strtol(chip.c_str() + 3, nullptr, 10) >= 89);
  CallersStream callers;
  steelyard_context *context = makeStreamContext(callers.stream);
  {
    GemmCase test;
    test.accumulate = true;
    GemmRun run(context, test);
    auto gemm = [&](steelyard_context *inner) {
      return steelyard_gpu_gemm(inner, &run.desc);
    };
    EXPECT(program.run(context, gemm) == STEELYARD_OK);
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    double start = run.c.get(run.cIndex(0, 1, 1));
    double product = run.wanted(0, 1, 1) - start;
    void *graph = nullptr, *ready = nullptr;
    cuda("cuStreamBeginCapture_v2", callers.stream, 0);
    EXPECT(program.run(context, gemm) == STEELYARD_OK);
    cuda("cuStreamEndCapture", callers.stream, &graph);
    cuda("cuGraphInstantiateWithFlags", &ready, graph, 0ull);
    for (int i = 0; i < 3; ++i) {
      cuda("cuGraphLaunch", ready, callers.stream);
    }
    run.c.download();
    EXPECT(run.c.get(run.cIndex(0, 1, 1)) == start + 4 * product);
    cuda("cuGraphExecDestroy", ready);
    cuda("cuGraphDestroy", graph);
  }
  steelyard_context_destroy(context);
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
  EXPECT(steelyard_context_record(context, &error) == 0);
  EXPECT(error.code == STEELYARD_INTERNAL);
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
  setenv("STEELYARD_CUDA_GRAPHS", "0", 1);
  std::printf("%s, %s; least of 300, microseconds a call\n",
              steelyard_device_name(0, nullptr),
              steelyard_device_chip(0, nullptr));
  CallersStream callers;
  for (bool waits : {true, false}) {
    steelyard_context *context =
        makeStreamContext(waits ? nullptr : callers.stream);
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

/// Calls of many small kernels: their code, the call that captures it, and
/// graphs.
void printReplayTimes() {
  for (int launches : {3, 30, 300, 3000}) {
    double time[2] = {}, capture = 0;
    for (bool replays : {false, true}) {
      setenv("STEELYARD_CUDA_GRAPHS", replays ? "1" : "0", 1);
      steelyard_context *context = makeContext(1);
      steelyard_executable *executable = makeExecutable(kCode, 1);
      void *y = steelyard_context_allocate(context, kBytes, nullptr);
      auto call = [&] {
        std::string told = run(
            executable, context, &y,
            [&](steelyard_context *inner, void *arena, void *const *results) {
              for (int i = 0; i < launches; ++i) {
                addOne(inner, arena, results[0]);
              }
              return 0;
            });
        EXPECT(told.empty());
      };
      call();
      auto start = std::chrono::steady_clock::now();
      call();
      std::chrono::duration<double, std::micro> spent =
          std::chrono::steady_clock::now() - start;
      capture = spent.count();
      time[replays] = timeOf(call);
      steelyard_context_free(context, y, nullptr);
      steelyard_executable_destroy(executable);
      steelyard_context_destroy(context);
    }
    std::printf("%4d launches and the wait for them: %8.1f, as a graph %8.1f; "
                "capture %8.1f\n",
                launches, time[0], time[1], capture);
  }
  setenv("STEELYARD_CUDA_GRAPHS", "0", 1); // for times of single kernels
}

/// n x n x n, 20 in a call, the best of 5.
void printGemmTimes(steelyard_context *context, const GemmProgram &program,
                    steelyard_type type, int32_t compute, int64_t n) {
  std::mt19937 bits(static_cast<uint32_t>(n));
  auto size = static_cast<size_t>(steelyard_type_bytes(type));
  std::vector<unsigned char> host(static_cast<size_t>(n * n) * size);
  for (size_t i = 0; i < host.size(); ++i) {
    // Below 2, by the exponent's first bit.
    host[i] = static_cast<unsigned char>(bits() &
                                         (i % size == size - 1 ? 0xbf : 0xff));
  }
  void *operands[3];
  for (void *&operand : operands) {
    operand = steelyard_context_allocate(context, host.size() * 4, nullptr);
    steelyard_context_upload(context, operand, host.data(), host.size(),
                             nullptr);
  }
  steelyard_type into = size == 1 ? STEELYARD_BF16 : type;
  steelyard_gpu_gemm_desc desc{1,
                               n,
                               n,
                               n,
                               operands[0],
                               type,
                               0,
                               n,
                               1,
                               operands[1],
                               type,
                               0,
                               1,
                               n,
                               operands[2],
                               into,
                               0,
                               n,
                               1,
                               nullptr,
                               nullptr,
                               nullptr,
                               STEELYARD_INVALID_TYPE,
                               0,
                               0,
                               compute,
                               0};
  constexpr int kProducts = 20;
  double best = 1e9, launch = 1e9;
  for (int i = 0; i < 5; ++i) {
    auto start = std::chrono::steady_clock::now();
    auto seconds = [&] {
      std::chrono::duration<double> spent =
          std::chrono::steady_clock::now() - start;
      return spent.count() / kProducts;
    };
    std::string message;
    if (program.run(
            context,
            [&](steelyard_context *inner) {
              int32_t code = 0;
              for (int j = 0; j < kProducts && !code; ++j) {
                code = steelyard_gpu_gemm(inner, &desc);
              }
              launch = std::min(launch, seconds());
              return code;
            },
            &message)) {
      std::printf("%s\n", message.c_str());
      break;
    }
    best = std::min(best, seconds());
  }
  auto cube = static_cast<double>(n) * static_cast<double>(n * n);
  std::printf("%5lld^3 %-8s%s: %7.1f TFLOP/s; a launch takes %5.2f us\n",
              static_cast<long long>(n), steelyard_type_name(type),
              compute ? ", may be faster" : "", 2e-12 * cube / best,
              launch * 1e6);
  for (void *operand : operands) {
    steelyard_context_free(context, operand, nullptr);
  }
}

void printGemmTimes() {
  GemmProgram program;
  steelyard_context *context = makeContext(1);
  for (int64_t n : {256, 2048, 4096, 8192}) {
    for (steelyard_type type :
         {STEELYARD_F32, STEELYARD_BF16, STEELYARD_F8E4M3FN}) {
      for (int32_t compute : {0, 3}) {
        if (!compute || type != STEELYARD_BF16) {
          printGemmTimes(context, program, type, compute, n);
        }
      }
    }
  }
  steelyard_context_destroy(context);
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
    printReplayTimes();
    printGemmTimes();
    return 0;
  }
  testCalls();
  testMistakes();
  testCapture();
  testMarks();
  testReplay();
  testReplayAmongThreads();
  testPoints();
  testGemm();
  testTwoDevices();
  testFault();
  return failures != 0;
}
