//===- Execute.cpp - Running a function -------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <algorithm>
#include <vector>

#include "CUDA/Graphs.h"
#include "Context.h"
#include "Executable.h"

using namespace steelyard::runtime;

static Status checkBuffer(const steelyard_value &value, bool isResult,
                          int64_t index, const void *buffer,
                          std::vector<CallerBuffer> &buffers) {
  int64_t bytes = steelyard_value_bytes(&value);
  if (bytes == 0) {
    return Status();
  }
  const char *kind = isResult ? "result" : "argument";
  if (!buffer) {
    return invalidArgument(format("%s %lld ('%s') is a null pointer", kind,
                                  static_cast<long long>(index), value.name));
  }
  auto begin = reinterpret_cast<uintptr_t>(buffer);
  size_t alignment = steelyard_type_bytes(value.type);
  if (alignment > 8) {
    alignment = 8; // complex<f64>
  }
  if (begin % alignment) {
    return invalidArgument(format("%s %lld ('%s') is not aligned to %zu bytes",
                                  kind, static_cast<long long>(index),
                                  value.name, alignment));
  }
  buffers.push_back(
      {begin, begin + static_cast<uintptr_t>(bytes), isResult, index});
  return Status();
}

/// Null pointers, alignment, and results that overlap what they may not.
static Status checkBuffers(const steelyard_function &function,
                           const void *const *arguments, void *const *results,
                           std::vector<CallerBuffer> &buffers) {
  buffers.clear();
  if ((function.argument_count && !arguments) ||
      (function.result_count && !results)) {
    return invalidArgument("no list of arguments or of results");
  }
  for (int64_t i = 0; i < function.argument_count; ++i) {
    const steelyard_value &value = function.arguments[i];
    // A donated argument in its result's buffer is seen as that result.
    if (value.alias >= 0 && arguments[i] &&
        results[value.alias] == arguments[i]) {
      continue;
    }
    Status status =
        checkBuffer(value, /*isResult=*/false, i, arguments[i], buffers);
    if (!status.ok()) {
      return status;
    }
  }
  for (int64_t i = 0; i < function.result_count; ++i) {
    Status status = checkBuffer(function.results[i], /*isResult=*/true, i,
                                results[i], buffers);
    if (!status.ok()) {
      return status;
    }
  }
  std::sort(buffers.begin(), buffers.end(),
            [](const CallerBuffer &a, const CallerBuffer &b) {
              return a.begin < b.begin;
            });
  // The buffers so far that reach furthest: any, and among results.
  const CallerBuffer *furthest = nullptr, *furthestResult = nullptr;
  for (const CallerBuffer &buffer : buffers) {
    const CallerBuffer *other = buffer.isResult ? furthest : furthestResult;
    if (other && buffer.begin < other->end) {
      const CallerBuffer &result = buffer.isResult ? buffer : *other;
      const CallerBuffer &second = buffer.isResult ? *other : buffer;
      return invalidArgument(
          format("result %lld overlaps %s %lld, which is not donated to it",
                 static_cast<long long>(result.index),
                 second.isResult ? "result" : "argument",
                 static_cast<long long>(second.index)));
    }
    if (!furthest || buffer.end > furthest->end) {
      furthest = &buffer;
    }
    if (buffer.isResult &&
        (!furthestResult || buffer.end > furthestResult->end)) {
      furthestResult = &buffer;
    }
  }
  return Status();
}

/// What the call comes to after its entry returned `code`.
static Status outcome(const steelyard_function &function,
                      steelyard_context &context, int32_t code) {
  std::lock_guard<std::mutex> lock(context.mutex);
  if (!context.error.ok()) {
    return context.error;
  }
  if (code == 0) {
    return Status();
  }
  if (context.cancelled()) {
    return cancelled("cancelled");
  }
  return internal(format("function '%s' returned %d without a "
                         "message",
                         function.name, code));
}

static int32_t enter(const steelyard_function &function,
                     steelyard_context &context, void *arena,
                     const void *const *arguments, void *const *results) {
  DefaultFloatEnvironment environment;
  return function.entry(&context, arena, arguments, results);
}

static Status runOnHost(const steelyard_function &function,
                        steelyard_context &context,
                        const void *const *arguments, void *const *results) {
  if (!context.reserve(context.arena,
                       static_cast<size_t>(function.arena_bytes))) {
    return resourceExhausted(
        format("no memory for an arena of %lld bytes",
               static_cast<long long>(function.arena_bytes)));
  }
  int32_t code =
      enter(function, context, context.arena.memory, arguments, results);
  return outcome(function, context, code);
}

