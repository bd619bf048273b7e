//===- ThreadPool.cpp - Workers of one context ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ThreadPool.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

using namespace steelyard::runtime;

//===----------------------------------------------------------------------===//
// Floating-point environment
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)
// Compiled code and libraries use SSE and AVX alone, so MXCSR is all there is.
static constexpr unsigned kDefaultMXCSR = 0x1f80;

DefaultFloatEnvironment::DefaultFloatEnvironment() : saved(_mm_getcsr()) {
  _mm_setcsr(kDefaultMXCSR);
}

DefaultFloatEnvironment::~DefaultFloatEnvironment() { _mm_setcsr(saved); }
#else
static_assert(sizeof(std::fenv_t) <= 64);

DefaultFloatEnvironment::DefaultFloatEnvironment() {
  std::fegetenv(reinterpret_cast<std::fenv_t *>(saved));
  std::fesetenv(FE_DFL_ENV);
}

DefaultFloatEnvironment::~DefaultFloatEnvironment() {
  std::fesetenv(reinterpret_cast<std::fenv_t *>(saved));
}
#endif

static inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

int steelyard::runtime::availableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    return 1;
  }
  return std::max(1, CPU_COUNT(&set));
}

//===----------------------------------------------------------------------===//
// Fork
//===----------------------------------------------------------------------===//

// Counts the forks between this process and the first one: workers of an
// earlier generation exist only in the parent.
static std::atomic<uint64_t> forkGeneration{0};

static void watchForks() {
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork(nullptr, nullptr, [] { forkGeneration.fetch_add(1); });
  });
}

//===----------------------------------------------------------------------===//
// The pool
//===----------------------------------------------------------------------===//

namespace {
/// Where this thread is: its number in the pool whose loop it is running.
struct Place {
  const ThreadPool *pool = nullptr;
  int thread = 0;
  bool inLoop = false;
};
thread_local Place place;
} // namespace

struct ThreadPool::Job {
  int64_t begin, end, grain, chunks;
  Body body;
  void *closure;
  int64_t step; // chunks taken at once
  std::atomic<int64_t> next{0};
};

struct ThreadPool::Workers {
  const ThreadPool *pool = nullptr;
  uint64_t generation = 0;
  std::vector<pthread_t> threads;
  int started = 0; // numbers given out

  std::mutex mutex;
  std::condition_variable wake, done;
  Job *job = nullptr; // open for workers to join; under mutex
  bool stop = false;  // under mutex
  int asleep = 0;     // under mutex
  std::atomic<uint64_t> epoch{0};
  std::atomic<int> active{0}; // workers inside the job
};

// About 20 microseconds: what a worker waits for the next kernel before it
// sleeps, and the caller for a worker's last chunk.
static constexpr int kSpins = 512;

void ThreadPool::runChunks(Job &job, int threadCount) {
  for (;;) {
    int64_t first = job.next.fetch_add(job.step, std::memory_order_relaxed);
    if (first >= job.chunks) {
      return;
    }
    int64_t last = std::min(first + job.step, job.chunks);
    for (int64_t chunk = first; chunk < last; ++chunk) {
      int64_t begin = job.begin + chunk * job.grain;
      int64_t end = chunk + 1 == job.chunks ? job.end : begin + job.grain;
      job.body(begin, end, job.closure);
    }
  }
}

void *ThreadPool::workerMain(void *argument) {
  auto &workers = *static_cast<Workers *>(argument);
  DefaultFloatEnvironment environment;
  std::unique_lock<std::mutex> lock(workers.mutex);
  place.pool = workers.pool;
  place.thread = ++workers.started;
  place.inLoop = true; // a loop inside a chunk runs serially
  uint64_t seen = 0;
  for (;;) {
    if (workers.stop) {
      return nullptr;
    }
    if (workers.job && workers.epoch.load() != seen) {
      seen = workers.epoch.load();
      Job *job = workers.job;
      workers.active.fetch_add(1);
      lock.unlock();
      runChunks(*job, workers.pool->count);
      // The caller may be asleep until the last worker leaves.
      lock.lock();
      if (workers.active.fetch_sub(1) == 1) {
        workers.done.notify_one();
      }
      continue;
    }
    lock.unlock();
    for (int spin = 0; spin < kSpins && workers.epoch.load() == seen; ++spin) {
      relax();
    }
    lock.lock();
    if (workers.epoch.load() == seen && !workers.stop) {
      ++workers.asleep;
      workers.wake.wait(lock);
      --workers.asleep;
    } else if (!workers.job) {
      seen = workers.epoch.load(); // came too late for that loop
    }
  }
}

ThreadPool::ThreadPool(int threadCount) : count(threadCount) { watchForks(); }

ThreadPool::~ThreadPool() {
  if (!workers) {
    return;
  }
  if (workers->generation != forkGeneration.load()) {
    // The threads are the parent's, and so is whoever holds the mutex.
    [[maybe_unused]] auto *parents = workers.release();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(workers->mutex);
    workers->stop = true;
    workers->epoch.fetch_add(1);
  }
  workers->wake.notify_all();
  for (pthread_t thread : workers->threads) {
    pthread_join(thread, nullptr);
  }
}

int ThreadPool::currentThread() const {
  return place.pool == this ? place.thread : 0;
}

void ThreadPool::parallelFor(int64_t begin, int64_t end, int64_t grain,
                             Body body, void *closure) {
  if (begin >= end) {
    return;
  }
  grain = std::max<int64_t>(grain, 1);
  // In unsigned arithmetic: the extent of [INT64_MIN, INT64_MAX) fits.
  uint64_t extent = static_cast<uint64_t>(end) - static_cast<uint64_t>(begin);
  uint64_t step = static_cast<uint64_t>(grain);
  Job job{begin, end,
          grain, static_cast<int64_t>(extent / step + (extent % step != 0)),
          body,  closure,
          1};
  if (count == 1 || job.chunks == 1 || place.inLoop) {
    job.step = job.chunks;
    runChunks(job, 1);
    return;
  }
  // Taking many small chunks at once; which thread runs one is of no account.
  job.step = std::max<int64_t>(1, job.chunks / (count * 16));

  if (workers && workers->generation != forkGeneration.load()) {
    [[maybe_unused]] auto *parents = workers.release();
  }
  if (!workers) {
    workers = std::make_unique<Workers>();
    workers->pool = this;
    workers->generation = forkGeneration.load();
  }
  // Where the system gives no more threads the loop runs on those there are.
  if (workers->threads.empty()) {
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < count; ++i) {
      pthread_t thread;
      if (pthread_create(&thread, nullptr, workerMain, workers.get()) != 0) {
        break;
      }
      workers->threads.push_back(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  int wanted;
  {
    std::lock_guard<std::mutex> lock(workers->mutex);
    workers->job = &job;
    workers->epoch.fetch_add(1);
    wanted =
        static_cast<int>(std::min<int64_t>(workers->asleep, job.chunks - 1));
  }
  for (int i = 0; i < wanted; ++i) {
    workers->wake.notify_one();
  }

  Place before = place;
  place = {this, 0, true};
  runChunks(job, count);
  place = before;

  std::unique_lock<std::mutex> lock(workers->mutex);
  workers->job = nullptr; // nobody joins from here on
  if (workers->active.load() != 0) {
    lock.unlock();
    for (int spin = 0; spin < kSpins && workers->active.load() != 0; ++spin) {
      relax();
    }
    lock.lock();
    workers->done.wait(lock, [&] { return workers->active.load() == 0; });
  }
}
