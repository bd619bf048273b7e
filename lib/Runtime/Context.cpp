//===- Context.cpp - What one call needs ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Context.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "Kernels.h"

using namespace steelyard::runtime;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static void *defaultAllocate(void *, size_t bytes, size_t alignment) {
  void *memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

static void defaultDeallocate(void *, void *memory, size_t, size_t) {
  std::free(memory);
}

bool steelyard_context::reserve(Buffer &buffer, size_t bytes) {
  if (bytes <= buffer.bytes) {
    return true;
  }
  std::lock_guard<std::mutex> lock(allocatorMutex);
  if (buffer.memory) {
    allocator.deallocate(allocator.user, buffer.memory, buffer.bytes,
                         kAlignment);
    buffer = {};
  }
  void *memory = allocator.allocate(allocator.user, bytes, kAlignment);
  if (!memory) {
    return false;
  }
  buffer = {memory, bytes};
  return true;
}

void *steelyard_context::threadScratch(size_t bytes) {
  Buffer &buffer = scratch[static_cast<size_t>(pool.currentThread())];
  return reserve(buffer, bytes) ? buffer.memory : nullptr;
}

steelyard_context::~steelyard_context() {
  scratch.push_back(arena);
  for (Buffer &buffer : scratch) {
    if (buffer.memory) {
      allocator.deallocate(allocator.user, buffer.memory, buffer.bytes,
                           kAlignment);
    }
  }
}

Status steelyard_context::openSession() {
  return session ? Status()
                 : cuda::Session::open(deviceOrdinal, stream, session);
}

void steelyard_context::clearOutcome() {
  checkCount = 0;
  checkFailures = 0;
  checkReports.clear();
  std::lock_guard<std::mutex> lock(mutex);
  error = Status();
}

void steelyard_context::fail(int32_t code, std::string message) {
  std::lock_guard<std::mutex> lock(mutex);
  if (error.ok()) {
    error = {code, std::move(message)};
  }
}

//===----------------------------------------------------------------------===//
// The C interface
//===----------------------------------------------------------------------===//

static constexpr int kMaxThreads = 1024;

/// STEELYARD_THREADS, else the processors there are.
static Status defaultThreadCount(int &count) {
  const char *text = std::getenv("STEELYARD_THREADS");
  if (!text || !*text) {
    count = std::min(availableProcessors(), kMaxThreads);
    return Status();
  }
  char *end = nullptr;
  long value = std::strtol(text, &end, 10);
  if (*end || value < 1 || value > kMaxThreads) {
    return invalidArgument(
        format("STEELYARD_THREADS is '%s', not a number from 1 to %d", text,
               kMaxThreads));
  }
  count = static_cast<int>(value);
  return Status();
}

static Status createContext(const steelyard_context_options *options,
                            steelyard_context *&context) {
  steelyard_allocator allocator{defaultAllocate, defaultDeallocate, nullptr};
  int threads = 0, device = 0;
  void *stream = nullptr;
  if (const char *isa = unknownInstructionSet()) {
    return invalidArgument(
        format("STEELYARD_ISA is '%s', not baseline, avx2 or avx512", isa));
  }
  if (options) {
    if (options->abi_version >> 16 != STEELYARD_ABI_VERSION >> 16) {
      return failedPrecondition(
          format("context options of ABI version %u.%u, the runtime has %u.%u",
                 options->abi_version >> 16, options->abi_version & 0xffff,
                 STEELYARD_ABI_VERSION >> 16, STEELYARD_ABI_VERSION & 0xffff));
    }
    if (options->thread_count < 0 || options->thread_count > kMaxThreads) {
      return invalidArgument(format("thread_count is %d, not from 0 to %d",
                                    options->thread_count, kMaxThreads));
    }
    threads = options->thread_count;
    if (options->device < 0) {
      return invalidArgument(
          format("device is %d, not from 0 on", options->device));
    }
    device = options->device;
    stream = options->stream;
    if (options->allocator) {
      allocator = *options->allocator;
      if (!allocator.allocate || !allocator.deallocate) {
        return invalidArgument("an allocator lacks a function");
      }
    }
  }
  if (threads == 0) {
    if (Status status = defaultThreadCount(threads); !status.ok()) {
      return status;
    }
  }
  context =
      new (std::nothrow) steelyard_context(allocator, threads, device, stream);
  return context ? Status() : resourceExhausted("no memory for a context");
}

steelyard_context *
steelyard_context_create(const steelyard_context_options *options,
                         steelyard_error *error) {
  steelyard_context *context = nullptr;
  report(createContext(options, context), error);
  return context;
}

void steelyard_context_destroy(steelyard_context *context) { delete context; }

int32_t steelyard_context_thread_count(const steelyard_context *context) {
  return context->pool.threadCount();
}

void steelyard_context_cancel(steelyard_context *context) {
  context->cancelRequested.store(true, std::memory_order_relaxed);
}

const void *steelyard_context_arena(const steelyard_context *context,
                                    size_t *bytes) {
  bool onDevice = context->lastOnDevice;
  if (bytes) {
    *bytes = onDevice ? context->session->arenaBytes : context->arena.bytes;
  }
  return onDevice ? cuda::toPointer(context->session->arena)
                  : context->arena.memory;
}

int64_t steelyard_context_check_failures(const steelyard_context *context,
                                         char *message, size_t message_bytes) {
  if (message && message_bytes) {
    std::string text;
    for (const std::string &line : context->checkReports) {
      text += line;
      text += '\n';
    }
    size_t length = std::min(text.size(), message_bytes - 1);
    std::memcpy(message, text.data(), length);
    message[length] = 0;
  }
  return context->checkFailures;
}

int64_t steelyard_context_check_count(const steelyard_context *context) {
  return context->checkCount;
}

void steelyard_context_set_error(steelyard_context *context,
                                 const char *message) {
  context->fail(STEELYARD_INTERNAL, message ? message : "compiled code failed");
}

int32_t steelyard_poll(steelyard_context *context) {
  return context->cancelled() ? STEELYARD_CANCELLED : STEELYARD_OK;
}

void steelyard_mark(steelyard_context *context, int64_t site) {
  if (context->runsOnDevice()) {
    Status status = context->session->mark(site, context->siteTimes);
    if (!status.ok()) {
      context->fail(status.code(), status.message());
    }
    return;
  }
  auto now = std::chrono::steady_clock::now();
  if (site >= 0) {
    auto index = static_cast<size_t>(site);
    if (index >= context->siteTimes.size()) {
      context->siteTimes.resize(index + 1);
    }
    context->siteTimes[index] +=
        std::chrono::nanoseconds(now - context->lastMark).count();
  }
  context->lastMark = now;
}

void steelyard_context_site_times(const steelyard_context *context,
                                  int64_t count, int64_t *nanoseconds) {
  for (int64_t site = 0; site < count; ++site) {
    auto index = static_cast<size_t>(site);
    nanoseconds[site] =
        index < context->siteTimes.size() ? context->siteTimes[index] : 0;
  }
}

void steelyard_parallel_for(steelyard_context *context, int64_t begin,
                            int64_t end, int64_t grain,
                            void (*body)(int64_t, int64_t, void *),
                            void *closure) {
  context->pool.parallelFor(begin, end, grain, body, closure);
}
