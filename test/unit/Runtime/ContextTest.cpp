//===- ContextTest.cpp - Calls, threads, errors -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>

#include "Test.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using Chunk = std::pair<int64_t, int64_t>;

/// The chunks a loop was cut into; each index is visited once.
static std::set<Chunk> chunksOf(int threads, int64_t begin, int64_t end,
                                int64_t grain) {
  struct Closure {
    int64_t begin;
    std::vector<std::atomic<int>> visits;
    std::vector<std::atomic<int64_t>> ends;
  };
  auto extent = static_cast<size_t>(std::max<int64_t>(end - begin, 0));
  Closure closure{begin, std::vector<std::atomic<int>>(extent),
                  std::vector<std::atomic<int64_t>>(extent)};
  steelyard_context *context = makeContext(threads);
  Runner runner;
  runner.run(context, [&](steelyard_context *inner, void *) {
    steelyard_parallel_for(
        inner, begin, end, grain,
        [](int64_t b, int64_t e, void *opaque) {
          auto &c = *static_cast<Closure *>(opaque);
          for (int64_t i = b; i < e; ++i) {
            c.visits[static_cast<size_t>(i - c.begin)].fetch_add(1);
          }
          c.ends[static_cast<size_t>(b - c.begin)] = e;
        },
        &closure);
    return 0;
  });
  steelyard_context_destroy(context);
  std::set<Chunk> chunks;
  for (size_t i = 0; i < extent; ++i) {
    EXPECT(closure.visits[i] == 1);
    if (closure.ends[i] != 0) {
      chunks.insert({begin + static_cast<int64_t>(i), closure.ends[i]});
    }
  }
  return chunks;
}

static void testChunks() {
  for (auto [begin, end, grain] :
       {std::tuple<int64_t, int64_t, int64_t>{0, 0, 4},
        {5, 3, 4},
        {0, 1, 4},
        {1, 1001, 7},
        {3, 20000, 1},
        {2, 10, 100},
        {1, 9, 0},
        {1, 9, -3}}) {
    std::set<Chunk> expected;
    int64_t step = std::max<int64_t>(grain, 1);
    for (int64_t i = begin; i < end; i += step) {
      expected.insert({i, std::min(i + step, end)});
    }
    for (int threads : {1, 2, 3, 8}) {
      EXPECT(chunksOf(threads, begin, end, grain) == expected);
    }
  }
}

static void testManyLoops() {
  steelyard_context *context = makeContext(4);
  Runner runner;
  std::atomic<int64_t> sum{0};
  runner.run(context, [&](steelyard_context *inner, void *) {
    for (int i = 0; i < 20000; ++i) {
      steelyard_parallel_for(
          inner, 0, 8, 1,
          [](int64_t b, int64_t, void *opaque) {
            static_cast<std::atomic<int64_t> *>(opaque)->fetch_add(b);
          },
          &sum);
    }
    return 0;
  });
  EXPECT(sum == 20000 * 28);
  steelyard_context_destroy(context);
}

static void testNestedLoops() {
  struct Closure {
    steelyard_context *context;
    std::atomic<int64_t> count{0};
  } closure;
  closure.context = makeContext(3);
  Runner runner;
  runner.run(closure.context, [&](steelyard_context *inner, void *) {
    steelyard_parallel_for(
        inner, 0, 50, 1,
        [](int64_t, int64_t, void *opaque) {
          auto &c = *static_cast<Closure *>(opaque);
          steelyard_parallel_for(
              c.context, 0, 40, 3,
              [](int64_t b, int64_t e, void *innerOpaque) {
                static_cast<Closure *>(innerOpaque)->count += e - b;
              },
              opaque);
        },
        &closure);
    return 0;
  });
  EXPECT(closure.count == 2000);
  steelyard_context_destroy(closure.context);
}

