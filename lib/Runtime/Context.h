//===- Context.h - What one call needs --------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CONTEXT_H
#define STEELYARD_LIB_RUNTIME_CONTEXT_H

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "CUDA/Session.h"
#include "Support.h"
#include "ThreadPool.h"

namespace steelyard::runtime {

/// Memory that grows and never shrinks, from the context's allocator.
struct Buffer {
  void *memory = nullptr;
  size_t bytes = 0;
};

/// A range of the caller's memory, for `steelyard_execute` to find overlaps.
struct CallerBuffer {
  uintptr_t begin, end;
  bool isResult;
  int64_t index;
};

} // namespace steelyard::runtime

struct steelyard_context {
  steelyard_context(const steelyard_allocator &allocator, int threadCount,
                    int deviceOrdinal, void *stream)
      : allocator(allocator), pool(threadCount), deviceOrdinal(deviceOrdinal),
        stream(stream), scratch(static_cast<size_t>(threadCount)) {}
  ~steelyard_context();
  steelyard_context(const steelyard_context &) = delete;

  /// Makes `buffer` at least `bytes` large; its contents are lost when it
  /// grows. False when the allocation fails. From any thread.
  bool reserve(steelyard::runtime::Buffer &buffer, size_t bytes);

  /// At least `bytes` of memory for the running thread of the pool, aligned to
  /// 64, valid until it asks again; null when the allocation fails.
  void *threadScratch(size_t bytes);

  /// Makes `session` if there is none.
  steelyard::runtime::Status openSession();

  /// The call that runs is one of a cuda executable.
  bool runsOnDevice() const { return session && session->running; }

  /// Before a call, or when it begins again.
  void clearOutcome();

  /// Keeps the first error of a call. From any thread.
  void fail(int32_t code, std::string message);

  bool cancelled() const {
    return cancelRequested.load(std::memory_order_relaxed);
  }

  const steelyard_allocator allocator;
  steelyard::runtime::ThreadPool pool;
  std::atomic<bool> busy{false};
  std::atomic<bool> cancelRequested{false};
  steelyard::runtime::Buffer arena;
  std::vector<steelyard::runtime::CallerBuffer> callerBuffers;

  const int deviceOrdinal;
  void *const stream; // the caller's, or null
  std::unique_ptr<steelyard::runtime::cuda::Session> session; // once needed
  bool lastOnDevice = false; // where the last call ran

  int64_t checkCount = 0;
  int64_t checkFailures = 0;
  std::vector<std::string> checkReports;

  std::vector<int64_t> siteTimes; ///< nanoseconds
  std::chrono::steady_clock::time_point lastMark;

  std::mutex mutex; // of what follows
  steelyard::runtime::Status error;

private:
  std::mutex allocatorMutex;
  std::vector<steelyard::runtime::Buffer> scratch; // one a thread
};

static_assert(std::atomic<bool>::is_always_lock_free,
              "steelyard_context_cancel is called by signal handlers");

#endif // STEELYARD_LIB_RUNTIME_CONTEXT_H
