//===- FakeBlasLt.cpp - cuBLASLt on the fake driver -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FakeBlasLt.h"

#include "steelyard/Numerics/Round.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>

#include "FakeCUDA.h"

namespace {

// Numbers of NVIDIA's headers, written out a second time.
enum : int {
  kSuccess = 0,
  kNotInitialized = 1,
  kInvalidValue = 7,
  kExecutionFailed = 13,
  kNotSupported = 15,
};
enum : int { kF32 = 0, kF64 = 1, kF16 = 2, kBF16 = 14, kE4M3 = 28, kE5M2 = 29 };
enum : int { kCompute32F = 68, kCompute64F = 70, kComputeTF32 = 77 };

struct Handle {
  int device;
};

struct Matmul {
  int compute = 0, scaleType = 0;
  int32_t transposeA = 0, transposeB = 0;
  uint32_t epilogue = 1;
  const void *bias = nullptr;
  const float *scaleA = nullptr, *scaleB = nullptr;
  int8_t fast = 0;
  int32_t biasType = -1;
};

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
  int32_t batch = 1;
  int64_t batchStride = 0;
};

struct Preference {
  uint64_t workspace = 0;
  uint32_t reduction = 7;
  uint32_t alignments[4] = {256, 256, 256, 256};
};

struct Algorithm {
  uint64_t magic, problem;
  uint32_t alignments[4];
  uint64_t joinsInOutputType;
  int32_t splits, tile;
  uint64_t rest[2];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Algorithm) == 64 && sizeof(HeuristicResult) == 96);

constexpr uint64_t kMagic = 0x544c5341;
constexpr size_t kWorkspace = size_t(1) << 20; // that every algorithm needs

struct State {
  std::recursive_mutex mutex;
  std::map<std::string, int64_t> calls;
  std::set<void *> objects;
};

State &state() {
  static State instance;
  return instance;
}

template <typename Function>
Function *driver(const char *name) {
  static void *library =
      dlopen(std::getenv("STEELYARD_CUDA_DRIVER"), RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<Function *>(dlsym(library, name));
}

int begin(const char *function) {
  ++state().calls[function];
  const char *text = std::getenv("FAKE_BLASLT_FAIL");
  std::string told = text ? text : "";
  size_t found = told.find(std::string(function) + "=");
  return found == std::string::npos
             ? kSuccess
             : static_cast<int>(
                   std::strtol(told.c_str() + found + std::strlen(function) + 1,
                               nullptr, 10));
}

template <typename T>
int create(void **object, const T &value) {
  *object = new T(value);
  state().objects.insert(*object);
  return kSuccess;
}

template <typename T>
int destroy(void *object) {
  if (!state().objects.erase(object)) {
    return kInvalidValue;
  }
  delete static_cast<T *>(object);
  return kSuccess;
}

template <typename T>
int assign(T &to, const void *from, size_t bytes) {
  if (bytes != sizeof to) {
    return kInvalidValue;
  }
  std::memcpy(static_cast<void *>(&to), from, bytes);
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

size_t bytesOf(int type) {
  switch (type) {
  case kF64:
    return 8;
  case kF32:
    return 4;
  case kE4M3:
  case kE5M2:
    return 1;
  default:
    return 2;
  }
}

steelyard::FloatFormat formatOf(int type) {
  switch (type) {
  case kE4M3:
    return steelyard::formats::f8E4M3FN;
  case kE5M2:
    return steelyard::formats::f8E5M2;
  case kF16:
    return steelyard::formats::f16;
  default:
    return steelyard::formats::bf16;
  }
}

double load(int type, const void *data, int64_t index) {
  switch (type) {
  case kF64:
    return static_cast<const double *>(data)[index];
  case kF32:
    return static_cast<double>(static_cast<const float *>(data)[index]);
  default:
    uint32_t code = bytesOf(type) == 1
                        ? static_cast<const uint8_t *>(data)[index]
                        : static_cast<const uint16_t *>(data)[index];
    return static_cast<double>(steelyard::decode(formatOf(type), code));
  }
}

double rounded(int type, double value) {
  switch (type) {
  case kF64:
    return value;
  case kF32:
    return static_cast<double>(static_cast<float>(value));
  default:
    return static_cast<double>(steelyard::decode(
        formatOf(type), steelyard::encode(formatOf(type), value)));
  }
}

void store(int type, void *data, int64_t index, double value) {
  switch (type) {
  case kF64:
    static_cast<double *>(data)[index] = value;
    break;
  case kF32:
    static_cast<float *>(data)[index] = static_cast<float>(value);
    break;
  default:
    static_cast<uint16_t *>(data)[index] =
        static_cast<uint16_t>(steelyard::encode(formatOf(type), value));
  }
}

/// To `bits` significant ones, ties to even.
double roundTo(int bits, double value) {
  int exponent = 0;
  double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)),
                    exponent - bits);
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