static void testCancellation() {
  steelyard_context *context = makeContext(2);
  Runner runner;
  steelyard_error error;
  auto spin = [](steelyard_context *inner, void *) {
    while (true) {
      if (int32_t status = steelyard_poll(inner)) {
        return status;
      }
      std::this_thread::yield();
    }
  };
  auto quick = [](steelyard_context *inner, void *) {
    return steelyard_poll(inner);
  };
  // From another thread, while it runs.
  std::atomic<bool> running{false};
  std::thread other([&] {
    while (!running) {
      std::this_thread::yield();
    }
    steelyard_context_cancel(context);
  });
  EXPECT(runner.run(
             context,
             [&](steelyard_context *inner, void *arena) {
               running = true;
               return spin(inner, arena);
             },
             &error) == STEELYARD_CANCELLED);
  other.join();
  EXPECT(error.code == STEELYARD_CANCELLED);
  EXPECT(runner.run(context, quick) == STEELYARD_OK); // one request, one call
  // Before the call.
  steelyard_context_cancel(context);
  EXPECT(runner.run(context, quick) == STEELYARD_CANCELLED);
  EXPECT(runner.run(context, quick) == STEELYARD_OK);
  // A request that the call does not look at is dropped at its end.
  EXPECT(runner.run(context, [](steelyard_context *inner, void *) {
    steelyard_context_cancel(inner);
    return 0;
  }) == STEELYARD_OK);
  EXPECT(runner.run(context, quick) == STEELYARD_OK);
  // A contraction stops.
  std::vector<float> a(64 * 64), c(64 * 64);
  EXPECT(runner.run(context, [&](steelyard_context *inner, void *) {
    steelyard_gemm_desc desc{1,
                             64,
                             64,
                             64,
                             a.data(),
                             STEELYARD_F32,
                             0,
                             64,
                             1,
                             a.data(),
                             STEELYARD_F32,
                             0,
                             64,
                             1,
                             c.data(),
                             STEELYARD_F32,
                             0,
                             64,
                             1,
                             0};
    steelyard_context_cancel(inner);
    return steelyard_gemm(inner, &desc);
  }) == STEELYARD_CANCELLED);
  steelyard_context_destroy(context);
}

static void testErrors() {
  steelyard_context *context = makeContext(2);
  Runner runner;
  steelyard_error error;
  // The first message is kept; a message fails the call whatever it returns.
  EXPECT(runner.run(
             context,
             [](steelyard_context *inner, void *) {
               steelyard_context_set_error(inner, "first");
               steelyard_context_set_error(inner, "second");
               return 0;
             },
             &error) == STEELYARD_INTERNAL);
  EXPECT_CONTAINS(error.message, "first");
  EXPECT(runner.run(
             context, [](steelyard_context *, void *) { return 42; }, &error) ==
         STEELYARD_INTERNAL);
  EXPECT_CONTAINS(error.message, "returned 42");
  // Longer than the buffer: cut, and still ended.
  std::string longText(5000, 'x');
  runner.run(
      context,
      [&](steelyard_context *inner, void *) {
        steelyard_context_set_error(inner, longText.c_str());
        return 1;
      },
      &error);
  EXPECT(std::strlen(error.message) == STEELYARD_MESSAGE_BYTES - 1);
  // A running context refuses a second call.
  EXPECT(runner.run(context, [&](steelyard_context *inner, void *) {
    Runner second;
    steelyard_error innerError;
    EXPECT(second.run(
               inner, [](steelyard_context *, void *) { return 0; },
               &innerError) == STEELYARD_FAILED_PRECONDITION);
    EXPECT_CONTAINS(innerError.message, "running");
    return 0;
  }) == STEELYARD_OK);
  steelyard_context_destroy(context);

  // Options.
  steelyard_context_options options{STEELYARD_ABI_VERSION + 0x10000, 1,
                                    nullptr};
  EXPECT(!steelyard_context_create(&options, &error));
  EXPECT(error.code == STEELYARD_FAILED_PRECONDITION);
  options = {STEELYARD_ABI_VERSION, -1, nullptr};
  EXPECT(!steelyard_context_create(&options, &error));
  EXPECT(error.code == STEELYARD_INVALID_ARGUMENT);
  setenv("STEELYARD_THREADS", "many", 1);
  EXPECT(!steelyard_context_create(nullptr, &error));
  EXPECT_CONTAINS(error.message, "STEELYARD_THREADS");
  setenv("STEELYARD_THREADS", "3", 1);
  context = steelyard_context_create(nullptr, &error);
  EXPECT(context && steelyard_context_thread_count(context) == 3);
  steelyard_context_destroy(context);
  unsetenv("STEELYARD_THREADS");
}

static int32_t doNothing(steelyard_context *, void *, const void *const *,
                         void *const *) {
  return 0;
}

