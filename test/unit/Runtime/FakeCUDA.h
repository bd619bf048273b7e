//===- FakeCUDA.h - A CUDA driver without a GPU -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libfake_cuda.so has the entry points of libcuda.so.1 that the runtime uses.
// Devices' memory is the host's, kernels are host functions in a fake image.
// It is stricter than a real one where that shows mistakes: what goes on a
// stream runs when the stream is waited for and not before (what is on the
// default stream, also when a blocking one is), up to an event where that is
// waited for; memory on a device
// is found by its address, whole ranges are checked; a kernel that fails spoils
// all calls that come after; a module that a graph launches can't be unloaded,
// and what CUDA may call unsafe during a capture is. A captured stream's work
// is recorded, with the arguments' values, and done whenever its graph is
// launched. Each kernel and copy takes a millisecond by the device's clock.
//
// Environment, read at each call:
//   FAKE_CUDA_DEVICES  capabilities, one a device: "9.0,8.0"; default 9.0
//   FAKE_CUDA_VERSION  as cuDriverGetVersion gives it; default 12040
//   FAKE_CUDA_MEMORY   bytes of each device; default 2^30
//   FAKE_CUDA_FAIL     "cuLaunchKernelEx=1,cuMemAlloc_v2=2": these return that
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_TEST_UNIT_RUNTIME_FAKECUDA_H
#define STEELYARD_TEST_UNIT_RUNTIME_FAKECUDA_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace fakecuda {

struct Launch {
  unsigned grid[3], block[3], sharedBytes;

  bool isAllowed(int sharedLimit) const {
    return grid[0] && grid[1] && grid[2] && block[0] && block[1] && block[2] &&
           block[0] * block[1] * block[2] <= 1024 &&
           sharedBytes <= static_cast<unsigned>(sharedLimit);
  }
};

/// CUlaunchAttribute and CUlaunchConfig, as cuda.h has them.
struct LaunchAttribute {
  int id;
  alignas(8) int value;
  char rest[60];
};
struct LaunchConfig {
  Launch launch;
  void *stream;
  const LaunchAttribute *attributes;
  unsigned attributeCount;
};

/// Runs once a launch, gets the values' addresses; a CUresult.
using KernelBody = int (*)(const Launch &launch, void **arguments);

struct KernelSymbol {
  const char *name;
  KernelBody body;
  size_t argumentCount;
  size_t argumentBytes[4];

  std::vector<std::vector<char>> copyOf(void **arguments) const {
    std::vector<std::vector<char>> values;
    for (size_t i = 0; i < argumentCount; ++i) {
      const char *value = static_cast<const char *>(arguments[i]);
      values.emplace_back(value, value + argumentBytes[i]);
    }
    return values;
  }
};

constexpr uint64_t kMagic = 0x4547414d49414b45;

/// What steelyard_gpu_image::data points to.
struct Image {
  uint64_t magic = kMagic;
  size_t kernelCount;
  const KernelSymbol *kernels;
};

} // namespace fakecuda

/// How often `function` was called; all of them for null. Of the fake. Kernels
/// that were launched ahead count as "launch ahead" as well.
extern "C" using FakeCUDACount = int64_t(const char *function);
/// What there is that was not given back: memory, streams, events, modules,
/// graphs, contexts that are kept or current.
extern "C" using FakeCUDALeaks = int64_t();
/// 1 where all of [address, address + bytes) is memory of a device.
extern "C" using FakeCUDAHolds = int(const void *address, size_t bytes);
/// Puts `work`, which gives a CUresult, on a stream of the current context, as
/// a library's kernels are.
extern "C" using FakeCUDAPush =
    int(void *stream, const std::function<int()> *work);
/// The ordinal of the current context's device and its capability, 90 for 9.0;
/// 0 where there is none.
extern "C" using FakeCUDACurrent = int(int *ordinal, int *capability);

#endif // STEELYARD_TEST_UNIT_RUNTIME_FAKECUDA_H
