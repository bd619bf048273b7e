//===- CUDATest.cpp - Calls on a device -------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: STEELYARD_CUDA_DRIVER is its path.
//===----------------------------------------------------------------------===//

#include <atomic>
#include <cstring>
#include <thread>

#include "CUDASupport.h"

static void testDevices() {
  steelyard_error error;
  EXPECT(steelyard_device_count(&error) == 3);
  EXPECT(std::string(steelyard_device_name(0, &error)) == "Fake GPU");
  EXPECT(std::string(steelyard_device_chip(0, &error)) == "sm_90");
  EXPECT(std::string(steelyard_device_chip(1, &error)) == "sm_80");
}

static void testCall() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program(/*arenaBytes=*/1024);
    EXPECT(program.creation.empty());
    Array x(context, 5), y(context, 0);
    int64_t waits = callCount("cuStreamSynchronize");
    // x + 1 in the arena, + 1 in y.
    auto body = [](steelyard_context *inner, void *arena, const void *in,
                   void *out) {
      EXPECT(reinterpret_cast<uintptr_t>(arena) % 256 == 0);
      EXPECT(launch(inner, kAddOne, in, arena) == 0);
      return launch(inner, kAddOne, arena, out);
    };
    EXPECT(program.run(context, x.memory, y.memory, body).empty());
    EXPECT(callCount("cuStreamSynchronize") == waits + 1);
    EXPECT(lastLaunch.grid[0] == 4 && lastLaunch.block[1] == 2);
    EXPECT(y.value() == 7);
    // Donated.
    EXPECT(program.run(context, x.memory, x.memory, body).empty());
    EXPECT(x.value() == 7);
    EXPECT(callCount("cuModuleLoadDataEx") == 1);
    // The arena is the device's.
    size_t bytes = 0;
    const void *arena = steelyard_context_arena(context, &bytes);
    std::vector<int32_t> left(kCount);
    EXPECT(bytes == 1024);
    EXPECT(steelyard_context_download(context, left.data(), arena,
                                      sizeof(int32_t) * kCount, nullptr) == 0);
    EXPECT(left[0] == 6 && left[99] == 6);
    // The same context runs code of the CPU as well.
    Runner runner(64);
    EXPECT(runner.run(context, [](steelyard_context *inner, void *host) {
      std::memset(host, 1, 64);
      return steelyard_poll(inner);
    }) == 0);
    EXPECT(steelyard_context_arena(context, &bytes) != arena && bytes == 64);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

