//===- CUDAGemm.h - Contractions on a device, and their values --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands are small integers, so that sums are exact in whatever order a
// device adds them, and results are rounded once.
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_TEST_UNIT_RUNTIME_CUDAGEMM_H
#define STEELYARD_TEST_UNIT_RUNTIME_CUDAGEMM_H

#include "steelyard/Numerics/Round.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "Test.h"

/// Devices have a faster tanh than the host. (GELU by erf is 5e-4 away.)
inline double geluTolerance = 1e-6;

inline const steelyard::FloatFormat *smallFormat(steelyard_type type) {
  switch (type) {
  case STEELYARD_F16:
    return &steelyard::formats::f16;
  case STEELYARD_BF16:
    return &steelyard::formats::bf16;
  case STEELYARD_F8E4M3FN:
    return &steelyard::formats::f8E4M3FN;
  case STEELYARD_F8E5M2:
    return &steelyard::formats::f8E5M2;
  default:
    return nullptr;
  }
}

inline double getElement(steelyard_type type, const void *data, int64_t index) {
  if (const steelyard::FloatFormat *format = smallFormat(type)) {
    uint32_t code = format->width() == 8
                        ? static_cast<const uint8_t *>(data)[index]
                        : static_cast<const uint16_t *>(data)[index];
    return static_cast<double>(steelyard::decode(*format, code));
  }
  return type == STEELYARD_F32
             ? static_cast<double>(static_cast<const float *>(data)[index])
             : static_cast<const double *>(data)[index];
}

inline void setElement(steelyard_type type, void *data, int64_t index,
                       double value) {
  if (const steelyard::FloatFormat *format = smallFormat(type)) {
    uint32_t code = steelyard::encode(*format, value);
    if (format->width() == 8) {
      static_cast<uint8_t *>(data)[index] = static_cast<uint8_t>(code);
    } else {
      static_cast<uint16_t *>(data)[index] = static_cast<uint16_t>(code);
    }
  } else if (type == STEELYARD_F32) {
    static_cast<float *>(data)[index] = static_cast<float>(value);
  } else {
    static_cast<double *>(data)[index] = value;
  }
}

/// The distance of neighbours near `value`, at most.
inline double spacing(steelyard_type type, double value) {
  const steelyard::FloatFormat *format = smallFormat(type);
  int bits = format ? format->significandBits : type == STEELYARD_F32 ? 23 : 52;
  return std::ldexp(std::abs(value), -bits);
}

struct GemmCase {
  int64_t batch = 1, m = 6, n = 10, k = 12;
  steelyard_type a = STEELYARD_F32, b = STEELYARD_F32, c = STEELYARD_F32;
  bool aByM = false, bByN = false,
       cByM = false;   // the stride of 1; else k, k, n
  int64_t padding = 0; // elements between columns, and between matrices
  bool aOnce = false, bOnce = false; // batch strides of 0
  bool oddStrides = false;           // extents of 1 have any stride
  bool scales = false, bias = false, accumulate = false;
  int32_t epilogue = STEELYARD_EPILOGUE_NONE, compute = 0;
  int64_t offset = 0; // elements of each matrix's address from 256 bytes

  bool isF8() const { return a == STEELYARD_F8E4M3FN || a == STEELYARD_F8E5M2; }
  steelyard_type biasType() const {
    return isF8() && c == STEELYARD_F32 ? STEELYARD_BF16 : c;
  }
  std::string name() const {
    char text[256];
    std::snprintf(
        text, sizeof text,
        "%lldx%lldx%lldx%lld %s (%s) by %s (%s) into %s (%s), padding %lld%s%s"
        "%s%s%s%s, epilogue %d, compute %d, offset %lld",
        static_cast<long long>(batch), static_cast<long long>(m),
        static_cast<long long>(n), static_cast<long long>(k),
        steelyard_type_name(a), aByM ? "m" : "k", steelyard_type_name(b),
        bByN ? "n" : "k", steelyard_type_name(c), cByM ? "m" : "n",
        static_cast<long long>(padding), aOnce ? ", A once" : "",
        bOnce ? ", B once" : "", oddStrides ? ", odd strides" : "",
        scales ? ", scales" : "", bias ? ", bias" : "",
        accumulate ? ", accumulate" : "", epilogue, compute,
        static_cast<long long>(offset));
    return text;
  }
};