struct Problem {
  Matmul matmul;
  Layout a, b, c, d;

  int64_t m() const { return static_cast<int64_t>(d.rows); }
  int64_t n() const { return static_cast<int64_t>(d.columns); }
  int64_t k() const {
    return static_cast<int64_t>(matmul.transposeA ? a.rows : a.columns);
  }

  uint64_t hash() const {
    uint64_t sum = 1469598103934665603u;
    auto add = [&](uint64_t value) {
      sum = (sum ^ value) * 1099511628211u + (sum >> 31);
    };
    for (const Layout *layout : {&a, &b, &c, &d}) {
      add(static_cast<uint64_t>(layout->type));
      add(layout->rows);
      add(layout->columns);
      add(static_cast<uint64_t>(layout->leading));
      add(static_cast<uint64_t>(layout->batch));
      add(static_cast<uint64_t>(layout->batchStride));
    }
    for (int64_t value :
         {int64_t(matmul.compute), int64_t(matmul.scaleType),
          int64_t(matmul.transposeA), int64_t(matmul.transposeB),
          int64_t(matmul.epilogue), int64_t(matmul.bias != nullptr),
          int64_t(matmul.scaleA != nullptr), int64_t(matmul.scaleB != nullptr),
          int64_t(matmul.fast), int64_t(matmul.biasType)}) {
      add(static_cast<uint64_t>(value));
    }
    return sum;
  }
};

bool isF8(int type) { return type == kE4M3 || type == kE5M2; }

/// Sizes that don't go together are mistakes, whatever the types.
int checkSizes(const Problem &problem) {
  const Layout &a = problem.a, &b = problem.b, &d = problem.d;
  auto op = [](const Layout &layout, int32_t transpose) {
    return transpose ? std::pair(layout.columns, layout.rows)
                     : std::pair(layout.rows, layout.columns);
  };
  auto [m, k] = op(a, problem.matmul.transposeA);
  auto [otherK, n] = op(b, problem.matmul.transposeB);
  if (k != otherK || m != d.rows || n != d.columns || !k || !m || !n) {
    return kInvalidValue;
  }
  for (const Layout *layout : {&a, &b, &problem.c, &d}) {
    if (layout->leading < static_cast<int64_t>(layout->rows) ||
        layout->batch != d.batch || layout->batch < 1) {
      return kInvalidValue;
    }
  }
  return kSuccess;
}

