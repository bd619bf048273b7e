//===- CUDAGemmTest.cpp - Contractions on a device --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the fake driver and the fake cuBLASLt: STEELYARD_CUDA_DRIVER and
// STEELYARD_CUBLASLT are their paths.
//===----------------------------------------------------------------------===//

#include "CUDAGemm.h"

#include <atomic>
#include <thread>

#include "CUDASupport.h"
#include "FakeBlasLt.h"

template <typename Function>
static Function *fakeBlas(const char *name) {
  static void *library =
      dlopen(std::getenv("STEELYARD_CUBLASLT"), RTLD_NOW | RTLD_LOCAL);
  void *found = library ? dlsym(library, name) : nullptr;
  if (!found) {
    std::fprintf(stderr, "STEELYARD_CUBLASLT is not the fake library\n");
    std::exit(1);
  }
  return reinterpret_cast<Function *>(found);
}
static int64_t blasCount(const char *function) {
  return fakeBlas<FakeBlasLtCount>("fakeBlasLtCount")(function);
}
static int64_t blasLeaks() {
  return fakeBlas<FakeBlasLtLeaks>("fakeBlasLtLeaks")();
}
static int64_t choices() { return blasCount("cublasLtMatmulAlgoGetHeuristic"); }

constexpr const char *kMatmul = "cublasLtMatmul";

/// A case that has to fail; its message.
static std::string failure(const GemmProgram &program, GemmRun &run,
                           int32_t code) {
  std::string message;
  int32_t got = run.run(program, &message);
  if (got != code) {
    std::fprintf(stderr, "%s: %d (%s), not %d\n", run.test.name().c_str(), got,
                 message.c_str(), code);
    ++failures;
  }
  return message;
}
static std::string failure(steelyard_context *context,
                           const GemmProgram &program, const GemmCase &test,
                           int32_t code = STEELYARD_UNIMPLEMENTED) {
  GemmRun run(context, test);
  return failure(program, run, code);
}

/// Comes first: the library is opened once it can be.
static void testNoLibrary() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  {
    GemmCase test;
    auto told = [&](int32_t code) {
      return failure(context, program, test, code);
    };
    {
      Setting path("STEELYARD_CUBLASLT", "/none/libcublasLt.so.12");
      EXPECT_CONTAINS(told(STEELYARD_NOT_FOUND),
                      "contractions on a GPU need NVIDIA's cuBLASLt: "
                      "/none/libcublasLt.so.12 can't be opened (");
      EXPECT_CONTAINS(told(STEELYARD_NOT_FOUND),
                      "); install the CUDA toolkit, or `pip install "
                      "nvidia-cublas-cu12`, and give the library's path as "
                      "STEELYARD_CUBLASLT where the loader does not find it");
      // What needs no product needs no library.
      GemmCase empty;
      empty.k = 0;
      expectRight(context, program, empty);
    }
    {
      Setting path("STEELYARD_CUBLASLT", "libm.so.6");
      EXPECT_CONTAINS(told(STEELYARD_FAILED_PRECONDITION),
                      "libm.so.6 can't be used as cuBLASLt: it has no "
                      "cublasLtGetVersion");
    }
    {
      Setting version("FAKE_BLASLT_VERSION", "111103");
      EXPECT_CONTAINS(told(STEELYARD_FAILED_PRECONDITION),
                      "is of version 11.11.3, and 12.0 is the least: install");
    }
    {
      Setting fail("FAKE_BLASLT_FAIL", "cublasLtCreate=1");
      std::string message = told(STEELYARD_FAILED_PRECONDITION);
      EXPECT_CONTAINS(message, "cuBLASLt 12.6.4 (");
      EXPECT_CONTAINS(message,
                      ") can't be used on device 0 (Fake GPU) (it may be too "
                      "new for the driver): CUBLAS_STATUS_NOT_INITIALIZED: in "
                      "the library's words");
    }
    {
      Setting memory("FAKE_CUDA_MEMORY", "20000000");
      EXPECT_CONTAINS(told(STEELYARD_RESOURCE_EXHAUSTED),
                      "no memory for the workspace of contractions of 33554432 "
                      "bytes on device 0 (Fake GPU), where ");
    }
    expectRight(context, program, test);
  }
  steelyard_context_destroy(context);
  EXPECT(blasLeaks() == 0);
}

