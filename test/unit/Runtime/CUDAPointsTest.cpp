//===- CUDAPointsTest.cpp - How far a device is -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: STEELYARD_CUDA_DRIVER is its path.
//===----------------------------------------------------------------------===//

#include <atomic>
#include <thread>

#include "CUDASupport.h"

namespace {

/// The device's primary context is current, and has a stream.
struct CallersStream {
  explicit CallersStream(unsigned flags = 1) {
    void *primary = nullptr;
    fake<int(void **, int)>("cuDevicePrimaryCtxRetain")(&primary, 40);
    fake<int(void *)>("cuCtxPushCurrent_v2")(primary);
    EXPECT(fake<int(void **, unsigned)>("cuStreamCreate")(&stream, flags) == 0);
  }
  ~CallersStream() {
    void *popped = nullptr;
    fake<int(void *)>("cuStreamDestroy_v2")(stream);
    fake<int(void **)>("cuCtxPopCurrent_v2")(&popped);
    fake<int(int)>("cuDevicePrimaryCtxRelease_v2")(40);
  }
  CallersStream(const CallersStream &) = delete;

  void synchronize() const {
    EXPECT(fake<int(void *)>("cuStreamSynchronize")(stream) == 0);
  }
  void beginCapture(int mode) const {
    EXPECT(fake<int(void *, int)>("cuStreamBeginCapture_v2")(stream, mode) ==
           0);
  }
  /// Of a capture that nobody has spoiled.
  void endCapture() const {
    void *graph = nullptr;
    EXPECT(fake<int(void *, void **)>("cuStreamEndCapture")(stream, &graph) ==
           0);
    EXPECT(fake<int(void *)>("cuGraphDestroy")(graph) == 0);
  }

  void *stream = nullptr;
};

// CU_STREAM_LEGACY
void *defaultStream() {
  return reinterpret_cast<void *>(1); // NOLINT(performance-no-int-to-ptr)
}

int64_t record(steelyard_context *context) {
  steelyard_error error;
  int64_t point = steelyard_context_record(context, &error);
  EXPECT(point > 0 && error.code == STEELYARD_OK && !*error.message);
  return point;
}
int32_t reached(steelyard_context *context, int64_t point) {
  steelyard_error error;
  int32_t got = steelyard_context_reached(context, point, &error);
  EXPECT(got >= 0 && error.code == STEELYARD_OK);
  return got;
}

/// On each kind of stream: in order, passed when the device is there.
void testOrder() {
  CallersStream blocking(/*flags=*/0), other;
  for (void *stream : {blocking.stream, other.stream, defaultStream()}) {
    steelyard_context *maker = makeDeviceContext();
    steelyard_context *context = makeDeviceContext(0, stream);
    {
      Program program;
      Array x(maker, 5), y(maker, 0), z(maker, 0);
      EXPECT(program.run(context, x.memory, y.memory, addOneBody).empty());
      int64_t first = record(context);
      EXPECT(program.run(context, y.memory, z.memory, addOneBody).empty());
      int64_t second = record(context), third = record(context);
      EXPECT(first == 1 && second == 2 && third == 3);
      int64_t waits = callCount("cuStreamSynchronize");
      for (int64_t point : {first, second, third, first}) {
        EXPECT(reached(context, point) == 0);
      }
      // Up to the first one, and no further.
      EXPECT(steelyard_context_wait(context, first, nullptr) == 0);
      EXPECT(reached(context, first) == 1 && reached(context, second) == 0);
      EXPECT(static_cast<int32_t *>(y.memory)[0] == 6);
      EXPECT(static_cast<int32_t *>(z.memory)[0] == 0);
      EXPECT(steelyard_context_wait(context, first, nullptr) == 0);
      EXPECT(reached(context, third) == 0);
      EXPECT(callCount("cuStreamSynchronize") == waits);
      // Points before one that is passed need not be asked for.
      EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
      int64_t queries = callCount("cuEventQuery");
      EXPECT(reached(context, third) == 1 && reached(context, second) == 1);
      EXPECT(reached(context, first) == 1);
      EXPECT(callCount("cuEventQuery") == queries + 1);
      EXPECT(static_cast<int32_t *>(z.memory)[0] == 7);
    }
    steelyard_context_destroy(context);
    steelyard_context_destroy(maker);
  }
}

/// As many events as points that are ahead at once, whoever asks for them.
void testManyPoints() {
  CallersStream callers;
  steelyard_context *context = makeDeviceContext(0, callers.stream);
  int64_t made = callCount("cuEventCreate");
  int64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    int64_t point = record(context);
    EXPECT(point == last + 1);
    last = point;
    if (i % 4 == 3) {
      callers.synchronize(); // behind the runtime's back
    }
    if (i % 100 == 99) {
      EXPECT(reached(context, point - 1) == 1);
    }
  }
  EXPECT(callCount("cuEventCreate") <= made + 8);
  EXPECT(reached(context, 1) == 1 && reached(context, last) == 1);
  for (int i = 0; i < 100; ++i) {
    last = record(context);
  }
  for (int64_t point = last - 99; point <= last; ++point) {
    EXPECT(reached(context, point) == 0);
    EXPECT(steelyard_context_wait(context, point, nullptr) == 0);
    EXPECT(reached(context, point) == 1);
    EXPECT(point == last || reached(context, point + 1) == 0);
  }
  record(context);
  // Events go with the context, which waits for nothing.
  int64_t waits =
      callCount("cuStreamSynchronize") + callCount("cuCtxSynchronize");
  steelyard_context_destroy(context);
  EXPECT(callCount("cuStreamSynchronize") + callCount("cuCtxSynchronize") ==
         waits);
}

