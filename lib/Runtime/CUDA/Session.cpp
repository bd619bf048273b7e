//===- Session.cpp - A context's part of a device ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Session.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "Gemm.h"
#include "Graphs.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

//===----------------------------------------------------------------------===//
// The CUDA context
//===----------------------------------------------------------------------===//

Status PrimaryContext::retain() {
  Result result = driver.primaryRetain(&handle, device.handle);
  if (result == kSuccess) {
    return Status();
  }
  handle = nullptr;
  return driver.failure(result, device.description() + " can't be used");
}

PrimaryContext::~PrimaryContext() {
  if (handle) {
    driver.primaryRelease(device.handle);
  }
}

/// Shared by those that capture.
static std::shared_mutex &captures() {
  // Leaked: contexts may be destroyed at exit.
  static auto *mutex = new std::shared_mutex;
  return *mutex;
}

void PrimaryContext::synchronize() const {
  std::unique_lock<std::shared_mutex> lock(captures());
  driver.ctxSynchronize();
}

std::shared_lock<std::shared_mutex> cuda::tryToCapture() {
  return {captures(), std::try_to_lock};
}

Current::Current(const PrimaryContext &primary) : primary(primary) {
  Result result = primary.driver.ctxPush(primary.handle);
  if (result != kSuccess) {
    status = primary.driver.failure(result, primary.device.description() +
                                                " can't be used");
  }
}

Current::~Current() {
  if (status.ok()) {
    ContextHandle popped = nullptr;
    primary.driver.ctxPop(&popped);
  }
}

//===----------------------------------------------------------------------===//
// Session
//===----------------------------------------------------------------------===//

Session::Session(const Driver &driver, const Device &device)
    : primary(driver, device), points(driver), marks(driver) {}

/// The first CUDA driver that captures launches ahead of the end of others
/// (CUDA 12.3's release notes, "CUDA Graphs").
static constexpr int kCapturesAhead = 12030;

/// A variable that turns off what is on.
static Status readSwitch(const char *name, bool &isOn) {
  const char *wanted = std::getenv(name);
  std::string value = wanted && *wanted ? wanted : "1";
  if (value != "0" && value != "1") {
    return invalidArgument(std::string(name) + " is '" + value +
                           "', not 0 or 1");
  }
  isOn = isOn && value == "1";
  return Status();
}

Status Session::readSettings() {
  // Not where CUDA is to show which launch fails.
  const char *blocking = std::getenv("CUDA_LAUNCH_BLOCKING");
  replaysCalls = !blocking || std::strtol(blocking, nullptr, 10) == 0;
  launchesAhead = device().major >= 9 && driver().version >= kCapturesAhead;
  Status status = readSwitch("STEELYARD_CUDA_GRAPHS", replaysCalls);
  return status.ok() ? readSwitch("STEELYARD_CUDA_AHEAD", launchesAhead)
                     : status;
}

Status Session::open(int ordinal, StreamHandle stream,
                     std::unique_ptr<Session> &session) {
  const Driver *driver = nullptr;
  const Device *device = nullptr;
  Status status = getDevice(ordinal, driver, device);
  if (!status.ok()) {
    return status;
  }
  std::unique_ptr<Session> opening(new Session(*driver, *device));
  status = opening->readSettings();
  if (status.ok()) {
    status = opening->primary.retain();
  }
  if (!status.ok()) {
    return status;
  }
  if (stream) {
    opening->stream = stream;
  } else {
    Current current(opening->primary);
    if (!current.status.ok()) {
      return current.status;
    }
    // A blocking one: what others did on the default stream comes first.
    Result result = driver->streamCreate(&opening->stream, kStreamBlocking);
    if (result != kSuccess) {
      return driver->failure(result, "no stream of " + device->description());
    }
    opening->ownsStream = true;
  }
  session = std::move(opening);
  return Status();
}

Session::~Session() {
  bool hasMore = ownsStream || arena || gemms || !graphs.empty();
  if (!primary.handle || (!hasMore && points.hasNone() && marks.hasNone())) {
    return;
  }
  Current current(primary);
  if (!current.status.ok()) {
    std::ignore = gemms.release(); // nothing can be freed
    for (const std::shared_ptr<Graphs> &each : graphs) {
      each->abandon();
    }
    return;
  }
  points.destroy();
  marks.destroy();
  if (!hasMore) {
    return; // nothing that work would use
  }
  if (ownsStream) {
    driver().streamSynchronize(stream);
  } else {
    primary.synchronize(); // the caller's may be gone already
  }
  for (const std::shared_ptr<Graphs> &each : graphs) {
    each->close();
  }
  if (captureStream) {
    driver().streamDestroy(captureStream);
  }
  gemms.reset();
  if (arena) {
    driver().memFree(arena);
  }
  if (ownsStream) {
    driver().streamDestroy(stream);
  }
}

Status Session::allocate(size_t bytes, const std::string &what,
                         Address &address) {
  if (trace.isCaptured) {
    return beforeLook();
  }
  Result result = driver().memAlloc(&address, std::max<size_t>(bytes, 1));
  if (result == kSuccess) {
    return Status();
  }
  std::string message =
      format("no memory for %s of %zu bytes on %s", what.c_str(), bytes,
             device().description().c_str());
  size_t free = 0, total = 0;
  if (result == kOutOfMemory &&
      driver().memGetInfo(&free, &total) == kSuccess) {
    message += format(", where %zu of %zu are free", free, total);
  }
  return driver().failure(result, message);
}