static void testValues() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  for (const GemmCase &test : gemmCases(/*hasF8=*/true)) {
    expectRight(context, program, test);
  }
  // FP8 in any layout, on a device that has it.
  steelyard_context *blackwell = makeDeviceContext(2);
  GemmCase test;
  test.a = test.b = STEELYARD_F8E4M3FN;
  test.m = test.n = test.k = 32;
  test.aByM = test.bByN = true;
  expectRight(blackwell, program, test);
  steelyard_context_destroy(blackwell);
  steelyard_context_destroy(context);
  EXPECT(blasLeaks() == 0);
}

/// Sizes of 0: no work, or zeros, of C's elements alone.
static void testNothing() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  {
    int64_t products = blasCount(kMatmul), fills = callCount("cuMemsetD8Async");
    for (int64_t GemmCase::*size :
         {&GemmCase::batch, &GemmCase::m, &GemmCase::n}) {
      GemmCase test;
      test.*size = 0;
      expectRight(context, program, test);
    }
    steelyard_gpu_gemm_desc nothing{};
    nothing.a_type = nothing.b_type = nothing.c_type = STEELYARD_F32;
    EXPECT(program.run(context, [&](steelyard_context *inner) {
      return steelyard_gpu_gemm(inner, &nothing);
    }) == STEELYARD_OK);
    EXPECT(callCount("cuMemsetD8Async") == fills);
    GemmCase test;
    test.k = 0;
    test.batch = 3;
    expectRight(context, program, test);
    EXPECT(callCount("cuMemsetD8Async") == fills + 1);
    test.padding = 2;
    test.cByM = true;
    test.epilogue = STEELYARD_EPILOGUE_GELU;
    expectRight(context, program, test);
    EXPECT(callCount("cuMemsetD8Async") == fills + 1 + 3 * 10);
    test.epilogue = STEELYARD_EPILOGUE_NONE;
    test.accumulate = true;
    expectRight(context, program, test);
    EXPECT(callCount("cuMemsetD8Async") == fills + 1 + 3 * 10);
    EXPECT(blasCount(kMatmul) == products);
    test.epilogue = STEELYARD_EPILOGUE_RELU;
    EXPECT_CONTAINS(failure(context, program, test), "it has no products");
    test = GemmCase();
    test.k = 0;
    test.bias = true;
    EXPECT_CONTAINS(failure(context, program, test), "it has no products");
  }
  steelyard_context_destroy(context);
}

/// What is accurate unless it may be faster.
static void testAccuracy() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  auto first = [&](const GemmCase &test, double a0, double a, double b) {
    GemmRun run(context, test);
    for (int64_t p = 0; p < test.k; ++p) {
      run.a.set(run.aIndex(0, 0, p), p ? a : a0);
      run.b.set(run.bIndex(0, p, 0), b);
    }
    run.a.upload();
    run.b.upload();
    EXPECT(run.run(program) == STEELYARD_OK);
    return run.c.get(run.cIndex(0, 0, 0));
  };
  GemmCase test;
  double tiny = std::ldexp(1, -12);
  EXPECT(first(test, 1 + tiny, 0, 1) == 1 + tiny);
  test.compute = STEELYARD_COMPUTE_FAST_ACCUMULATE; // says nothing of f32
  EXPECT(first(test, 1 + tiny, 0, 1) == 1 + tiny);
  test.compute = STEELYARD_COMPUTE_TF32;
  EXPECT(first(test, 1 + tiny, 0, 1) == 1);
  test = GemmCase();
  test.a = test.b = STEELYARD_F8E4M3FN;
  test.m = test.n = test.k = 64;
  test.compute = STEELYARD_COMPUTE_TF32;
  EXPECT(first(test, 256, 0.125, 256) == 65536 + 63 * 32);
  test.k = 1024;
  EXPECT(first(test, 256, 0.015625, 1) == 256 + 1023 * 0.015625);
  test.compute = STEELYARD_COMPUTE_FAST_ACCUMULATE;
  EXPECT(first(test, 256, 0.015625, 1) == 256);
  // Parts of a sum are not joined in 16 bits.
  test = GemmCase();
  test.a = test.b = test.c = STEELYARD_BF16;
  test.k = 257;
  EXPECT(first(test, 256, 1, 1) == 512);
  steelyard_context_destroy(context);
}

