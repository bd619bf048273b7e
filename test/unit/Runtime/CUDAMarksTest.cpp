//===- CUDAMarksTest.cpp - Times of sites on a device -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver, where each kernel and copy takes a millisecond.
//===----------------------------------------------------------------------===//

#include "CUDASupport.h"

namespace {

constexpr int64_t kMillisecond = 1'000'000;

/// Two kernels at site 0, one at 2; the copy before the clock starts and the
/// fill behind the last mark are nobody's.
int32_t marked(steelyard_context *context, void *arena, const void *x,
               void *y) {
  int32_t code = steelyard_gpu_copy(context, arena, x, 4);
  steelyard_mark(context, -1);
  code = code ? code : launch(context, kAddOne, x, arena);
  code = code ? code : launch(context, kAddOne, arena, y);
  steelyard_mark(context, 0);
  steelyard_mark(context, 1);
  code = code ? code : launch(context, kAddOne, y, y);
  steelyard_mark(context, 2);
  return code ? code : steelyard_gpu_fill(context, arena, 4);
}

/// Of three sites, in milliseconds, as in "2 0 1".
std::string times(const steelyard_context *context) {
  int64_t nanoseconds[3] = {};
  steelyard_context_site_times(context, 3, nanoseconds);
  std::string text;
  for (int64_t each : nanoseconds) {
    EXPECT(each % kMillisecond == 0);
    text += (text.empty() ? "" : " ") + std::to_string(each / kMillisecond);
  }
  return text;
}

void testTimes(bool isReplayed) {
  Setting graphs("STEELYARD_CUDA_GRAPHS", isReplayed ? "1" : "0");
  steelyard_context *context = makeDeviceContext();
  {
    Program program(sizeof(int32_t) * kCount), other(sizeof(int32_t) * kCount);
    Array x(context, 5), y(context, 0);
    int64_t replayed = callCount("cuGraphLaunch"), sum = 0;
    for (int call = 1; call <= 4; ++call) {
      EXPECT(program.run(context, x.memory, y.memory, marked).empty());
      EXPECT(times(context) ==
             std::to_string(2 * call) + " 0 " + std::to_string(call));
      EXPECT(y.value() == 8);
      sum = call;
    }
    EXPECT(callCount("cuGraphLaunch") == replayed + (isReplayed ? 3 : 0));
    // Other graphs of the same function have marks of their own; code without
    // any has none.
    for (int call = 0; call < 3; ++call) {
      EXPECT(program.run(context, x.memory, x.memory, marked).empty());
      EXPECT(program.run(context, x.memory, y.memory, marked).empty());
      EXPECT(other.run(context, x.memory, y.memory, addOneBody).empty());
      sum += 2;
      EXPECT(times(context) ==
             std::to_string(2 * sum) + " 0 " + std::to_string(sum));
    }
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// More marks than are kept, and what the host waits for between them.
void testLongLoops() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program;
    Array x(context, 5), y(context, 0);
    int64_t made = callCount("cuEventCreate");
    auto loop = [](steelyard_context *inner, void *arena, const void *in,
                   void *out) {
      steelyard_mark(inner, -1);
      int32_t code = 0, value = 0;
      for (int trip = 0; trip < 10000; ++trip) {
        code = code ? code : addOneBody(inner, arena, in, out);
        steelyard_mark(inner, trip % 2);
      }
      code = code ? code : steelyard_gpu_read(inner, &value, out, 4);
      steelyard_mark(inner, 2);
      return code;
    };
    EXPECT(program.run(context, x.memory, y.memory, loop).empty());
    EXPECT(times(context) == "5000 5000 1");
    EXPECT(program.run(context, x.memory, y.memory, loop).empty());
    EXPECT(times(context) == "10000 10000 2");
    EXPECT(callCount("cuEventCreate") == made + 4096);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// A call on a caller's stream waits for the marks.
void testCallersStream() {
  void *primary = nullptr, *stream = nullptr, *popped = nullptr;
  fake<int(void **, int)>("cuDevicePrimaryCtxRetain")(&primary, 40);
  fake<int(void *)>("cuCtxPushCurrent_v2")(primary);
  EXPECT(fake<int(void **, unsigned)>("cuStreamCreate")(&stream, 1) == 0);
  steelyard_context *context = makeDeviceContext(0, stream);
  {
    Program program(sizeof(int32_t) * kCount);
    Array x(context, 5), y(context, 0);
    for (int call = 1; call <= 3; ++call) {
      EXPECT(program.run(context, x.memory, y.memory, marked).empty());
      EXPECT(times(context) ==
             std::to_string(2 * call) + " 0 " + std::to_string(call));
    }
  }
  steelyard_context_destroy(context);
  fake<int(void *)>("cuStreamDestroy_v2")(stream);
  fake<int(void **)>("cuCtxPopCurrent_v2")(&popped);
  fake<int(int)>("cuDevicePrimaryCtxRelease_v2")(40);
  EXPECT(leakCount() == 0);
}

void testRefusals() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program(sizeof(int32_t) * kCount), failing;
    Array x(context, 5), y(context, 0);
    for (const char *function : {"cuEventCreate=2", "cuEventRecordWithFlags=1",
                                 "cuEventElapsedTime=1"}) {
      Setting fail("FAKE_CUDA_FAIL", function);
      std::string why = program.run(context, x.memory, y.memory, marked);
      EXPECT_CONTAINS(why, "no time can be ");
      EXPECT_CONTAINS(why, "on device 0 (Fake GPU): CUDA_ERROR_");
    }
    EXPECT(times(context) == "0 0 0");
    EXPECT(program.run(context, x.memory, y.memory, marked).empty());
    EXPECT(times(context) == "2 0 1");
    {
      // It is run in the way of all others then.
      Setting fail("FAKE_CUDA_FAIL", "cuGraphInstantiateWithFlags=1");
      EXPECT(program.run(context, x.memory, y.memory, marked).empty());
      EXPECT(times(context) == "4 0 2");
    }
    for (int call = 3; call < 5; ++call) {
      EXPECT(program.run(context, x.memory, y.memory, marked).empty());
      EXPECT(times(context) ==
             std::to_string(2 * call) + " 0 " + std::to_string(call));
    }
    // What fails behind a mark leaves nothing for the next call.
    EXPECT(
        !failing
             .run(context, x.memory, y.memory,
                  [](steelyard_context *inner, void *, const void *, void *) {
                    steelyard_mark(inner, -1);
                    steelyard_mark(inner, 1);
                    return 1;
                  })
             .empty());
    EXPECT(program.run(context, x.memory, y.memory, marked).empty());
    EXPECT(times(context) == "10 0 5");
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

} // namespace

int main() {
  testTimes(/*isReplayed=*/true);
  testTimes(/*isReplayed=*/false);
  testLongLoops();
  testCallersStream();
  testRefusals();
  return failures != 0;
}
