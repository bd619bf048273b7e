//===- GemmTest.cpp - Contractions against a naive sum ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GemmTest [seed]. Run for every library and instruction set that the machine
// has: see CMakeLists.txt.
//
//===----------------------------------------------------------------------===//

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "Test.h"

namespace {

std::mt19937_64 randomBits(1);

int64_t pick(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(randomBits() %
                                    static_cast<uint64_t>(high - low + 1));
}

//===----------------------------------------------------------------------===//
// Formats, written out a second time: by the definition, with pow.
//===----------------------------------------------------------------------===//

struct Format {
  const char *name;
  steelyard_type type;
  int exponentBits, significandBits, bias, nonFinite;
  bool isSigned = true;

  int bits() const { return isSigned + exponentBits + significandBits; }

  double value(uint64_t code) const {
    uint64_t top = uint64_t(1) << (exponentBits + significandBits);
    bool negative = isSigned && (code & top);
    uint64_t magnitude = code & (top - 1);
    uint64_t e = magnitude >> significandBits;
    double fraction = static_cast<double>(
                          magnitude & ((uint64_t(1) << significandBits) - 1)) /
                      std::pow(2, significandBits);
    bool lastExponent = e == (uint64_t(1) << exponentBits) - 1;
    double nan = std::numeric_limits<double>::quiet_NaN();
    double infinity = std::numeric_limits<double>::infinity();
    double result =
        e == 0 && isSigned
            ? fraction * std::pow(2, 1 - bias)
            : (1 + fraction) * std::pow(2, static_cast<double>(e) - bias);
    if (nonFinite == STEELYARD_NON_FINITE_IEEE && lastExponent) {
      result = fraction == 0 ? infinity : nan;
    } else if (nonFinite == STEELYARD_NON_FINITE_NAN_ONLY &&
               magnitude == top - 1) {
      result = nan;
    } else if (nonFinite == STEELYARD_NON_FINITE_NEGATIVE_ZERO_NAN &&
               negative && magnitude == 0) {
      result = nan;
    }
    return negative ? -result : result;
  }
};

constexpr int kIEEE = STEELYARD_NON_FINITE_IEEE;
constexpr int kNaN = STEELYARD_NON_FINITE_NAN_ONLY;
constexpr int kNone = STEELYARD_NON_FINITE_NONE;
constexpr int kZero = STEELYARD_NON_FINITE_NEGATIVE_ZERO_NAN;

const Format kFormats[] = {
    {"f16", STEELYARD_F16, 5, 10, 15, kIEEE},
    {"bf16", STEELYARD_BF16, 8, 7, 127, kIEEE},
    {"f8E5M2", STEELYARD_F8E5M2, 5, 2, 15, kIEEE},
    {"f8E4M3", STEELYARD_F8E4M3, 4, 3, 7, kIEEE},
    {"f8E4M3FN", STEELYARD_F8E4M3FN, 4, 3, 7, kNaN},
    {"f8E5M2FNUZ", STEELYARD_F8E5M2FNUZ, 5, 2, 16, kZero},
    {"f8E4M3FNUZ", STEELYARD_F8E4M3FNUZ, 4, 3, 8, kZero},
    {"f8E4M3B11FNUZ", STEELYARD_F8E4M3B11FNUZ, 4, 3, 11, kZero},
    {"f8E3M4", STEELYARD_F8E3M4, 3, 4, 3, kIEEE},
    {"f8E8M0FNU", STEELYARD_F8E8M0FNU, 8, 0, 127, kNaN, false},
    {"f6E2M3FN", STEELYARD_F6E2M3FN, 2, 3, 1, kNone},
    {"f6E3M2FN", STEELYARD_F6E3M2FN, 3, 2, 3, kNone},
    {"f4E2M1FN", STEELYARD_F4E2M1FN, 2, 1, 1, kNone},
    {"e4t3b9", STEELYARD_FORMAT(4, 3, 9, kIEEE), 4, 3, 9, kIEEE},
    {"e6t5b40", STEELYARD_FORMAT(6, 5, 40, kNaN), 6, 5, 40, kNaN},
    {"e5t2b-3", STEELYARD_FORMAT(5, 2, -3, kNone), 5, 2, -3, kNone},
    {"e3t12b3", STEELYARD_FORMAT(3, 12, 3, kZero), 3, 12, 3, kZero},
};

double load(steelyard_type type, const void *data, int64_t index) {
  if (type == STEELYARD_F64) {
    return static_cast<const double *>(data)[index];
  }
  if (type == STEELYARD_F32) {
    return static_cast<double>(static_cast<const float *>(data)[index]);
  }
  for (const Format &format : kFormats) {
    if (format.type == type) {
      uint64_t code = format.bits() > 8
                          ? static_cast<const uint16_t *>(data)[index]
                          : static_cast<const uint8_t *>(data)[index];
      return format.value(code & ((uint64_t(1) << format.bits()) - 1));
    }
  }
  std::abort();
}

//===----------------------------------------------------------------------===//
// One case
//===----------------------------------------------------------------------===//

/// Memory of `elements` elements; 64 bytes more at the end catch overruns.
struct Storage {
  steelyard_type type;
  std::vector<unsigned char> bytes;