static void testMoves() {
  const int32_t numbers[kCount] = {7, 8, 9};
  steelyard_context *context = makeDeviceContext();
  {
    Program program(0, {makeImage("sm_90a")},
                    {{numbers, sizeof numbers}, {nullptr, 0}});
    Array x(context, 5), y(context, 1);
    size_t bytes = sizeof(int32_t) * kCount;
    EXPECT(program
               .run(context, x.memory, y.memory,
                    [&](steelyard_context *inner, void *, const void *in,
                        void *out) {
                      int32_t value = 0;
                      EXPECT(steelyard_gpu_copy(inner, out, in, bytes) == 0);
                      EXPECT(value == 0); // nothing waits
                      EXPECT(steelyard_gpu_read(inner, &value, out, 4) == 0);
                      EXPECT(value == 5);
                      EXPECT(steelyard_gpu_fill(inner, out, bytes) == 0);
                      EXPECT(steelyard_gpu_read(inner, &value, out, 4) == 0);
                      EXPECT(value == 0);
                      const void *constant = steelyard_gpu_constant(inner, 0);
                      EXPECT(constant && steelyard_gpu_constant(inner, 1));
                      EXPECT(steelyard_gpu_constant(inner, 0) == constant);
                      EXPECT(steelyard_gpu_copy(inner, out, constant, 0) == 0);
                      return steelyard_gpu_copy(inner, out, constant, bytes);
                    })
               .empty());
    int32_t got[kCount];
    EXPECT(steelyard_context_download(context, got, y.memory, bytes, nullptr) ==
           0);
    EXPECT(std::memcmp(got, numbers, bytes) == 0);
    // Another context of the device finds it there.
    int64_t uploads = callCount("cuMemcpyHtoDAsync_v2");
    steelyard_context *second = makeDeviceContext();
    EXPECT(
        program
            .run(second, x.memory, y.memory,
                 [&](steelyard_context *inner, void *, const void *, void *) {
                   EXPECT(steelyard_gpu_constant(inner, 0));
                   return 0;
                 })
            .empty());
    EXPECT(callCount("cuMemcpyHtoDAsync_v2") == uploads);
    EXPECT(callCount("cuModuleLoadDataEx") == 2); // testCall's and this one
    steelyard_context_destroy(second);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// A caller's stream: nothing waits, nothing runs until it is waited for.
static void testStream() {
  using Create = int(void **stream, unsigned flags);
  using Destroy = int(void *stream);
  steelyard_context *maker = makeDeviceContext();
  {
    Program program(1024), larger(4096);
    Array x(maker, 5), y(maker, 0);
    void *primary = nullptr, *stream = nullptr;
    EXPECT(fake<int(void **, int)>("cuDevicePrimaryCtxRetain")(&primary, 40) ==
           0);
    EXPECT(fake<Destroy>("cuCtxPushCurrent_v2")(primary) == 0);
    EXPECT(fake<Create>("cuStreamCreate")(&stream, 1) == 0);
    steelyard_context *context = makeDeviceContext(0, stream);
    int64_t waits = callCount("cuStreamSynchronize");
    EXPECT(program.run(context, x.memory, y.memory, addOneBody).empty());
    EXPECT(program.run(context, y.memory, y.memory, addOneBody).empty());
    EXPECT(callCount("cuStreamSynchronize") == waits);
    EXPECT(y.value() == 0); // on maker's stream
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    EXPECT(y.value() == 7);
    // The steady state allocates nothing and waits for nothing.
    int64_t allocations = callCount("cuMemAlloc_v2");
    EXPECT(program.run(context, y.memory, y.memory, addOneBody).empty());
    EXPECT(callCount("cuMemAlloc_v2") == allocations);
    // An arena in use is not freed: growing it waits.
    auto throughArena = [](steelyard_context *inner, void *arena,
                           const void *in, void *out) {
      EXPECT(launch(inner, kAddOne, in, arena) == 0);
      return launch(inner, kAddOne, arena, out);
    };
    EXPECT(program.run(context, x.memory, y.memory, throughArena).empty());
    EXPECT(larger.run(context, y.memory, y.memory, throughArena).empty());
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    EXPECT(y.value() == 9);
    // Destruction waits for what uses code, constants and the arena.
    const int32_t numbers[kCount] = {3};
    {
      Program brief(0, {makeImage("sm_90a")}, {{numbers, sizeof numbers}});
      EXPECT(brief
                 .run(context, x.memory, y.memory,
                      [](steelyard_context *inner, void *, const void *,
                         void *out) {
                        const void *in = steelyard_gpu_constant(inner, 0);
                        EXPECT(launch(inner, kAddOne, in, out) == 0);
                        return steelyard_gpu_copy(inner, out, in, 4);
                      })
                 .empty());
    }
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    EXPECT(program.run(context, x.memory, y.memory, throughArena).empty());
    steelyard_context_destroy(context);
    EXPECT(y.value() == 7);
    EXPECT(fake<Destroy>("cuStreamDestroy_v2")(stream) == 0);
    void *popped = nullptr;
    EXPECT(fake<int(void **)>("cuCtxPopCurrent_v2")(&popped) == 0);
    EXPECT(fake<int(int)>("cuDevicePrimaryCtxRelease_v2")(40) == 0);
  }
  steelyard_context_destroy(maker);
  EXPECT(leakCount() == 0);
}

static void testSharedMemory() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program;
    Array x(context, 5), y(context, 0);
    auto with = [&](uint32_t bytes) {
      return program.run(
          context, x.memory, y.memory,
          [&](steelyard_context *inner, void *, const void *in, void *out) {
            return launch(inner, kAddOne, in, out, bytes);
          });
    };
    EXPECT(with(48 << 10).empty());
    EXPECT(callCount("cuFuncSetAttribute") == 0);
    EXPECT(with(200 << 10).empty());
    EXPECT(with(200 << 10).empty());
    EXPECT(with(100 << 10).empty());
    EXPECT(callCount("cuFuncSetAttribute") == 1);
    EXPECT(lastLaunch.sharedBytes == 100 << 10);
    EXPECT_CONTAINS(with(300 << 10),
                    "kernel 'add_one' asks for 307200 bytes of dynamic shared "
                    "memory, and device 0 (Fake GPU) has 232448 for a block");
    EXPECT_CONTAINS(with(3u << 30), "asks for 3221225472 bytes");
  }
  steelyard_context_destroy(context);
}

