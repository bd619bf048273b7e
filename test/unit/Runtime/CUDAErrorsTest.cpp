//===- CUDAErrorsTest.cpp - What may go wrong on a device -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver: STEELYARD_CUDA_DRIVER is its path.
//===----------------------------------------------------------------------===//

#include <cstring>

#include "CUDASupport.h"

/// The driver is opened once it can be.
static void testNoDriver() {
  steelyard_error error;
  auto count = [&](int32_t code) {
    EXPECT(steelyard_device_count(&error) == 0 && error.code == code);
    return std::string(error.message);
  };
  {
    Setting path("STEELYARD_CUDA_DRIVER", "/none/libcuda.so.1");
    EXPECT_CONTAINS(count(STEELYARD_NOT_FOUND),
                    "no CUDA driver: /none/libcuda.so.1 can't be opened (");
    EXPECT_CONTAINS(error.message,
                    "); install NVIDIA's driver, or compile for --target=cpu");
    // A call says so too, contexts and executables need none.
    Program program;
    EXPECT(program.creation.empty());
    steelyard_context *context = makeDeviceContext();
    int32_t x[kCount], y[kCount], code = 0;
    EXPECT_CONTAINS(program.run(context, x, y, addOneBody, &code),
                    "no CUDA driver");
    EXPECT(code == STEELYARD_NOT_FOUND);
    EXPECT(!steelyard_context_allocate(context, 8, &error));
    EXPECT_CONTAINS(error.message, "no CUDA driver");
    EXPECT(steelyard_context_synchronize(context, &error) == STEELYARD_OK);
    steelyard_context_destroy(context);
  }
  {
    Setting path("STEELYARD_CUDA_DRIVER", "libm.so.6");
    EXPECT_CONTAINS(count(STEELYARD_FAILED_PRECONDITION),
                    "libm.so.6 is no CUDA driver: it has no cuDriver");
  }
  {
    Setting version("FAKE_CUDA_VERSION", "11080");
    EXPECT_CONTAINS(count(STEELYARD_FAILED_PRECONDITION),
                    "is of version 11.8, and 12.0 is the least: install");
  }
  {
    Setting devices("FAKE_CUDA_DEVICES", "");
    EXPECT_CONTAINS(count(STEELYARD_NOT_FOUND), "has no device");
  }
  {
    Setting fail("FAKE_CUDA_FAIL", "cuInit=803");
    EXPECT_CONTAINS(count(STEELYARD_FAILED_PRECONDITION),
                    "the CUDA driver can't be used: the driver's error 803");
  }
  {
    Setting fail("FAKE_CUDA_FAIL", "cuDeviceGetName=201");
    EXPECT_CONTAINS(count(STEELYARD_INTERNAL), "CUDA_ERROR_INVALID_CONTEXT");
  }
  EXPECT(steelyard_device_count(&error) == 2 && error.code == STEELYARD_OK);
  EXPECT(!steelyard_device_name(2, &error) &&
         error.code == STEELYARD_INVALID_ARGUMENT);
  EXPECT_CONTAINS(error.message,
                  "there is no CUDA device 2: there are 2, counted from 0");
  EXPECT(!steelyard_device_chip(-1, &error));
}

static void testDescriptions() {
  EXPECT_CONTAINS(Program(0, {makeImage("sm_9")}).creation,
                  "the image for 'sm_9', which is no chip");
  EXPECT_CONTAINS(Program(0, {makeImage("gfx90a")}).creation, "no chip");
  EXPECT_CONTAINS(Program(0, {makeImage(nullptr)}).creation, "no chip");
  EXPECT_CONTAINS(Program(0, {makeImage("sm_90ab")}).creation, "no chip");
  EXPECT_CONTAINS(Program(0, {makeImage("sm_90a", nullptr)}).creation,
                  "'sm_90a' has no data");
  steelyard_gpu_image text{"sm_80", ".version 7.0", 12, 0, nullptr};
  EXPECT_CONTAINS(Program(0, {text}).creation, "text with a closing zero");
  text.bytes = 13;
  EXPECT(Program(0, {text}).creation.empty());
  text = {"sm_80",
          "\x7f"
          "ELF1",
          5, 0, nullptr};
  EXPECT(Program(0, {text}).creation.empty());
  steelyard_gpu_image fewer = makeImage("sm_80");
  fewer.kernel_count = 1;
  EXPECT_CONTAINS(Program(0, {makeImage("sm_90a"), fewer}).creation,
                  "'sm_80' has 1 kernels, and the first one has 2");
  fewer.kernels = nullptr;
  EXPECT_CONTAINS(Program(0, {fewer}).creation, "a list of no kernels");
  const char *nameless[] = {"add_one", ""};
  fewer = {"sm_80", &kImage, sizeof kImage, 2, nameless};
  EXPECT_CONTAINS(Program(0, {fewer}).creation, "a kernel without a name");
  EXPECT_CONTAINS(Program(0, {makeImage("sm_90a")}, {{nullptr, 4}}).creation,
                  "constant 0 has no data");
  // The CPU has neither.
  steelyard_error error;
  steelyard_gpu_image image = makeImage("sm_90a");
  steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 0, nullptr, "cpu"};
  desc.image_count = 1;
  EXPECT(!steelyard_executable_create(&desc, &error));
  EXPECT_CONTAINS(error.message, "a list of no images");
  desc.images = &image;
  EXPECT(!steelyard_executable_create(&desc, &error));
  EXPECT_CONTAINS(error.message, "for 'cpu' with images");
  steelyard_context_options options{STEELYARD_ABI_VERSION, 1, nullptr, -1};
  EXPECT(!steelyard_context_create(&options, &error));
  EXPECT_CONTAINS(error.message, "device is -1");
}

