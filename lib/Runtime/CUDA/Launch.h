//===- Launch.h - What calls of compiled code share -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_LAUNCH_H
#define STEELYARD_LIB_RUNTIME_CUDA_LAUNCH_H

#include <utility>

#include "../Context.h"

namespace steelyard::runtime::cuda {

/// That `function` is called where it may be, and the call is to go on.
Status checkCall(const steelyard_context &context, const char *function);

/// Records what went wrong; its code.
int32_t finish(steelyard_context &context, const Status &status);

/// Around what compiled code puts on the stream: a range of the name that it
/// has given it, if any.
class OperationRange {
public:
  explicit OperationRange(Session &session)
      : range(session.ranges, std::exchange(session.operation, nullptr)) {}

private:
  Range range;
};

/// Zeroes `bytes`.
Status fillZeros(Session &session, Address to, size_t bytes);

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_LAUNCH_H
