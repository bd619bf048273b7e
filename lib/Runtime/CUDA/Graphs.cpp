//===- Graphs.cpp - Calls that are replayed ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Graphs.h"

#include <algorithm>
#include <tuple>

#include "Module.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

/// Sets of addresses that are kept of a function: state that changes places
/// takes two, buffers of a pool a few more.
static constexpr size_t kMostCalls = 8;

/// A graph's launch costs about as much as two kernels'.
static constexpr int64_t kFewestOperations = 3;

/// Others may spoil a capture, by waiting for all of the device.
static constexpr int kMostFailures = 3;

//===----------------------------------------------------------------------===//
// A context's graphs
//===----------------------------------------------------------------------===//

void Graphs::destroy(Call &call) const {
  if (call.graph) {
    Relaxed relaxed(driver);
    driver.graphExecDestroy(call.graph); // when it is done, where it runs
  }
  if (call.marks) {
    call.marks->destroy();
  }
}

void Graphs::destroy(Function &function) const {
  for (Call &call : function.calls) {
    destroy(call);
  }
  function.calls.clear();
}

void Graphs::dropLast(Function &function) const {
  destroy(function.calls.back());
  function.calls.pop_back();
}

void Graphs::exclude(Function &function) {
  std::lock_guard<std::mutex> lock(mutex);
  function.isExcluded = true;
  destroy(function);
}

void Graphs::forget() {
  std::lock_guard<std::mutex> lock(mutex);
  for (auto &[description, function] : functions) {
    destroy(function);
  }
}

void Graphs::close() {
  forget();
  abandon();
}

void Graphs::abandon() {
  std::lock_guard<std::mutex> lock(mutex);
  functions.clear();
  module.store(nullptr, std::memory_order_release);
}

//===----------------------------------------------------------------------===//
// A call
//===----------------------------------------------------------------------===//

static Graphs &graphsOf(Session &session) {
  for (const std::shared_ptr<Graphs> &each : session.graphs) {
    if (each->isOf(*session.running)) {
      return *each;
    }
  }
  std::erase_if(session.graphs,
                [](const auto &each) { return each->isClosed(); });
  auto added = std::make_shared<Graphs>(session.driver(), *session.running);
  session.running->keepClosing(added);
  return *session.graphs.emplace_back(std::move(added));
}

/// The caller captures its stream, or can't use it. What a call puts there is
/// the caller's then.
static bool isCapturedByCaller(const Session &session) {
  CaptureStatus status = kCaptureNone;
  return !session.ownsStream && (session.driver().streamIsCapturing(
                                     session.stream, &status) != kSuccess ||
                                 status != kCaptureNone);
}

Replay::Replay(Session &session, const steelyard_function &description,
               const void *const *arguments, void *const *results)
    : session(session) {
  if (!session.replaysCalls) {
    return;
  }
  graphs = &graphsOf(session);
  Graphs::Function &found = (*graphs)[description];
  if (found.isExcluded || isCapturedByCaller(session)) {
    return;
  }
  function = &found;
  std::vector<const void *> &addresses = session.addresses;
  addresses.assign(arguments, arguments + description.argument_count);
  addresses.insert(addresses.end(), results,
                   results + description.result_count);
  addresses.push_back(description.arena_bytes ? toPointer(session.arena)
                                              : nullptr);
  auto same = std::find_if(
      function->calls.begin(), function->calls.end(),
      [&](const Graphs::Call &each) { return each.addresses == addresses; });
  if (same != function->calls.end()) {
    std::rotate(function->calls.begin(), same, same + 1);
    call = &function->calls.front();
  }
}

void Replay::exclude() {
  graphs->exclude(*function);
  function = nullptr;
  call = nullptr;
}

bool Replay::launch() {
  if (!call || !call->graph) {
    return false;
  }
  if (session.driver().graphLaunch(call->graph, session.stream) == kSuccess) {
    if (call->marks) {
      session.marking = call->marks.get();
    }
    return true;
  }
  exclude(); // what is wrong the code will find
  return false;
}

bool Replay::beginCapture() {
  if (!call || call->graph) {
    return false;
  }
  capturing = tryToCapture();
  if (!capturing) {
    return false; // but the next call may
  }
  const Driver &driver = session.driver();
  Result result = kSuccess;
  if (!session.captureStream) {
    Relaxed relaxed(driver);
    result = driver.streamCreate(&session.captureStream, kStreamNonBlocking);
  }
  if (result == kSuccess) {
    result =
        driver.streamBeginCapture(session.captureStream, kCaptureThreadLocal);
  }
  if (result != kSuccess) {
    capturing.unlock();
    exclude();
    return false;
  }
  stream = std::exchange(session.stream, session.captureStream);
  session.trace = {};
  session.trace.isCaptured = true;
  call->marks = std::make_unique<Marks>(driver);
  session.marking = call->marks.get();
  return true;
}

bool Replay::endCapture(const Status &status) {
  const Driver &driver = session.driver();
  session.stream = stream;
  session.trace.isCaptured = false;
  session.marking = &session.marks;
  GraphHandle graph = nullptr;
  Result result = driver.streamEndCapture(session.captureStream, &graph);
  if (result != kSuccess) {
    // Whatever state it is in.
    driver.streamDestroy(std::exchange(session.captureStream, nullptr));
  }
  capturing.unlock();
  Relaxed relaxed(driver);
  GraphExecHandle made = nullptr;
  if (result == kSuccess && status.ok() && !session.trace.hasWaited &&
      driver.graphInstantiate(&made, graph, /*flags=*/0) == kSuccess) {
    call->graph = made;
  }
  if (graph) {
    driver.graphDestroy(graph);
  }
  if (!call->graph || call->marks->hasNone()) {
    call->marks->destroy();
    call->marks.reset();
  }
  if (call->graph) {
    return true;
  }
  if (session.trace.hasWaited || (status.code() != STEELYARD_CANCELLED &&
                                  ++function->failures == kMostFailures)) {
    exclude();
  }
  return false;
}

void Replay::remember() {
  if (!function || call) {
    return;
  }
  if (session.trace.hasWaited || session.trace.operations < kFewestOperations) {
    graphs->exclude(*function);
    return;
  }
  std::vector<Graphs::Call> &calls = function->calls;
  if (calls.size() == kMostCalls) {
    graphs->dropLast(*function);
  }
  calls.emplace(calls.begin())->addresses = session.addresses;
}