/// Memory of the device and the same on the host.
class DeviceMatrix {
public:
  /// Matrices of `columns` x `rows`, the rows consecutive.
  DeviceMatrix(steelyard_context *context, steelyard_type type, int64_t batch,
               int64_t rows, int64_t columns, int64_t padding, int64_t offset)
      : type(type), leading(rows + padding),
        batchStride(leading * columns + padding), offset(offset),
        context(context),
        bytes(static_cast<size_t>(offset + batchStride * batch) *
                  steelyard_type_bytes(type) +
              64) {
    host.assign(bytes, 0xff); // NaN
    memory = steelyard_context_allocate(context, bytes, nullptr);
    EXPECT(memory);
  }
  ~DeviceMatrix() { steelyard_context_free(context, memory, nullptr); }
  DeviceMatrix(const DeviceMatrix &) = delete;

  int64_t index(int64_t batch, int64_t row, int64_t column) const {
    return offset + batch * batchStride + column * leading + row;
  }
  double get(int64_t at) const { return getElement(type, host.data(), at); }
  void set(int64_t at, double value) {
    setElement(type, host.data(), at, value);
  }
  void *data() const {
    return static_cast<char *>(memory) +
           static_cast<size_t>(offset) * steelyard_type_bytes(type);
  }
  void upload() const {
    EXPECT(steelyard_context_upload(context, memory, host.data(), bytes,
                                    nullptr) == 0);
  }
  void download() {
    EXPECT(steelyard_context_download(context, host.data(), memory, bytes,
                                      nullptr) == 0);
  }

  steelyard_type type;
  int64_t leading, batchStride, offset;
  std::vector<unsigned char> host;

private:
  steelyard_context *context;
  size_t bytes;
  void *memory;
};

/// Runs contractions as compiled code would.
class GemmProgram {
public:
  using Body = std::function<int32_t(steelyard_context *)>;

  GemmProgram() {
    steelyard_function function{"gemm", entry};
    steelyard_executable_desc desc{STEELYARD_ABI_VERSION, 0, 1, &function,
                                   "cuda"};
    executable = steelyard_executable_create(&desc, nullptr);
  }
  ~GemmProgram() { steelyard_executable_destroy(executable); }
  GemmProgram(const GemmProgram &) = delete;

  int32_t run(steelyard_context *context, const Body &body,
              std::string *message = nullptr) const {
    current = &body;
    steelyard_error error;
    int32_t code =
        steelyard_execute(executable, 0, context, nullptr, nullptr, &error);
    if (message) {
      *message = error.message;
    }
    return code;
  }

private:
  static int32_t entry(steelyard_context *context, void *, const void *const *,
                       void *const *) {
    return (*current)(context);
  }

  static inline thread_local const Body *current = nullptr;
  steelyard_executable *executable;
};

/// A case in the device's memory.
class GemmRun {
public:
  GemmRun(steelyard_context *context, const GemmCase &given)
      : test(given), context(context),
        a(context, test.a, test.batch, test.aByM ? test.m : test.k,
          test.aByM ? test.k : test.m, test.padding, test.offset),
        b(context, test.b, test.batch, test.bByN ? test.n : test.k,
          test.bByN ? test.k : test.n, test.padding, test.offset),
        c(context, test.c, test.batch, test.cByM ? test.m : test.n,
          test.cByM ? test.n : test.m, test.padding, test.offset),
        bias(context, test.biasType(), 1, test.n, 1, 0, 0),
        scales(context, STEELYARD_F32, 1, 5, 1, 0, 0) {
    std::mt19937_64 bits(static_cast<uint64_t>(test.m * 31 + test.n));
    auto pick = [&] { return static_cast<double>(bits() % 7) - 3; };
    for (int64_t batch = 0; batch < test.batch; ++batch) {
      for (int64_t p = 0; p < test.k; ++p) {
        for (int64_t i = 0; i < test.m; ++i) {
          a.set(aIndex(batch, i, p), pick());
        }
        for (int64_t j = 0; j < test.n; ++j) {
          b.set(bIndex(batch, p, j), pick());
        }
      }
      for (int64_t i = 0; i < test.m && test.accumulate; ++i) {
        for (int64_t j = 0; j < test.n; ++j) {
          c.set(cIndex(batch, i, j), pick());
        }
      }
    }
    for (int64_t j = 0; j < test.n; ++j) {
      bias.set(j, pick() / 2);
    }
    scales.set(0, 0.25);
    scales.set(4, 2); // 16 bytes on
    for (const DeviceMatrix *matrix : {&a, &b, &c, &bias, &scales}) {
      matrix->upload();
    }
    before = c.host;
    desc = makeDesc();
  }

