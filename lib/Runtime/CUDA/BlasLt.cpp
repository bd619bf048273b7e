//===- BlasLt.cpp - cuBLASLt, opened at run time ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "BlasLt.h"

#include <cstdlib>
#include <dlfcn.h>
#include <memory>
#include <mutex>
#include <tuple>

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

namespace {

constexpr size_t kOldestVersion = 120000; // 12.0.0, as cublasLtGetVersion does

// 12 first: it runs on every driver that the runtime takes.
constexpr const char *kNames[] = {"libcublasLt.so.12", "libcublasLt.so.13"};

struct CloseLibrary {
  void operator()(void *handle) const { dlclose(handle); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

Status openLibrary(Library &library, std::string &path) {
  const char *given = std::getenv("STEELYARD_CUBLASLT");
  std::string why;
  auto open = [&](const char *name, int flags) {
    library.reset(dlopen(name, RTLD_NOW | RTLD_LOCAL | flags));
    path = name;
    if (!library) {
      const char *reason = dlerror();
      why += (why.empty() ? "" : "; ") + std::string(name) +
             " can't be opened (" + (reason ? reason : "unknown") + ")";
    }
    return library != nullptr;
  };
  if (given && *given) {
    if (open(given, 0)) {
      return Status();
    }
  } else {
    // Loaded ones first, such as those of PyPI's packages, which lie where the
    // loader does not look: a process needs no second copy of 500 MB.
    for (int flags : {RTLD_NOLOAD, 0}) {
      why.clear();
      for (const char *name : kNames) {
        if (open(name, flags)) {
          return Status();
        }
      }
    }
  }
  return notFound("contractions on a GPU need NVIDIA's cuBLASLt: " + why +
                  "; install the CUDA toolkit, or `pip install "
                  "nvidia-cublas-cu12`, and give the library's path as "
                  "STEELYARD_CUBLASLT where the loader does not find it");
}

Status bindFunctions(void *handle, std::string path, BlasLt &library) {
  const char *missing = nullptr;
#define STEELYARD_BLASLT_BIND(name, symbol, result, parameters)                \
  library.name =                                                               \
      reinterpret_cast<result(*) parameters>(dlsym(handle, symbol));           \
  if (!library.name && !missing) {                                             \
    missing = symbol;                                                          \
  }
  STEELYARD_BLASLT_FUNCTIONS(STEELYARD_BLASLT_BIND)
#undef STEELYARD_BLASLT_BIND
  Dl_info info;
  if (library.create &&
      dladdr(reinterpret_cast<const void *>(library.create), &info) &&
      info.dli_fname) {
    path = info.dli_fname;
  }
  size_t version = library.getVersion ? library.getVersion() : 0;
  std::string number = format("%zu.%zu.%zu", version / 10000,
                              version / 100 % 100, version % 100);
  if (version && version < kOldestVersion) {
    return failedPrecondition(
        format("the cuBLASLt %s is of version %s, and 12.0 is the least: "
               "install a newer one, or name one with STEELYARD_CUBLASLT",
               path.c_str(), number.c_str()));
  }
  if (missing) {
    return failedPrecondition(
        format("%s can't be used as cuBLASLt: it has no %s (STEELYARD_CUBLASLT "
               "names another)",
               path.c_str(), missing));
  }
  library.description = "cuBLASLt " + number + " (" + path + ")";
  return Status();
}

Status openBlasLt(std::unique_ptr<BlasLt> &opening) {
  Library handle;
  std::string path;
  Status status = openLibrary(handle, path);
  if (!status.ok()) {
    return status;
  }
  opening = std::make_unique<BlasLt>();
  status = bindFunctions(handle.get(), path, *opening);
  if (status.ok()) {
    std::ignore = handle.release(); // never closed
  }
  return status;
}

} // namespace

Status cuda::getBlasLt(const BlasLt *&library) {
  // Leaked: contexts may be destroyed at exit.
  static auto *mutex = new std::mutex;
  static BlasLt *opened = nullptr;
  std::lock_guard<std::mutex> lock(*mutex);
  if (!opened) {
    std::unique_ptr<BlasLt> opening;
    Status status = openBlasLt(opening);
    if (!status.ok()) {
      return status;
    }
    opened = opening.release();
  }
  library = opened;
  return Status();
}

Status BlasLt::failure(BlasStatus status, const std::string &what) const {
  int32_t code = STEELYARD_INTERNAL;
  switch (status) {
  case kBlasNotInitialized:
    code = STEELYARD_FAILED_PRECONDITION;
    break;
  case kBlasAllocFailed:
    code = STEELYARD_RESOURCE_EXHAUSTED;
    break;
  case kBlasInvalidValue:
  case kBlasArchMismatch:
  case kBlasNotSupported:
    code = STEELYARD_UNIMPLEMENTED;
    break;
  default:
    break;
  }
  const char *name = getStatusName(status), *text = getStatusString(status);
  std::string why = name ? name : format("its status %d", status);
  if (text && why != text) {
    why = why + ": " + text;
  }
  return {code, what + ": " + why};
}