/// Of what the library offers.
static void testSplits() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  int64_t next = 301;
  auto choice = [&](const char *offered, int64_t k) {
    Setting algorithms("FAKE_BLASLT_ALGORITHMS", offered);
    GemmCase test;
    test.m = next++; // not met before
    test.k = k;
    std::string found;
    for (const char *each : {"264:16", "2:3", "1:11", "1:24", "1:0"}) {
      std::string name = std::string("algorithm ") + each;
      int64_t before = blasCount(name.c_str());
      expectRight(context, program, test);
      found = blasCount(name.c_str()) != before ? each : found;
    }
    return found;
  };
  EXPECT(choice("1:24,1:11", 64) == "1:24"); // the library knows best
  EXPECT(choice("2:3,1:11", 64) == "2:3");
  // Parts of few products are not worth joining.
  EXPECT(choice("264:16,2:3,1:11", 64) == "2:3");
  EXPECT(choice("264:16,2:3,1:11", 63) == "1:11");
  // Without any other the smallest tile of what splits nothing, which is asked
  // for again, if there is that.
  EXPECT(choice("264:16,2:3", 16) == "2:3");
  EXPECT(choice("264:16,264:16,264:16,264:16,264:16,264:16,264:16,264:16,"
                "1:24,1:11",
                16) == "1:11");
  steelyard_context_destroy(context);
}

/// Algorithms are chosen once, for all contexts of a device.
static void testChoices() {
  GemmProgram program;
  GemmCase test;
  test.m = 21; // not met before
  int64_t before = choices();
  for (int round = 0; round < 2; ++round) {
    steelyard_context *context = makeDeviceContext();
    expectRight(context, program, test);
    expectRight(context, program, test);
    steelyard_context_destroy(context);
  }
  EXPECT(choices() == before + 1);
  // Addresses and what is accumulated don't matter, alignment, sizes, strides,
  // types, flags and the device do.
  steelyard_context *context = makeDeviceContext();
  auto isNew = [&](auto change) {
    int64_t chosen = choices();
    GemmCase changed = test;
    change(changed);
    expectRight(context, program, changed);
    return choices() != chosen;
  };
  EXPECT(!isNew([](GemmCase &changed) { changed.accumulate = true; }));
  EXPECT(!isNew([](GemmCase &changed) { changed.offset = 8; })); // 32 bytes
  EXPECT(!isNew([](GemmCase &changed) {
    changed.compute = STEELYARD_COMPUTE_FAST_ACCUMULATE;
  }));
  EXPECT(isNew([](GemmCase &changed) { changed.offset = 2; }));
  EXPECT(isNew([](GemmCase &changed) { changed.offset = 1; }));
  EXPECT(!isNew([](GemmCase &changed) { changed.offset = 3; }));
  EXPECT(isNew([](GemmCase &changed) { changed.n = 22; }));
  EXPECT(isNew([](GemmCase &changed) { changed.padding = 1; }));
  EXPECT(isNew([](GemmCase &changed) { changed.aByM = true; }));
  EXPECT(isNew([](GemmCase &changed) { changed.bias = true; }));
  EXPECT(isNew(
      [](GemmCase &changed) { changed.epilogue = STEELYARD_EPILOGUE_RELU; }));
  EXPECT(isNew(
      [](GemmCase &changed) { changed.compute = STEELYARD_COMPUTE_TF32; }));
  EXPECT(isNew([](GemmCase &changed) { changed.batch = 2; }));
  EXPECT(isNew([](GemmCase &changed) {
    changed.batch = 2;
    changed.bOnce = true;
  }));
  steelyard_context_destroy(context);
  int64_t chosen = choices();
  steelyard_context *other = makeDeviceContext(1);
  expectRight(other, program, test);
  steelyard_context_destroy(other);
  EXPECT(choices() == chosen + 1);
  EXPECT(blasLeaks() == 0);
}