  int64_t aIndex(int64_t batch, int64_t i, int64_t p) const {
    return test.aByM ? a.index(batch, i, p) : a.index(batch, p, i);
  }
  int64_t bIndex(int64_t batch, int64_t p, int64_t j) const {
    return test.bByN ? b.index(batch, j, p) : b.index(batch, p, j);
  }
  int64_t cIndex(int64_t batch, int64_t i, int64_t j) const {
    return test.cByM ? c.index(batch, i, j) : c.index(batch, j, i);
  }

  /// Runs it; the code and the message of the call.
  int32_t run(const GemmProgram &program, std::string *message = nullptr) {
    int32_t code = program.run(
        context,
        [&](steelyard_context *inner) {
          return steelyard_gpu_gemm(inner, &desc);
        },
        message);
    c.download();
    return code;
  }

  double wanted(int64_t batch, int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t p = 0; p < test.k; ++p) {
      sum += a.get(aIndex(test.aOnce ? 0 : batch, i, p)) *
             b.get(bIndex(test.bOnce ? 0 : batch, p, j));
    }
    double value = sum * (test.scales ? 0.5 : 1);
    if (test.accumulate) {
      value += getElement(test.c, before.data(), cIndex(batch, i, j));
    }
    if (test.bias) {
      value += bias.get(j);
    }
    if (test.epilogue == STEELYARD_EPILOGUE_RELU) {
      value = std::max(value, 0.0);
    } else if (test.epilogue == STEELYARD_EPILOGUE_GELU) {
      value *= (1 + std::tanh(std::sqrt(2 / M_PI) *
                              (value + 0.044715 * std::pow(value, 3)))) /
               2;
    }
    return value;
  }

  /// How many elements are not what they should be, or should not be there.
  int64_t countWrong() {
    int64_t wrong = 0;
    bool gelu = test.epilogue == STEELYARD_EPILOGUE_GELU;
    for (int64_t batch = 0; batch < test.batch; ++batch) {
      for (int64_t i = 0; i < test.m; ++i) {
        for (int64_t j = 0; j < test.n; ++j) {
          int64_t at = cIndex(batch, i, j);
          double want = wanted(batch, i, j);
          double error = std::abs(c.get(at) - want);
          worst = std::max(worst, error);
          double allowed =
              spacing(test.c, want) +
              (gelu ? geluTolerance * std::max(1.0, std::abs(want)) : 0);
          wrong += !(error <= allowed); // a NaN is wrong
          auto size = static_cast<int64_t>(steelyard_type_bytes(test.c));
          std::copy_n(before.begin() + at * size, size,
                      c.host.begin() + at * size);
        }
      }
    }
    return wrong + (c.host != before); // what lies between is as it was
  }

  const GemmCase test;
  steelyard_context *const context;
  DeviceMatrix a, b, c, bias, scales;
  steelyard_gpu_gemm_desc desc;
  double worst = 0; // the largest error

private:
  steelyard_gpu_gemm_desc makeDesc() const {
    steelyard_gpu_gemm_desc made{};
    // What an extent of 1 is strided by does not matter.
    auto stride = [&](bool isOne, const DeviceMatrix &matrix, int64_t extent) {
      return test.oddStrides && extent == 1 ? 77 : isOne ? 1 : matrix.leading;
    };
    made.batch = test.batch;
    made.m = test.m;
    made.n = test.n;
    made.k = test.k;
    made.a = a.data();
    made.a_type = test.a;
    made.a_batch_stride = test.aOnce ? 0 : a.batchStride;
    made.a_m_stride = stride(test.aByM, a, test.m);
    made.a_k_stride = stride(!test.aByM, a, test.k);
    made.b = b.data();
    made.b_type = test.b;
    made.b_batch_stride = test.bOnce ? 0 : b.batchStride;
    made.b_k_stride = stride(!test.bByN, b, test.k);
    made.b_n_stride = stride(test.bByN, b, test.n);
    made.c = c.data();
    made.c_type = test.c;
    made.c_batch_stride = c.batchStride;
    made.c_m_stride = stride(test.cByM, c, test.m);
    made.c_n_stride = stride(!test.cByM, c, test.n);
    if (test.scales) {
      made.a_scale = static_cast<const float *>(scales.data());
      made.b_scale = made.a_scale + 4;
    }
    if (test.bias) {
      made.bias = bias.data();
      made.bias_type = test.biasType();
    }
    made.accumulate = test.accumulate;
    made.epilogue = test.epilogue;
    made.compute = test.compute;
    return made;
  }

  std::vector<unsigned char> before;
};