/// Compute type, scale type, A, B, C and D, bias: the documentation's tables.
bool areTypesSupported(const Problem &problem) {
  const Matmul &matmul = problem.matmul;
  static const int rows[][6] = {
      {kCompute32F, kF32, kF32, kF32, kF32, kF32},
      {kComputeTF32, kF32, kF32, kF32, kF32, kF32},
      {kCompute32F, kF32, kF16, kF16, kF16, kF16},
      {kCompute32F, kF32, kF16, kF16, kF32, kF32},
      {kCompute32F, kF32, kBF16, kBF16, kBF16, kBF16},
      {kCompute32F, kF32, kBF16, kBF16, kF32, kF32},
      {kCompute64F, kF64, kF64, kF64, kF64, -1},
      {kCompute32F, kF32, kE4M3, kE4M3, kF32, kBF16},
      {kCompute32F, kF32, kE4M3, kE4M3, kBF16, kBF16},
      {kCompute32F, kF32, kE4M3, kE4M3, kF16, kF16},
      {kCompute32F, kF32, kE4M3, kE5M2, kF32, kBF16},
      {kCompute32F, kF32, kE4M3, kE5M2, kBF16, kBF16},
      {kCompute32F, kF32, kE4M3, kE5M2, kF16, kF16},
      {kCompute32F, kF32, kE5M2, kE4M3, kF32, kBF16},
      {kCompute32F, kF32, kE5M2, kE4M3, kBF16, kBF16},
      {kCompute32F, kF32, kE5M2, kE4M3, kF16, kF16},
  };
  return std::any_of(
      std::begin(rows), std::end(rows), [&](const int (&row)[6]) {
        return row[0] == matmul.compute && row[1] == matmul.scaleType &&
               row[2] == problem.a.type && row[3] == problem.b.type &&
               row[4] == problem.c.type && row[4] == problem.d.type &&
               (!(matmul.epilogue & 4) || row[5] == matmul.biasType) &&
               (matmul.epilogue == 1 || row[5] >= 0);
      });
}

/// What FP8 asks for beyond its types.
bool isF8Supported(const Problem &problem, const uint32_t *alignments,
                   int capability) {
  if (capability < 89) {
    return false;
  }
  if (capability < 100 &&
      (!problem.matmul.transposeA || problem.matmul.transposeB)) {
    return false;
  }
  if (*std::min_element(alignments, alignments + 4) < 16 ||
      reinterpret_cast<uintptr_t>(problem.matmul.bias) % 16) {
    return false;
  }
  for (const Layout *layout : {&problem.a, &problem.b, &problem.d}) {
    auto size = static_cast<int64_t>(bytesOf(layout->type));
    if (static_cast<int64_t>(layout->rows) * size % 16 ||
        layout->leading * size % 16 || layout->batchStride * size % 16) {
      return false;
    }
  }
  return true;
}

int check(const Problem &problem, const uint32_t *alignments, int capability) {
  const Matmul &matmul = problem.matmul;
  if (int status = checkSizes(problem)) {
    return status;
  }
  bool f8 = isF8(problem.a.type);
  if ((!f8 && (matmul.scaleA || matmul.scaleB || matmul.fast)) ||
      (matmul.epilogue & 4 && !matmul.bias)) {
    return kInvalidValue;
  }
  static const std::set<uint32_t> epilogues = {1, 2, 4, 6, 32, 36};
  if (!epilogues.count(matmul.epilogue) || !areTypesSupported(problem)) {
    return kNotSupported;
  }
  if (f8 && !isF8Supported(problem, alignments, capability)) {
    return kNotSupported;
  }
  return kSuccess;
}

/// The product, on the device.
struct Work {
  Problem problem;
  const void *a, *b, *c;
  void *d;
  double alpha, beta;
  bool joinsInOutputType;

  bool holds(const Layout &layout, const void *data) const {
    auto last = static_cast<int64_t>(layout.batch - 1) * layout.batchStride +
                static_cast<int64_t>(layout.columns - 1) * layout.leading +
                static_cast<int64_t>(layout.rows);
    return driver<FakeCUDAHolds>("fakeCUDAHolds")(
        data, static_cast<size_t>(last) * bytesOf(layout.type));
  }