static void testCalls() {
  steelyard_context *context = makeDeviceContext(0);
  steelyard_context *other = makeDeviceContext(1);
  steelyard_context *third = makeDeviceContext(2);
  steelyard_error error;
  {
    Program program(1000);
    Array x(context, 5), y(context, 0), elsewhere(other, 0);
    int32_t host[kCount], code = 0;
    auto run = [&](const void *in, void *out) {
      std::string message = program.run(context, in, out, addOneBody, &code);
      EXPECT(code == STEELYARD_INVALID_ARGUMENT);
      return message;
    };
    // Buffers.
    EXPECT_CONTAINS(run(host, y.memory),
                    "argument 0 ('x') is memory of the host, and device 0 "
                    "(Fake GPU) is to use it: copy it");
    EXPECT_CONTAINS(run(x.memory, host),
                    "result 0 ('y') is memory of the host");
    EXPECT_CONTAINS(run(elsewhere.memory, y.memory),
                    "argument 0 ('x') is memory of device 1, and the context's "
                    "is device 0 (Fake GPU)");
    EXPECT_CONTAINS(run(nullptr, y.memory), "is a null pointer");
    EXPECT_CONTAINS(run(static_cast<char *>(x.memory) + 2, y.memory),
                    "not aligned to 4");
    EXPECT_CONTAINS(run(x.memory, static_cast<char *>(x.memory) + 16),
                    "overlaps argument 0");
    EXPECT_CONTAINS(program.run(third, x.memory, y.memory, addOneBody, &code),
                    "there is no CUDA device 2");
    // Memory.
    EXPECT(!steelyard_context_allocate(context, size_t(1) << 40, &error) &&
           error.code == STEELYARD_RESOURCE_EXHAUSTED);
    EXPECT_CONTAINS(error.message,
                    "no memory for a buffer of 1099511627776 bytes on device 0 "
                    "(Fake GPU), where 1073741024 of 1073741824 are free: "
                    "CUDA_ERROR_OUT_OF_MEMORY: out of memory");
    {
      Setting memory("FAKE_CUDA_MEMORY", "1500");
      EXPECT_CONTAINS(
          program.run(context, x.memory, y.memory, addOneBody, &code),
          "no memory for an arena of 1000 bytes on device 0 (Fake GPU), where "
          "700 of 1500 are free");
      EXPECT(code == STEELYARD_RESOURCE_EXHAUSTED);
    }
    EXPECT(program.run(context, x.memory, y.memory, addOneBody).empty());
    EXPECT(steelyard_context_upload(context, host, host, 4, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    EXPECT_CONTAINS(error.message, "4 bytes can't be copied to device 0");
    EXPECT(steelyard_context_download(context, host, host, 4, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    EXPECT(steelyard_context_free(context, host, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    EXPECT(steelyard_context_free(context, nullptr, &error) == STEELYARD_OK);
    EXPECT(steelyard_context_upload(nullptr, host, host, 4, &error) ==
           STEELYARD_INVALID_ARGUMENT);
    // Images.
    char broken[sizeof kImage] = {};
    EXPECT_CONTAINS(
        Program(0, {makeImage("sm_90a", broken)})
            .run(context, x.memory, y.memory, addOneBody, &code),
        "the code for sm_90a can't be loaded on device 0 (Fake GPU): "
        "CUDA_ERROR_INVALID_IMAGE: in the driver's words\nline 1: no such");
    EXPECT(code == STEELYARD_INVALID_ARGUMENT);
    const char *names[] = {"add_one", "multiply"};
    EXPECT_CONTAINS(Program(0, {{"sm_90a", &kImage, sizeof kImage, 2, names}})
                        .run(context, x.memory, y.memory, addOneBody, &code),
                    "kernel 'multiply' of the code for sm_90a can't be had: "
                    "CUDA_ERROR_NOT_FOUND");
    // Launches and moves.
    auto with = [&](const Program::Body &body) {
      std::string message =
          program.run(context, x.memory, y.memory, body, &code);
      EXPECT(code != STEELYARD_OK);
      return message;
    };
    EXPECT_CONTAINS(
        with([](steelyard_context *inner, void *, const void *, void *) {
          uint32_t grid[3] = {1, 2, 3}, block[3] = {2048, 1, 1};
          return steelyard_gpu_launch(inner, kAddOne, grid, block, 0, nullptr);
        }),
        "kernel 'add_one' (grid 1 x 2 x 3, block 2048 x 1 x 1, 0 bytes of "
        "dynamic shared memory) can't be launched on device 0 (Fake GPU): "
        "CUDA_ERROR_INVALID_VALUE: in the driver's words");
    EXPECT(code == STEELYARD_INTERNAL);
    EXPECT_CONTAINS(with([](steelyard_context *inner, void *, const void *in,
                            void *out) { return launch(inner, 2, in, out); }),
                    "launches kernel 2, which is not");
    EXPECT_CONTAINS(
        with([&](steelyard_context *inner, void *, const void *in, void *) {
          return steelyard_gpu_copy(inner, host, in, 4);
        }),
        "4 bytes can't be copied on device 0");
    EXPECT_CONTAINS(
        with([&](steelyard_context *inner, void *, const void *, void *) {
          return steelyard_gpu_fill(inner, host, 4);
        }),
        "4 bytes can't be zeroed on device 0");
    EXPECT_CONTAINS(
        with([&](steelyard_context *inner, void *, const void *, void *) {
          return steelyard_gpu_read(inner, host, host, 4);
        }),
        "4 bytes can't be copied from device 0");
    EXPECT_CONTAINS(
        with([&](steelyard_context *inner, void *, const void *, void *) {
          return steelyard_gpu_constant(inner, 0) ? 0 : 1;
        }),
        "asks for constant 0 of 0");
    EXPECT_CONTAINS(
        with([&](steelyard_context *inner, void *, const void *, void *) {
          EXPECT(!steelyard_context_allocate(inner, 4, &error));
          EXPECT_CONTAINS(error.message, "is running another call");
          return 5;
        }),
        "'f' returned 5 without a message");
    // Only a call of a cuda executable has a device.
    Runner runner;
    EXPECT(runner.run(
               context,
               [](steelyard_context *inner, void *) {
                 return steelyard_gpu_fill(inner, nullptr, 4);
               },
               &error) == STEELYARD_INTERNAL);
    EXPECT_CONTAINS(error.message, "steelyard_gpu_fill is for code of a cuda");
    Setting fail("FAKE_CUDA_FAIL", "cuCtxPushCurrent_v2=201");
    EXPECT_CONTAINS(
        program.run(context, x.memory, y.memory, addOneBody),
        "device 0 (Fake GPU) can't be used: CUDA_ERROR_INVALID_CON");
  }
  // Arrays that could not be freed while the driver failed: none.
  steelyard_context_destroy(context);
  steelyard_context_destroy(other);
  steelyard_context_destroy(third);
  EXPECT(leakCount() == 0);
}

/// A kernel that goes wrong is found where something waits, and by all after.
static void testLastingErrors() {
  steelyard_error error;
  auto faulting = [](steelyard_context *inner, void *, const void *in,
                     void *out) {
    EXPECT(launch(inner, kFault, in, out) == 0);
    return launch(inner, kAddOne, in, out);
  };
  {
    Program program;
    steelyard_context *context = makeDeviceContext();
    Array x(context, 5), y(context, 0);
    int32_t code = 0;
    const char *told = "work on device 0 (Fake GPU) failed: "
                       "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access "
                       "was encountered; a kernel did this";
    EXPECT_CONTAINS(program.run(context, x.memory, y.memory, faulting, &code),
                    told);
    EXPECT(code == STEELYARD_INTERNAL);
    EXPECT_CONTAINS(program.run(context, x.memory, y.memory, addOneBody, &code),
                    "can't be launched on device 0 (Fake GPU): "
                    "CUDA_ERROR_ILLEGAL_ADDRESS");
    EXPECT(steelyard_context_synchronize(context, &error) ==
           STEELYARD_INTERNAL);
    EXPECT_CONTAINS(error.message, told);
    EXPECT_CONTAINS(error.message,
                    "this process can't use the device any more");
    steelyard_context_free(context, x.memory, nullptr);
    steelyard_context_free(context, y.memory, nullptr);
    x.memory = y.memory = nullptr;
    steelyard_context_destroy(context);
  }
  EXPECT(leakCount() == 0);
}

int main() {
  Setting devices("FAKE_CUDA_DEVICES", "9.0,8.0");
  testNoDriver();
  testDescriptions();
  testCalls();
  testLastingErrors();
  return failures != 0;
}