/// That the buffers found are the device's.
static Status checkDeviceBuffers(const steelyard_function &function,
                                 const steelyard_context &context) {
  for (const CallerBuffer &buffer : context.callerBuffers) {
    Status status = context.session->checkPointer(buffer.begin, [&] {
      const steelyard_value *values =
          buffer.isResult ? function.results : function.arguments;
      return format("%s %lld ('%s')", buffer.isResult ? "result" : "argument",
                    static_cast<long long>(buffer.index),
                    values[buffer.index].name);
    });
    if (!status.ok()) {
      return status;
    }
  }
  return Status();
}

/// The call itself: its code, or what that did with these addresses before.
static Status runOrReplay(const steelyard_function &function,
                          steelyard_context &context,
                          const void *const *arguments, void *const *results) {
  cuda::Session &session = *context.session;
  auto runCode = [&] {
    int32_t code = enter(function, context, cuda::toPointer(session.arena),
                         arguments, results);
    return outcome(function, context, code);
  };
  cuda::Replay replay(session, function, arguments, results);
  if (replay.launch()) {
    return Status();
  }
  if (replay.beginCapture()) {
    if (replay.endCapture(runCode()) && replay.launch()) {
      return Status();
    }
    // Nothing was done yet: it is run as if this had not been tried.
    if (context.cancelled()) {
      return cancelled("cancelled");
    }
    context.clearOutcome();
  }
  session.trace = {};
  Status status = runCode();
  if (status.ok()) {
    replay.remember();
  }
  return status;
}

static Status runOnDevice(const steelyard_executable &executable,
                          const steelyard_function &function,
                          steelyard_context &context,
                          const void *const *arguments, void *const *results) {
  Status status = context.openSession();
  if (!status.ok()) {
    return status;
  }
  cuda::Session &session = *context.session;
  context.lastOnDevice = true;
  cuda::Current current(session.primary);
  if (!current.status.ok()) {
    return current.status;
  }
  status = checkDeviceBuffers(function, context);
  cuda::Module *module = nullptr;
  if (status.ok()) {
    status = executable.modules.get(executable, session, module);
  }
  if (status.ok()) {
    status = session.reserveArena(static_cast<size_t>(function.arena_bytes));
  }
  if (!status.ok()) {
    return status;
  }
  session.running = module;
  {
    cuda::Range range(session.ranges, function.name);
    status = runOrReplay(function, context, arguments, results);
  }
  if (status.ok()) {
    status = session.collectMarks(context.siteTimes);
  }
  session.marking = &session.marks;
  session.marks.restart();
  session.running = nullptr;
  session.operation = nullptr;
  // Whatever came of it, the caller may do as it likes with its buffers then.
  if (session.ownsStream) {
    Status waited = session.synchronize();
    if (status.ok()) {
      return waited;
    }
  }
  return status;
}

static Status run(const steelyard_executable &executable,
                  const steelyard_function &function,
                  steelyard_context &context, const void *const *arguments,
                  void *const *results) {
  if (context.cancelled()) {
    return cancelled("cancelled before it began");
  }
  Status status =
      checkBuffers(function, arguments, results, context.callerBuffers);
  if (!status.ok()) {
    return status;
  }
  context.lastOnDevice = false;
  return executable.isForDevice()
             ? runOnDevice(executable, function, context, arguments, results)
             : runOnHost(function, context, arguments, results);
}

int32_t steelyard_execute(const steelyard_executable *executable,
                          int64_t function, steelyard_context *context,
                          const void *const *arguments, void *const *results,
                          steelyard_error *error) {
  if (!executable || !context) {
    return report(invalidArgument("no executable or no context"), error);
  }
  const steelyard_function *description =
      steelyard_executable_function(executable, function);
  if (!description) {
    return report(notFound(format("no function %lld among %zu",
                                  static_cast<long long>(function),
                                  executable->functions.size())),
                  error);
  }
  if (context->busy.exchange(true, std::memory_order_acquire)) {
    return report(failedPrecondition("the context is running another call"),
                  error);
  }
  context->clearOutcome();
  Status status = run(*executable, *description, *context, arguments, results);
  // One request stops one call, or comes too late for it.
  context->cancelRequested.store(false, std::memory_order_relaxed);
  context->busy.store(false, std::memory_order_release);
  return report(status, error);
}
