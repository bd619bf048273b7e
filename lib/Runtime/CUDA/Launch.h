//===- Launch.h - What calls of compiled code share -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_LAUNCH_H
#define STEELYARD_LIB_RUNTIME_CUDA_LAUNCH_H

#include "../Context.h"

namespace steelyard::runtime::cuda {

/// That `function` is called where it may be, and the call is to go on.
Status checkCall(const steelyard_context &context, const char *function);

/// Records what went wrong; its code.
int32_t finish(steelyard_context &context, const Status &status);

/// Zeroes `bytes`.
Status fillZeros(Session &session, Address to, size_t bytes);

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_LAUNCH_H