  double sum(int64_t batch, int64_t i, int64_t j) const {
    const Matmul &matmul = problem.matmul;
    auto at = [&](const Layout &layout, const void *data, int64_t row,
                  int64_t column) {
      double value =
          load(layout.type, data,
               batch * layout.batchStride + column * layout.leading + row);
      return matmul.compute == kComputeTF32 ? roundTo(11, value) : value;
    };
    double total = 0;
    for (int64_t p = 0; p < problem.k(); ++p) {
      double left =
          matmul.transposeA ? at(problem.a, a, p, i) : at(problem.a, a, i, p);
      double right =
          matmul.transposeB ? at(problem.b, b, j, p) : at(problem.b, b, p, j);
      total += left * right;
      if (matmul.fast) {
        total = roundTo(14, total);
      }
      if (joinsInOutputType) {
        total = rounded(problem.d.type, total);
      }
    }
    return total;
  }

  int run() const {
    const Matmul &matmul = problem.matmul;
    if (!holds(problem.a, a) || !holds(problem.b, b) || !holds(problem.d, d) ||
        (matmul.bias && !driver<FakeCUDAHolds>("fakeCUDAHolds")(
                            matmul.bias, static_cast<size_t>(problem.m()) *
                                             bytesOf(matmul.biasType)))) {
      return 700;
    }
    double scale = alpha;
    for (const float *factor : {matmul.scaleA, matmul.scaleB}) {
      scale *= factor ? static_cast<double>(*factor) : 1;
    }
    for (int64_t batch = 0; batch < problem.d.batch; ++batch) {
      for (int64_t j = 0; j < problem.n(); ++j) {
        for (int64_t i = 0; i < problem.m(); ++i) {
          int64_t at =
              batch * problem.d.batchStride + j * problem.d.leading + i;
          double value = scale * sum(batch, i, j);
          if (beta != 0) {
            value += beta * load(problem.c.type, c, at);
          }
          if (matmul.epilogue & 4) {
            value += load(matmul.biasType, matmul.bias, i);
          }
          if (matmul.epilogue & 2) {
            value = std::max(value, 0.0);
          }
          if (matmul.epilogue & 32) {
            value *=
                0.5 *
                (1 + std::tanh(0.7978845608028654 *
                               (value + 0.044715 * value * value * value)));
          }
          store(problem.d.type, d, at, value);
        }
      }
    }
    return 0;
  }
};

/// The problem, of a handle of the current device.
int readProblem(void *handle, void *matmul, void *a, void *b, void *c, void *d,
                Problem &problem, int &capability) {
  int ordinal = -1;
  if (!state().objects.count(handle) ||
      !driver<FakeCUDACurrent>("fakeCUDACurrent")(&ordinal, &capability) ||
      ordinal != static_cast<Handle *>(handle)->device) {
    return kNotInitialized;
  }
  for (void *object : {matmul, a, b, c, d}) {
    if (!state().objects.count(object)) {
      return kInvalidValue;
    }
  }
  problem = {*static_cast<Matmul *>(matmul), *static_cast<Layout *>(a),
             *static_cast<Layout *>(b), *static_cast<Layout *>(c),
             *static_cast<Layout *>(d)};
  return kSuccess;
}

} // namespace

#define BEGIN(function)                                                        \
  std::lock_guard<std::recursive_mutex> lock(state().mutex);                   \
  if (int told = begin(function)) {                                            \
    return told;                                                               \
  }

extern "C" {

int64_t fakeBlasLtCount(const char *function) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().calls[function];
}

int64_t fakeBlasLtLeaks() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return static_cast<int64_t>(state().objects.size());
}

size_t cublasLtGetVersion() {
  const char *text = std::getenv("FAKE_BLASLT_VERSION");
  return text ? std::strtoull(text, nullptr, 10) : 120604;
}

const char *cublasLtGetStatusName(int status) {
  static const std::map<int, const char *> names = {
      {0, "CUBLAS_STATUS_SUCCESS"},
      {1, "CUBLAS_STATUS_NOT_INITIALIZED"},
      {3, "CUBLAS_STATUS_ALLOC_FAILED"},
      {7, "CUBLAS_STATUS_INVALID_VALUE"},
      {13, "CUBLAS_STATUS_EXECUTION_FAILED"},
      {15, "CUBLAS_STATUS_NOT_SUPPORTED"}};
  auto found = names.find(status);
  return found == names.end() ? nullptr : found->second;
}

