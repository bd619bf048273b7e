//===- Launch.cpp - What compiled code calls on a device --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nothing here waits but `steelyard_gpu_read` and the first use of a constant,
// so that a stream may capture what is launched.
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include "Module.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

Status cuda::checkCall(const steelyard_context &context, const char *function) {
  if (!context.runsOnDevice()) {
    return internal(std::string(function) +
                    " is for code of a cuda executable, while it runs");
  }
  return context.cancelled() ? cancelled("cancelled") : Status();
}

int32_t cuda::finish(steelyard_context &context, const Status &status) {
  if (!status.ok()) {
    context.fail(status.code(), status.message());
  }
  return status.code();
}

static Status launch(Session &session, int64_t index, const uint32_t *grid,
                     const uint32_t *block, uint32_t sharedBytes,
                     void **arguments) {
  Kernel *kernel = session.running->kernel(index);
  if (!kernel) {
    return internal(format("compiled code launches kernel %lld, which is not "
                           "in its image",
                           static_cast<long long>(index)));
  }
  if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0) {
    return Status();
  }
  Status status = session.running->reserveShared(*kernel, sharedBytes);
  if (!status.ok()) {
    return status;
  }
  ++session.trace.operations;
  LaunchAttribute ahead;
  ahead.id = kProgrammaticStreamSerialization;
  ahead.value = 1;
  LaunchConfig config{grid[0], grid[1], grid[2], block[0], block[1], block[2],
                      sharedBytes, session.stream, &ahead,
                      // Not before what comes first has ended.
                      session.launchesAhead && session.running->kernelsWait()};
  Result result = session.driver().launchKernel(&config, kernel->handle,
                                                arguments, /*extra=*/nullptr);
  if (result == kSuccess) {
    return Status();
  }
  std::string what = format(
      "kernel '%s' (grid %u x %u x %u, block %u x %u x %u, %u bytes of dynamic "
      "shared memory) can't be launched on %s",
      kernel->name, grid[0], grid[1], grid[2], block[0], block[1], block[2],
      sharedBytes, session.device().description().c_str());
  return internal(what + ": " + session.driver().explain(result));
}

void steelyard_gpu_operation(steelyard_context *context, const char *name) {
  if (context->runsOnDevice()) {
    context->session->operation = name;
  }
}

int32_t steelyard_gpu_launch(steelyard_context *context, int64_t kernel,
                             const uint32_t grid[3], const uint32_t block[3],
                             uint32_t shared_bytes, void **arguments) {
  Status status = checkCall(*context, "steelyard_gpu_launch");
  if (status.ok()) {
    OperationRange range(*context->session);
    status =
        launch(*context->session, kernel, grid, block, shared_bytes, arguments);
  }
  return finish(*context, status);
}

int32_t steelyard_gpu_copy(steelyard_context *context, void *to,
                           const void *from, size_t bytes) {
  Status status = checkCall(*context, "steelyard_gpu_copy");
  if (status.ok() && bytes) {
    Session &session = *context->session;
    OperationRange range(session);
    ++session.trace.operations;
    Result result = session.driver().copyOnDevice(
        toAddress(to), toAddress(from), bytes, session.stream);
    if (result != kSuccess) {
      status = internal(format("%zu bytes can't be copied on %s: %s", bytes,
                               session.device().description().c_str(),
                               session.driver().explain(result).c_str()));
    }
  }
  return finish(*context, status);
}

Status cuda::fillZeros(Session &session, Address to, size_t bytes) {
  ++session.trace.operations;
  Result result = session.driver().fillBytes(to, 0, bytes, session.stream);
  return result == kSuccess
             ? Status()
             : internal(format("%zu bytes can't be zeroed on %s: %s", bytes,
                               session.device().description().c_str(),
                               session.driver().explain(result).c_str()));
}

int32_t steelyard_gpu_fill(steelyard_context *context, void *to, size_t bytes) {
  Status status = checkCall(*context, "steelyard_gpu_fill");
  if (status.ok() && bytes) {
    OperationRange range(*context->session);
    status = fillZeros(*context->session, toAddress(to), bytes);
  }
  return finish(*context, status);
}

int32_t steelyard_gpu_read(steelyard_context *context, void *host,
                           const void *device, size_t bytes) {
  Status status = checkCall(*context, "steelyard_gpu_read");
  if (status.ok()) {
    status = context->session->beforeLook();
  }
  if (status.ok()) {
    OperationRange range(*context->session);
    status = context->session->download(host, toAddress(device), bytes);
  }
  return finish(*context, status);
}

const void *steelyard_gpu_constant(steelyard_context *context, int64_t index) {
  Address address = 0;
  Status status = checkCall(*context, "steelyard_gpu_constant");
  if (status.ok()) {
    Session &session = *context->session;
    status = session.running->constant(index, session, address);
  }
  finish(*context, status);
  return toPointer(address);
}