  Storage(steelyard_type type, int64_t elements)
      : type(type),
        bytes(static_cast<size_t>(elements) * steelyard_type_bytes(type) + 64) {
  }

  void fillRandom(bool finite) {
    size_t size = steelyard_type_bytes(type);
    for (size_t i = 0; i + size <= bytes.size(); i += size) {
      uint64_t word;
      do {
        word = randomBits();
        if (type == STEELYARD_F32) {
          auto value =
              static_cast<float>(static_cast<int32_t>(word)) * 0x1p-31f;
          std::memcpy(&word, &value, 4);
        } else if (type == STEELYARD_F64) {
          double value =
              static_cast<double>(static_cast<int64_t>(word)) * 0x1p-63;
          std::memcpy(&word, &value, 8);
        } else if (type == STEELYARD_BF16) {
          // Around one, so that products neither overflow nor vanish.
          word = (word & 0x80ff) | 0x3f00;
        }
        std::memcpy(&bytes[i], &word, size);
      } while (finite && type != STEELYARD_F32 && type != STEELYARD_F64 &&
               !std::isfinite(load(type, &bytes[i], 0)));
    }
  }
};

/// All elements of `storage`, in f64.
std::vector<double> loadAll(const Storage &storage, int64_t elements) {
  std::vector<double> values(static_cast<size_t>(elements));
  for (int64_t i = 0; i < elements; ++i) {
    values[static_cast<size_t>(i)] =
        load(storage.type, storage.bytes.data(), i);
  }
  return values;
}

struct Layout {
  int64_t batch, row, column, elements;
};

/// Random strides for batch x rows x columns: row- or column-major, with gaps,
/// both strided, broadcast along the batch.
Layout pickLayout(int64_t batch, int64_t rows, int64_t columns, bool output) {
  int64_t r = std::max<int64_t>(rows, 1), c = std::max<int64_t>(columns, 1);
  int64_t kind = pick(0, output ? 4 : 6);
  Layout layout{0, c, 1, r * c};
  switch (kind) {
  case 1:
    layout = {0, 1, r, r * c};
    break;
  case 2:
    layout = {0, c + 5, 1, r * (c + 5)};
    break;
  case 3:
    layout = {0, 1, r + 3, (r + 3) * c};
    break;
  case 4:
    layout = {0, c * 3, 3, r * c * 3};
    break;
  case 5:
    layout = {0, 0, 1, c}; // rows broadcast
    break;
  case 6:
    layout = {0, 1, 0, r}; // columns broadcast
    break;
  default:
    break;
  }
  bool shared = !output && pick(0, 3) == 0;
  layout.batch = shared ? 0 : layout.elements + pick(0, 9);
  layout.elements += layout.batch * std::max<int64_t>(batch - 1, 0);
  return layout;
}

struct Case {
  int64_t batch, m, n, k;
  steelyard_type aType, bType, cType;
  bool accumulate;
  bool finite = true;
};

int64_t at(const Layout &layout, int64_t batch, int64_t i, int64_t j) {
  return batch * layout.batch + i * layout.row + j * layout.column;
}

std::string describe(const Case &c) {
  return std::to_string(c.batch) + "x" + std::to_string(c.m) + "x" +
         std::to_string(c.n) + "x" + std::to_string(c.k) + " " +
         steelyard_type_name(c.aType) + " " + steelyard_type_name(c.bType) +
         " " + steelyard_type_name(c.cType) + (c.accumulate ? " +=" : " =");
}

void runCase(const Runner &runner,
             const std::vector<steelyard_context *> &contexts,
             const Case &test) {
  Layout la = pickLayout(test.batch, test.m, test.k, false);
  Layout lb = pickLayout(test.batch, test.k, test.n, false);
  Layout lc = pickLayout(test.batch, test.m, test.n, true);
  Storage a(test.aType, la.elements), b(test.bType, lb.elements);
  Storage start(test.cType, lc.elements);
  a.fillRandom(test.finite);
  b.fillRandom(test.finite);
  if (test.accumulate) {
    start.fillRandom(true);
  } else {
    // What was there must not be read.
    std::memset(start.bytes.data(), 0xff, start.bytes.size());
  }
  std::vector<unsigned char> first;
  for (steelyard_context *context : contexts) {
    Storage c = start;
    steelyard_gemm_desc desc{
        test.batch, test.m,   test.n, test.k,    a.bytes.data(),
        test.aType, la.batch, la.row, la.column, b.bytes.data(),
        test.bType, lb.batch, lb.row, lb.column, c.bytes.data(),
        test.cType, lc.batch, lc.row, lc.column, test.accumulate};
    steelyard_error error;
    if (runner.run(
            context,
            [&](steelyard_context *inner, void *) {
              return steelyard_gemm(inner, &desc);
            },
            &error)) {
      std::fprintf(stderr, "%s: %s\n", describe(test).c_str(), error.message);
      ++failures;
      return;
    }
    if (first.empty()) {
      first = c.bytes;
    } else if (first != c.bytes) {
      std::fprintf(stderr, "%s: bits depend on the number of threads\n",
                   describe(test).c_str());
      ++failures;
    }
  }

  std::vector<double> valuesA = loadAll(a, la.elements);
  std::vector<double> valuesB = loadAll(b, lb.elements);
  // Every element written, nothing else touched.
  std::vector<unsigned char> untouched = first;
  size_t size = steelyard_type_bytes(test.cType);
  double unit = test.cType == STEELYARD_F32 ? 0x1p-24 : 0x1p-53;
  int wrong = 0;
  for (int64_t batch = 0; batch < test.batch; ++batch) {
    for (int64_t i = 0; i < test.m; ++i) {
      for (int64_t j = 0; j < test.n; ++j) {
        int64_t place = at(lc, batch, i, j);
        long double sum =
            test.accumulate ? load(test.cType, start.bytes.data(), place) : 0;
        long double size1 = std::fabs(sum); // sum of magnitudes
        for (int64_t p = 0; p < test.k; ++p) {
          double product = valuesA[static_cast<size_t>(at(la, batch, i, p))] *
                           valuesB[static_cast<size_t>(at(lb, batch, p, j))];
          sum += product;
          size1 += std::fabs(product);
        }
        double got = load(test.cType, first.data(), place);
        bool good;
        if (std::isnan(sum) || std::isinf(sum)) {
          good = std::isnan(sum) ? std::isnan(got)
                                 : static_cast<double>(sum) == got;
        } else {
          // Higham, Accuracy and Stability of Numerical Algorithms, (3.5): an
          // inner product of k terms in any order, and one addition more.
          long double bound =
              static_cast<long double>(test.k + 2) * unit * size1 * 1.01L;
          good = std::fabs(got - sum) <= bound;
        }
        if (!good && wrong++ == 0) {
          std::fprintf(stderr, "%s at [%lld, %lld, %lld]: got %g, want %g\n",
                       describe(test).c_str(), static_cast<long long>(batch),
                       static_cast<long long>(i), static_cast<long long>(j),
                       got, static_cast<double>(sum));
        }
        std::memcpy(&untouched[static_cast<size_t>(place) * size],
                    &start.bytes[static_cast<size_t>(place) * size], size);
      }
    }
  }
  EXPECT(wrong == 0);
  EXPECT(untouched == start.bytes);
}

} // namespace

