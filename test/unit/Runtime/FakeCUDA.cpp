//===- FakeCUDA.cpp - A CUDA driver without a GPU ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FakeCUDA.h"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace fakecuda;

namespace {

enum : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kInvalidHandle = 400,
  kIllegalState = 401,
  kNotFound = 500,
  kNotReady = 600,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureImplicit = 906,
  kCapturedEvent = 907,
  kCaptureWrongThread = 908,
};

enum : int { kCaptureGlobal = 0, kCaptureRelaxed = 2 };

struct Context;
struct Module;

struct Allocation {
  std::unique_ptr<char[]> memory;
  size_t bytes;
  Context *context;
};

using Work = std::function<int()>;

struct Node {
  Work work;
  std::vector<Module *> modules; // whose kernels it launches
};
struct Graph {
  std::vector<Node> nodes;
};
struct GraphExec {
  Context *context;
  std::shared_ptr<const Graph> graph;
};

struct Capture {
  int mode;
  std::thread::id thread;
  bool isInvalid = false;
  Graph graph;

  int invalidate(int why) {
    isInvalid = true;
    return why;
  }
};

struct Stream {
  Context *context;
  bool isBlocking; // waits for the default stream
  std::deque<Work> work;
  std::unique_ptr<Capture> capture = nullptr;
};

struct Record {
  bool isDone;
  float clock; // the device's, then
};

/// As it was recorded last; at first there is nothing to wait for.
struct Event {
  Context *context;
  bool isTimed;
  Stream *stream = nullptr;
  bool isCaptured = false;
  std::shared_ptr<Record> record =
      std::make_shared<Record>(Record{/*isDone=*/true, /*clock=*/-1});
};

struct Context {
  int device = 0;
  int keepers = 0;
  int sticky = kSuccess;
  size_t used = 0;
  float clock = 0; // milliseconds: one for each kernel and copy
  Stream defaultStream = {this, false, {}};

  Context() = default;
  Context(const Context &) = delete;
};

struct Kernel {
  const KernelSymbol *symbol;
  Module *module;
  int sharedLimit = 49152;
};
struct Module {
  Context *context;
  const Image *image;
  std::map<std::string, Kernel> kernels;
};

/// The driver's state; its functions run one at a time.
struct State {
  std::recursive_mutex mutex;
  bool initialized = false;
  std::map<std::string, int64_t> calls;
  std::map<int, Context> contexts;
  std::map<uintptr_t, Allocation> allocations;
  std::set<Stream *> streams;
  std::set<Event *> events;
  std::set<Module *> modules;
  std::set<Graph *> graphs;
  std::set<GraphExec *> graphExecs;
  int64_t current = 0; // pushed, on all threads
};

State &state() {
  static State instance; // of the library: gone when it is closed
  return instance;
}

thread_local std::vector<Context *> stack;
thread_local int captureMode = kCaptureGlobal;

Context *currentContext() { return stack.empty() ? nullptr : stack.back(); }

