//===- Blas.cpp - Opening a BLAS library ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Blas.h"

#include <cstdlib>
#include <dlfcn.h>
#include <memory>
#include <mutex>

using namespace steelyard::runtime;

BlasLibrary::~BlasLibrary() = default;

namespace {

// CBLAS's enumerators.
constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;
constexpr int kTranspose = 112;

template <typename T, typename Int>
using GemmFunction = void (*)(int order, int transposeA, int transposeB, Int m,
                              Int n, Int k, T alpha, const T *a, Int lda,
                              const T *b, Int ldb, T beta, T *c, Int ldc);

/// How a library is told, and tells, its number of threads.
template <typename Int>
struct Threads {
  void (*set)(Int) = nullptr;
  Int (*get)() = nullptr;
};

/// A CBLAS library whose integers are `Int`.
template <typename Int>
class CBlas : public BlasLibrary {
public:
  CBlas(std::string name, GemmFunction<float, Int> sgemm,
        GemmFunction<double, Int> dgemm, Threads<Int> threads)
      : name(std::move(name)), sgemm(sgemm), dgemm(dgemm), threads(threads) {}

  const char *description() const override { return name.c_str(); }

  // Others in the process may set it as well: looked at every time.
  void prepare() const override {
    if (threads.set && threads.get() != 1) {
      threads.set(1);
    }
  }

  void multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> a,
                Matrix<const float> b, Matrix<float> c, bool accumulate,
                void *workspace) const override {
    call(sgemm, m, n, k, a, b, c, accumulate);
  }
  void multiply(int64_t m, int64_t n, int64_t k, Matrix<const double> a,
                Matrix<const double> b, Matrix<double> c, bool accumulate,
                void *workspace) const override {
    call(dgemm, m, n, k, a, b, c, accumulate);
  }

private:
  template <typename T>
  static void call(GemmFunction<T, Int> function, int64_t m, int64_t n,
                   int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<T> c,
                   bool accumulate) {
    // Both strides may be 1, of a row or a column.
    bool straightA = a.columnStride == 1 && a.rowStride >= k;
    bool straightB = b.columnStride == 1 && b.rowStride >= n;
    function(kRowMajor, straightA ? kNoTranspose : kTranspose,
             straightB ? kNoTranspose : kTranspose, static_cast<Int>(m),
             static_cast<Int>(n), static_cast<Int>(k), T(1), a.data,
             static_cast<Int>(straightA ? a.rowStride : a.columnStride), b.data,
             static_cast<Int>(straightB ? b.rowStride : b.columnStride),
             accumulate ? T(1) : T(0), c.data, static_cast<Int>(c.rowStride));
  }

  std::string name;
  GemmFunction<float, Int> sgemm;
  GemmFunction<double, Int> dgemm;
  Threads<Int> threads;
};

template <typename Function>
Function symbol(void *handle, const std::string &name) {
  return reinterpret_cast<Function>(dlsym(handle, name.c_str()));
}

/// The library behind `handle` if its symbols are prefix + name + suffix.
template <typename Int>
std::unique_ptr<BlasLibrary> bind(void *handle, const char *path,
                                  const std::string &prefix,
                                  const std::string &suffix) {
  auto sgemm =
      symbol<GemmFunction<float, Int>>(handle, prefix + "cblas_sgemm" + suffix);
  auto dgemm = symbol<GemmFunction<double, Int>>(
      handle, prefix + "cblas_dgemm" + suffix);
  if (!sgemm || !dgemm) {
    return nullptr;
  }
  std::string name;
  using GetConfig = char *(*)();
  if (auto config =
          symbol<GetConfig>(handle, prefix + "openblas_get_config" + suffix)) {
    name = std::string(config()) + ", ";
  }
  Threads<Int> threads;
  const std::string names[][2] = {
      {prefix + "openblas_set_num_threads" + suffix,
       prefix + "openblas_get_num_threads" + suffix},
      {"MKL_Set_Num_Threads", "MKL_Get_Max_Threads"},
      {"bli_thread_set_num_threads", "bli_thread_get_num_threads"}};
  for (const auto &[set, get] : names) {
    threads.set = symbol<void (*)(Int)>(handle, set);
    threads.get = symbol<Int (*)()>(handle, get);
    if (threads.set && threads.get) {
      break;
    }
    threads = {};
  }
  return std::make_unique<CBlas<Int>>(name + path, sgemm, dgemm, threads);
}

Status openBlas(const char *path, std::unique_ptr<BlasLibrary> &library) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    return notFound(format("can't open the BLAS library '%s': %s", path,
                           reason ? reason : "unknown"));
  }
  for (const char *prefix : {"", "scipy_"}) {
    library = bind<int32_t>(handle, path, prefix, "");
    if (!library) {
      library = bind<int64_t>(handle, path, prefix, "64_");
    }
    if (library) {
      return Status();
    }
  }
  dlclose(handle);
  return notFound(format("'%s' has no cblas_sgemm and cblas_dgemm", path));
}

/// The process's choice. Leaked: threads may be using it at exit.
struct Choice {
  std::mutex mutex;
  const BlasLibrary *library = nullptr; // null: not chosen yet
  std::string path;                     // that was given to the API
  Status status;                        // why STEELYARD_BLAS can't be used
};

Choice &choice() {
  static auto *instance = new Choice;
  return *instance;
}

const char *environmentPath() {
  const char *path = std::getenv("STEELYARD_BLAS");
  return path && *path ? path : nullptr;
}

/// With the mutex held.
void choose(Choice &chosen) {
  std::unique_ptr<BlasLibrary> library;
  if (const char *path = environmentPath()) {
    if (std::string(path) != "builtin") {
      chosen.status = openBlas(path, library);
      if (!chosen.status.ok()) {
        return;
      }
    }
  } else if (!openBlas("libopenblas.so.0", library).ok()) {
    library = nullptr;
  }
  chosen.library = library ? library.release() : &builtinBlas();
}

} // namespace

Status steelyard::runtime::getBlas(const BlasLibrary *&library) {
  Choice &chosen = choice();
  std::lock_guard<std::mutex> lock(chosen.mutex);
  if (!chosen.library && chosen.status.ok()) {
    choose(chosen);
  }
  library = chosen.library;
  return chosen.status;
}

int32_t steelyard_set_blas_path(const char *path, steelyard_error *error) {
  if (!path || !*path) {
    return report(invalidArgument("no path of a BLAS library"), error);
  }
  Choice &chosen = choice();
  std::lock_guard<std::mutex> lock(chosen.mutex);
  if (environmentPath() || (chosen.library && chosen.path == path)) {
    return report(Status(), error);
  }
  if (chosen.library) {
    return report(
        failedPrecondition(std::string("the BLAS library in use is ") +
                           chosen.library->description()),
        error);
  }
  std::unique_ptr<BlasLibrary> library;
  Status status = openBlas(path, library);
  if (status.ok()) {
    chosen.library = library.release();
    chosen.path = path;
  }
  return report(status, error);
}

const char *steelyard_blas_description(void) {
  const BlasLibrary *library = nullptr;
  Status status = getBlas(library);
  if (status.ok()) {
    return library->description();
  }
  // The status is the process's and never changes again.
  static auto *reason = new std::string(status.message());
  return reason->c_str();
}