/// Checks look at buffers of the device.
static void testChecks() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program;
    Array x(context, 5), y(context, 0);
    int64_t shape[] = {kCount};
    EXPECT(program
               .run(context, x.memory, y.memory,
                    [&](steelyard_context *inner, void *, const void *in,
                        void *out) {
                      EXPECT(launch(inner, kAddOne, in, out) == 0);
                      steelyard_check_eq(inner, STEELYARD_I32, 1, shape, out,
                                         in, nullptr);
                      EXPECT(launch(inner, kAddOne, in, out) == 0);
                      steelyard_check_close(inner, STEELYARD_I32, 1, shape, out,
                                            out, 0, nullptr);
                      return 0;
                    })
               .empty());
    char text[256];
    EXPECT(steelyard_context_check_count(context) == 2);
    EXPECT(steelyard_context_check_failures(context, text, sizeof text) == 1);
    EXPECT_CONTAINS(std::string(text), "at [0] got 6, want 5; 100 of 100");
    int32_t host[kCount];
    EXPECT_CONTAINS(program.run(context, x.memory, y.memory,
                                [&](steelyard_context *inner, void *,
                                    const void *in, void *) {
                                  steelyard_check_eq(inner, STEELYARD_I32, 1,
                                                     shape, in, host, nullptr);
                                  return 0;
                                }),
                    "400 bytes can't be copied from device 0");
  }
  steelyard_context_destroy(context);
}

/// A mark waits for what it times.
static void testMarks() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program;
    Array x(context, 5), y(context, 0);
    int64_t waits = callCount("cuStreamSynchronize");
    EXPECT(program
               .run(context, x.memory, y.memory,
                    [&](steelyard_context *inner, void *arena, const void *in,
                        void *out) {
                      steelyard_mark(inner, -1);
                      int32_t code = addOneBody(inner, arena, in, out);
                      steelyard_mark(inner, 0);
                      return code;
                    })
               .empty());
    EXPECT(callCount("cuStreamSynchronize") == waits + 2);
    int64_t nanoseconds = 0;
    steelyard_context_site_times(context, 1, &nanoseconds);
    EXPECT(nanoseconds == 1'000'000);
  }
  steelyard_context_destroy(context);
}

static void testCancellation() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program;
    Array x(context, 5), y(context, 0);
    int32_t code = 0;
    int64_t launches = callCount("cuLaunchKernelEx");
    program.run(
        context, x.memory, y.memory,
        [](steelyard_context *inner, void *, const void *in, void *out) {
          EXPECT(launch(inner, kAddOne, in, out) == 0);
          steelyard_context_cancel(inner);
          EXPECT(steelyard_poll(inner) == STEELYARD_CANCELLED);
          return launch(inner, kAddOne, in, out);
        },
        &code);
    EXPECT(code == STEELYARD_CANCELLED);
    EXPECT(callCount("cuLaunchKernelEx") == launches + 1);
    EXPECT(program.run(context, x.memory, y.memory, addOneBody, &code).empty());
    EXPECT(code == STEELYARD_OK);
  }
  steelyard_context_destroy(context);
}

/// Kernels that wait themselves are launched ahead of the end of others, where
/// device and driver can, and the user lets them.
static void testLaunchesAhead() {
  auto launchesAhead = [](int32_t device, uint32_t flags) {
    int64_t before = callCount("launch ahead");
    steelyard_context *context = makeDeviceContext(device);
    {
      Program program(0, {makeImage("sm_90a"), makeImage("sm_80")}, {}, flags);
      Array x(context, 5), y(context, 0);
      EXPECT(program.run(context, x.memory, y.memory, addOneBody).empty());
    }
    steelyard_context_destroy(context);
    return callCount("launch ahead") - before;
  };
  constexpr uint32_t kWait = STEELYARD_EXECUTABLE_KERNELS_WAIT;
  EXPECT(launchesAhead(0, kWait) == 1);
  EXPECT(launchesAhead(0, 0) == 0);
  EXPECT(launchesAhead(1, kWait) == 0);
  {
    Setting off("STEELYARD_CUDA_AHEAD", "0");
    EXPECT(launchesAhead(0, kWait) == 0);
  }
}