std::vector<std::string> parts(const char *variable, const char *otherwise) {
  const char *text = std::getenv(variable);
  std::vector<std::string> found;
  std::string rest = text ? text : otherwise;
  while (!rest.empty()) {
    size_t end = std::min(rest.find(','), rest.size());
    found.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return found;
}

int number(const char *text) {
  return static_cast<int>(std::strtol(text, nullptr, 10));
}

void *pointer(uint64_t address) {
  return reinterpret_cast<void *>(address); // NOLINT(performance-no-int-to-ptr)
}

size_t deviceMemory() {
  const char *text = std::getenv("FAKE_CUDA_MEMORY");
  return text ? std::strtoull(text, nullptr, 10) : size_t(1) << 30;
}

std::vector<std::string> capabilities() {
  return parts("FAKE_CUDA_DEVICES", "9.0");
}

/// Counts the call; what it was told to return.
int begin(const char *function) {
  ++state().calls[function];
  for (const std::string &part : parts("FAKE_CUDA_FAIL", "")) {
    size_t sign = part.find('=');
    if (part.substr(0, sign) == function) {
      return number(part.c_str() + sign + 1);
    }
  }
  return kSuccess;
}

/// The allocation that holds all of [address, address + bytes).
Allocation *find(uintptr_t address, size_t bytes) {
  auto after = state().allocations.upper_bound(address);
  if (after == state().allocations.begin()) {
    return nullptr;
  }
  auto &[start, allocation] = *std::prev(after);
  return address + bytes <= start + allocation.bytes ? &allocation : nullptr;
}

/// What is on it, or as much as `isDone` takes.
int run(Stream &stream, const bool *isDone = nullptr) {
  if (stream.isBlocking) {
    run(stream.context->defaultStream);
  }
  while (!stream.work.empty() && !(isDone && *isDone)) {
    Work work = std::move(stream.work.front());
    stream.work.pop_front();
    int result = stream.context->sticky ? kSuccess : work();
    if (result != kSuccess) {
      stream.context->sticky = result;
    }
  }
  return stream.context->sticky;
}

/// What is not put on a stream: a thread that captures may not do it, nor any
/// while one captures in global mode, unless its mode is relaxed.
int checkSafe() {
  int result = kSuccess;
  for (Stream *stream : state().streams) {
    Capture *capture = stream->capture.get();
    if (capture && captureMode != kCaptureRelaxed &&
        ((capture->mode == kCaptureGlobal && captureMode == kCaptureGlobal) ||
         (capture->mode != kCaptureRelaxed &&
          capture->thread == std::this_thread::get_id()))) {
      result = capture->invalidate(kCaptureUnsupported);
    }
  }
  return result;
}

/// What takes in all streams, or all blocking ones, of the current context.
int checkAll(bool blockingOnly, bool invalidates, int why) {
  int result = kSuccess;
  for (Stream *stream : state().streams) {
    if (stream->capture && stream->context == currentContext() &&
        (stream->isBlocking || !blockingOnly)) {
      stream->capture->isInvalid |= invalidates;
      result = why;
    }
  }
  return result;
}

/// The stream, of the current context.
int check(void *handle, Stream *&stream) {
  stream = static_cast<Stream *>(handle);
  if (!currentContext()) {
    return kInvalidContext;
  }
  if (!handle || handle == pointer(1)) { // CU_STREAM_LEGACY
    stream = &currentContext()->defaultStream;
    int implicit =
        checkAll(/*blockingOnly=*/true, /*invalidates=*/true, kCaptureImplicit);
    return implicit ? implicit : currentContext()->sticky;
  }
  if (!state().streams.count(stream) || stream->context != currentContext()) {
    return kInvalidHandle;
  }
  return currentContext()->sticky;
}

int push(void *handle, Node node) {
  Stream *stream = nullptr;
  int result = check(handle, stream);
  if (result != kSuccess) {
    return result;
  }
  Capture *capture = stream->capture.get();
  if (capture && capture->isInvalid) {
    return kCaptureInvalidated;
  }
  node.work = [work = std::move(node.work), context = stream->context] {
    context->clock += 1;
    return work();
  };
  if (capture) {
    capture->graph.nodes.push_back(std::move(node));
  } else {
    stream->work.push_back(std::move(node.work));
  }
  return kSuccess;
}

/// The event, of the current context, that is no capture's.
int check(void *handle, Event *&event) {
  event = static_cast<Event *>(handle);
  if (!state().events.count(event) || event->context != currentContext()) {
    return kInvalidHandle;
  }
  return event->isCaptured ? kCapturedEvent : checkSafe();
}

/// Copies from or to memory that only the host has can't be captured.
int checkHostCopy(void *handle) {
  Stream *stream = nullptr;
  int result = check(handle, stream);
  return result == kSuccess && stream->capture
             ? stream->capture->invalidate(kCaptureUnsupported)
             : result;
}

} // namespace

#define BEGIN(function)                                                        \
  std::lock_guard<std::recursive_mutex> lock(state().mutex);                   \
  if (int told = begin(function)) {                                            \
    return told;                                                               \
  }
#define BEGIN_INITIALIZED(function)                                            \
  BEGIN(function)                                                              \
  if (!state().initialized) {                                                  \
    return kNotInitialized;                                                    \
  }
#define BEGIN_CURRENT(function)                                                \
  BEGIN_INITIALIZED(function)                                                  \
  if (!currentContext()) {                                                     \
    return kInvalidContext;                                                    \
  }                                                                            \
  if (currentContext()->sticky) {                                              \
    return currentContext()->sticky;                                           \
  }
