//===- Driver.h - CUDA's driver, opened at run time -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the CUDA driver API that the runtime uses, declared here so that
// nothing of CUDA is needed to build or to link. Signatures and numbers are
// those of the CUDA Driver API's reference manual, version 12.
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_LIB_RUNTIME_CUDA_DRIVER_H
#define STEELYARD_LIB_RUNTIME_CUDA_DRIVER_H

#include <string>
#include <vector>

#include "../Support.h"

namespace steelyard::runtime::cuda {

// Enumerations are ints, as they are to the C compiler's calls.

using Result = int; // CUresult; those that the runtime tells apart:
enum : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidImage = 200,
  kNoBinaryForGPU = 209,
  kECCUncorrectable = 214,
  kInvalidPTX = 218,
  kNVLinkUncorrectable = 220,
  kUnsupportedPTXVersion = 222,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchTimeout = 702,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPC = 718,
  kLaunchFailed = 719,
  kSystemDriverMismatch = 803,
};

using DeviceHandle = int;       // CUdevice
using Address = uint64_t;       // CUdeviceptr
using ContextHandle = void *;   // CUcontext
using StreamHandle = void *;    // CUstream
using ModuleHandle = void *;    // CUmodule
using KernelHandle = void *;    // CUfunction
using GraphHandle = void *;     // CUgraph
using GraphExecHandle = void *; // CUgraphExec
using EventHandle = void *;     // CUevent

using DeviceAttribute = int;
enum : int {
  kSharedMemoryPerBlockOptIn = 97,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
};

using PointerAttribute = int;
enum : int {
  kPointerMemoryType = 2, // unsigned: a kMemory, 0 for what CUDA doesn't know
  kPointerIsManaged = 8,  // unsigned
  kPointerDevice = 9,     // int, the ordinal
};

enum : unsigned { kMemoryHost = 1, kMemoryDevice = 2 };

using JITOption = int;
enum : int { kJITErrorLog = 5, kJITErrorLogBytes = 6 };

using FunctionAttribute = int;
enum : int { kMaxDynamicSharedBytes = 8 };

enum : unsigned { kStreamBlocking = 0, kStreamNonBlocking = 1 };

enum : unsigned { kEventDefault = 0, kEventWithoutTiming = 2 };

enum : unsigned { kEventRecordDefault = 0, kEventRecordExternal = 1 };

enum : int { kProgrammaticStreamSerialization = 6 };

/// CUlaunchAttribute, of those whose value is an int.
struct LaunchAttribute {
  int id = 0;
  int padding = 0;
  int value = 0;
  int rest[15] = {}; // of a union of 64 bytes
};

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX = 0, gridY = 0, gridZ = 0;
  unsigned blockX = 0, blockY = 0, blockZ = 0;
  unsigned sharedBytes = 0;
  StreamHandle stream = nullptr;
  LaunchAttribute *attributes = nullptr;
  unsigned attributeCount = 0;
};

using CaptureMode = int;
enum : int { kCaptureThreadLocal = 1, kCaptureRelaxed = 2 };

using CaptureStatus = int;
enum : int { kCaptureNone = 0 };