/// On a caller's stream nothing waits; from the second time on nothing is
/// allocated or made either.
static void testStream() {
  void *primary = nullptr, *stream = nullptr;
  EXPECT(fake<int(void **, int)>("cuDevicePrimaryCtxRetain")(&primary, 40) ==
         0);
  EXPECT(fake<int(void *)>("cuCtxPushCurrent_v2")(primary) == 0);
  EXPECT(fake<int(void **, unsigned)>("cuStreamCreate")(&stream, 1) == 0);
  steelyard_context *context = makeDeviceContext(0, stream);
  {
    GemmProgram program;
    GemmCase test;
    test.a = test.b = STEELYARD_F8E4M3FN;
    test.m = test.n = test.k = 32;
    test.scales = test.bias = true;
    GemmRun run(context, test), again(context, test);
    auto gemm = [](GemmRun &each) {
      return [&each](steelyard_context *inner) {
        return steelyard_gpu_gemm(inner, &each.desc);
      };
    };
    int64_t waits = callCount("cuStreamSynchronize");
    int64_t allocations = callCount("cuMemAlloc_v2");
    EXPECT(program.run(context, gemm(run)) == STEELYARD_OK);
    EXPECT(callCount("cuMemAlloc_v2") == allocations + 1);
    int64_t made = blasCount("cublasLtMatmulDescCreate");
    int64_t layouts = blasCount("cublasLtMatrixLayoutCreate");
    // With other addresses: each has its own.
    EXPECT(program.run(context, gemm(again)) == STEELYARD_OK);
    EXPECT(callCount("cuStreamSynchronize") == waits);
    EXPECT(callCount("cuMemAlloc_v2") == allocations + 1);
    EXPECT(blasCount("cublasLtMatmulDescCreate") == made);
    EXPECT(blasCount("cublasLtMatrixLayoutCreate") == layouts);
    EXPECT(steelyard_context_synchronize(context, nullptr) == STEELYARD_OK);
    run.c.download();
    again.c.download();
    EXPECT(run.countWrong() == 0 && again.countWrong() == 0);
    // The workspace is kept until what uses it is done.
    EXPECT(program.run(context, gemm(run)) == STEELYARD_OK);
    steelyard_context *rest = makeDeviceContext(0, stream);
    steelyard_context_destroy(rest);
  }
  steelyard_context_destroy(context);
  EXPECT(fake<int(void *)>("cuStreamDestroy_v2")(stream) == 0);
  EXPECT(fake<int(void **)>("cuCtxPopCurrent_v2")(&primary) == 0);
  EXPECT(fake<int(int)>("cuDevicePrimaryCtxRelease_v2")(40) == 0);
  EXPECT(blasLeaks() == 0);
}

/// Replayed: each product keeps its own addresses, scales and bias among them,
/// and sees what lies there.
static void testReplay() {
  steelyard_context *context = makeDeviceContext();
  {
    GemmProgram program;
    GemmCase test, accumulated;
    test.a = test.b = STEELYARD_F8E4M3FN;
    test.m = test.n = test.k = 32;
    test.scales = test.bias = true;
    accumulated.accumulate = true;
    GemmRun run(context, test), again(context, test), sum(context, accumulated);
    int64_t products = blasCount(kMatmul);
    int entries = 0;
    for (int call = 0; call < 5; ++call) {
      for (GemmRun *each : {&run, &again}) {
        each->a.set(each->aIndex(0, 3, 4), call - (each == &run ? 1 : 2));
        each->a.upload();
      }
      EXPECT(program.run(context, [&](steelyard_context *inner) {
        ++entries;
        int32_t code = steelyard_gpu_gemm(inner, &run.desc);
        code = code ? code : steelyard_gpu_gemm(inner, &again.desc);
        return code ? code : steelyard_gpu_gemm(inner, &sum.desc);
      }) == STEELYARD_OK);
      run.c.download();
      again.c.download();
      EXPECT(run.countWrong() == 0 && again.countWrong() == 0);
    }
    EXPECT(entries == 2 && blasCount(kMatmul) == products + 6);
    double start = sum.c.get(sum.cIndex(0, 1, 1));
    double product = sum.wanted(0, 1, 1) - start;
    sum.c.download();
    EXPECT(sum.c.get(sum.cIndex(0, 1, 1)) == start + 5 * product);
  }
  steelyard_context_destroy(context);
  EXPECT(blasLeaks() == 0);
}

