//===- Driver.cpp - CUDA's driver, opened at run time -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Driver.h"

#include <cstdlib>
#include <dlfcn.h>
#include <memory>
#include <mutex>
#include <tuple>

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

namespace {

constexpr int kOldestVersion = 12000; // 12.0, as cuDriverGetVersion says it

struct CloseLibrary {
  void operator()(void *handle) const { dlclose(handle); }
};

Status readDevice(const Driver &driver, Device &device) {
  char name[256] = {};
  Result result = driver.deviceGet(&device.handle, device.ordinal);
  if (result == kSuccess) {
    result = driver.deviceGetName(name, sizeof name - 1, device.handle);
  }
  if (result == kSuccess) {
    result = driver.deviceGetAttribute(&device.major, kComputeCapabilityMajor,
                                       device.handle);
  }
  if (result == kSuccess) {
    result = driver.deviceGetAttribute(&device.minor, kComputeCapabilityMinor,
                                       device.handle);
  }
  if (result != kSuccess) {
    return driver.failure(
        result,
        format("CUDA device %d can't be asked what it is", device.ordinal));
  }
  device.name = name;
  device.chip = format("sm_%d%d", device.major, device.minor);
  return Status();
}

Status findDevices(Driver &driver) {
  int count = 0;
  Result result = driver.init(0);
  if (result == kSuccess) {
    result = driver.deviceGetCount(&count);
  }
  if (result == kNoDevice || (result == kSuccess && count == 0)) {
    return notFound("the CUDA driver has no device that this process may use "
                    "(CUDA_VISIBLE_DEVICES names them)");
  }
  if (result != kSuccess) {
    return driver.failure(result, "the CUDA driver can't be used");
  }
  driver.devices.resize(static_cast<size_t>(count));
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    Device &device = driver.devices[static_cast<size_t>(ordinal)];
    device.ordinal = ordinal;
    Status status = readDevice(driver, device);
    if (!status.ok()) {
      return status;
    }
  }
  return Status();
}

Status bindFunctions(void *handle, const char *path, Driver &driver) {
  const char *missing = nullptr;
#define STEELYARD_CUDA_BIND(name, symbol, parameters)                          \
  driver.name = reinterpret_cast<Result(*) parameters>(dlsym(handle, symbol)); \
  if (!driver.name && !missing) {                                              \
    missing = symbol;                                                          \
  }
  STEELYARD_CUDA_FUNCTIONS(STEELYARD_CUDA_BIND)
#undef STEELYARD_CUDA_BIND
  if (!driver.driverGetVersion) {
    return failedPrecondition(
        format("%s is no CUDA driver: it has no cuDriverGetVersion", path));
  }
  int &version = driver.version;
  Result result = driver.driverGetVersion(&version);
  if (result == kSuccess && version < kOldestVersion) {
    return failedPrecondition(
        format("the CUDA driver %s is of version %d.%d, and 12.0 is the least: "
               "install a newer one of NVIDIA's (525 or later)",
               path, version / 1000, version % 1000 / 10));
  }
  if (missing) {
    return failedPrecondition(
        format("the CUDA driver %s has no %s", path, missing));
  }
  return result == kSuccess
             ? Status()
             : driver.failure(result, "the CUDA driver can't be used");
}

Status openDriver(std::unique_ptr<Driver> &driver) {
  const char *given = std::getenv("STEELYARD_CUDA_DRIVER");
  const char *path = given && *given ? given : "libcuda.so.1";
  std::unique_ptr<void, CloseLibrary> library(
      dlopen(path, RTLD_NOW | RTLD_LOCAL));
  if (!library) {
    const char *reason = dlerror();
    return notFound(format("no CUDA driver: %s can't be opened (%s); install "
                           "NVIDIA's driver, or compile for --target=cpu",
                           path, reason ? reason : "unknown"));
  }
  driver = std::make_unique<Driver>();
  Status status = bindFunctions(library.get(), path, *driver);
  if (!status.ok()) {
    return status;
  }
  std::ignore = library.release(); // what has been used may have threads
  return findDevices(*driver);
}