static void testDescriptions() {
  int64_t shape[2] = {2, 3};
  float data[6] = {};
  auto create =
      [&](const std::function<void(steelyard_value &, steelyard_value &,
                                   steelyard_function &)> &change) {
        steelyard_value argument{"a",
                                 STEELYARD_F32,
                                 2,
                                 shape,
                                 -1,
                                 -1,
                                 STEELYARD_VALUE_USER,
                                 0,
                                 nullptr,
                                 -1,
                                 STEELYARD_INVALID_TYPE,
                                 nullptr};
        steelyard_value result = argument;
        steelyard_function function{"f", doNothing, 64, 1,      &argument,
                                    1,   &result,   0,  nullptr};
        change(argument, result, function);
        steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 1, &function};
        steelyard_error error;
        steelyard_executable_destroy(
            steelyard_executable_create(&desc, &error));
        return std::string(error.code == STEELYARD_OK ? "" : error.message);
      };
  using V = steelyard_value;
  using F = steelyard_function;
  EXPECT(create([](V &, V &, F &) {}).empty());
  EXPECT(create([](V &, V &r, F &) { r.alias = 0; }).empty());
  EXPECT(create([](V &, V &r, F &) { r.state_of = 0; }).empty());
  EXPECT_CONTAINS(create([](V &, V &r, F &) { r.state_of = 1; }),
                  "is the next value of argument 1, which is none");
  EXPECT_CONTAINS(create([](V &, V &r, F &) {
                    r.state_of = 0;
                    r.type = STEELYARD_I32;
                  }),
                  "is the next value of argument 0, which is none of its type");
  EXPECT_CONTAINS(create([](V &a, V &, F &) { a.user_type = 9; }),
                  "no valid user's type");
  EXPECT_CONTAINS(create([](V &, V &, F &f) { f.site_count = 1; }),
                  "a list of no sites");
  EXPECT_CONTAINS(create([](V &, V &, F &f) { f.entry = nullptr; }),
                  "no entry");
  EXPECT_CONTAINS(create([](V &a, V &, F &) { a.type = 9; }),
                  "argument 0 of function 0 'f' has no valid element type");
  EXPECT_CONTAINS(
      create([](V &a, V &, F &) { a.type = STEELYARD_FORMAT(9, 9, 0, 0); }),
      "no valid element type");
  EXPECT_CONTAINS(create([](V &a, V &, F &) { a.shape = nullptr; }), "rank 2");
  EXPECT_CONTAINS(create([](V &a, V &, F &) { a.rank = -1; }), "rank -1");
  EXPECT_CONTAINS(create([&](V &, V &, F &) { shape[1] = -3; }), "negative");
  shape[1] = INT64_MAX / 2;
  EXPECT_CONTAINS(create([&](V &, V &, F &) {}), "more bytes");
  shape[1] = 3;
  EXPECT_CONTAINS(create([](V &, V &r, F &) { r.alias = 1; }), "aliases 1");
  EXPECT_CONTAINS(create([](V &, V &r, F &) {
                    r.alias = 0;
                    r.type = STEELYARD_I32;
                  }),
                  "aliases 0");
  EXPECT_CONTAINS(create([](V &a, V &, F &) { a.scale_of = 0; }), "scale");
  EXPECT_CONTAINS(create([](V &a, V &, F &) { a.role = 4; }), "role");
  EXPECT_CONTAINS(
      create([](V &a, V &, F &) { a.role = STEELYARD_VALUE_OBSERVED; }),
      "role");
  EXPECT(create([](V &, V &r, F &) {
           r.role = STEELYARD_VALUE_OBSERVED;
         }).empty());
  EXPECT_CONTAINS(
      create([](V &a, V &, F &) { a.role = STEELYARD_VALUE_RECIPE_STATE; }),
      "initial value");
  EXPECT(create([&](V &a, V &, F &) {
           a.role = STEELYARD_VALUE_RECIPE_STATE;
           a.initial = data;
         }).empty());
  EXPECT_CONTAINS(create([&](V &, V &, F &f) {
                    static steelyard_arena_tensor tensor{"t", STEELYARD_F16, 0,
                                                         nullptr, 63};
                    f.arena_tensor_count = 1;
                    f.arena_tensors = &tensor;
                  }),
                  "outside the arena");
  steelyard_error error;
  steelyard_executable_desc desc{0, 0, 0, nullptr};
  EXPECT(!steelyard_executable_create(&desc, &error));
  EXPECT_CONTAINS(error.message, "ABI version 0.0");
  desc.abi_version = STEELYARD_ABI_VERSION;
  desc.target = "abacus";
  EXPECT(!steelyard_executable_create(&desc, &error) &&
         error.code == STEELYARD_UNIMPLEMENTED);
  EXPECT_CONTAINS(error.message,
                  "'abacus'; this runtime runs those for 'cpu' and 'cuda'");
  desc.target = "cpu";
  desc.processor = "made-up";
  desc.features = "sse9,,beads";
  EXPECT(!steelyard_executable_create(&desc, &error) &&
         error.code == STEELYARD_FAILED_PRECONDITION);
  EXPECT_CONTAINS(error.message,
                  "the processor 'made-up'; this one lacks sse9, beads");
  desc.features = nullptr;
  steelyard_executable *described = steelyard_executable_create(&desc, &error);
  EXPECT(described &&
         std::string(steelyard_executable_target(described)) == "cpu" &&
         std::string(steelyard_executable_processor(described)) == "made-up" &&
         std::string(steelyard_executable_features(described)).empty());
  steelyard_executable_destroy(described);
  EXPECT(steelyard_processor_supports("beads") == -1 &&
         steelyard_processor_supports(nullptr) == -1);
  EXPECT(!steelyard_executable_load(nullptr, &error) &&
         error.code == STEELYARD_INVALID_ARGUMENT);
  EXPECT(!steelyard_executable_load("none.so", &error) &&
         error.code == STEELYARD_NOT_FOUND);
  EXPECT(!steelyard_executable_create(nullptr, &error));
}

