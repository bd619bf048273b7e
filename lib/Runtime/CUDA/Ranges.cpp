//===- Ranges.cpp - What profilers see --------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Ranges.h"

#ifdef STEELYARD_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

using namespace steelyard::runtime;

#ifdef STEELYARD_NVTX

void *cuda::rangeDomain() {
  // Not destroyed: a profiler may be gone before the process's last range.
  static nvtxDomainHandle_t domain = nvtxDomainCreateA("steelyard");
  return domain;
}

void cuda::Range::push(const char *name) const {
  nvtxEventAttributes_t attributes = {};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = name;
  nvtxDomainRangePushEx(static_cast<nvtxDomainHandle_t>(domain), &attributes);
}

void cuda::Range::pop() const {
  nvtxDomainRangePop(static_cast<nvtxDomainHandle_t>(domain));
}

#else

void *cuda::rangeDomain() { return nullptr; }
void cuda::Range::push(const char *) const {}
void cuda::Range::pop() const {}

#endif