#define CHECK_SAFE                                                             \
  if (int unsafe = checkSafe()) {                                              \
    return unsafe;                                                             \
  }

extern "C" {

int64_t fakeCUDACount(const char *function) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  int64_t sum = 0;
  for (const auto &[name, count] : state().calls) {
    sum += !function || name == function ? count : 0;
  }
  return sum;
}

int64_t fakeCUDALeaks() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  auto leaks =
      static_cast<int64_t>(state().allocations.size() + state().streams.size() +
                           state().events.size() + state().modules.size() +
                           state().graphs.size() + state().graphExecs.size());
  for (const auto &[device, context] : state().contexts) {
    leaks += context.keepers;
  }
  return leaks + state().current;
}

int fakeCUDAHolds(const void *address, size_t bytes) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return find(reinterpret_cast<uintptr_t>(address), bytes) ? 1 : 0;
}

int fakeCUDAPush(void *stream, const std::function<int()> *work) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return push(stream, {*work, {}});
}

int fakeCUDACurrent(int *ordinal, int *capability) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!currentContext()) {
    return 0;
  }
  *ordinal = currentContext()->device;
  std::string version = capabilities()[static_cast<size_t>(*ordinal)];
  *capability = number(version.c_str()) * 10 +
                number(version.c_str() + version.find('.') + 1);
  return 1;
}

int cuDriverGetVersion(int *version) {
  BEGIN("cuDriverGetVersion")
  const char *text = std::getenv("FAKE_CUDA_VERSION");
  *version = text ? number(text) : 12040;
  return kSuccess;
}

int cuInit(unsigned) {
  BEGIN("cuInit")
  if (capabilities().empty()) {
    return kNoDevice;
  }
  state().initialized = true;
  return kSuccess;
}