static void testBuffers() {
  int64_t shape[1] = {8}, empty[1] = {0};
  steelyard_value arguments[3] = {
      {"a", STEELYARD_F32, 1, shape, -1, -1, 0, 0, nullptr, -1, 0, nullptr},
      {"b", STEELYARD_F32, 1, shape, -1, -1, 0, 0, nullptr, -1, 0, nullptr},
      {"none", STEELYARD_F32, 1, empty, -1, -1, 0, 0, nullptr, -1, 0, nullptr}};
  steelyard_value results[2] = {
      {"a'", STEELYARD_F32, 1, shape, 0, -1, 0, 0, nullptr, -1, 0, nullptr},
      {"c", STEELYARD_F32, 1, shape, -1, -1, 0, 0, nullptr, -1, 0, nullptr}};
  steelyard_function function{"f", doNothing, 0, 3,      arguments,
                              2,   results,   0, nullptr};
  steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 1, &function};
  steelyard_executable *executable =
      steelyard_executable_create(&desc, nullptr);
  steelyard_context *context = makeContext(1);
  alignas(64) float memory[64];
  auto run = [&](void *a, void *b, void *a2, void *c) {
    const void *in[3] = {a, b, nullptr};
    void *out[2] = {a2, c};
    steelyard_error error;
    steelyard_execute(executable, 0, context, in, out, &error);
    return std::string(error.message);
  };
  float *p = memory;
  EXPECT(run(p, p + 8, p + 16, p + 24).empty());
  EXPECT(run(p, p + 8, p, p + 24).empty());  // donated
  EXPECT(run(p, p, p + 16, p + 24).empty()); // two arguments may share
  EXPECT_CONTAINS(run(p, p, p, p + 24), "result 0 overlaps argument 1");
  EXPECT_CONTAINS(run(p, p + 8, p + 4, p + 24), "result 0 overlaps argument");
  EXPECT_CONTAINS(run(p, p + 8, p + 16, p + 8), "result 1 overlaps argument 1");
  EXPECT_CONTAINS(run(p, p + 8, p + 16, p), "result 1 overlaps argument 0");
  EXPECT_CONTAINS(run(p, p + 8, p, p), "overlaps result");
  EXPECT_CONTAINS(run(nullptr, p + 8, p + 16, p + 24),
                  "argument 0 ('a') is a null pointer");
  EXPECT_CONTAINS(run(p, p + 8, p + 16, nullptr),
                  "result 1 ('c') is a null pointer");
  EXPECT_CONTAINS(run(reinterpret_cast<char *>(p) + 2, p + 16, p + 24, p + 32),
                  "not aligned to 4");
  steelyard_context_destroy(context);
  steelyard_executable_destroy(executable);
}

