//===- Module.h - An executable's code on a device --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_MODULE_H
#define STEELYARD_LIB_RUNTIME_CUDA_MODULE_H

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "Session.h"

struct steelyard_executable;

namespace steelyard::runtime::cuda {

/// What a chip's name says, "sm_90a".
struct Chip {
  int major = 0, minor = 0;
  char kind = 0; // 'a': this one alone; 'f': its family; 0: its major version

  /// False when `name` is no such name.
  bool parse(const char *name);
  bool runsOn(const Device &device) const;
};

struct Kernel {
  const char *name;
  KernelHandle handle;
  std::atomic<uint32_t> sharedLimit; // dynamic shared memory it may have now
};

/// An executable's kernels and constants on one device. Any number of contexts
/// may use it at once. Called with the primary context current.
class Module {
public:
  static Status load(const steelyard_executable &executable, Session &session,
                     std::unique_ptr<Module> &module);
  ~Module();
  Module(const Module &) = delete;

  int ordinal() const { return primary.device.ordinal; }

  /// Whether kernels wait themselves for what comes before them in the stream.
  bool kernelsWait() const;

  /// Null when there is no kernel `index`.
  Kernel *kernel(int64_t index) {
    return index >= 0 && static_cast<size_t>(index) < kernels.size()
               ? &kernels[static_cast<size_t>(index)]
               : nullptr;
  }

  /// Lets `kernel` have `bytes` of dynamic shared memory.
  Status reserveShared(Kernel &kernel, uint32_t bytes);

  /// Closes `graphs` before the code that they launch goes.
  void keepClosing(const std::shared_ptr<Graphs> &graphs);

  /// Constant `index`, which `session` puts on the device if it is not there.
  Status constant(int64_t index, Session &session, Address &address);

private:
  Module(const steelyard_executable &executable, const Session &session)
      : executable(executable), primary(session.driver(), session.device()) {}

  Status loadImage(const steelyard_gpu_image &image);

  const steelyard_executable &executable;
  PrimaryContext primary;
  ModuleHandle handle = nullptr;
  std::deque<Kernel> kernels;

  std::mutex mutex;               // of what follows, and of kernels' limits
  std::vector<Address> constants; // 0: not there yet
  std::vector<std::weak_ptr<Graphs>> graphs;
};

/// An executable's modules, loaded when they are first asked for.
class Modules {
public:
  Status get(const steelyard_executable &executable, Session &session,
             Module *&module);

private:
  std::mutex mutex;
  std::vector<std::unique_ptr<Module>> loaded; // one a device
};

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_MODULE_H