const char *cublasLtGetStatusString(int) { return "in the library's words"; }

int cublasLtCreate(void **handle) {
  BEGIN("cublasLtCreate")
  int ordinal = -1, capability = 0;
  if (!driver<FakeCUDACurrent>("fakeCUDACurrent")(&ordinal, &capability)) {
    return kNotInitialized;
  }
  return create(handle, Handle{ordinal});
}

int cublasLtDestroy(void *handle) {
  BEGIN("cublasLtDestroy")
  return destroy<Handle>(handle);
}

int cublasLtMatmulDescCreate(void **matmul, int compute, int scaleType) {
  BEGIN("cublasLtMatmulDescCreate")
  Matmul created;
  created.compute = compute;
  created.scaleType = scaleType;
  return create(matmul, created);
}

int cublasLtMatmulDescDestroy(void *matmul) {
  BEGIN("cublasLtMatmulDescDestroy")
  return destroy<Matmul>(matmul);
}

int cublasLtMatmulDescSetAttribute(void *object, int attribute,
                                   const void *value, size_t bytes) {
  BEGIN("cublasLtMatmulDescSetAttribute")
  Matmul &matmul = *static_cast<Matmul *>(object);
  switch (attribute) {
  case 3:
    return assign(matmul.transposeA, value, bytes);
  case 4:
    return assign(matmul.transposeB, value, bytes);
  case 7:
    return assign(matmul.epilogue, value, bytes);
  case 8:
    return assign(matmul.bias, value, bytes);
  case 17:
    return assign(matmul.scaleA, value, bytes);
  case 18:
    return assign(matmul.scaleB, value, bytes);
  case 25:
    return assign(matmul.fast, value, bytes);
  case 26:
    return assign(matmul.biasType, value, bytes);
  default:
    return kInvalidValue;
  }
}

int cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows,
                               uint64_t columns, int64_t leading) {
  BEGIN("cublasLtMatrixLayoutCreate")
  return create(layout, Layout{type, rows, columns, leading});
}

int cublasLtMatrixLayoutDestroy(void *layout) {
  BEGIN("cublasLtMatrixLayoutDestroy")
  return destroy<Layout>(layout);
}

int cublasLtMatrixLayoutSetAttribute(void *object, int attribute,
                                     const void *value, size_t bytes) {
  BEGIN("cublasLtMatrixLayoutSetAttribute")
  Layout &layout = *static_cast<Layout *>(object);
  switch (attribute) {
  case 5:
    return assign(layout.batch, value, bytes);
  case 6:
    return assign(layout.batchStride, value, bytes);
  default:
    return kInvalidValue;
  }
}

int cublasLtMatmulPreferenceCreate(void **preference) {
  BEGIN("cublasLtMatmulPreferenceCreate")
  return create(preference, Preference());
}

int cublasLtMatmulPreferenceDestroy(void *preference) {
  BEGIN("cublasLtMatmulPreferenceDestroy")
  return destroy<Preference>(preference);
}