static void testAllocator() {
  struct Counter {
    size_t held = 0, most = 0;
    bool refuse = false;
  } counter;
  steelyard_allocator allocator{
      [](void *user, size_t bytes, size_t alignment) -> void * {
        auto &c = *static_cast<Counter *>(user);
        if (c.refuse) {
          return nullptr;
        }
        c.held += bytes;
        c.most = std::max(c.most, c.held);
        return std::aligned_alloc(alignment, (bytes + alignment - 1) /
                                                 alignment * alignment);
      },
      [](void *user, void *memory, size_t bytes, size_t) {
        static_cast<Counter *>(user)->held -= bytes;
        std::free(memory);
      },
      &counter};
  steelyard_context *context = makeContext(1, &allocator);
  Runner small(100), large(5000);
  auto fill = [](size_t bytes) {
    return [=](steelyard_context *, void *arena) {
      std::memset(arena, 1, bytes);
      return 0;
    };
  };
  EXPECT(counter.held == 0);
  EXPECT(small.run(context, fill(100)) == 0);
  EXPECT(large.run(context, fill(5000)) == 0);
  EXPECT(counter.held == 5000);
  EXPECT(small.run(context, fill(100)) == 0);
  EXPECT(counter.held == 5000); // the arena is kept
  counter.refuse = true;
  steelyard_error error;
  Runner larger(10000);
  EXPECT(larger.run(context, fill(10000), &error) ==
         STEELYARD_RESOURCE_EXHAUSTED);
  EXPECT_CONTAINS(error.message, "10000");
  float one = 1, sum = 0;
  steelyard_gemm_desc gemm{1,
                           1,
                           1,
                           1,
                           &one,
                           STEELYARD_F32,
                           0,
                           1,
                           1,
                           &one,
                           STEELYARD_BF16,
                           0,
                           1,
                           1,
                           &sum,
                           STEELYARD_F32,
                           0,
                           1,
                           1,
                           0};
  EXPECT(small.run(
             context,
             [&](steelyard_context *inner, void *) {
               return steelyard_gemm(inner, &gemm);
             },
             &error) == STEELYARD_RESOURCE_EXHAUSTED);
  counter.refuse = false;
  EXPECT(large.run(context, fill(5000)) == 0);
  steelyard_context_destroy(context);
  EXPECT(counter.held == 0);

  steelyard_allocator none{};
  steelyard_context_options options{STEELYARD_ABI_VERSION, 1, &none};
  EXPECT(!steelyard_context_create(&options, &error));
}

static void testConcurrentContexts() {
  Runner runner(256);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      steelyard_context *context = makeContext(2);
      for (int round = 0; round < 200; ++round) {
        std::atomic<int64_t> sum{0};
        runner.run(context, [&](steelyard_context *inner, void *) {
          steelyard_parallel_for(
              inner, 0, 100, 9,
              [](int64_t b, int64_t e, void *opaque) {
                static_cast<std::atomic<int64_t> *>(opaque)->fetch_add(e - b);
              },
              &sum);
          return 0;
        });
        good += sum == 100;
      }
      steelyard_context_destroy(context);
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT(good == 800);
}

/// Flush-to-zero in the caller changes nothing on any thread, and stays.
static void testFloatEnvironment() {
#if defined(__x86_64__)
  steelyard_context *context = makeContext(3);
  Runner runner;
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040); // FTZ and DAZ
  std::vector<float> halves(100);
  runner.run(context, [&](steelyard_context *inner, void *) {
    steelyard_parallel_for(
        inner, 0, 100, 1,
        [](int64_t b, int64_t, void *opaque) {
          volatile float least = 1e-38f; // below 2^-126
          std::this_thread::sleep_for(std::chrono::microseconds(50));
          static_cast<float *>(opaque)[b] = least * 0.5f;
        },
        halves.data());
    return 0;
  });
  EXPECT(_mm_getcsr() == (before | 0x8040));
  _mm_setcsr(before);
  for (float half : halves) {
    EXPECT(half > 0);
  }
  steelyard_context_destroy(context);
#endif
}

static void testFork() {
  steelyard_context *context = makeContext(3);
  Runner runner;
  auto loop = [&] {
    std::atomic<int64_t> sum{0};
    runner.run(context, [&](steelyard_context *inner, void *) {
      steelyard_parallel_for(
          inner, 0, 1000, 1,
          [](int64_t, int64_t, void *opaque) {
            static_cast<std::atomic<int64_t> *>(opaque)->fetch_add(1);
          },
          &sum);
      return 0;
    });
    return sum.load();
  };
  EXPECT(loop() == 1000);
  pid_t child = fork();
  if (child == 0) {
    bool good = loop() == 1000 && loop() == 1000;
    steelyard_context_destroy(context);
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT(loop() == 1000);
  steelyard_context_destroy(context);
}

int main() {
  testChunks();
  testManyLoops();
  testNestedLoops();
  testCancellation();
  testErrors();
  testDescriptions();
  testBuffers();
  testAllocator();
  testConcurrentContexts();
  testFloatEnvironment();
  testFork();
  return failures != 0;
}