//===----------------------------------------------------------------------===//
// The tests
//===----------------------------------------------------------------------===//

/// Every code of every format, by contractions with k = 1 and B = 1.
static void testCodes(const Runner &runner, steelyard_context *context) {
  for (const Format &format : kFormats) {
    EXPECT(steelyard_type_bytes(format.type) ==
           static_cast<size_t>(format.bits() > 8 ? 2 : 1));
    int64_t count = int64_t(1) << format.bits();
    Storage codes(format.type, count);
    for (int64_t code = 0; code < count; ++code) {
      std::memcpy(&codes.bytes[static_cast<size_t>(code) *
                               steelyard_type_bytes(format.type)],
                  &code, steelyard_type_bytes(format.type));
    }
    std::vector<float> values(static_cast<size_t>(count));
    float one = 1;
    steelyard_gemm_desc desc{1,
                             count,
                             1,
                             1,
                             codes.bytes.data(),
                             format.type,
                             0,
                             1,
                             1,
                             &one,
                             STEELYARD_F32,
                             0,
                             1,
                             1,
                             values.data(),
                             STEELYARD_F32,
                             0,
                             1,
                             1,
                             0};
    EXPECT(runner.run(context, [&](steelyard_context *inner, void *) {
      return steelyard_gemm(inner, &desc);
    }) == 0);
    int wrong = 0;
    for (int64_t code = 0; code < count; ++code) {
      auto want = static_cast<float>(format.value(static_cast<uint64_t>(code)));
      float got = values[static_cast<size_t>(code)];
      // A contraction adds 0 to -0, so zeros are compared as numbers.
      if (!(got == want || (std::isnan(got) && std::isnan(want))) &&
          wrong++ == 0) {
        std::fprintf(stderr, "%s: code 0x%llx is %g, not %g\n", format.name,
                     static_cast<unsigned long long>(code),
                     static_cast<double>(got), static_cast<double>(want));
      }
    }
    EXPECT(wrong == 0);
  }
}

