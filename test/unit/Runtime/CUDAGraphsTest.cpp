//===- CUDAGraphsTest.cpp - Calls that are replayed -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: STEELYARD_CUDA_DRIVER is its path. Its graphs do what was
// captured, with the arguments of then.
//===----------------------------------------------------------------------===//

#include <atomic>
#include <memory>
#include <thread>

#include "CUDASupport.h"

namespace {

constexpr size_t kBytes = sizeof(int32_t) * kCount;

int64_t launches() { return callCount("cuLaunchKernelEx"); }
int64_t replays() { return callCount("cuGraphLaunch"); }
int64_t captures() { return callCount("cuStreamBeginCapture_v2"); }

/// y = x + 3 in three launches by way of the arena.
int32_t addThree(steelyard_context *context, void *arena, const void *x,
                 void *y) {
  int32_t code = launch(context, kAddOne, x, arena);
  code = code ? code : launch(context, kAddOne, arena, arena);
  return code ? code : launch(context, kAddOne, arena, y);
}

/// `body` with a count of how often it was entered.
struct Counted {
  explicit Counted(Program::Body body) : body(std::move(body)) {}

  std::string run(const Program &program, steelyard_context *context,
                  const void *x, void *y, int32_t *code = nullptr) {
    return program.run(
        context, x, y,
        [this](steelyard_context *inner, void *arena, const void *in,
               void *out) {
          ++entries;
          return body(inner, arena, in, out);
        },
        code);
  }

  Program::Body body;
  int entries = 0;
};

void set(steelyard_context *context, const Array &array, int32_t value) {
  std::vector<int32_t> values(kCount, value);
  EXPECT(steelyard_context_upload(context, array.memory, values.data(), kBytes,
                                  nullptr) == 0);
}

/// The primary context is current and has a stream.
struct CallersStream {
  explicit CallersStream(unsigned flags = 1) {
    void *primary = nullptr;
    EXPECT(fake<int(void **, int)>("cuDevicePrimaryCtxRetain")(&primary, 40) ==
           0);
    EXPECT(fake<int(void *)>("cuCtxPushCurrent_v2")(primary) == 0);
    EXPECT(fake<int(void **, unsigned)>("cuStreamCreate")(&stream, flags) == 0);
  }
  ~CallersStream() {
    void *popped = nullptr;
    EXPECT(fake<int(void *)>("cuStreamDestroy_v2")(stream) == 0);
    EXPECT(fake<int(void **)>("cuCtxPopCurrent_v2")(&popped) == 0);
    EXPECT(fake<int(int)>("cuDevicePrimaryCtxRelease_v2")(40) == 0);
  }
  CallersStream(const CallersStream &) = delete;

  void beginCapture(int mode = 0) const {
    EXPECT(fake<int(void *, int)>("cuStreamBeginCapture_v2")(stream, mode) ==
           0);
  }
  /// Ends it, and does what was captured `times` times.
  void replay(int times) const {
    void *graph = nullptr, *exec = nullptr;
    EXPECT(fake<int(void *, void **)>("cuStreamEndCapture")(stream, &graph) ==
           0);
    EXPECT(fake<int(void **, void *, unsigned long long)>(
               "cuGraphInstantiateWithFlags")(&exec, graph, 0) == 0);
    for (int i = 0; i < times; ++i) {
      EXPECT(fake<int(void *, void *)>("cuGraphLaunch")(exec, stream) == 0);
    }
    EXPECT(fake<int(void *)>("cuStreamSynchronize")(stream) == 0);
    EXPECT(fake<int(void *)>("cuGraphExecDestroy")(exec) == 0);
    EXPECT(fake<int(void *)>("cuGraphDestroy")(graph) == 0);
  }

