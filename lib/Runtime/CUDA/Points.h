//===- Points.h - Points in the order of a stream ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_POINTS_H
#define STEELYARD_LIB_RUNTIME_CUDA_POINTS_H

#include <deque>
#include <vector>

#include "Driver.h"

namespace steelyard::runtime::cuda {

/// Lets the thread make and destroy things, and ask for events, while some
/// stream is captured, which is in no capture's way, but which captures by
/// others may forbid.
class Relaxed {
public:
  explicit Relaxed(const Driver &driver) : driver(driver) { exchange(); }
  ~Relaxed() { exchange(); }
  Relaxed(const Relaxed &) = delete;

private:
  void exchange() { driver.threadExchangeCaptureMode(&mode); }

  const Driver &driver;
  CaptureMode mode = kCaptureRelaxed;
};

/// Points in the order of one stream, counted from 1: CUDA events, of which
/// there are as many as points that the device had ahead at once. All but the
/// constructor and `has...` is called with the primary context current.
class Points {
public:
  explicit Points(const Driver &driver) : driver(driver) {}
  Points(const Points &) = delete;

  /// No event was made.
  bool hasNone() const { return ahead.empty() && idle.empty(); }
  bool has(int64_t point) const { return point > 0 && point <= last; }

  Result record(StreamHandle stream, int64_t &point);

  /// Of points that there are.
  Result query(int64_t point, bool &isReached);
  Result wait(int64_t point);

  /// Which waits for nothing; there are no points any more.
  void destroy();

private:
  /// The event of a point that may be ahead; null: it was passed.
  EventHandle eventOf(int64_t point) const;

  /// All points up to this one are passed.
  void pass(int64_t point);

  const Driver &driver;
  int64_t last = 0;
  std::deque<EventHandle> ahead; // of the last points
  std::vector<EventHandle> idle; // for those to come
};

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_POINTS_H
