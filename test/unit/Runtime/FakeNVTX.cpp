//===- FakeNVTX.cpp - A profiler that listens to NVTX -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What $NVTX_INJECTION64_PATH may name. `fakeNVTXTake` gives a line for each
// range of the domain "steelyard" since it was called last: indented by depth,
// the name, and how often functions of the fake driver that put work on a
// stream were called in it.
//===----------------------------------------------------------------------===//

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>
#include <string>
#include <utility>
#include <vector>

#include "FakeCUDA.h"

namespace {

struct Open {
  std::string name;
  int64_t before;
  std::string inside; // lines of the ranges in it
};
thread_local std::vector<Open> ranges;

std::string finished;

int64_t count() {
  static void *driver =
      dlopen(std::getenv("STEELYARD_CUDA_DRIVER"), RTLD_NOW | RTLD_LOCAL);
  static auto *counted =
      reinterpret_cast<FakeCUDACount *>(dlsym(driver, "fakeCUDACount"));
  return counted("cuLaunchKernelEx") + counted("cuMemcpyDtoDAsync_v2") +
         counted("cuMemsetD8Async") + counted("cuMemcpyDtoHAsync_v2") +
         counted("cuGraphLaunch");
}

nvtxDomainHandle_t createDomain(const char *name) {
  static int domain;
  return std::strcmp(name, "steelyard") == 0
             ? reinterpret_cast<nvtxDomainHandle_t>(&domain)
             : nullptr;
}

int push(nvtxDomainHandle_t, const nvtxEventAttributes_t *attributes) {
  ranges.push_back({attributes->message.ascii, count(), ""});
  return static_cast<int>(ranges.size()) - 1;
}

int pop(nvtxDomainHandle_t) {
  Open range = ranges.back();
  ranges.pop_back();
  std::string line = std::string(2 * ranges.size(), ' ') + range.name + " " +
                     std::to_string(count() - range.before) + "\n" +
                     range.inside;
  (ranges.empty() ? finished : ranges.back().inside) += line;
  return static_cast<int>(ranges.size());
}

} // namespace

/// Valid until it is called again.
extern "C" const char *fakeNVTXTake() {
  static std::string taken;
  taken = std::exchange(finished, "");
  return taken.c_str();
}

extern "C" int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t getTable) {
  const auto *callbacks = static_cast<const NvtxExportTableCallbacks *>(
      getTable(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (!callbacks ||
      !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size)) {
    return 0;
  }
  auto set = [&](unsigned id, auto *function) {
    *table[id] = reinterpret_cast<NvtxFunctionPointer>(function);
  };
  set(NVTX_CBID_CORE2_DomainCreateA, createDomain);
  set(NVTX_CBID_CORE2_DomainRangePushEx, push);
  set(NVTX_CBID_CORE2_DomainRangePop, pop);
  return 1;
}