static void testTypes(steelyard_context *context, const GemmProgram &program) {
  GemmCase test;
  auto into = [&](steelyard_type a, steelyard_type b, steelyard_type c) {
    test.a = a;
    test.b = b;
    test.c = c;
    return failure(context, program, test);
  };
  EXPECT_CONTAINS(into(STEELYARD_F16, STEELYARD_BF16, STEELYARD_F32),
                  "the contraction of 1x6x12xf16 by 1x12x10xbf16 into "
                  "1x6x10xf32: cuBLASLt takes f32 into f32, f64 into f64, f16");
  into(STEELYARD_F32, STEELYARD_F32, STEELYARD_F16);
  into(STEELYARD_F32, STEELYARD_F64, STEELYARD_F64);
  into(STEELYARD_BF16, STEELYARD_BF16, STEELYARD_F16);
  into(STEELYARD_F16, STEELYARD_F8E4M3FN, STEELYARD_F32);
  EXPECT_CONTAINS(into(STEELYARD_F8E5M2, STEELYARD_F8E5M2, STEELYARD_F32),
                  "but not twice f8E5M2");
  into(STEELYARD_F8E4M3FN, STEELYARD_F8E4M3FN, STEELYARD_F64);
  test = GemmCase();
  GemmRun integers(context, test);
  integers.desc.a_type = integers.desc.b_type = STEELYARD_I32;
  EXPECT_CONTAINS(failure(program, integers, STEELYARD_UNIMPLEMENTED),
                  "1x6x12xi32");
  GemmRun biased(context, test);
  biased.desc.bias = biased.bias.data();
  biased.desc.bias_type = STEELYARD_F16;
  EXPECT_CONTAINS(failure(program, biased, STEELYARD_UNIMPLEMENTED),
                  ", bias f16: cuBLASLt takes a bias of f32 there");
  test.scales = true;
  EXPECT_CONTAINS(failure(context, program, test),
                  "takes scales of FP8 operands only");
  test = GemmCase();
  test.a = test.b = test.c = STEELYARD_F64;
  test.epilogue = STEELYARD_EPILOGUE_RELU;
  EXPECT_CONTAINS(failure(context, program, test),
                  ", relu: cuBLASLt has no bias and no epilogue in f64");
  test.epilogue = STEELYARD_EPILOGUE_NONE;
  test.bias = true;
  EXPECT_CONTAINS(failure(context, program, test),
                  ", bias f64: cuBLASLt has no bias and no epilogue in f64");
  test = GemmCase();
  test.a = test.b = STEELYARD_F8E4M3FN;
  test.m = test.n = test.k = 32;
  GemmRun eight(context, test);
  eight.desc.bias = eight.bias.data();
  eight.desc.bias_type = STEELYARD_F32;
  EXPECT_CONTAINS(failure(program, eight, STEELYARD_UNIMPLEMENTED),
                  ", bias f32: cuBLASLt takes a bias of bf16 there");
}

static void testStrides(steelyard_context *context,
                        const GemmProgram &program) {
  GemmCase test;
  auto with = [&](int64_t steelyard_gpu_gemm_desc::*first,
                  int64_t steelyard_gpu_gemm_desc::*second, int64_t a,
                  int64_t b) {
    GemmRun run(context, test);
    run.desc.*first = a;
    run.desc.*second = b;
    return failure(program, run, STEELYARD_UNIMPLEMENTED);
  };
  using Desc = steelyard_gpu_gemm_desc;
  EXPECT_CONTAINS(
      with(&Desc::a_m_stride, &Desc::a_k_stride, 24, 2),
      "A has a stride of 24 along m and 2 along k; one has to be 1, "
      "and the other at least the first's extent");
  EXPECT_CONTAINS(with(&Desc::a_m_stride, &Desc::a_k_stride, 11, 1), "A has");
  EXPECT_CONTAINS(with(&Desc::b_k_stride, &Desc::b_n_stride, 0, 1),
                  "B has a stride of 0 along k and 1 along n");
  EXPECT_CONTAINS(with(&Desc::c_m_stride, &Desc::c_n_stride, 1, 5), "C has");
  test.bias = test.cByM = true;
  EXPECT_CONTAINS(failure(context, program, test),
                  "a bias along n needs C's n stride to be 1 (it is 6)");
}

