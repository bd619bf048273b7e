//===- Points.cpp - Points in the order of a stream -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Points.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

EventHandle Points::eventOf(int64_t point) const {
  int64_t first = last - static_cast<int64_t>(ahead.size()) + 1;
  return point < first ? nullptr : ahead[static_cast<size_t>(point - first)];
}

void Points::pass(int64_t point) {
  while (!ahead.empty() &&
         last - static_cast<int64_t>(ahead.size()) + 1 <= point) {
    idle.push_back(ahead.front());
    ahead.pop_front();
  }
}

Result Points::record(StreamHandle stream, int64_t &point) {
  if (idle.empty() && !ahead.empty()) {
    // Who never asks for old points would have an event for each of them.
    bool isReached = false;
    query(last - static_cast<int64_t>(ahead.size()) + 1, isReached);
  }
  EventHandle event = nullptr;
  if (idle.empty()) {
    Relaxed relaxed(driver);
    Result result = driver.eventCreate(&event, kEventWithoutTiming);
    if (result != kSuccess) {
      return result;
    }
  } else {
    event = idle.back();
    idle.pop_back();
  }
  Result result = driver.eventRecord(event, stream);
  if (result != kSuccess) {
    idle.push_back(event);
    return result;
  }
  ahead.push_back(event);
  point = ++last;
  return kSuccess;
}

Result Points::query(int64_t point, bool &isReached) {
  EventHandle event = eventOf(point);
  isReached = !event;
  if (isReached) {
    return kSuccess;
  }
  Relaxed relaxed(driver);
  Result result = driver.eventQuery(event);
  if (result == kSuccess) {
    pass(point);
    isReached = true;
  }
  return result == kNotReady ? kSuccess : result;
}

Result Points::wait(int64_t point) {
  EventHandle event = eventOf(point);
  if (!event) {
    return kSuccess;
  }
  Relaxed relaxed(driver);
  Result result = driver.eventSynchronize(event);
  if (result == kSuccess) {
    pass(point);
  }
  return result;
}

void Points::destroy() {
  pass(last);
  Relaxed relaxed(driver);
  for (EventHandle event : idle) {
    driver.eventDestroy(event);
  }
  idle.clear();
}