static void testRandom(const Runner &runner,
                       const std::vector<steelyard_context *> &contexts) {
  auto anyType = [] {
    int64_t count = std::size(kFormats);
    int64_t i = pick(0, 2 * count - 1);
    steelyard_type type = i < count ? kFormats[i].type : STEELYARD_F32;
    return type == STEELYARD_F8E8M0FNU ? steelyard_type(STEELYARD_F32) : type;
  };
  for (int round = 0; round < 150; ++round) {
    bool isF64 = pick(0, 5) == 0;
    Case test{pick(0, 3),
              pick(0, 40),
              pick(0, 40),
              pick(0, 40),
              isF64 ? STEELYARD_F64 : anyType(),
              isF64 ? STEELYARD_F64 : anyType(),
              isF64 ? STEELYARD_F64 : STEELYARD_F32,
              pick(0, 1) == 1};
    if (round % 3 == 0) { // an extent of one, or of none
      int64_t *extents[] = {&test.m, &test.n, &test.k};
      *extents[pick(0, 2)] = pick(0, 1);
    }
    runCase(runner, contexts, test);
  }
}

static void testLarge(const Runner &runner,
                      const std::vector<steelyard_context *> &contexts) {
  const Case cases[] = {
      {1, 300, 200, 700, STEELYARD_F8E4M3FN, STEELYARD_F8E5M2, STEELYARD_F32,
       false},
      {1, 300, 200, 700, STEELYARD_F8E4M3FN, STEELYARD_F32, STEELYARD_F32,
       true},
      {1, 640, 130, 300, STEELYARD_F32, STEELYARD_F32, STEELYARD_F32, false},
      {1, 130, 640, 300, STEELYARD_F16, STEELYARD_BF16, STEELYARD_F32, false},
      {2, 257, 129, 257, STEELYARD_F64, STEELYARD_F64, STEELYARD_F64, true},
      {1, 1, 700, 600, STEELYARD_F32, STEELYARD_F8E4M3FN, STEELYARD_F32, false},
      {1, 700, 1, 600, STEELYARD_F8E5M2, STEELYARD_F32, STEELYARD_F32, false},
      {40, 8, 8, 8, STEELYARD_F32, STEELYARD_F32, STEELYARD_F32, false},
  };
  for (const Case &test : cases) {
    for (int layout = 0; layout < 3; ++layout) {
      runCase(runner, contexts, test);
    }
  }
}