int cuGetErrorName(int result, const char **name) {
  static const std::map<int, const char *> names = {
      {0, "CUDA_SUCCESS"},
      {1, "CUDA_ERROR_INVALID_VALUE"},
      {2, "CUDA_ERROR_OUT_OF_MEMORY"},
      {3, "CUDA_ERROR_NOT_INITIALIZED"},
      {100, "CUDA_ERROR_NO_DEVICE"},
      {101, "CUDA_ERROR_INVALID_DEVICE"},
      {200, "CUDA_ERROR_INVALID_IMAGE"},
      {201, "CUDA_ERROR_INVALID_CONTEXT"},
      {400, "CUDA_ERROR_INVALID_HANDLE"},
      {401, "CUDA_ERROR_ILLEGAL_STATE"},
      {500, "CUDA_ERROR_NOT_FOUND"},
      {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
      {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
      {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
      {906, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT"},
      {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"},
  };
  auto found = names.find(result);
  *name = found == names.end() ? nullptr : found->second;
  return *name ? kSuccess : kInvalidValue;
}

int cuGetErrorString(int result, const char **text) {
  *text = result == 700 ? "an illegal memory access was encountered"
          : result == 2 ? "out of memory"
                        : "in the driver's words";
  return kSuccess;
}

int cuDeviceGetCount(int *count) {
  BEGIN_INITIALIZED("cuDeviceGetCount")
  *count = static_cast<int>(capabilities().size());
  return kSuccess;
}

int cuDeviceGet(int *device, int ordinal) {
  BEGIN_INITIALIZED("cuDeviceGet")
  *device = ordinal + 40; // a handle is no ordinal
  return ordinal < static_cast<int>(capabilities().size()) ? kSuccess
                                                           : kInvalidDevice;
}

int cuDeviceGetName(char *name, int bytes, int) {
  BEGIN_INITIALIZED("cuDeviceGetName")
  std::strncpy(name, "Fake GPU", static_cast<size_t>(bytes));
  return kSuccess;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  BEGIN_INITIALIZED("cuDeviceGetAttribute")
  std::string capability = capabilities()[static_cast<size_t>(device - 40)];
  switch (attribute) {
  case 75:
    *value = number(capability.c_str());
    return kSuccess;
  case 76:
    *value = number(capability.c_str() + capability.find('.') + 1);
    return kSuccess;
  case 97:
    *value = 232448;
    return kSuccess;
  default:
    return kInvalidValue;
  }
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  BEGIN_INITIALIZED("cuDevicePrimaryCtxRetain")
  Context &primary = state().contexts[device - 40];
  primary.device = device - 40;
  ++primary.keepers;
  *context = &primary;
  return kSuccess;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  BEGIN_INITIALIZED("cuDevicePrimaryCtxRelease_v2")
  Context &primary = state().contexts[device - 40];
  if (primary.keepers == 0) {
    return kInvalidContext;
  }
  if (--primary.keepers == 0) {
    primary.sticky = kSuccess;
  }
  return kSuccess;
}

int cuCtxPushCurrent_v2(void *context) {
  BEGIN_INITIALIZED("cuCtxPushCurrent_v2")
  if (static_cast<Context *>(context)->keepers == 0) {
    return kInvalidContext;
  }
  stack.push_back(static_cast<Context *>(context));
  ++state().current;
  return kSuccess;
}

int cuCtxPopCurrent_v2(void **context) {
  BEGIN_INITIALIZED("cuCtxPopCurrent_v2")
  if (stack.empty()) {
    return kInvalidContext;
  }
  *context = stack.back();
  stack.pop_back();
  --state().current;
  return kSuccess;
}

int cuCtxSynchronize() {
  BEGIN_CURRENT("cuCtxSynchronize")
  if (int unsupported = checkAll(/*blockingOnly=*/false, /*invalidates=*/true,
                                 kCaptureUnsupported)) {
    return unsupported;
  }
  run(currentContext()->defaultStream);
  for (Stream *stream : state().streams) {
    if (stream->context == currentContext()) {
      run(*stream);
    }
  }
  return currentContext()->sticky;
}

int cuStreamCreate(void **stream, unsigned flags) {
  BEGIN_CURRENT("cuStreamCreate")
  CHECK_SAFE
  auto *created = new Stream{currentContext(), flags == 0, {}};
  state().streams.insert(created);
  *stream = created;
  return kSuccess;
}

int cuStreamSynchronize(void *handle) {
  BEGIN_INITIALIZED("cuStreamSynchronize")
  Stream *stream = nullptr;
  int result = check(handle, stream);
  if (result == kSuccess && stream->capture) {
    return stream->capture->invalidate(kCaptureUnsupported);
  }
  return result == kSuccess ? run(*stream) : result;
}

int cuStreamDestroy_v2(void *handle) {
  BEGIN_INITIALIZED("cuStreamDestroy_v2")
  auto *stream = static_cast<Stream *>(handle);
  if (!state().streams.erase(stream)) {
    return kInvalidHandle;
  }
  run(*stream);
  delete stream;
  return kSuccess;
}

int cuEventCreate(void **event, unsigned flags) {
  BEGIN_CURRENT("cuEventCreate")
  CHECK_SAFE
  if (flags != 0 && flags != 2) { // 2: without timing
    return kInvalidValue;
  }
  auto *created = new Event{currentContext(), flags == 0};
  state().events.insert(created);
  *event = created;
  return kSuccess;
}

/// `flags` 1: of a captured stream, whenever the graph is launched.
static int recordEvent(void *handle, void *streamHandle, unsigned flags) {
  auto *event = static_cast<Event *>(handle);
  Stream *stream = nullptr;
  if (!state().events.count(event) || event->context != currentContext()) {
    return kInvalidHandle;
  }
  int result = check(streamHandle, stream);
  if (result != kSuccess) {
    return result;
  }
  event->stream = stream;
  Capture *capture = stream->capture.get();
  event->isCaptured = capture && !flags;
  if (event->isCaptured || (capture && capture->isInvalid)) {
    return capture->isInvalid ? kCaptureInvalidated : kSuccess;
  }
  if (flags > 1 || (flags && !capture)) {
    return kInvalidValue;
  }
  event->record = std::make_shared<Record>(Record{/*isDone=*/false, 0});
  Work work = [record = event->record, context = stream->context] {
    *record = {/*isDone=*/true, context->clock};
    return kSuccess;
  };
  if (capture) {
    capture->graph.nodes.push_back({std::move(work), {}});
  } else {
    stream->work.push_back(std::move(work));
  }
  return kSuccess;
}

int cuEventRecord(void *handle, void *stream) {
  BEGIN_CURRENT("cuEventRecord")
  return recordEvent(handle, stream, 0);
}

int cuEventRecordWithFlags(void *handle, void *stream, unsigned flags) {
  BEGIN_CURRENT("cuEventRecordWithFlags")
  return recordEvent(handle, stream, flags);
}

int cuEventElapsedTime(float *milliseconds, void *start, void *end) {
  BEGIN_CURRENT("cuEventElapsedTime")
  *milliseconds = 0;
  int result = kSuccess;
  for (auto [handle, sign] : {std::pair(end, 1), std::pair(start, -1)}) {
    Event *event = nullptr;
    result = result ? result : check(handle, event);
    if (result == kSuccess && !event->record->isDone) {
      result = kNotReady;
    } else if (result == kSuccess) {
      *milliseconds += static_cast<float>(sign) * event->record->clock;
      result = event->isTimed && event->record->clock >= 0 ? kSuccess
                                                           : kInvalidHandle;
    }
  }
  return result;
}

int cuEventQuery(void *handle) {
  BEGIN_CURRENT("cuEventQuery")
  Event *event = nullptr;
  int result = check(handle, event);
  return result != kSuccess      ? result
         : event->record->isDone ? kSuccess
                                 : kNotReady;
}

int cuEventSynchronize(void *handle) {
  BEGIN_CURRENT("cuEventSynchronize")
  Event *event = nullptr;
  int result = check(handle, event);
  if (result != kSuccess || event->record->isDone) {
    return result;
  }
  return run(*event->stream, &event->record->isDone);
}

int cuEventDestroy_v2(void *handle) {
  BEGIN_INITIALIZED("cuEventDestroy_v2")
  CHECK_SAFE
  auto *event = static_cast<Event *>(handle);
  if (!state().events.erase(event)) {
    return kInvalidHandle;
  }
  delete event;
  return kSuccess;
}

int cuStreamBeginCapture_v2(void *handle, int mode) {
  BEGIN_CURRENT("cuStreamBeginCapture_v2")
  Stream *stream = nullptr;
  int result = check(handle, stream);
  if (result != kSuccess) {
    return result;
  }
  if (stream == &currentContext()->defaultStream) {
    return kCaptureUnsupported;
  }
  if (stream->capture) {
    return kIllegalState;
  }
  stream->capture = std::make_unique<Capture>();
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  return kSuccess;
}

int cuStreamEndCapture(void *handle, void **graph) {
  BEGIN_CURRENT("cuStreamEndCapture")
  Stream *stream = nullptr;
  *graph = nullptr;
  int result = check(handle, stream);
  if (result != kSuccess) {
    return result;
  }
  if (!stream->capture) {
    return kIllegalState;
  }
  if (stream->capture->mode != kCaptureRelaxed &&
      stream->capture->thread != std::this_thread::get_id()) {
    return stream->capture->invalidate(kCaptureWrongThread);
  }
  std::unique_ptr<Capture> capture = std::move(stream->capture);
  if (capture->isInvalid) {
    return kCaptureInvalidated;
  }
  auto *captured = new Graph(std::move(capture->graph));
  state().graphs.insert(captured);
  *graph = captured;
  return kSuccess;
}

int cuStreamIsCapturing(void *handle, int *status) {
  BEGIN_CURRENT("cuStreamIsCapturing")
  if (!handle || handle == pointer(1)) {
    *status = 0;
    return checkAll(/*blockingOnly=*/true, /*invalidates=*/false,
                    kCaptureImplicit);
  }
  Stream *stream = nullptr;
  int result = check(handle, stream);
  if (result == kSuccess) {
    *status = !stream->capture ? 0 : stream->capture->isInvalid ? 2 : 1;
  }
  return result;
}

int cuThreadExchangeStreamCaptureMode(int *mode) {
  BEGIN_INITIALIZED("cuThreadExchangeStreamCaptureMode")
  std::swap(captureMode, *mode);
  return kSuccess;
}

int cuGraphInstantiateWithFlags(void **exec, void *handle,
                                unsigned long long flags) {
  BEGIN_CURRENT("cuGraphInstantiateWithFlags")
  CHECK_SAFE
  auto *graph = static_cast<Graph *>(handle);
  if (!state().graphs.count(graph) || flags) {
    return kInvalidValue;
  }
  auto *made =
      new GraphExec{currentContext(), std::make_shared<const Graph>(*graph)};
  state().graphExecs.insert(made);
  *exec = made;
  return kSuccess;
}

int cuGraphLaunch(void *handle, void *stream) {
  BEGIN_CURRENT("cuGraphLaunch")
  auto *exec = static_cast<GraphExec *>(handle);
  if (!state().graphExecs.count(exec) || exec->context != currentContext()) {
    return kInvalidValue;
  }
  std::vector<Module *> modules;
  for (const Node &node : exec->graph->nodes) {
    modules.insert(modules.end(), node.modules.begin(), node.modules.end());
  }
  auto run = [graph = exec->graph] {
    int result = kSuccess;
    for (const Node &node : graph->nodes) {
      Work work = node.work; // which may change its arguments
      result = result ? result : work();
    }
    return result;
  };
  return push(stream, {run, modules});
}

int cuGraphExecDestroy(void *handle) {
  BEGIN_INITIALIZED("cuGraphExecDestroy")
  CHECK_SAFE
  auto *exec = static_cast<GraphExec *>(handle);
  if (!state().graphExecs.erase(exec)) {
    return kInvalidValue;
  }
  delete exec;
  return kSuccess;
}

int cuGraphDestroy(void *handle) {
  BEGIN_INITIALIZED("cuGraphDestroy")
  auto *graph = static_cast<Graph *>(handle);
  if (!state().graphs.erase(graph)) {
    return kInvalidValue;
  }
  delete graph;
  return kSuccess;
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  BEGIN_CURRENT("cuMemGetInfo_v2")
  *total = deviceMemory();
  *free = *total - currentContext()->used;
  return kSuccess;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  BEGIN_CURRENT("cuMemAlloc_v2")
  CHECK_SAFE
  Context *context = currentContext();
  if (bytes == 0) {
    return kInvalidValue;
  }
  if (bytes > deviceMemory() - context->used) {
    return kOutOfMemory;
  }
  std::unique_ptr<char[]> memory(new char[bytes + 256]);
  std::memset(memory.get(), 0xcd, bytes + 256);
  uintptr_t begin =
      (reinterpret_cast<uintptr_t>(memory.get()) + 255) / 256 * 256;
  state().allocations[begin] = {std::move(memory), bytes, context};
  context->used += bytes;
  *address = begin;
  return kSuccess;
}

/// Streams need not be done with it, which the real one's users can't rely on.
int cuMemFree_v2(uint64_t address) {
  BEGIN_INITIALIZED("cuMemFree_v2")
  CHECK_SAFE
  auto found = state().allocations.find(address);
  if (found == state().allocations.end()) {
    return kInvalidValue;
  }
  found->second.context->used -= found->second.bytes;
  state().allocations.erase(found);
  return kSuccess;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                         void *stream) {
  BEGIN_CURRENT("cuMemcpyHtoDAsync_v2")
  if (!find(to, bytes)) {
    return kInvalidValue;
  }
  if (int result = checkHostCopy(stream)) {
    return result;
  }
  auto copy = [=] {
    std::memcpy(pointer(to), from, bytes);
    return kSuccess;
  };
  return push(stream, {copy, {}});
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  BEGIN_CURRENT("cuMemcpyDtoHAsync_v2")
  if (!find(from, bytes)) {
    return kInvalidValue;
  }
  if (int result = checkHostCopy(stream)) {
    return result;
  }
  auto copy = [=] {
    std::memcpy(to, pointer(from), bytes);
    return kSuccess;
  };
  return push(stream, {copy, {}});
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                         void *stream) {
  BEGIN_CURRENT("cuMemcpyDtoDAsync_v2")
  if (!find(to, bytes) || !find(from, bytes)) {
    return kInvalidValue;
  }
  auto copy = [=] {
    if (!find(to, bytes) || !find(from, bytes)) {
      return 700;
    }
    std::memcpy(pointer(to), pointer(from), bytes);
    return 0;
  };
  return push(stream, {copy, {}});
}

int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                    void *stream) {
  BEGIN_CURRENT("cuMemsetD8Async")
  if (!find(to, bytes)) {
    return kInvalidValue;
  }
  auto fill = [=] {
    if (!find(to, bytes)) {
      return 700;
    }
    std::memset(pointer(to), value, bytes);
    return 0;
  };
  return push(stream, {fill, {}});
}

int cuPointerGetAttributes(unsigned count, int *attributes, void **values,
                           uint64_t address) {
  BEGIN_INITIALIZED("cuPointerGetAttributes")
  const Allocation *allocation = find(address, 1);
  for (unsigned i = 0; i < count; ++i) {
    auto *value = static_cast<int *>(values[i]);
    switch (attributes[i]) {
    case 2: // CU_MEMORYTYPE_DEVICE; 0 for what it does not know
      *value = allocation ? 2 : 0;
      break;
    case 8:
      *value = 0;
      break;
    case 9:
      *value = allocation ? allocation->context->device : -2;
      break;
    default:
      return kInvalidValue;
    }
  }
  return kSuccess;
}

int cuModuleLoadDataEx(void **module, const void *data, unsigned count,
                       int *options, void **values) {
  BEGIN_CURRENT("cuModuleLoadDataEx")
  CHECK_SAFE
  const auto *image = static_cast<const Image *>(data);
  if (image->magic != kMagic) {
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == 5) {
        std::strcpy(static_cast<char *>(values[i]), "line 1: no such thing");
      }
    }
    return kInvalidImage;
  }
  auto *loaded = new Module{currentContext(), image, {}};
  state().modules.insert(loaded);
  *module = loaded;
  return kSuccess;
}

int cuModuleUnload(void *module) {
  BEGIN_INITIALIZED("cuModuleUnload")
  CHECK_SAFE
  for (const GraphExec *exec : state().graphExecs) {
    for (const Node &node : exec->graph->nodes) {
      for (const Module *used : node.modules) {
        if (used == module) {
          return kIllegalState;
        }
      }
    }
  }
  if (!state().modules.erase(static_cast<Module *>(module))) {
    return kInvalidHandle;
  }
  delete static_cast<Module *>(module);
  return kSuccess;
}

int cuModuleGetFunction(void **kernel, void *handle, const char *name) {
  BEGIN_CURRENT("cuModuleGetFunction")
  auto *module = static_cast<Module *>(handle);
  for (size_t i = 0; i < module->image->kernelCount; ++i) {
    const KernelSymbol &symbol = module->image->kernels[i];
    if (std::strcmp(symbol.name, name) == 0) {
      *kernel = &module->kernels.try_emplace(name, Kernel{&symbol, module})
                     .first->second;
      return kSuccess;
    }
  }
  return kNotFound;
}

int cuFuncGetAttribute(int *value, int attribute, void *kernel) {
  BEGIN_CURRENT("cuFuncGetAttribute")
  *value = static_cast<Kernel *>(kernel)->sharedLimit;
  return attribute == 8 ? kSuccess : kInvalidValue;
}

int cuFuncSetAttribute(void *kernel, int attribute, int value) {
  BEGIN_CURRENT("cuFuncSetAttribute")
  if (attribute != 8 || value > 232448) {
    return kInvalidValue;
  }
  static_cast<Kernel *>(kernel)->sharedLimit = value;
  return kSuccess;
}

int cuLaunchKernelEx(const LaunchConfig *config, void *handle,
                     void **parameters, void **extra) {
  BEGIN_CURRENT("cuLaunchKernelEx")
  const auto *kernel = static_cast<const Kernel *>(handle);
  if (extra || !config->launch.isAllowed(kernel->sharedLimit) ||
      kernel->module->context != currentContext()) {
    return kInvalidValue;
  }
  for (unsigned i = 0; i < config->attributeCount; ++i) {
    constexpr int kProgrammaticStreamSerialization = 6;
    const LaunchAttribute &attribute = config->attributes[i];
    int ordinal = 0, capability = 0;
    if (attribute.id != kProgrammaticStreamSerialization ||
        !fakeCUDACurrent(&ordinal, &capability) || capability < 90) {
      return kInvalidValue;
    }
    state().calls["launch ahead"] += attribute.value;
  }
  std::vector<std::vector<char>> values = kernel->symbol->copyOf(parameters);
  // The module may be gone by then: so is its code.
  auto *module = kernel->module;
  KernelBody body = kernel->symbol->body;
  auto run = [=, launch = config->launch]() mutable {
    if (!state().modules.count(module)) {
      return 700;
    }
    std::vector<void *> arguments;
    arguments.reserve(values.size());
    for (std::vector<char> &value : values) {
      arguments.push_back(value.data());
    }
    return body(launch, arguments.data());
  };
  return push(config->stream, {run, {module}});
}

} // extern "C"