  void *stream = nullptr;
};

void testReplay() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program(kBytes);
    Array x(context, 5), y(context, 0);
    Counted body(addThree);
    for (int32_t call = 0; call < 6; ++call) {
      set(context, x, call);
      int64_t launched = launches(), replayed = replays(), all = callCount();
      EXPECT(body.run(program, context, x.memory, y.memory).empty());
      all = callCount() - all;
      EXPECT(launches() == launched + (call < 2 ? 3 : 0));
      EXPECT(replays() == replayed + (call ? 1 : 0));
      // The context's, two buffers', the graph's, the wait.
      EXPECT(call < 2 || all == 2 + 2 + 1 + 1);
      EXPECT(y.value() == call + 3);
    }
    EXPECT(body.entries == 2 && captures() == 1);
    // Donated: other addresses. State that is what it was before, plus three.
    set(context, x, 0);
    for (int call = 0; call < 5; ++call) {
      EXPECT(body.run(program, context, x.memory, x.memory).empty());
    }
    EXPECT(x.value() == 15 && body.entries == 4);
    // Errors are as before.
    int32_t host[kCount], code = 0;
    EXPECT_CONTAINS(body.run(program, context, host, y.memory, &code),
                    "argument 0 ('x') is memory of the host");
    EXPECT(code == STEELYARD_INVALID_ARGUMENT && body.entries == 4);
    steelyard_context_cancel(context);
    EXPECT_CONTAINS(body.run(program, context, x.memory, x.memory, &code),
                    "cancelled before it began");
    EXPECT(code == STEELYARD_CANCELLED && x.value() == 15);
    EXPECT(body.run(program, context, x.memory, x.memory).empty());
    EXPECT(x.value() == 18 && body.entries == 4);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// Copies, fills and constants.
void testMoves() {
  const int32_t numbers[kCount] = {7, 8, 9};
  steelyard_context *context = makeDeviceContext();
  {
    Program program(2 * kBytes, {makeImage("sm_90a")},
                    {{numbers, sizeof numbers}});
    Array x(context, 5), y(context, 0);
    Counted body(
        [](steelyard_context *inner, void *arena, const void *in, void *out) {
          const void *constant = steelyard_gpu_constant(inner, 0);
          EXPECT(steelyard_gpu_copy(inner, arena, in, kBytes) == 0);
          EXPECT(steelyard_gpu_fill(inner, out, kBytes) == 0);
          EXPECT(steelyard_gpu_copy(inner, arena, constant, 8) == 0);
          return steelyard_gpu_copy(inner, out, arena, kBytes - 4);
        });
    for (int32_t call = 0; call < 4; ++call) {
      set(context, x, call);
      set(context, y, 99);
      EXPECT(body.run(program, context, x.memory, y.memory).empty());
      int32_t got[kCount];
      EXPECT(steelyard_context_download(context, got, y.memory, kBytes,
                                        nullptr) == 0);
      EXPECT(got[0] == 7 && got[1] == 8 && got[2] == call &&
             got[kCount - 2] == call && got[kCount - 1] == 0);
    }
    EXPECT(body.entries == 2);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

void testAddresses() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program(kBytes);
    std::vector<std::unique_ptr<Array>> arrays;
    arrays.reserve(10);
    for (int32_t i = 0; i < 10; ++i) {
      arrays.push_back(std::make_unique<Array>(context, 10 * i));
    }
    Array y(context, 0);
    Counted body(addThree);
    auto with = [&](size_t i) {
      int before = body.entries;
      EXPECT(body.run(program, context, arrays[i]->memory, y.memory).empty());
      EXPECT(y.value() == 10 * static_cast<int32_t>(i) + 3);
      return body.entries != before; // it was not replayed
    };
    int64_t begun = captures();
    // State that alternates.
    for (int round = 0; round < 4; ++round) {
      for (size_t i : {0, 1, 2}) {
        EXPECT(with(i) == (round < 2));
      }
    }
    EXPECT(captures() == begun + 3);
    // As many as are kept.
    for (int round = 0; round < 3; ++round) {
      for (size_t i = 0; i < 8; ++i) {
        EXPECT(with(i) == (round < (i < 3 ? 0 : 2)));
      }
    }
    // One more takes the place of the one that was not used for longest.
    int64_t destroyed = callCount("cuGraphExecDestroy");
    EXPECT(!with(0));
    EXPECT(with(8));
    EXPECT(callCount("cuGraphExecDestroy") == destroyed + 1);
    EXPECT(!with(0) && !with(2) && with(8) && !with(8));
    EXPECT(with(1)); // in place of 3
    EXPECT(!with(7) && !with(4) && with(3));
    // Too many for any to come back in time: none is captured in vain.
    for (int round = 0; round < 4; ++round) {
      begun = round == 1 ? captures() : begun;
      for (size_t i = 0; i < 10; ++i) {
        with(i);
      }
    }
    EXPECT(captures() == begun);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// A caller's stream, and the default one, which can't be captured.
void testStreams() {
  steelyard_context *maker = makeDeviceContext();
  {
    CallersStream callers;
    Program program(kBytes);
    Array x(maker, 5), y(maker, 0);
    for (void *stream :
         {callers.stream, reinterpret_cast<void *>(1)}) { // NOLINT
      steelyard_context *context = makeDeviceContext(0, stream);
      Counted body(addThree);
      set(maker, y, 0);
      int64_t waits = callCount("cuStreamSynchronize");
      for (int call = 0; call < 5; ++call) {
        EXPECT(body.run(program, context, y.memory, y.memory).empty());
      }
      EXPECT(callCount("cuStreamSynchronize") == waits && body.entries == 2);
      int64_t all = callCount();
      EXPECT(body.run(program, context, y.memory, y.memory).empty());
      // The context's, two for one buffer, whether the caller captures, graph.
      EXPECT(callCount() - all == 2 + 1 + 1 + 1);
      EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
      EXPECT(y.value() == 18);
      // Destruction waits for a graph that has not been run.
      EXPECT(body.run(program, context, y.memory, y.memory).empty());
      steelyard_context_destroy(context);
      EXPECT(y.value() == 21 && body.entries == 2);
    }
  }
  steelyard_context_destroy(maker);
  EXPECT(leakCount() == 0);
}

/// What a caller captures is the code's work, whatever there is.
void testCapturingCaller() {
  steelyard_context *maker = makeDeviceContext();
  {
    CallersStream callers;
    Program program(kBytes), other(kBytes);
    Array y(maker, 0);
    steelyard_context *context = makeDeviceContext(0, callers.stream);
    Counted body(addThree);
    auto call = [&](const Program &called) {
      EXPECT(body.run(called, context, y.memory, y.memory).empty());
    };
    auto captured = [&](int calls, const Program &called) {
      EXPECT(steelyard_context_synchronize(context, nullptr) == 0);
      set(maker, y, 0);
      int before = body.entries;
      int64_t replayed = replays(), begun = captures();
      callers.beginCapture();
      for (int i = 0; i < calls; ++i) {
        call(called);
      }
      EXPECT(body.entries == before + calls && replays() == replayed &&
             captures() == begun + 1);
      EXPECT(y.value() == 0);
      callers.replay(2);
      EXPECT(y.value() == 6 * calls);
    };
    call(program);
    captured(3, program); // which count for nothing
    int64_t begun = captures();
    call(program);
    EXPECT(captures() == begun + 1);
    captured(1, program); // there is a graph
    call(other);          // where it is not captured, code is loaded
    captured(2, other);
    int before = body.entries;
    call(program);
    EXPECT(body.entries == before);
    steelyard_context_destroy(context);
    // Another stream of this thread: its capture is not disturbed.
    steelyard_context *own = makeDeviceContext();
    set(maker, y, 0);
    EXPECT(body.run(program, own, y.memory, y.memory).empty());
    before = body.entries;
    callers.beginCapture();
    for (int i = 0; i < 3; ++i) {
      EXPECT(body.run(program, own, y.memory, y.memory).empty());
    }
    callers.replay(1);
    EXPECT(y.value() == 12 && body.entries == before + 1);
    steelyard_context_destroy(own);
    // A blocking stream that is captured has the default one stand still.
    CallersStream blocking(0);
    steelyard_context *legacy =
        makeDeviceContext(0, reinterpret_cast<void *>(1)); // NOLINT
    EXPECT(body.run(program, legacy, y.memory, y.memory).empty());
    blocking.beginCapture();
    EXPECT_CONTAINS(body.run(program, legacy, y.memory, y.memory),
                    "can't be launched on device 0 (Fake GPU): "
                    "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT");
    void *graph = nullptr;
    EXPECT(fake<int(void *, void **)>("cuStreamEndCapture")(blocking.stream,
                                                            &graph) == 901);
    EXPECT(body.run(program, legacy, y.memory, y.memory).empty());
    steelyard_context_destroy(legacy);
  }
  steelyard_context_destroy(maker);
  EXPECT(leakCount() == 0);
}

/// Code that looks at the device, and what gains nothing.
void testNotReplayed() {
  steelyard_context *context = makeDeviceContext();
  {
    Array x(context, 5), y(context, 0);
    int64_t begun = captures();
    // y = x + 2 + ... until it is 20 or more.
    Program loop(kBytes);
    Counted body(
        [](steelyard_context *inner, void *arena, const void *in, void *out) {
          EXPECT(steelyard_gpu_copy(inner, out, in, kBytes) == 0);
          int32_t value = 0;
          while (true) {
            EXPECT(steelyard_gpu_read(inner, &value, out, 4) == 0);
            if (value >= 20) {
              return 0;
            }
            EXPECT(launch(inner, kAddOne, out, arena) == 0);
            EXPECT(launch(inner, kAddOne, arena, out) == 0);
          }
        });
    for (int32_t call = 0; call < 5; ++call) {
      set(context, x, 5 + call);
      EXPECT(body.run(loop, context, x.memory, y.memory).empty());
      EXPECT(y.value() == (call % 2 ? 20 : 21));
    }
    EXPECT(body.entries == 5);
    // Checks and marks are of each call.
    Program checked(kBytes);
    int64_t shape[] = {kCount};
    for (int call = 0; call < 4; ++call) {
      EXPECT(checked
                 .run(context, x.memory, y.memory,
                      [&](steelyard_context *inner, void *arena, const void *in,
                          void *out) {
                        EXPECT(addThree(inner, arena, in, out) == 0);
                        steelyard_check_eq(inner, STEELYARD_I32, 1, shape, out,
                                           in, nullptr);
                        return 0;
                      })
                 .empty());
      EXPECT(steelyard_context_check_count(context) == 1);
      EXPECT(steelyard_context_check_failures(context, nullptr, 0) == 1);
    }
    // Two launches are as cheap.
    Program brief(kBytes);
    Counted two(
        [](steelyard_context *inner, void *arena, const void *in, void *out) {
          EXPECT(launch(inner, kAddOne, in, arena) == 0);
          return launch(inner, kAddOne, arena, out);
        });
    for (int call = 0; call < 4; ++call) {
      EXPECT(two.run(brief, context, x.memory, y.memory).empty());
    }
    EXPECT(two.entries == 4);
    EXPECT(captures() == begun);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// The driver refuses: results are right, nothing is said, nothing left.
void testRefusals() {
  for (auto [refusal, attempts] :
       {std::pair<const char *, int>{"cuStreamCreate=2", 1},
        {"cuStreamBeginCapture_v2=900", 1},
        {"cuStreamEndCapture=901", 3},
        {"cuGraphInstantiateWithFlags=2", 3},
        {"cuGraphLaunch=2", 1}}) {
    steelyard_context *context = makeDeviceContext();
    {
      Program program(kBytes), other(kBytes);
      Array y(context, 0);
      Counted body(addThree);
      EXPECT(body.run(program, context, y.memory, y.memory).empty());
      int64_t begun = captures();
      {
        Setting fail("FAKE_CUDA_FAIL", refusal);
        for (int call = 0; call < 5; ++call) {
          EXPECT(body.run(program, context, y.memory, y.memory).empty());
        }
      }
      EXPECT(y.value() == 18);
      EXPECT(captures() <= begun + attempts);
      EXPECT(body.run(program, context, y.memory, y.memory).empty());
      EXPECT(captures() <= begun + attempts && y.value() == 21);
      // Other functions are not held to blame.
      int before = body.entries;
      for (int call = 0; call < 5; ++call) {
        EXPECT(body.run(other, context, y.memory, y.memory).empty());
      }
      EXPECT(y.value() == 36 && body.entries == before + 2);
    }
    steelyard_context_destroy(context);
    EXPECT(leakCount() == 0);
  }
}

/// Code that does something else when it is captured, which compiled code does
/// not: it is run again from its start, and what it did to the host is undone.
void testFailedCaptures() {
  const int32_t one = 1;
  steelyard_context *context = makeDeviceContext();
  {
    Array x(context, 5), y(context, 0);
    int64_t shape[] = {kCount};
    auto test = [&](int entries, int tries, const Program::Body &odd) {
      Program program(kBytes, {makeImage("sm_90a")}, {{&one, 4}});
      int64_t begun = captures();
      Counted body(nullptr);
      body.body = [&](steelyard_context *inner, void *arena, const void *in,
                      void *out) {
        EXPECT(addThree(inner, arena, in, out) == 0);
        return body.entries == 2 ? odd(inner, arena, in, out)
                                 : launch(inner, kAddOne, out, out);
      };
      for (int call = 0; call < 4; ++call) {
        set(context, y, 0);
        EXPECT(body.run(program, context, x.memory, y.memory).empty());
        EXPECT(y.value() == 9);
        EXPECT(steelyard_context_check_count(context) == 0);
      }
      EXPECT(body.entries == entries && captures() == begun + tries);
    };
    // Looks are not tried again.
    test(5, 1, [](steelyard_context *inner, void *, const void *, void *out) {
      int32_t value = 0;
      return steelyard_gpu_read(inner, &value, out, 4);
    });
    test(5, 1, [&](steelyard_context *inner, void *, const void *, void *out) {
      steelyard_check_eq(inner, STEELYARD_I32, 1, shape, out, out, nullptr);
      return 0;
    });
    // Nor is what allocates.
    test(5, 1, [](steelyard_context *inner, void *, const void *, void *) {
      return steelyard_gpu_constant(inner, 0) ? 0 : 1;
    });
    // What the driver refuses is.
    test(4, 2, [](steelyard_context *inner, void *, const void *in, void *out) {
      Setting fail("FAKE_CUDA_FAIL", "cuLaunchKernelEx=901");
      return launch(inner, kAddOne, in, out);
    });
    test(4, 2, [](steelyard_context *inner, void *, const void *, void *) {
      // Another thread waits for all of the device.
      std::thread([] {
        CallersStream callers;
        EXPECT(fake<int()>("cuCtxSynchronize")() == 900);
      }).join();
      return 0;
    });
    test(4, 2, [](steelyard_context *inner, void *, const void *, void *) {
      steelyard_context_set_error(inner, "once");
      return 1;
    });
    // A request to stop stops the call, and the next one is captured.
    Program program(kBytes);
    Counted body(nullptr);
    body.body = [&](steelyard_context *inner, void *arena, const void *in,
                    void *out) {
      EXPECT(launch(inner, kAddOne, in, out) == 0);
      if (body.entries == 2) {
        steelyard_context_cancel(inner);
      }
      return addThree(inner, arena, out, out);
    };
    for (int call = 0; call < 5; ++call) {
      int32_t code = 0;
      set(context, y, 0);
      std::string told = body.run(program, context, x.memory, y.memory, &code);
      EXPECT(told == (call == 1 ? "cancelled" : ""));
      EXPECT(code == (call == 1 ? STEELYARD_CANCELLED : STEELYARD_OK));
      EXPECT(y.value() == (call == 1 ? 0 : 9));
    }
    EXPECT(body.entries == 3);
    // What goes wrong for good is told as ever.
    Counted wrong([](steelyard_context *inner, void *, const void *, void *) {
      steelyard_context_set_error(inner, "always");
      return 1;
    });
    for (int call = 0; call < 3; ++call) {
      EXPECT(body.run(program, context, y.memory, y.memory).empty());
      EXPECT(wrong.run(program, context, y.memory, x.memory) == "always");
    }
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// Graphs go with what they work on and with their code.
void testLifetimes() {
  steelyard_context *context = makeDeviceContext();
  {
    auto program = std::make_unique<Program>(kBytes);
    Program larger(4 * kBytes);
    Array y(context, 0);
    Counted body(addThree);
    auto call = [&](const Program &called) {
      int before = body.entries;
      EXPECT(body.run(called, context, y.memory, y.memory).empty());
      return body.entries != before;
    };
    EXPECT(call(*program) && call(*program) && !call(*program));
    int64_t destroyed = callCount("cuGraphExecDestroy");
    EXPECT(call(larger)); // another arena
    EXPECT(callCount("cuGraphExecDestroy") == destroyed + 1);
    EXPECT(call(*program) && call(*program) && !call(*program));
    EXPECT(call(larger) && !call(larger));
    EXPECT(y.value() == 27);
    // Another executable may lie where this one lay.
    for (int round = 0; round < 5; ++round) {
      destroyed = callCount("cuGraphExecDestroy");
      program.reset();
      EXPECT(callCount("cuGraphExecDestroy") == destroyed + 1);
      program = std::make_unique<Program>(kBytes);
      EXPECT(call(*program) && call(*program) && !call(*program));
      EXPECT(!call(larger));
    }
    EXPECT(y.value() == 27 + 5 * 12);
    // The context goes first, with what another has of the same executable.
    steelyard_context *second = makeDeviceContext();
    for (int round = 0; round < 3; ++round) {
      EXPECT(body.run(*program, second, y.memory, y.memory).empty());
    }
    destroyed = callCount("cuGraphExecDestroy");
    steelyard_context_destroy(second);
    EXPECT(callCount("cuGraphExecDestroy") == destroyed + 1);
    EXPECT(!call(*program));
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
  // On a caller's stream an executable goes when its graph has been run.
  steelyard_context *maker = makeDeviceContext();
  {
    CallersStream callers;
    Array y(maker, 0);
    steelyard_context *waiting = makeDeviceContext(0, callers.stream);
    {
      Program program(kBytes);
      for (int round = 0; round < 3; ++round) {
        EXPECT(program.run(waiting, y.memory, y.memory, addThree).empty());
      }
      EXPECT(y.value() == 0);
    }
    EXPECT(y.value() == 9);
    steelyard_context_destroy(waiting);
  }
  steelyard_context_destroy(maker);
  EXPECT(leakCount() == 0);
}

/// Captures while others capture, allocate, wait, come and go.
void testThreads() {
  Program shared(kBytes);
  std::atomic<int> good{0}, replayed{0};
  std::vector<std::thread> threads;
  int64_t begun = captures();
  int64_t made = callCount("cuGraphInstantiateWithFlags");
  constexpr int kThreads = 4, kRounds = 30, kCalls = 10;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        CallersStream callers;
        steelyard_context *context =
            makeDeviceContext(0, i % 2 ? nullptr : callers.stream);
        {
          Program own(kBytes);
          Array x(context, i), y(context, 0);
          Counted body(addThree);
          for (int call = 0; call < kCalls; ++call) {
            Array more(context, call);
            const Program &program = call % 2 ? own : shared;
            bool ran = body.run(program, context, x.memory, y.memory).empty();
            good += ran && y.value() == i + 3 && more.value() == call;
            set(context, y, 0);
          }
          replayed += kCalls - body.entries;
        }
        steelyard_context_destroy(context);
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT(good == kThreads * kRounds * kCalls);
  // All but the first two of each executable, and those that came when some
  // thread waited for the device.
  EXPECT(replayed > kThreads * kRounds * (kCalls - 4) / 2);
  // No capture came to nothing.
  EXPECT(captures() - begun == callCount("cuGraphInstantiateWithFlags") - made);
}

void testEnvironment() {
  auto entries = [] {
    steelyard_context *context = makeDeviceContext();
    Counted body(addThree);
    {
      Program program(kBytes);
      Array y(context, 0);
      for (int call = 0; call < 5; ++call) {
        EXPECT(body.run(program, context, y.memory, y.memory).empty());
      }
      EXPECT(y.value() == 15);
    }
    steelyard_context_destroy(context);
    return body.entries;
  };
  {
    Setting off("STEELYARD_CUDA_GRAPHS", "0");
    EXPECT(entries() == 5);
  }
  {
    Setting on("STEELYARD_CUDA_GRAPHS", "1");
    EXPECT(entries() == 2);
  }
  {
    Setting blocking("CUDA_LAUNCH_BLOCKING", "1");
    EXPECT(entries() == 5);
  }
  EXPECT(entries() == 2);
  Setting wrong("STEELYARD_CUDA_GRAPHS", "off");
  steelyard_error error;
  steelyard_context *context = makeDeviceContext();
  EXPECT(!steelyard_context_allocate(context, 8, &error));
  EXPECT(error.code == STEELYARD_INVALID_ARGUMENT);
  EXPECT_CONTAINS(error.message, "STEELYARD_CUDA_GRAPHS is 'off', not 0 or 1");
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

/// Comes last: a kernel of a graph goes wrong.
void testFault() {
  steelyard_error error;
  steelyard_context *context = makeDeviceContext();
  {
    Program program(kBytes);
    Array x(context, 5), y(context, 0);
    void *weights = steelyard_context_allocate(context, kBytes, &error);
    auto body = [&](steelyard_context *inner, void *arena, const void *in,
                    void *out) {
      EXPECT(launch(inner, kAddOne, weights, arena) == 0 || !weights);
      return weights ? addThree(inner, arena, in, out)
                     : launch(inner, kAddOne, in, out);
    };
    for (int call = 0; call < 3; ++call) {
      EXPECT(program.run(context, x.memory, y.memory, body).empty());
    }
    EXPECT(steelyard_context_free(context, weights, &error) == 0);
    EXPECT_CONTAINS(program.run(context, x.memory, y.memory, body),
                    "work on device 0 (Fake GPU) failed: "
                    "CUDA_ERROR_ILLEGAL_ADDRESS");
    // The next call says what it said without a graph.
    weights = nullptr;
    EXPECT_CONTAINS(program.run(context, x.memory, y.memory, body),
                    "kernel 'add_one' (grid 4 x 1 x 1");
    for (Array *array : {&x, &y}) {
      steelyard_context_free(context, array->memory, nullptr);
      array->memory = nullptr;
    }
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
}

} // namespace

int main() {
  testReplay();
  testMoves();
  testAddresses();
  testStreams();
  testCapturingCaller();
  testNotReplayed();
  testRefusals();
  testFailedCaptures();
  testLifetimes();
  testThreads();
  testEnvironment();
  testFault();
  return failures != 0;
}