/// Codes that are not finite, and infinities and NaNs in f32 and f64.
static void testNonFinite(const Runner &runner,
                          const std::vector<steelyard_context *> &contexts) {
  for (steelyard_type type : {STEELYARD_F8E4M3FN, STEELYARD_F8E5M2,
                              STEELYARD_F8E4M3FNUZ, STEELYARD_F16}) {
    for (int round = 0; round < 4; ++round) {
      runCase(runner, contexts,
              {1, pick(1, 20), pick(1, 20), pick(1, 4), type, STEELYARD_F8E5M2,
               STEELYARD_F32, false, /*finite=*/false});
    }
  }
  // 0 * inf and inf - inf are NaN wherever they stand; zeros skip nothing.
  float infinity = std::numeric_limits<float>::infinity();
  for (auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 3},
                         {1, 40, 3},
                         {40, 1, 3},
                         {33, 35, 37},
                         {1, 200, 1},
                         {200, 1, 1}}) {
    auto size = [](int64_t x, int64_t y) { return static_cast<size_t>(x * y); };
    std::vector<float> a(size(m, k), 0.0f), b(size(k, n), infinity),
        c(size(m, n), 7.0f);
    steelyard_gemm_desc desc{1,
                             m,
                             n,
                             k,
                             a.data(),
                             STEELYARD_F32,
                             0,
                             k,
                             1,
                             b.data(),
                             STEELYARD_F32,
                             0,
                             n,
                             1,
                             c.data(),
                             STEELYARD_F32,
                             0,
                             n,
                             1,
                             0};
    for (int swap = 0; swap < 2; ++swap) {
      runner.run(contexts[0], [&](steelyard_context *inner, void *) {
        return steelyard_gemm(inner, &desc);
      });
      for (float value : c) {
        EXPECT(std::isnan(value));
      }
      std::fill(a.begin(), a.end(), infinity);
      std::fill(b.begin(), b.end(), 0.0f);
    }
  }
}

