//===- Ranges.h - What profilers see ----------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ranges of NVIDIA's NVTX, in a domain "steelyard". NVTX opens a profiler's
// library, which $NVTX_INJECTION64_PATH names (Nsight Systems sets it), when it
// is first used. Where there is none, or the runtime was built without NVTX's
// headers, a range is a look at a null pointer.
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_LIB_RUNTIME_CUDA_RANGES_H
#define STEELYARD_LIB_RUNTIME_CUDA_RANGES_H

namespace steelyard::runtime::cuda {

/// The domain of the process; null where nobody listens.
void *rangeDomain();

/// This thread is in a range, of a name that is read at once, while it lives.
/// None for a domain or a name of null.
class Range {
public:
  Range(void *domain, const char *name) : domain(name ? domain : nullptr) {
    if (this->domain) {
      push(name);
    }
  }
  ~Range() {
    if (domain) {
      pop();
    }
  }
  Range(const Range &) = delete;

private:
  void push(const char *name) const;
  void pop() const;

  void *const domain;
};

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_RANGES_H