static void testChips() {
  steelyard_context *hopper = makeDeviceContext(0);
  steelyard_context *ampere = makeDeviceContext(1);
  steelyard_context *ada = makeDeviceContext(2);
  {
    Array x(hopper, 5), y(hopper, 0), x1(ampere, 5), y1(ampere, 0);
    char broken[sizeof kImage] = {}; // is not the one that is chosen
    Program both(0, {makeImage("sm_80", broken), makeImage("sm_90", broken),
                     makeImage("sm_90a")});
    EXPECT(both.run(hopper, x.memory, y.memory, addOneBody).empty());
    EXPECT_CONTAINS(both.run(ampere, x1.memory, y1.memory, addOneBody),
                    "the code for sm_80 can't be loaded on device 1");
    Program family(0, {makeImage("sm_90f"), makeImage("sm_80")});
    EXPECT(family.run(hopper, x.memory, y.memory, addOneBody).empty());
    EXPECT(family.run(ampere, x1.memory, y1.memory, addOneBody).empty());
    Program plain(0, {makeImage("sm_90")});
    EXPECT(plain.run(hopper, x.memory, y.memory, addOneBody).empty());
    for (const char *chip : {"sm_86", "sm_90", "sm_100a", "sm_90a", "sm_86a"}) {
      int32_t code = 0;
      std::string told = std::string("compiled for ") + chip +
                         ", and device 1 (Fake GPU) is sm_80: compile it with "
                         "--chip=sm_80";
      EXPECT(Program(0, {makeImage(chip)})
                 .run(ampere, x1.memory, y1.memory, addOneBody, &code) == told);
      EXPECT(code == STEELYARD_FAILED_PRECONDITION);
    }
    Array x2(ada, 5), y2(ada, 0);
    for (auto [chip, runs] : {std::pair<const char *, bool>{"sm_80", true},
                              {"sm_86", true},
                              {"sm_86f", true},
                              {"sm_86a", false},
                              {"sm_89a", true},
                              {"sm_90", false}}) {
      EXPECT(Program(0, {makeImage(chip)})
                 .run(ada, x2.memory, y2.memory, addOneBody)
                 .empty() == runs);
    }
    // Without kernels any device will do.
    Program none(0, {});
    EXPECT(none.run(ampere, x1.memory, y1.memory,
                    [](steelyard_context *inner, void *, const void *,
                       void *out) { return steelyard_gpu_fill(inner, out, 4); })
               .empty());
  }
  steelyard_context_destroy(hopper);
  steelyard_context_destroy(ampere);
  steelyard_context_destroy(ada);
  EXPECT(leakCount() == 0);
}

/// Many contexts, one executable, two devices.
static void testConcurrency() {
  const int32_t one = 1;
  Program program(512, {makeImage("sm_90a"), makeImage("sm_80")},
                  {{&one, sizeof one}});
  int64_t loads = callCount("cuModuleLoadDataEx");
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      steelyard_context *context = makeDeviceContext(i % 2);
      {
        Array x(context, i), y(context, 0);
        for (int round = 0; round < 50; ++round) {
          bool ran = program
                         .run(context, x.memory, y.memory,
                              [](steelyard_context *inner, void *,
                                 const void *in, void *out) {
                                EXPECT(steelyard_gpu_constant(inner, 0));
                                return launch(inner, kAddOne, in, out, 60000);
                              })
                         .empty();
          good += ran && y.value() == i + 1;
        }
      }
      steelyard_context_destroy(context);
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT(good == 200);
  EXPECT(callCount("cuModuleLoadDataEx") == loads + 2);
}

int main() {
  Setting devices("FAKE_CUDA_DEVICES", "9.0,8.0,8.9");
  testDevices();
  testCall();
  testMoves();
  testStream();
  testSharedMemory();
  testChecks();
  testMarks();
  testCancellation();
  testLaunchesAhead();
  testChips();
  testConcurrency();
  EXPECT(leakCount() == 0);
  return failures != 0;
}