/// A kernel went wrong, and nothing works any more.
bool isLasting(Result result) {
  switch (result) {
  case kECCUncorrectable:
  case kNVLinkUncorrectable:
  case kIllegalAddress:
  case kLaunchTimeout:
  case kAssert:
  case kHardwareStackError:
  case kIllegalInstruction:
  case kMisalignedAddress:
  case kInvalidAddressSpace:
  case kInvalidPC:
  case kLaunchFailed:
    return true;
  default:
    return false;
  }
}

} // namespace

Status cuda::getDriver(const Driver *&driver) {
  // Leaked: contexts may be destroyed at exit.
  static auto *mutex = new std::mutex;
  static Driver *opened = nullptr;
  std::lock_guard<std::mutex> lock(*mutex);
  if (!opened) {
    std::unique_ptr<Driver> opening;
    Status status = openDriver(opening);
    if (!status.ok()) {
      return status;
    }
    opened = opening.release();
  }
  driver = opened;
  return Status();
}

Status cuda::getDevice(int ordinal, const Driver *&driver,
                       const Device *&device) {
  Status status = getDriver(driver);
  if (!status.ok()) {
    return status;
  }
  size_t count = driver->devices.size();
  if (ordinal < 0 || static_cast<size_t>(ordinal) >= count) {
    return invalidArgument(format("there is no CUDA device %d: there %s %zu, "
                                  "counted from 0",
                                  ordinal, count == 1 ? "is" : "are", count));
  }
  device = &driver->devices[static_cast<size_t>(ordinal)];
  return Status();
}

std::string Device::description() const {
  return format("device %d (%s)", ordinal, name.c_str());
}

std::string Driver::explain(Result result) const {
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(result, &name) != kSuccess || !name) {
    return format("the driver's error %d", result);
  }
  std::string why = name;
  if (getErrorString(result, &text) == kSuccess && text) {
    why = why + ": " + text;
  }
  if (isLasting(result)) {
    why += "; a kernel did this (CUDA_LAUNCH_BLOCKING=1 shows which), and this "
           "process can't use the device any more";
  } else if (result == kNotInitialized) {
    why += "; CUDA can't be used after a fork where the parent has used it";
  }
  return why;
}

Status Driver::failure(Result result, const std::string &what) const {
  int32_t code = STEELYARD_INTERNAL;
  switch (result) {
  case kOutOfMemory:
    code = STEELYARD_RESOURCE_EXHAUSTED;
    break;
  case kInvalidValue:
  case kInvalidImage:
  case kInvalidPTX:
  case kNotFound:
    code = STEELYARD_INVALID_ARGUMENT;
    break;
  case kNoBinaryForGPU:
  case kUnsupportedPTXVersion:
  case kNotInitialized:
  case kSystemDriverMismatch:
    code = STEELYARD_FAILED_PRECONDITION;
    break;
  default:
    break;
  }
  return {code, what + ": " + explain(result)};
}

//===----------------------------------------------------------------------===//
// The C interface
//===----------------------------------------------------------------------===//

int32_t steelyard_device_count(steelyard_error *error) {
  const Driver *driver = nullptr;
  return report(getDriver(driver), error) == STEELYARD_OK
             ? static_cast<int32_t>(driver->devices.size())
             : 0;
}

static const Device *findDevice(int32_t ordinal, steelyard_error *error) {
  const Driver *driver = nullptr;
  const Device *device = nullptr;
  report(getDevice(ordinal, driver, device), error);
  return device;
}

const char *steelyard_device_name(int32_t device, steelyard_error *error) {
  const Device *found = findDevice(device, error);
  return found ? found->name.c_str() : nullptr;
}

const char *steelyard_device_chip(int32_t device, steelyard_error *error) {
  const Device *found = findDevice(device, error);
  return found ? found->chip.c_str() : nullptr;
}
