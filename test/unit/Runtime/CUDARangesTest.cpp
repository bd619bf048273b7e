//===- CUDARangesTest.cpp - What profilers see ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver, for a fake profiler, which counts launches, copies and
// graphs in each range: NVTX_INJECTION64_PATH is its path.
//===----------------------------------------------------------------------===//

#include "CUDASupport.h"

namespace {

/// y = x + 2, and a call that fails behind the name of what was to come.
int32_t addTwo(steelyard_context *context, void *arena, const void *x,
               void *y) {
  steelyard_gpu_operation(context, "first");
  int32_t code = launch(context, kAddOne, x, arena);
  code = code ? code : launch(context, kAddOne, arena, y); // has no name
  steelyard_gpu_operation(context, "copy");
  return code ? code : steelyard_gpu_copy(context, arena, y, 4);
}
int32_t stop(steelyard_context *context, void *, const void *, void *) {
  steelyard_gpu_operation(context, "never");
  return 1;
}

std::string takeRanges() {
  void *library =
      dlopen(std::getenv("NVTX_INJECTION64_PATH"), RTLD_NOW | RTLD_LOCAL);
  void *take = library ? dlsym(library, "fakeNVTXTake") : nullptr;
  return take ? reinterpret_cast<const char *(*)()>(take)() : "no profiler";
}

} // namespace

int main() {
  steelyard_context *context = makeDeviceContext();
  {
    Program program(sizeof(int32_t) * kCount);
    Array x(context, 5), y(context, 0);
    EXPECT(takeRanges().empty()); // of what callers do
    auto ranges = [&](const Program::Body &body) {
      bool isRight = program.run(context, x.memory, y.memory, body).empty();
      return (isRight ? "" : "failed: ") + takeRanges();
    };
    EXPECT(ranges(stop) == "failed: f 0\n");
    // It runs, is captured and launched as a graph, is launched as a graph.
    const char *operations = "f 3\n  first 1\n  copy 1\n";
    EXPECT(ranges(addTwo) == operations);
    EXPECT(ranges(addTwo) == "f 4\n  first 1\n  copy 1\n");
    EXPECT(y.value() == 7);
    EXPECT(ranges(addTwo) == "f 1\n");
    // Not inside of a call: nothing to name.
    steelyard_gpu_operation(context, "nothing");
    EXPECT(ranges(addOneBody) == "f 1\n");
    Setting graphs("STEELYARD_CUDA_GRAPHS", "0");
    steelyard_context *other = makeDeviceContext();
    for (int call = 0; call < 3; ++call) {
      EXPECT(program.run(other, x.memory, y.memory, addTwo).empty());
      EXPECT(takeRanges() == operations);
    }
    steelyard_context_destroy(other);
  }
  steelyard_context_destroy(context);
  EXPECT(leakCount() == 0);
  return failures != 0;
}
