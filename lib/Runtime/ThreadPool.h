//===- ThreadPool.h - Workers of one context --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_THREADPOOL_H
#define STEELYARD_LIB_RUNTIME_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <memory>

namespace steelyard::runtime {

/// Round to nearest, no flush to zero, no traps, for as long as it lives; then
/// the thread's own environment again.
class DefaultFloatEnvironment {
public:
  DefaultFloatEnvironment();
  ~DefaultFloatEnvironment();
  DefaultFloatEnvironment(const DefaultFloatEnvironment &) = delete;

private:
#if defined(__x86_64__)
  unsigned saved;
#else
  alignas(16) unsigned char saved[64];
#endif
};

/// Processors that this thread may run on, at least 1.
int availableProcessors();

/// The threads of one context: the caller and `threadCount` - 1 workers, which
/// are started by the first loop that can use them and sleep between loops.
/// One loop at a time.
class ThreadPool {
public:
  using Body = void (*)(int64_t begin, int64_t end, void *closure);

  explicit ThreadPool(int threadCount);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

  int threadCount() const { return count; }

  /// The contract of `steelyard_parallel_for`.
  void parallelFor(int64_t begin, int64_t end, int64_t grain, Body body,
                   void *closure);

  /// Which of the pool's threads is running: 0 (the caller) ... threadCount-1.
  int currentThread() const;

private:
  struct Job;
  struct Workers;

  static void runChunks(Job &job, int threadCount);
  static void *workerMain(void *argument);

  int count;
  std::unique_ptr<Workers> workers;
};

} // namespace steelyard::runtime

#endif // STEELYARD_LIB_RUNTIME_THREADPOOL_H
