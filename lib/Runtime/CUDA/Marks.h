//===- Marks.h - Times of sites on a device ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_MARKS_H
#define STEELYARD_LIB_RUNTIME_CUDA_MARKS_H

#include <vector>

#include "Driver.h"

namespace steelyard::runtime::cuda {

/// The marks of one call, in the order of its stream: a CUDA event behind each
/// site. All but the constructor and questions is called with the primary
/// context current.
class Marks {
public:
  explicit Marks(const Driver &driver) : driver(driver) {}
  Marks(const Marks &) = delete;

  size_t size() const { return count; }
  /// No event was made.
  bool hasNone() const { return marks.empty(); }

  /// Behind the work so far; of a captured stream, whenever its graph is
  /// launched.
  Result mark(StreamHandle stream, int64_t site, bool isCaptured);

  /// Once the device has passed all: adds to each site the nanoseconds since
  /// the mark before its own.
  Result collect(std::vector<int64_t> &nanoseconds) const;

  /// Begins again, with the events that there are.
  void restart() { count = 0; }
  /// Likewise, behind the last mark.
  void goOn();

  void destroy();

private:
  struct Mark {
    EventHandle event;
    int64_t site; // negative: none's
  };

  const Driver &driver;
  std::vector<Mark> marks;
  size_t count = 0; // of them; the others are for later
};

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_MARKS_H