static void testF8Needs(steelyard_context *context,
                        const GemmProgram &program) {
  GemmCase good;
  good.a = good.b = STEELYARD_F8E4M3FN;
  good.c = STEELYARD_BF16;
  good.m = good.n = good.k = 32;
  auto told = [&](auto change) {
    GemmCase test = good;
    change(test);
    return failure(context, program, test);
  };
  std::string message = told([](GemmCase &test) { test.k = 20; });
  EXPECT_CONTAINS(message,
                  "the contraction of 1x32x20xf8E4M3FN by 1x20x32xf8E4M3FN "
                  "into 1x32x32xbf16 can't be done by cuBLASLt 12.6.4 (");
  EXPECT_CONTAINS(message,
                  ") on device 0 (Fake GPU): CUBLAS_STATUS_NOT_SUPPORTED: in "
                  "the library's words; FP8 needs k to be a multiple of 16, "
                  "strides of multiples of 16 bytes");
  EXPECT_CONTAINS(told([](GemmCase &test) { test.aByM = true; }),
                  "words; FP8 needs A's stride along k to be 1");
  EXPECT_CONTAINS(told([](GemmCase &test) { test.bByN = test.cByM = true; }),
                  "words; FP8 needs B's stride along k to be 1");
  EXPECT_CONTAINS(told([](GemmCase &test) { test.n = 12; }),
                  "words; FP8 needs n to be a multiple of 8, strides");
  EXPECT_CONTAINS(told([](GemmCase &test) {
                    test.cByM = true;
                    test.m = 12;
                    test.padding = 4;
                  }),
                  "words; FP8 needs m to be a multiple of 8, strides");
  EXPECT_CONTAINS(told([](GemmCase &test) { test.offset = 8; }),
                  "words; FP8 needs addresses that are multiples of 16");
  good.scales = true;
  GemmRun scaled(context, good);
  ++scaled.desc.b_scale;
  EXPECT_CONTAINS(failure(program, scaled, STEELYARD_UNIMPLEMENTED),
                  "words; FP8 needs scales at addresses that are multiples of");
  good.scales = false;
  good.bias = true;
  GemmRun biased(context, good);
  biased.desc.bias = static_cast<const char *>(biased.desc.bias) + 8;
  EXPECT_CONTAINS(failure(program, biased, STEELYARD_UNIMPLEMENTED),
                  "words; FP8 needs a bias at an address that is a multiple");
  good.bias = false;
  // Another device.
  steelyard_context *ampere = makeDeviceContext(1);
  {
    GemmRun run(ampere, good);
    EXPECT_CONTAINS(failure(program, run, STEELYARD_UNIMPLEMENTED),
                    "words; FP8 needs a GPU of compute capability 8.9");
  }
  steelyard_context_destroy(ampere);
}

