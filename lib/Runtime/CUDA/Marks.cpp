//===- Marks.cpp - Times of sites on a device -------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Marks.h"

#include <cmath>
#include <utility>

#include "Points.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

Result Marks::mark(StreamHandle stream, int64_t site, bool isCaptured) {
  if (count == marks.size()) {
    Relaxed relaxed(driver);
    EventHandle event = nullptr;
    Result result = driver.eventCreate(&event, kEventDefault);
    if (result != kSuccess) {
      return result;
    }
    marks.push_back({event, site});
  }
  marks[count].site = site;
  // In a capture a plain record would be a point of the capture's own.
  Result result = driver.eventRecordWithFlags(marks[count].event, stream,
                                              isCaptured ? kEventRecordExternal
                                                         : kEventRecordDefault);
  count += result == kSuccess;
  return result;
}

Result Marks::collect(std::vector<int64_t> &nanoseconds) const {
  for (size_t i = 1; i < count; ++i) {
    if (marks[i].site < 0) {
      continue;
    }
    float milliseconds = 0;
    Result result = driver.eventElapsedTime(&milliseconds, marks[i - 1].event,
                                            marks[i].event);
    if (result != kSuccess) {
      return result;
    }
    auto site = static_cast<size_t>(marks[i].site);
    if (site >= nanoseconds.size()) {
      nanoseconds.resize(site + 1);
    }
    nanoseconds[site] += std::llround(double(milliseconds) * 1e6);
  }
  return kSuccess;
}

void Marks::goOn() {
  if (count) {
    std::swap(marks.front(), marks[count - 1]);
    count = 1;
  }
}

void Marks::destroy() {
  Relaxed relaxed(driver);
  for (const Mark &mark : marks) {
    driver.eventDestroy(mark.event);
  }
  marks.clear();
  count = 0;
}