int cublasLtMatmulPreferenceSetAttribute(void *object, int attribute,
                                         const void *value, size_t bytes) {
  BEGIN("cublasLtMatmulPreferenceSetAttribute")
  Preference &preference = *static_cast<Preference *>(object);
  switch (attribute) {
  case 1:
    return assign(preference.workspace, value, bytes);
  case 3:
    return assign(preference.reduction, value, bytes);
  case 5:
  case 6:
  case 7:
  case 8:
    return assign(preference.alignments[attribute - 5], value, bytes);
  default:
    return kInvalidValue;
  }
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, void *matmul, void *a, void *b,
                                   void *c, void *d, void *object,
                                   int requested, void *results, int *count) {
  BEGIN("cublasLtMatmulAlgoGetHeuristic")
  Problem problem;
  int capability = 0;
  *count = 0;
  if (int status =
          readProblem(handle, matmul, a, b, c, d, problem, capability)) {
    return status;
  }
  const Preference &preference = *static_cast<Preference *>(object);
  if (requested < 1) {
    return kInvalidValue;
  }
  if (int status = check(problem, preference.alignments, capability)) {
    return status;
  }
  if (preference.workspace < kWorkspace) {
    return kNotSupported;
  }
  HeuristicResult result{};
  result.algorithm.magic = kMagic;
  result.algorithm.problem = problem.hash();
  std::copy(preference.alignments, preference.alignments + 4,
            result.algorithm.alignments);
  result.algorithm.joinsInOutputType = preference.reduction & 5 ? 1 : 0;
  result.workspace = kWorkspace;
  // "264:16,1:11": parts of sums and tiles of what is offered.
  const char *told = std::getenv("FAKE_BLASLT_ALGORITHMS");
  std::istringstream all(told ? told : "1:0");
  for (std::string one; *count < requested && std::getline(all, one, ',');) {
    result.algorithm.splits = std::stoi(one);
    result.algorithm.tile = std::stoi(one.substr(one.find(':') + 1));
    if (preference.reduction == 0 && result.algorithm.splits > 1) {
      continue;
    }
    std::memcpy(static_cast<HeuristicResult *>(results) + *count, &result,
                sizeof result);
    ++*count;
  }
  return kSuccess;
}

int cublasLtMatmulAlgoConfigGetAttribute(const void *algorithm, int attribute,
                                         void *value, size_t bytes,
                                         size_t *written) {
  BEGIN("cublasLtMatmulAlgoConfigGetAttribute")
  const auto &asked = *static_cast<const Algorithm *>(algorithm);
  if (asked.magic != kMagic || bytes != sizeof(int32_t) ||
      (attribute != 1 && attribute != 2)) {
    return kInvalidValue;
  }
  std::memcpy(value, attribute == 1 ? &asked.tile : &asked.splits, bytes);
  *written = bytes;
  return kSuccess;
}

int cublasLtMatmul(void *handle, void *matmul, const void *alpha, const void *a,
                   void *aLayout, const void *b, void *bLayout,
                   const void *beta, const void *c, void *cLayout, void *d,
                   void *dLayout, const void *algorithm, void *workspace,
                   size_t workspaceBytes, void *stream) {
  BEGIN("cublasLtMatmul")
  Problem problem;
  int capability = 0;
  if (int status = readProblem(handle, matmul, aLayout, bLayout, cLayout,
                               dLayout, problem, capability)) {
    return status;
  }
  const auto &chosen = *static_cast<const Algorithm *>(algorithm);
  if (chosen.magic != kMagic || chosen.problem != problem.hash() ||
      workspaceBytes < kWorkspace ||
      !driver<FakeCUDAHolds>("fakeCUDAHolds")(workspace, workspaceBytes)) {
    return kInvalidValue;
  }
  ++state().calls["algorithm " + std::to_string(chosen.splits) + ":" +
                  std::to_string(chosen.tile)];
  for (const float *scale : {problem.matmul.scaleA, problem.matmul.scaleB}) {
    if (reinterpret_cast<uintptr_t>(scale) % 16) {
      return kNotSupported; // which the real one says no sooner either
    }
  }
  const void *addresses[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i) {
    if (reinterpret_cast<uintptr_t>(addresses[i]) % chosen.alignments[i]) {
      return kInvalidValue;
    }
  }
  Work work{problem,
            a,
            b,
            c,
            d,
            load(problem.matmul.scaleType, alpha, 0),
            load(problem.matmul.scaleType, beta, 0),
            chosen.joinsInOutputType != 0};
  std::function<int()> run = [work] { return work.run(); };
  return driver<FakeCUDAPush>("fakeCUDAPush")(stream, &run) == 0
             ? kSuccess
             : kExecutionFailed;
}

} // extern "C"