void testWhatThereIsNot() {
  steelyard_error error;
  auto noPoint = [&](steelyard_context *context, int64_t point) {
    EXPECT(steelyard_context_reached(context, point, &error) == -1);
    EXPECT(error.code == STEELYARD_INVALID_ARGUMENT);
    std::string message = error.message;
    EXPECT(steelyard_context_wait(context, point, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    EXPECT(message == error.message);
    EXPECT(steelyard_context_reached(context, point, nullptr) == -1);
    return message;
  };
  steelyard_context *context = makeDeviceContext();
  int64_t calls = callCount();
  EXPECT_CONTAINS(noPoint(context, 1), "the context has no point 1");
  EXPECT(callCount() == calls); // the device is not opened
  EXPECT(record(context) == 1);
  EXPECT(reached(context, 1) == 0);
  for (int64_t point : {int64_t(2), int64_t(0), int64_t(-1), INT64_MIN}) {
    EXPECT(noPoint(context, point) ==
           "the context has no point " + std::to_string(point));
  }
  EXPECT_CONTAINS(noPoint(nullptr, 1), "no context");
  EXPECT(steelyard_context_record(nullptr, &error) == 0);
  EXPECT(error.code == STEELYARD_INVALID_ARGUMENT);
  steelyard_context_destroy(context);
  steelyard_context *elsewhere = makeDeviceContext(7);
  EXPECT(steelyard_context_record(elsewhere, &error) == 0);
  EXPECT_CONTAINS(error.message, "there is no CUDA device 7");
  EXPECT(steelyard_context_record(elsewhere, nullptr) == 0);
  steelyard_context_destroy(elsewhere);
}

/// Not while a call runs; from any thread between calls.
void testThreads() {
  CallersStream callers;
  steelyard_context *context = makeDeviceContext(0, callers.stream);
  {
    Program program;
    Array x(context, 5), y(context, 0);
    int64_t before = record(context);
    EXPECT(program
               .run(context, x.memory, y.memory,
                    [&](steelyard_context *inner, void *arena, const void *in,
                        void *out) {
                      steelyard_error error;
                      EXPECT(steelyard_context_record(inner, &error) == 0);
                      EXPECT_CONTAINS(error.message, "is running another call");
                      EXPECT(error.code == STEELYARD_FAILED_PRECONDITION);
                      EXPECT(steelyard_context_reached(inner, before, &error) ==
                             -1);
                      EXPECT(error.code == STEELYARD_FAILED_PRECONDITION);
                      EXPECT(steelyard_context_wait(inner, before, nullptr) ==
                             STEELYARD_FAILED_PRECONDITION);
                      EXPECT(
                          steelyard_context_copy(inner, out, in, 4, nullptr) ==
                          STEELYARD_FAILED_PRECONDITION);
                      return addOneBody(inner, arena, in, out);
                    })
               .empty());
    int64_t point = record(context);
    std::thread([&] {
      EXPECT(reached(context, point) == 0);
      EXPECT(steelyard_context_wait(context, point, nullptr) == 0);
      EXPECT(record(context) == point + 1);
    }).join();
    EXPECT(reached(context, point) == 1);
    // A context a thread.
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        steelyard_context *own = makeDeviceContext(0, defaultStream());
        for (int64_t each = 1; each <= 100; ++each) {
          good += record(own) == each &&
                  steelyard_context_wait(own, each, nullptr) == 0 &&
                  reached(own, each) == 1;
        }
        steelyard_context_destroy(own);
      });
    }
    for (std::thread &thread : threads) {
      thread.join();
    }
    EXPECT(good == 400);
  }
  steelyard_context_destroy(context);
}