Status Session::reserveArena(size_t bytes) {
  if (bytes <= arenaBytes) {
    return Status();
  }
  if (arena) {
    // A call that did not wait may be using it.
    Status status = synchronize();
    if (!status.ok()) {
      return status;
    }
    for (const std::shared_ptr<Graphs> &each : graphs) {
      each->forget();
    }
    driver().memFree(arena);
    arena = arenaBytes = 0;
  }
  Address grown = 0;
  Status status = allocate(bytes, "an arena", grown);
  if (status.ok()) {
    arena = grown;
    arenaBytes = bytes;
  }
  return status;
}

Status Session::beforeLook() {
  trace.hasWaited = true;
  return trace.isCaptured ? internal("a call that waits can't be captured")
                          : Status();
}

Status Session::synchronize() {
  if (trace.isCaptured) {
    return beforeLook();
  }
  Result result = driver().streamSynchronize(stream);
  return result == kSuccess
             ? Status()
             : driver().failure(result, "work on " + device().description() +
                                            " failed");
}

Status Session::record(int64_t &point) {
  CaptureStatus status = kCaptureNone;
  Result result =
      ownsStream ? kSuccess : driver().streamIsCapturing(stream, &status);
  if (result == kSuccess && status != kCaptureNone) {
    return failedPrecondition("the context's stream is being captured");
  }
  if (result == kSuccess) {
    result = points.record(stream, point);
  }
  return result == kSuccess
             ? Status()
             : driver().failure(result,
                                "no point can be marked in the work on " +
                                    device().description());
}

Status Session::mark(int64_t site, std::vector<int64_t> &nanoseconds) {
  // Code that loops for long has not an event for each trip.
  constexpr size_t kMostMarks = 4096;
  if (marking->size() == kMostMarks && !trace.isCaptured) {
    Status status = collectMarks(nanoseconds);
    if (!status.ok()) {
      return status;
    }
    marking->goOn();
  }
  ++trace.operations;
  Result result = marking->mark(stream, site, trace.isCaptured);
  return result == kSuccess
             ? Status()
             : driver().failure(result, "no time can be taken on " +
                                            device().description());
}

Status Session::collectMarks(std::vector<int64_t> &nanoseconds) {
  if (marking->size() == 0) {
    return Status();
  }
  Status status = synchronize();
  if (!status.ok()) {
    return status;
  }
  Result result = marking->collect(nanoseconds);
  return result == kSuccess
             ? Status()
             : driver().failure(result, "no time can be read on " +
                                            device().description());
}

Status Session::copy(Address to, Address from, size_t bytes) {
  if (bytes == 0) {
    return Status();
  }
  Status status =
      checkPointer(to, [] { return std::string("what is copied to"); });
  if (status.ok()) {
    status = checkPointer(from, [] { return std::string("what is copied"); });
  }
  if (!status.ok()) {
    return status;
  }
  Result result = driver().copyOnDevice(to, from, bytes, stream);
  return result == kSuccess
             ? Status()
             : driver().failure(result,
                                format("%zu bytes can't be copied on %s", bytes,
                                       device().description().c_str()));
}

Status Session::upload(Address to, const void *from, size_t bytes) {
  if (bytes == 0) {
    return Status();
  }
  if (trace.isCaptured) {
    return beforeLook();
  }
  Result result = driver().copyToDevice(to, from, bytes, stream);
  if (result != kSuccess) {
    return driver().failure(result,
                            format("%zu bytes can't be copied to %s", bytes,
                                   device().description().c_str()));
  }
  return synchronize();
}

Status Session::download(void *to, Address from, size_t bytes) {
  if (bytes == 0) {
    return Status();
  }
  if (trace.isCaptured) {
    return beforeLook();
  }
  Result result = driver().copyToHost(to, from, bytes, stream);
  if (result != kSuccess) {
    return driver().failure(result,
                            format("%zu bytes can't be copied from %s", bytes,
                                   device().description().c_str()));
  }
  return synchronize();
}

namespace {

/// What CUDA knows of an address.
struct Pointer {
  Pointer(const Driver &driver, Address address) {
    PointerAttribute attributes[] = {kPointerMemoryType, kPointerIsManaged,
                                     kPointerDevice};
    void *values[] = {&type, &isManaged, &ordinal};
    result = driver.pointerGetAttributes(3, attributes, values, address);
  }

  Result result;
  unsigned type = 0, isManaged = 0;
  int ordinal = -1;
};

} // namespace

bool Session::isOfDevice(Address address) const {
  Pointer pointer(primary.driver, address);
  return pointer.result == kSuccess &&
         (pointer.isManaged || (pointer.type == kMemoryDevice &&
                                pointer.ordinal == primary.device.ordinal));
}

Status Session::explainPointer(Address address, const std::string &what) const {
  Pointer pointer(primary.driver, address);
  std::string on = primary.device.description();
  if (pointer.result != kSuccess) {
    return primary.driver.failure(pointer.result,
                                  what + " can't be looked up on " + on);
  }
  if (pointer.type != kMemoryDevice) {
    return invalidArgument(what + " is memory of the host, and " + on +
                           " is to use it: copy it to memory of the device "
                           "(steelyard_context_upload)");
  }
  return invalidArgument(format("%s is memory of device %d, and the context's "
                                "is %s",
                                what.c_str(), pointer.ordinal, on.c_str()));
}