/// Runs a case that has to be right.
inline void expectRight(steelyard_context *context, const GemmProgram &program,
                        const GemmCase &test) {
  GemmRun run(context, test);
  std::string message;
  int32_t code = run.run(program, &message);
  int64_t wrong = code ? 0 : run.countWrong();
  if (code || wrong) {
    std::fprintf(stderr, "%s: %s%lld wrong, by up to %g\n", test.name().c_str(),
                 message.c_str(), static_cast<long long>(wrong), run.worst);
    ++failures;
  }
}

/// All operand types and layouts, and what else a contraction may have; FP8
/// where the device has it.
inline std::vector<GemmCase> gemmCases(bool hasF8) {
  struct Types {
    steelyard_type a, b, c;
  };
  std::vector<Types> types = {
      {STEELYARD_F32, STEELYARD_F32, STEELYARD_F32},
      {STEELYARD_F64, STEELYARD_F64, STEELYARD_F64},
      {STEELYARD_F16, STEELYARD_F16, STEELYARD_F16},
      {STEELYARD_F16, STEELYARD_F16, STEELYARD_F32},
      {STEELYARD_BF16, STEELYARD_BF16, STEELYARD_BF16},
      {STEELYARD_BF16, STEELYARD_BF16, STEELYARD_F32},
  };
  for (steelyard_type c : {STEELYARD_F32, STEELYARD_BF16, STEELYARD_F16}) {
    if (hasF8) {
      types.push_back({STEELYARD_F8E4M3FN, STEELYARD_F8E4M3FN, c});
      types.push_back({STEELYARD_F8E4M3FN, STEELYARD_F8E5M2, c});
      types.push_back({STEELYARD_F8E5M2, STEELYARD_F8E4M3FN, c});
    }
  }
  std::vector<GemmCase> cases;
  for (const Types &each : types) {
    GemmCase plain;
    plain.a = each.a;
    plain.b = each.b;
    plain.c = each.c;
    if (plain.isF8()) {
      plain.m = 48;
      plain.n = 32;
      plain.k = 64;
    }
    auto add = [&](auto change) {
      GemmCase changed = plain;
      change(changed);
      cases.push_back(changed);
    };
    // Layouts, with and without memory between columns; sizes of 1.
    for (int layout = 0; layout < 8; ++layout) {
      if (plain.isF8() && layout & 3) {
        continue;
      }
      for (int64_t size : {0, 1, 2, 3}) {
        if (plain.isF8() && size) {
          continue;
        }
        for (int64_t padding : {0, plain.isF8() ? 16 : 3}) {
          add([&](GemmCase &test) {
            test.aByM = layout & 1;
            test.bByN = layout & 2;
            test.cByM = layout & 4;
            test.padding = padding;
            test.oddStrides = size != 0;
            test.m = size == 1 ? 1 : test.m;
            test.n = size == 2 ? 1 : test.n;
            test.k = size == 3 ? 1 : test.k;
          });
        }
      }
    }
    // Batches.
    for (int once = 0; once < 4; ++once) {
      add([&](GemmCase &test) {
        test.batch = 3;
        test.padding = test.isF8() ? 16 : 0;
        test.aOnce = once & 1;
        test.bOnce = once & 2;
        test.accumulate = once == 1;
        test.bias = once == 2 && test.c != STEELYARD_F64;
        test.cByM = once == 3;
      });
    }
    add([](GemmCase &test) { test.accumulate = true; });
    add([](GemmCase &test) { test.accumulate = test.cByM = true; });
    if (!plain.isF8()) {
      add([](GemmCase &test) { test.offset = 1; });
      add([](GemmCase &test) { test.m = test.n = test.k = 1; });
      add([](GemmCase &test) { test.k = 0; });
    }
    if (plain.c == STEELYARD_F64) {
      continue;
    }
    for (int32_t epilogue : {STEELYARD_EPILOGUE_NONE, STEELYARD_EPILOGUE_RELU,
                             STEELYARD_EPILOGUE_GELU}) {
      for (bool bias : {false, true}) {
        for (bool accumulate : {false, true}) {
          add([&](GemmCase &test) {
            test.epilogue = epilogue;
            test.bias = bias;
            test.accumulate = accumulate;
            test.scales = test.isF8();
          });
        }
      }
    }
    add([](GemmCase &test) {
      test.compute = STEELYARD_COMPUTE_TF32 | STEELYARD_COMPUTE_FAST_ACCUMULATE;
    });
    if (plain.isF8()) {
      add([](GemmCase &test) { test.m = 1; });
      add([](GemmCase &test) { test.m = 37; });
      add([](GemmCase &test) { test.scales = test.cByM = true; });
    }
  }
  return cases;
}

#endif // STEELYARD_TEST_UNIT_RUNTIME_CUDAGEMM_H
