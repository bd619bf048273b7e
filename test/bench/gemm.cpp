//===- gemm.cpp - steelyard_gemm beside the plain BLAS ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// gemm-bench [size] [threads] [repeats] [path of an OpenBLAS]
//
// Size^3 contractions through the runtime, and the same library called
// directly with its own threads, alternating in one run: minimum and median
// time, GFLOP/s, and the ratio of the minima to the library's f32. Without a
// library only the runtime's own code is timed.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Runtime/steelyard.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Sgemm = void (*)(int, int, int, int, int, int, float, const float *, int,
                       const float *, int, float, float *, int);

struct Library {
  Sgemm sgemm = nullptr;
  void (*setThreads)(int) = nullptr;
};

Library openLibrary(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  for (const char *prefix : {"", "scipy_"}) {
    Library library;
    std::string name = prefix;
    if (!handle) {
      break;
    }
    library.sgemm =
        reinterpret_cast<Sgemm>(dlsym(handle, (name + "cblas_sgemm").c_str()));
    library.setThreads = reinterpret_cast<void (*)(int)>(
        dlsym(handle, (name + "openblas_set_num_threads").c_str()));
    if (library.sgemm && library.setThreads) {
      return library;
    }
  }
  return {};
}

double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Row {
  std::string name;
  std::function<void()> run;
  std::vector<double> times;
};

/// What the benchmark runs is inside one call: the entry below calls this.
std::function<void(steelyard_context *)> work;

int32_t entry(steelyard_context *context, void *, const void *const *,
              void *const *) {
  work(context);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  int64_t size = argc > 1 ? std::atoll(argv[1]) : 1024;
  int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  int repeats = argc > 3 ? std::atoi(argv[3]) : 11;
  const char *path = argc > 4 ? argv[4] : "libopenblas.so.0";
  if (size < 1 || size > 32768 || threads < 1 || repeats < 1) {
    std::fprintf(stderr, "usage: gemm-bench [size] [threads] [repeats] "
                         "[path of an OpenBLAS]\n");
    return 1;
  }
  steelyard_error error;
  Library library = openLibrary(path);
  if (library.sgemm && steelyard_set_blas_path(path, &error) != STEELYARD_OK) {
    std::fprintf(stderr, "gemm-bench: %s\n", error.message);
    return 1;
  }
  std::printf("%s\n%lld^3, %d threads, %d repeats\n",
              steelyard_blas_description(), static_cast<long long>(size),
              threads, repeats);

  auto count = static_cast<size_t>(size * size);
  std::mt19937 random(1);
  std::vector<float> a(count), b(count), c(count);
  std::vector<uint8_t> a8(count), b8(count);
  std::vector<uint16_t> a16(count), b16(count);
  for (size_t i = 0; i < count; ++i) {
    a[i] = static_cast<float>(random()) / 4e9f - 0.5f;
    b[i] = static_cast<float>(random()) / 4e9f - 0.5f;
    a8[i] = static_cast<uint8_t>(random() & 0xb7); // finite in every format
    b8[i] = static_cast<uint8_t>(random() & 0xb7);
    a16[i] = static_cast<uint16_t>(random() & 0xb7ff);
    b16[i] = static_cast<uint16_t>(random() & 0xb7ff);
  }

  steelyard_context_options options{STEELYARD_ABI_VERSION, threads, nullptr};
  steelyard_context *context = steelyard_context_create(&options, &error);
  steelyard_function function{"bench", entry};
  steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 1, &function};
  steelyard_executable *executable = steelyard_executable_create(&desc, &error);
  if (!context || !executable) {
    std::fprintf(stderr, "gemm-bench: %s\n", error.message);
    return 1;
  }

  auto runtime = [&](const void *left, steelyard_type leftType,
                     const void *right, steelyard_type rightType) {
    return [=, &c, &error] {
      steelyard_gemm_desc gemm{
          1, size,  size,      size, left, leftType, 0,        size,
          1, right, rightType, 0,    size, 1,        c.data(), STEELYARD_F32,
          0, size,  1,         0};
      if (library.setThreads) {
        library.setThreads(1);
      }
      work = [&](steelyard_context *inner) { steelyard_gemm(inner, &gemm); };
      if (steelyard_execute(executable, 0, context, nullptr, nullptr, &error)) {
        std::fprintf(stderr, "gemm-bench: %s\n", error.message);
        std::exit(1);
      }
    };
  };
  std::vector<Row> rows;
  auto n = static_cast<int>(size);
  if (library.sgemm) {
    rows.push_back({"library f32", [&] {
                      library.setThreads(threads);
                      library.sgemm(101, 111, 111, n, n, n, 1, a.data(), n,
                                    b.data(), n, 0, c.data(), n);
                    }});
  }
  rows.push_back(
      {"f32", runtime(a.data(), STEELYARD_F32, b.data(), STEELYARD_F32)});
  rows.push_back(
      {"f8E4M3FN x f8E4M3FN",
       runtime(a8.data(), STEELYARD_F8E4M3FN, b8.data(), STEELYARD_F8E4M3FN)});
  rows.push_back({"f8E5M2 x f8E4M3FN", runtime(a8.data(), STEELYARD_F8E5M2,
                                               b8.data(), STEELYARD_F8E4M3FN)});
  rows.push_back(
      {"f8E4M3FNUZ (table)", runtime(a8.data(), STEELYARD_F8E4M3FNUZ, b8.data(),
                                     STEELYARD_F8E4M3FNUZ)});
  rows.push_back(
      {"f16", runtime(a16.data(), STEELYARD_F16, b16.data(), STEELYARD_F16)});
  rows.push_back({"bf16", runtime(a16.data(), STEELYARD_BF16, b16.data(),
                                  STEELYARD_BF16)});
  for (int repeat = 0; repeat <= repeats; ++repeat) {
    for (Row &row : rows) {
      // OpenBLAS's own workers spin for a while after a call; a call that is
      // not timed wakes the runtime's.
      if (&row == &rows[library.sgemm ? 1 : 0]) {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        row.run();
      }
      double start = seconds();
      row.run();
      if (repeat > 0) { // the first one warms up
        row.times.push_back(seconds() - start);
      }
    }
  }
  double flops = 2.0 * static_cast<double>(size) * static_cast<double>(size) *
                 static_cast<double>(size);
  std::printf("%-22s %10s %10s %10s %8s\n", "", "min ms", "median ms",
              "GFLOP/s", "ratio");
  double reference = 0;
  for (Row &row : rows) {
    std::sort(row.times.begin(), row.times.end());
    double least = row.times.front();
    reference = reference == 0 ? least : reference;
    std::printf("%-22s %10.3f %10.3f %10.1f %8.3f\n", row.name.c_str(),
                least * 1e3, row.times[row.times.size() / 2] * 1e3,
                flops / least / 1e9, reference / least);
  }
  steelyard_executable_destroy(executable);
  steelyard_context_destroy(context);
  return 0;
}