static void testErrors() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  testTypes(context, program);
  testStrides(context, program);
  testF8Needs(context, program);
  {
    GemmCase test;
    using Desc = steelyard_gpu_gemm_desc;
    auto told = [&](auto change, int32_t code = STEELYARD_INVALID_ARGUMENT) {
      GemmRun run(context, test);
      change(run.desc);
      return failure(program, run, code);
    };
    EXPECT_CONTAINS(told([](Desc &desc) { desc.m = -1; }), "negative size");
    EXPECT_CONTAINS(told([](Desc &desc) { desc.epilogue = 3; }),
                    "epilogue 3, compute 0, which this version does not know");
    EXPECT_CONTAINS(told([](Desc &desc) { desc.compute = 4; }), "compute 4");
    for (auto change : {+[](Desc &desc) { desc.a = nullptr; },
                        +[](Desc &desc) { desc.b = nullptr; },
                        +[](Desc &desc) { desc.c = nullptr; }}) {
      EXPECT_CONTAINS(told(change), "a null operand");
    }
    EXPECT_CONTAINS(told([](Desc &desc) { desc.batch = int64_t(1) << 31; },
                         STEELYARD_UNIMPLEMENTED),
                    "counts a batch in 32 bits");
    // The library's own failures.
    auto failing = [&](const char *what, int32_t code) {
      Setting fail("FAKE_BLASLT_FAIL", what);
      test.n = 33; // not met before
      return failure(context, program, test, code);
    };
    for (const char *what :
         {"cublasLtMatmulDescCreate=3", "cublasLtMatrixLayoutCreate=3",
          "cublasLtMatmulPreferenceCreate=3",
          "cublasLtMatmulDescSetAttribute=3",
          "cublasLtMatrixLayoutSetAttribute=3",
          "cublasLtMatmulPreferenceSetAttribute=3",
          "cublasLtMatmulAlgoGetHeuristic=3"}) {
      EXPECT_CONTAINS(failing(what, STEELYARD_RESOURCE_EXHAUSTED),
                      "CUBLAS_STATUS_ALLOC_FAILED");
    }
    EXPECT_CONTAINS(failing("cublasLtMatmul=13", STEELYARD_INTERNAL),
                    "1x6x33xf32 can't be launched by cuBLASLt 12.6.4 (");
    EXPECT_CONTAINS(failing("cublasLtMatmul=99", STEELYARD_INTERNAL),
                    "its status 99");
    expectRight(context, program, test);
    // A call that is to stop, and code of the CPU.
    int64_t products = blasCount(kMatmul);
    GemmRun run(context, test);
    EXPECT(program.run(context, [&](steelyard_context *inner) {
      steelyard_context_cancel(inner);
      return steelyard_gpu_gemm(inner, &run.desc);
    }) == STEELYARD_CANCELLED);
    EXPECT(blasCount(kMatmul) == products);
    Runner runner;
    steelyard_error error;
    EXPECT(runner.run(
               context,
               [&](steelyard_context *inner, void *) {
                 return steelyard_gpu_gemm(inner, &run.desc);
               },
               &error) == STEELYARD_INTERNAL);
    EXPECT_CONTAINS(error.message, "steelyard_gpu_gemm is for code of a cuda");
  }
  steelyard_context_destroy(context);
  EXPECT(blasLeaks() == 0);
}

/// Operands that are not there are found where the stream is waited for.
static void testFault() {
  GemmProgram program;
  steelyard_context *context = makeDeviceContext();
  {
    GemmCase test;
    GemmRun run(context, test);
    std::vector<float> host(1000);
    run.desc.a = host.data();
    std::string message;
    EXPECT(program.run(
               context,
               [&](steelyard_context *inner) {
                 return steelyard_gpu_gemm(inner, &run.desc);
               },
               &message) == STEELYARD_INTERNAL);
    EXPECT_CONTAINS(message, "CUDA_ERROR_ILLEGAL_ADDRESS");
    EXPECT(program.run(
               context,
               [&](steelyard_context *inner) {
                 return steelyard_gpu_gemm(inner, &run.desc);
               },
               &message) == STEELYARD_INTERNAL);
    EXPECT_CONTAINS(message, "CUBLAS_STATUS_EXECUTION_FAILED");
  }
  steelyard_context_destroy(context);
  EXPECT(blasLeaks() == 0);
}

/// Many contexts meet new problems at once.
static void testConcurrency() {
  GemmProgram program;
  int64_t before = choices();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      steelyard_context *context = makeDeviceContext(i % 2);
      for (int64_t n = 50; n < 60; ++n) {
        GemmCase test;
        test.n = n;
        test.bias = true;
        GemmRun run(context, test);
        good += run.run(program) == STEELYARD_OK && run.countWrong() == 0;
      }
      steelyard_context_destroy(context);
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT(good == 40);
  EXPECT(choices() == before + 20);
  EXPECT(blasLeaks() == 0);
}

int main() {
  Setting devices("FAKE_CUDA_DEVICES", "9.0,8.0,10.0");
  testNoLibrary();
  testValues();
  testNothing();
  testAccuracy();
  testChoices();
  testSplits();
  testStream();
  testReplay();
  testErrors();
  testConcurrency();
  testFault();
  EXPECT(leakCount() == 0);
  return failures != 0;
}