/// name, symbol, parameters. _v2 is what cuda.h means by the plain name.
#define STEELYARD_CUDA_FUNCTIONS(F)                                            \
  F(driverGetVersion, "cuDriverGetVersion", (int *version))                    \
  F(init, "cuInit", (unsigned flags))                                          \
  F(getErrorName, "cuGetErrorName", (Result result, const char **name))        \
  F(getErrorString, "cuGetErrorString", (Result result, const char **text))    \
  F(deviceGetCount, "cuDeviceGetCount", (int *count))                          \
  F(deviceGet, "cuDeviceGet", (DeviceHandle * device, int ordinal))            \
  F(deviceGetName, "cuDeviceGetName",                                          \
    (char *name, int bytes, DeviceHandle device))                              \
  F(deviceGetAttribute, "cuDeviceGetAttribute",                                \
    (int *value, DeviceAttribute attribute, DeviceHandle device))              \
  F(primaryRetain, "cuDevicePrimaryCtxRetain",                                 \
    (ContextHandle * context, DeviceHandle device))                            \
  F(primaryRelease, "cuDevicePrimaryCtxRelease_v2", (DeviceHandle device))     \
  F(ctxPush, "cuCtxPushCurrent_v2", (ContextHandle context))                   \
  F(ctxPop, "cuCtxPopCurrent_v2", (ContextHandle * context))                   \
  F(ctxSynchronize, "cuCtxSynchronize", ())                                    \
  F(streamCreate, "cuStreamCreate", (StreamHandle * stream, unsigned flags))   \
  F(streamSynchronize, "cuStreamSynchronize", (StreamHandle stream))           \
  F(streamDestroy, "cuStreamDestroy_v2", (StreamHandle stream))                \
  F(eventCreate, "cuEventCreate", (EventHandle * event, unsigned flags))       \
  F(eventRecord, "cuEventRecord", (EventHandle event, StreamHandle stream))    \
  F(eventRecordWithFlags, "cuEventRecordWithFlags",                            \
    (EventHandle event, StreamHandle stream, unsigned flags))                  \
  F(eventElapsedTime, "cuEventElapsedTime",                                    \
    (float *milliseconds, EventHandle start, EventHandle end))                 \
  F(eventQuery, "cuEventQuery", (EventHandle event))                           \
  F(eventSynchronize, "cuEventSynchronize", (EventHandle event))               \
  F(eventDestroy, "cuEventDestroy_v2", (EventHandle event))                    \
  F(streamBeginCapture, "cuStreamBeginCapture_v2",                             \
    (StreamHandle stream, CaptureMode mode))                                   \
  F(streamEndCapture, "cuStreamEndCapture",                                    \
    (StreamHandle stream, GraphHandle * graph))                                \
  F(threadExchangeCaptureMode, "cuThreadExchangeStreamCaptureMode",            \
    (CaptureMode * mode))                                                      \
  F(streamIsCapturing, "cuStreamIsCapturing",                                  \
    (StreamHandle stream, CaptureStatus * status))                             \
  F(graphInstantiate, "cuGraphInstantiateWithFlags",                           \
    (GraphExecHandle * exec, GraphHandle graph, unsigned long long flags))     \
  F(graphLaunch, "cuGraphLaunch", (GraphExecHandle exec, StreamHandle stream)) \
  F(graphExecDestroy, "cuGraphExecDestroy", (GraphExecHandle exec))            \
  F(graphDestroy, "cuGraphDestroy", (GraphHandle graph))                       \
  F(memGetInfo, "cuMemGetInfo_v2", (size_t *free, size_t *total))              \
  F(memAlloc, "cuMemAlloc_v2", (Address * address, size_t bytes))              \
  F(memFree, "cuMemFree_v2", (Address address))                                \
  F(copyToDevice, "cuMemcpyHtoDAsync_v2",                                      \
    (Address to, const void *from, size_t bytes, StreamHandle stream))         \
  F(copyToHost, "cuMemcpyDtoHAsync_v2",                                        \
    (void *to, Address from, size_t bytes, StreamHandle stream))               \
  F(copyOnDevice, "cuMemcpyDtoDAsync_v2",                                      \
    (Address to, Address from, size_t bytes, StreamHandle stream))             \
  F(fillBytes, "cuMemsetD8Async",                                              \
    (Address to, unsigned char value, size_t bytes, StreamHandle stream))      \
  F(pointerGetAttributes, "cuPointerGetAttributes",                            \
    (unsigned count, PointerAttribute *attributes, void **values,              \
     Address pointer))                                                         \
  F(moduleLoad, "cuModuleLoadDataEx",                                          \
    (ModuleHandle * module, const void *image, unsigned optionCount,           \
     JITOption *options, void **values))                                       \
  F(moduleUnload, "cuModuleUnload", (ModuleHandle module))                     \
  F(moduleGetFunction, "cuModuleGetFunction",                                  \
    (KernelHandle * kernel, ModuleHandle module, const char *name))            \
  F(functionGetAttribute, "cuFuncGetAttribute",                                \
    (int *value, FunctionAttribute attribute, KernelHandle kernel))            \
  F(functionSetAttribute, "cuFuncSetAttribute",                                \
    (KernelHandle kernel, FunctionAttribute attribute, int value))             \
  F(launchKernel, "cuLaunchKernelEx",                                          \
    (const LaunchConfig *config, KernelHandle kernel, void **parameters,       \
     void **extra))

/// A device that the driver has.
struct Device {
  int ordinal = 0;
  DeviceHandle handle = 0;
  int major = 0, minor = 0; // compute capability
  std::string name;         // "NVIDIA H100 80GB HBM3"
  std::string chip;         // "sm_90"

  /// "device 0 (NVIDIA H100 80GB HBM3)"
  std::string description() const;
};

/// The functions of the driver, and its devices.
struct Driver {
#define STEELYARD_CUDA_MEMBER(name, symbol, parameters)                        \
  Result(*name) parameters = nullptr;
  STEELYARD_CUDA_FUNCTIONS(STEELYARD_CUDA_MEMBER)
#undef STEELYARD_CUDA_MEMBER

  int version = 0;             // 12030: 12.3
  std::vector<Device> devices; // never empty

  /// "CUDA_ERROR_OUT_OF_MEMORY: out of memory", and what follows from it.
  std::string explain(Result result) const;

  /// `what`: explanation; with the code that suits `result`.
  Status failure(Result result, const std::string &what) const;
};

/// Opens the driver at the first call that succeeds. Thread-safe; what it gives
/// lives as long as the process.
Status getDriver(const Driver *&driver);

/// The device `ordinal`.
Status getDevice(int ordinal, const Driver *&driver, const Device *&device);

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_DRIVER_H
