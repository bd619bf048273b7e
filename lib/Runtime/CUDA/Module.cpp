//===- Module.cpp - An executable's code on a device ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Module.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <tuple>

#include "../Executable.h"
#include "Graphs.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

//===----------------------------------------------------------------------===//
// Chips
//===----------------------------------------------------------------------===//

bool Chip::parse(const char *name) {
  if (!name || std::strncmp(name, "sm_", 3) != 0) {
    return false;
  }
  size_t digits = std::strspn(name + 3, "0123456789");
  if (digits < 2 || digits > 4) {
    return false;
  }
  int number = static_cast<int>(std::strtol(name + 3, nullptr, 10));
  const char *rest = name + 3 + digits;
  major = number / 10;
  minor = number % 10;
  kind = *rest;
  return !kind || ((kind == 'a' || kind == 'f') && !rest[1]);
}

bool Chip::runsOn(const Device &device) const {
  return major == device.major &&
         (kind == 'a' ? minor == device.minor : minor <= device.minor);
}

/// The image made for the chip closest to the device's, or null.
static const steelyard_gpu_image *
chooseImage(const std::vector<steelyard_gpu_image> &images,
            const Device &device) {
  const steelyard_gpu_image *best = nullptr;
  std::tuple<int, int> rank;
  for (const steelyard_gpu_image &image : images) {
    Chip chip;
    if (!chip.parse(image.chip) || !chip.runsOn(device)) {
      continue;
    }
    int special = chip.kind == 'a' ? 2 : chip.kind == 'f' ? 1 : 0;
    std::tuple<int, int> own{chip.minor, special};
    if (!best || own > rank) {
      best = &image;
      rank = own;
    }
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Status Module::loadImage(const steelyard_gpu_image &image) {
  const Driver &driver = primary.driver;
  std::string log(4096, '\0');
  JITOption options[] = {kJITErrorLog, kJITErrorLogBytes};
  void *values[] = {log.data(), toPointer(log.size() - 1)};
  Result result = driver.moduleLoad(&handle, image.data, 2, options, values);
  if (result != kSuccess) {
    handle = nullptr;
    log.resize(std::strlen(log.c_str()));
    Status status = driver.failure(
        result, format("the code for %s can't be loaded on %s", image.chip,
                       primary.device.description().c_str()));
    return log.empty() ? status
                       : Status(status.code(), status.message() + "\n" + log);
  }
  for (int64_t i = 0; i < image.kernel_count; ++i) {
    Kernel &kernel = kernels.emplace_back();
    kernel.name = image.kernels[i];
    int limit = 0;
    result = driver.moduleGetFunction(&kernel.handle, handle, kernel.name);
    if (result == kSuccess) {
      result = driver.functionGetAttribute(&limit, kMaxDynamicSharedBytes,
                                           kernel.handle);
    }
    if (result != kSuccess) {
      return driver.failure(
          result, format("kernel '%s' of the code for %s can't be had",
                         kernel.name, image.chip));
    }
    kernel.sharedLimit = static_cast<uint32_t>(std::max(limit, 0));
  }
  return Status();
}

Status Module::load(const steelyard_executable &executable, Session &session,
                    std::unique_ptr<Module> &module) {
  const Device &device = session.device();
  std::unique_ptr<Module> loading(new Module(executable, session));
  Status status = loading->primary.retain();
  if (!status.ok()) {
    return status;
  }
  if (!executable.images.empty()) {
    const steelyard_gpu_image *image = chooseImage(executable.images, device);
    if (!image) {
      std::string chips;
      for (const steelyard_gpu_image &other : executable.images) {
        chips += (chips.empty() ? "" : ", ") + std::string(other.chip);
      }
      return failedPrecondition(
          format("compiled for %s, and %s is %s: compile it with --chip=%s",
                 chips.c_str(), device.description().c_str(),
                 device.chip.c_str(), device.chip.c_str()));
    }
    status = loading->loadImage(*image);
    if (!status.ok()) {
      return status;
    }
  }
  loading->constants.resize(executable.constants.size());
  module = std::move(loading);
  return Status();
}

Module::~Module() {
  if (!primary.handle) {
    return;
  }
  Current current(primary);
  bool isCurrent = current.status.ok();
  if (isCurrent) {
    primary.synchronize(); // calls do not wait on callers' streams
  }
  for (const std::weak_ptr<Graphs> &each : graphs) {
    if (std::shared_ptr<Graphs> open = each.lock()) {
      isCurrent ? open->close() : open->abandon();
    }
  }
  if (!isCurrent) {
    return;
  }
  for (Address address : constants) {
    if (address) {
      primary.driver.memFree(address);
    }
  }
  if (handle) {
    primary.driver.moduleUnload(handle);
  }
}

Status Modules::get(const steelyard_executable &executable, Session &session,
                    Module *&module) {
  std::lock_guard<std::mutex> lock(mutex);
  for (const std::unique_ptr<Module> &there : loaded) {
    if (there->ordinal() == session.device().ordinal) {
      module = there.get();
      return Status();
    }
  }
  std::unique_ptr<Module> added;
  Status status = Module::load(executable, session, added);
  if (status.ok()) {
    module = loaded.emplace_back(std::move(added)).get();
  }
  return status;
}

//===----------------------------------------------------------------------===//
// Use
//===----------------------------------------------------------------------===//

Status Module::reserveShared(Kernel &kernel, uint32_t bytes) {
  if (bytes <= kernel.sharedLimit.load(std::memory_order_acquire)) {
    return Status();
  }
  std::lock_guard<std::mutex> lock(mutex);
  if (bytes <= kernel.sharedLimit.load(std::memory_order_relaxed)) {
    return Status();
  }
  Result result = bytes > INT32_MAX ? kInvalidValue
                                    : primary.driver.functionSetAttribute(
                                          kernel.handle, kMaxDynamicSharedBytes,
                                          static_cast<int>(bytes));
  if (result != kSuccess) {
    int most = 0;
    primary.driver.deviceGetAttribute(&most, kSharedMemoryPerBlockOptIn,
                                      primary.device.handle);
    return internal(format(
        "kernel '%s' asks for %u bytes of dynamic shared memory, and %s has %d "
        "for a block: %s",
        kernel.name, bytes, primary.device.description().c_str(), most,
        primary.driver.explain(result).c_str()));
  }
  kernel.sharedLimit.store(bytes, std::memory_order_release);
  return Status();
}

bool Module::kernelsWait() const { return executable.kernelsWait; }

void Module::keepClosing(const std::shared_ptr<Graphs> &added) {
  std::lock_guard<std::mutex> lock(mutex);
  std::erase_if(graphs, [](const auto &each) { return each.expired(); });
  graphs.push_back(added);
}

Status Module::constant(int64_t index, Session &session, Address &address) {
  if (index < 0 || static_cast<size_t>(index) >= constants.size()) {
    return internal(format("compiled code asks for constant %lld of %zu",
                           static_cast<long long>(index), constants.size()));
  }
  auto i = static_cast<size_t>(index);
  std::lock_guard<std::mutex> lock(mutex);
  if (!constants[i]) {
    const steelyard_constant &data = executable.constants[i];
    auto bytes = static_cast<size_t>(data.bytes);
    Address added = 0;
    Status status = session.allocate(
        bytes, format("constant %lld", static_cast<long long>(index)), added);
    if (!status.ok()) {
      return status;
    }
    // Other streams read it as soon as the mutex is free.
    status = session.upload(added, data.data, bytes);
    if (!status.ok()) {
      session.driver().memFree(added);
      return status;
    }
    constants[i] = added;
  }
  address = constants[i];
  return Status();
}