static void testRefused(const Runner &runner, steelyard_context *context) {
  float x[4] = {1, 2, 3, 4}, y[4] = {};
  const steelyard_gemm_desc good{1,
                                 2,
                                 2,
                                 2,
                                 x,
                                 STEELYARD_F32,
                                 0,
                                 2,
                                 1,
                                 x,
                                 STEELYARD_F32,
                                 0,
                                 2,
                                 1,
                                 y,
                                 STEELYARD_F32,
                                 0,
                                 2,
                                 1,
                                 0};
  auto run = [&](const steelyard_gemm_desc &desc) {
    steelyard_error error;
    runner.run(
        context,
        [&](steelyard_context *inner, void *) {
          return steelyard_gemm(inner, &desc);
        },
        &error);
    return std::to_string(error.code) + " " + error.message;
  };
  EXPECT(run(good) == "0 ");
  EXPECT(y[0] == 7 && y[1] == 10 && y[2] == 15 && y[3] == 22);
  auto desc = good;
  desc.m = -1;
  EXPECT_CONTAINS(run(desc), "3 a contraction with a negative size");
  desc = good;
  desc.a_type = STEELYARD_I8;
  EXPECT_CONTAINS(run(desc), "12 a contraction of operand a of type i8");
  desc = good;
  desc.b_type = STEELYARD_F64;
  EXPECT_CONTAINS(run(desc), "operand b of type f64 into f32");
  desc = good;
  desc.c_type = STEELYARD_F64;
  EXPECT_CONTAINS(run(desc), "operand a of type f32 into f64");
  desc = good;
  desc.c_type = STEELYARD_F16;
  EXPECT_CONTAINS(run(desc), "12 a contraction into f16");
  desc = good;
  desc.b_type = 0;
  EXPECT_CONTAINS(run(desc), "type invalid");
  desc = good;
  desc.b = nullptr;
  EXPECT_CONTAINS(run(desc), "null operand");
  desc.n = 0;
  EXPECT(run(desc) == "0 ");
}

/// The memory of a large FP8 contraction is panels, not matrices.
static void testScratch(const Runner &runner) {
  struct Counter {
    std::atomic<size_t> held{0}, most{0};
  } counter;
  steelyard_allocator allocator{
      [](void *user, size_t bytes, size_t alignment) -> void * {
        auto &c = *static_cast<Counter *>(user);
        c.held += bytes;
        c.most = std::max(c.most.load(), c.held.load());
        return std::aligned_alloc(alignment, (bytes + alignment - 1) /
                                                 alignment * alignment);
      },
      [](void *user, void *memory, size_t bytes, size_t) {
        static_cast<Counter *>(user)->held -= bytes;
        std::free(memory);
      },
      &counter};
  constexpr int64_t size = 2048;
  std::vector<uint8_t> a(size * size, 0x38), b(size * size, 0x38);
  std::vector<float> c(size * size);
  steelyard_context *context = makeContext(2, &allocator);
  steelyard_gemm_desc desc{1,
                           size,
                           size,
                           size,
                           a.data(),
                           STEELYARD_F8E4M3FN,
                           0,
                           size,
                           1,
                           b.data(),
                           STEELYARD_F8E4M3FN,
                           0,
                           size,
                           1,
                           c.data(),
                           STEELYARD_F32,
                           0,
                           size,
                           1,
                           0};
  EXPECT(runner.run(context, [&](steelyard_context *inner, void *) {
    return steelyard_gemm(inner, &desc);
  }) == 0);
  EXPECT(c.front() == size && c.back() == size);
  std::printf("scratch of %lld^3 FP8 on two threads: %zu bytes\n",
              static_cast<long long>(size), counter.most.load());
  EXPECT(counter.most < size * size * sizeof(float) / 4);
  steelyard_context_destroy(context);
  EXPECT(counter.held == 0);
}

int main(int argc, char **argv) {
  randomBits.seed(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  std::printf("%s\n", steelyard_blas_description());
  Runner runner;
  std::vector<steelyard_context *> contexts;
  for (int threads : {1, 2, 3, 8}) {
    contexts.push_back(makeContext(threads));
  }
  testCodes(runner, contexts[0]);
  testRandom(runner, contexts);
  testLarge(runner, contexts);
  testNonFinite(runner, contexts);
  testRefused(runner, contexts[1]);
  testScratch(runner);
  for (steelyard_context *context : contexts) {
    steelyard_context_destroy(context);
  }
  return failures != 0;
}