/// No point is marked in a stream that is captured, and no capture is spoiled:
/// 0 is the global mode, in which CUDA refuses other threads the most.
void testCapture() {
  CallersStream callers, other;
  steelyard_context *context = makeDeviceContext(0, callers.stream);
  steelyard_context *aside = makeDeviceContext(0, other.stream);
  for (int mode : {0, 1, 2}) {
    int64_t point = record(context);
    callers.beginCapture(mode);
    steelyard_error error;
    EXPECT(steelyard_context_record(context, &error) == 0);
    EXPECT(error.code == STEELYARD_FAILED_PRECONDITION);
    EXPECT_CONTAINS(error.message, "the context's stream is being captured");
    EXPECT(reached(context, point) == 0);
    // Events are made, asked for, waited for and destroyed meanwhile.
    int64_t free = record(aside);
    EXPECT(reached(aside, free) == 0);
    EXPECT(steelyard_context_wait(aside, free, nullptr) == 0);
    steelyard_context *brief = makeDeviceContext(0, other.stream);
    record(brief);
    steelyard_context_destroy(brief);
    callers.endCapture();
    callers.synchronize();
    EXPECT(reached(context, point) == 1);
  }
  steelyard_context_destroy(aside);
  steelyard_context_destroy(context);
  // On the default stream, while a blocking one is captured: refused, and the
  // capture goes on.
  CallersStream blocking(/*flags=*/0);
  steelyard_context *legacy = makeDeviceContext(0, defaultStream());
  int64_t point = record(legacy);
  blocking.beginCapture(0);
  steelyard_error error;
  EXPECT(steelyard_context_record(legacy, &error) == 0);
  EXPECT_CONTAINS(error.message, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT");
  EXPECT(reached(legacy, point) == 0);
  blocking.endCapture();
  EXPECT(record(legacy) == point + 1);
  steelyard_context_destroy(legacy);
}

/// Behind the work so far, on the stream alone.
void testCopy() {
  CallersStream callers;
  steelyard_context *maker = makeDeviceContext();
  steelyard_context *context = makeDeviceContext(0, callers.stream);
  constexpr size_t kBytes = sizeof(int32_t) * kCount;
  steelyard_error error;
  {
    Program program;
    Array x(maker, 5), y(maker, 0), z(maker, 0);
    EXPECT(program.run(context, x.memory, y.memory, addOneBody).empty());
    int64_t waits = callCount("cuStreamSynchronize");
    EXPECT(steelyard_context_copy(context, z.memory, y.memory, kBytes,
                                  &error) == 0);
    EXPECT(program.run(context, y.memory, y.memory, addOneBody).empty());
    EXPECT(callCount("cuStreamSynchronize") == waits);
    EXPECT(z.value() == 0); // on maker's stream
    EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
    EXPECT(y.value() == 7 && z.value() == 6);
    // A context's own stream is waited for.
    EXPECT(steelyard_context_copy(maker, x.memory, z.memory, kBytes, &error) ==
           0);
    EXPECT(static_cast<int32_t *>(x.memory)[kCount - 1] == 6);
    EXPECT(steelyard_context_copy(context, nullptr, nullptr, 0, &error) == 0);
    // What is not to be copied.
    steelyard_context *second = makeDeviceContext(1);
    {
      Array elsewhere(second, 0);
      int32_t host[kCount];
      auto refused = [&](void *to, const void *from) {
        EXPECT(steelyard_context_copy(context, to, from, kBytes, &error) ==
               STEELYARD_INVALID_ARGUMENT);
        return std::string(error.message);
      };
      EXPECT_CONTAINS(refused(host, x.memory),
                      "what is copied to is memory of the host, and device 0 "
                      "(Fake GPU) is to use it");
      EXPECT_CONTAINS(refused(x.memory, host),
                      "what is copied is memory of the host");
      EXPECT_CONTAINS(refused(x.memory, elsewhere.memory),
                      "what is copied is memory of device 1, and the context's "
                      "is device 0");
      EXPECT_CONTAINS(refused(static_cast<int32_t *>(x.memory) + 1, z.memory),
                      "400 bytes can't be copied on device 0 (Fake GPU): "
                      "CUDA_ERROR_INVALID_VALUE");
    }
    steelyard_context_destroy(second);
    EXPECT(steelyard_context_copy(nullptr, x.memory, z.memory, 4, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    // The caller may capture it.
    callers.beginCapture(0);
    EXPECT(steelyard_context_copy(context, z.memory, y.memory, kBytes,
                                  &error) == 0);
    callers.endCapture();
    EXPECT(z.value() == 6);
  }
  steelyard_context_destroy(context);
  steelyard_context_destroy(maker);
}

/// The driver refuses events: an error, and a stream that goes on.
void testRefusals() {
  CallersStream callers;
  steelyard_context *context = makeDeviceContext(0, callers.stream);
  steelyard_error error;
  int64_t point = record(context);
  for (const char *fail :
       {"cuEventCreate=2", "cuEventRecord=1", "cuStreamIsCapturing=1"}) {
    Setting setting("FAKE_CUDA_FAIL", fail);
    EXPECT(steelyard_context_record(context, &error) == 0);
    EXPECT_CONTAINS(error.message, "no point can be marked in the work on "
                                   "device 0 (Fake GPU): CUDA_ERROR_");
  }
  {
    Setting setting("FAKE_CUDA_FAIL", "cuEventQuery=1,cuEventSynchronize=1");
    EXPECT(steelyard_context_reached(context, point, &error) == -1);
    EXPECT(steelyard_context_wait(context, point, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    EXPECT_CONTAINS(error.message, "work on device 0 (Fake GPU) failed: ");
  }
  EXPECT(reached(context, point) == 0);
  EXPECT(record(context) == point + 1);
  steelyard_context_destroy(context);
}

/// What is behind a kernel that failed is never passed; comes last but for
/// leaks, since the fake's context has to be let go of before it works again.
void testFault() {
  {
    CallersStream callers;
    steelyard_context *context = makeDeviceContext(0, callers.stream);
    steelyard_error error;
    {
      Program program;
      Array x(context, 5), y(context, 0);
      EXPECT(program.run(context, x.memory, y.memory, addOneBody).empty());
      int64_t before = record(context);
      EXPECT(program
                 .run(context, x.memory, y.memory,
                      [](steelyard_context *inner, void *, const void *in,
                         void *out) { return launch(inner, kFault, in, out); })
                 .empty());
      int64_t behind = record(context);
      EXPECT(steelyard_context_wait(context, before, nullptr) == 0);
      EXPECT(reached(context, before) == 1 && reached(context, behind) == 0);
      EXPECT(steelyard_context_wait(context, behind, &error) ==
             STEELYARD_INTERNAL);
      EXPECT_CONTAINS(error.message,
                      "work on device 0 (Fake GPU) failed: "
                      "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access");
      EXPECT(steelyard_context_reached(context, behind, &error) == -1);
      EXPECT(error.code == STEELYARD_INTERNAL);
      EXPECT(reached(context, before) == 1);
      EXPECT(steelyard_context_record(context, &error) == 0);
      EXPECT(error.code == STEELYARD_INTERNAL);
      EXPECT_CONTAINS(error.message, "can't use the device any more");
      EXPECT(steelyard_context_copy(context, y.memory, x.memory, 4, &error) ==
             STEELYARD_INTERNAL);
    }
    steelyard_context_destroy(context);
  }
  EXPECT(leakCount() == 0);
}

} // namespace

int main() {
  Setting devices("FAKE_CUDA_DEVICES", "9.0,8.0");
  EXPECT(steelyard_device_count(nullptr) == 2); // opens the driver
  for (auto *test : {testOrder, testManyPoints, testWhatThereIsNot, testThreads,
                     testCapture, testCopy, testRefusals}) {
    test();
    EXPECT(leakCount() == 0);
  }
  testFault();
  return failures != 0;
}
