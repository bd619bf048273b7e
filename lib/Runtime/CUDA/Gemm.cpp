//===- Gemm.cpp - Contractions on a device ----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuBLASLt's matrices are stored by columns, so a C stored by rows is given to
// it as its transpose, and the operands change places. Nothing waits: a stream
// may capture contractions whose plans were made before.
//===----------------------------------------------------------------------===//

#include "Gemm.h"

#include <algorithm>
#include <mutex>
#include <tuple>
#include <utility>

#include "Launch.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

//===----------------------------------------------------------------------===//
// The library
//===----------------------------------------------------------------------===//

namespace {

/// No kernel wants more (the documentation's "Tensor Core Usage"), and bits are
/// not to depend on where memory happens to lie.
constexpr uint32_t kMostAlignment = 16;

/// Algorithms that are looked at, the best first.
constexpr int kMostOffers = 8;

/// Of a sum over k that is split, what is left of it in each part.
constexpr int64_t kLeastSum = 32;

/// What "cublasSetWorkspace()" there recommends for Hopper.
constexpr size_t kWorkspaceBytes = size_t(32) << 20;

/// The algorithms of a device.
struct Algorithms {
  std::mutex mutex;
  std::map<LtProblem, LtAlgorithm> chosen;
};

Algorithms &algorithmsOf(int ordinal) {
  // Leaked: contexts may be destroyed at exit.
  static auto *mutex = new std::mutex;
  static auto *all = new std::map<int, Algorithms>;
  std::lock_guard<std::mutex> lock(*mutex);
  return (*all)[ordinal];
}

uint32_t alignmentOf(const void *address) {
  uint64_t low = toAddress(address) | kMostAlignment;
  return static_cast<uint32_t>(low & (~low + 1));
}

} // namespace

Status Gemms::open(Session &session, std::unique_ptr<Gemms> &gemms) {
  const BlasLt *lt = nullptr;
  Status status = getBlasLt(lt);
  if (!status.ok()) {
    return status;
  }
  std::unique_ptr<Gemms> opening(new Gemms(session, *lt));
  BlasStatus result = lt->create(&opening->handle);
  if (result != kBlasSuccess) {
    opening->handle = nullptr;
    return lt->failure(result, lt->description + " can't be used on " +
                                   session.device().description() +
                                   " (it may be too new for the driver)");
  }
  status = session.allocate(kWorkspaceBytes, "the workspace of contractions",
                            opening->workspace);
  if (status.ok()) {
    gemms = std::move(opening);
  }
  return status;
}

Gemms::~Gemms() {
  plans.clear();
  if (workspace) {
    session.driver().memFree(workspace);
  }
  if (handle) {
    lt.destroy(handle);
  }
}

namespace {

/// Calls until one fails.
class Calls {
public:
  bool add(BlasStatus status) {
    first = first == kBlasSuccess ? status : first;
    return first == kBlasSuccess;
  }

  BlasStatus first = kBlasSuccess;
};

} // namespace

BlasStatus Gemms::makeLayout(const LtMatrix &matrix, int64_t batch,
                             Owned &layout) {
  Calls calls;
  LtLayout made = nullptr;
  if (!calls.add(lt.layoutCreate(
          &made, matrix.type, static_cast<uint64_t>(matrix.rows),
          static_cast<uint64_t>(matrix.columns), matrix.leading))) {
    return calls.first;
  }
  layout.reset(made);
  auto count = static_cast<int32_t>(batch);
  calls.add(lt.layoutSet(made, kLayoutBatchCount, &count, sizeof count));
  calls.add(lt.layoutSet(made, kLayoutBatchStride, &matrix.batchStride,
                         sizeof matrix.batchStride));
  return calls.first;
}

BlasStatus Gemms::setAddresses(const LtProblem &problem,
                               const LtOperands &operands, LtMatmul matmul) {
  Calls calls;
  auto set = [&](bool isThere, MatmulAttribute attribute, const void *address) {
    if (isThere) {
      calls.add(lt.matmulSet(matmul, attribute,
                             static_cast<const void *>(&address),
                             sizeof address));
    }
  };
  set(problem.a.scaleAlignment, kMatmulScaleA, operands.aScale);
  set(problem.b.scaleAlignment, kMatmulScaleB, operands.bScale);
  set(problem.biasType >= 0, kMatmulBiasPointer, operands.bias);
  return calls.first;
}

BlasStatus Gemms::describe(const LtProblem &problem, const LtOperands &operands,
                           Plan &plan) {
  Calls calls;
  LtMatmul matmul = nullptr;
  if (!calls.add(lt.matmulCreate(&matmul, problem.compute,
                                 problem.compute == kComputeF64 ? kDataF64
                                                                : kDataF32))) {
    return calls.first;
  }
  plan.matmul.reset(matmul);
  auto set = [&](MatmulAttribute attribute, const auto &value) {
    calls.add(lt.matmulSet(matmul, attribute, &value, sizeof value));
  };
  set(kMatmulTransposeA,
      problem.a.isTransposed ? kOperationTranspose : kOperationNone);
  set(kMatmulTransposeB,
      problem.b.isTransposed ? kOperationTranspose : kOperationNone);
  set(kMatmulEpilogue, problem.epilogue);
  if (problem.isFast) {
    set(kMatmulFastAccum, int8_t(1));
  }
  if (problem.biasType >= 0) {
    set(kMatmulBiasDataType, int32_t(problem.biasType));
  }
  calls.add(setAddresses(problem, operands, matmul));
  calls.add(makeLayout(problem.a, problem.batch, plan.a));
  calls.add(makeLayout(problem.b, problem.batch, plan.b));
  calls.add(makeLayout(problem.c, problem.batch, plan.c));
  return calls.first;
}

BlasStatus Gemms::offers(const LtProblem &problem, const Plan &plan,
                         uint32_t reductions,
                         std::vector<LtHeuristicResult> &results) {
  Calls calls;
  LtPreference made = nullptr;
  if (!calls.add(lt.preferenceCreate(&made))) {
    return calls.first;
  }
  Owned preference(made, lt.preferenceDestroy);
  auto set = [&](PreferenceAttribute attribute, const auto &value) {
    calls.add(lt.preferenceSet(made, attribute, &value, sizeof value));
  };
  set(kPreferWorkspaceBytes, uint64_t(kWorkspaceBytes));
  set(kPreferReductionScheme, reductions);
  set(kPreferAlignmentA, problem.a.alignment);
  set(kPreferAlignmentB, problem.b.alignment);
  set(kPreferAlignmentC, problem.c.alignment);
  set(kPreferAlignmentD, problem.c.alignment);
  results.assign(kMostOffers, {});
  int count = 0;
  calls.add(lt.getHeuristic(handle, plan.matmul.get(), plan.a.get(),
                            plan.b.get(), plan.c.get(), plan.c.get(), made,
                            kMostOffers, results.data(), &count));
  results.resize(calls.first == kBlasSuccess ? count : 0);
  std::erase_if(results, [](const LtHeuristicResult &each) {
    return each.state != kBlasSuccess || each.workspaceBytes > kWorkspaceBytes;
  });
  return calls.first == kBlasSuccess && results.empty() ? kBlasNotSupported
                                                        : calls.first;
}

int64_t Gemms::attribute(const LtAlgorithm &algorithm,
                         AlgorithmAttribute which) {
  int32_t value = 0;
  size_t written = 0;
  return lt.algorithmGet(&algorithm, which, &value, sizeof value, &written) ==
                 kBlasSuccess
             ? value
             : 0;
}

/// The library's first choice, but for small products, whose sums it splits
/// into as many parts as the GPU has multiprocessors, a product or none each:
/// for those its next choice without that, or that of the smallest tile. What
/// is chosen depends on the problem and the library alone.
BlasStatus Gemms::chooseAlgorithm(const LtProblem &problem, Plan &plan) {
  Algorithms &algorithms = algorithmsOf(session.device().ordinal);
  std::lock_guard<std::mutex> lock(algorithms.mutex);
  auto found = algorithms.chosen.find(problem);
  if (found != algorithms.chosen.end()) {
    plan.algorithm = found->second;
    return kBlasSuccess;
  }
  bool isNarrow = problem.c.type == kDataF16 || problem.c.type == kDataBF16;
  std::vector<LtHeuristicResult> offered;
  BlasStatus status = offers(
      problem, plan, isNarrow ? kReduceInComputeType : kReduceAnyhow, offered);
  if (status != kBlasSuccess) {
    return status;
  }
  auto isSplitWell = [&](const LtHeuristicResult &each) {
    int64_t splits = attribute(each.algorithm, kAlgorithmSplits);
    return splits <= 1 || problem.contracted() / splits >= kLeastSum;
  };
  auto chosen = std::find_if(offered.begin(), offered.end(), isSplitWell);
  if (chosen == offered.end()) {
    std::vector<LtHeuristicResult> whole;
    if (offers(problem, plan, kReduceNothing, whole) == kBlasSuccess) {
      offered = std::move(whole);
    }
    chosen = std::min_element(
        offered.begin(), offered.end(),
        [&](const LtHeuristicResult &a, const LtHeuristicResult &b) {
          return attribute(a.algorithm, kAlgorithmTile) <
                 attribute(b.algorithm, kAlgorithmTile);
        });
  }
  plan.algorithm = chosen->algorithm;
  algorithms.chosen.emplace(problem, chosen->algorithm);
  return kBlasSuccess;
}

Status Gemms::run(const LtProblem &problem, const LtOperands &operands,
                  bool &refused) {
  auto failed = [&](BlasStatus status) {
    return lt.failure(status,
                      lt.description + " on " + session.device().description());
  };
  refused = false;
  BlasStatus status = kBlasSuccess;
  auto found = plans.find(problem);
  if (found == plans.end()) {
    Plan plan{{nullptr, lt.matmulDestroy},
              {nullptr, lt.layoutDestroy},
              {nullptr, lt.layoutDestroy},
              {nullptr, lt.layoutDestroy},
              {}};
    status = describe(problem, operands, plan);
    if (status == kBlasSuccess) {
      status = chooseAlgorithm(problem, plan);
    }
    if (status != kBlasSuccess) {
      refused = true;
      return failed(status);
    }
    found = plans.emplace(problem, std::move(plan)).first;
  } else {
    status = setAddresses(problem, operands, found->second.matmul.get());
    if (status != kBlasSuccess) {
      return failed(status);
    }
  }
  const Plan &plan = found->second;
  // Of the type that sums are in.
  const float ones[] = {0, 1};
  const double doubles[] = {0, 1};
  auto scalar = [&](bool one) {
    return problem.compute == kComputeF64
               ? static_cast<const void *>(&doubles[one])
               : static_cast<const void *>(&ones[one]);
  };
  ++session.trace.operations;
  status = lt.multiply(handle, plan.matmul.get(), scalar(true), operands.a,
                       plan.a.get(), operands.b, plan.b.get(),
                       scalar(operands.accumulate), operands.c, plan.c.get(),
                       operands.c, plan.c.get(), &plan.algorithm,
                       toPointer(workspace), kWorkspaceBytes, session.stream);
  refused = status == kBlasNotSupported;
  return status == kBlasSuccess ? Status() : failed(status);
}

//===----------------------------------------------------------------------===//
// From compiled code's description to the library's
//===----------------------------------------------------------------------===//

namespace {

DataType dataType(steelyard_type type) {
  switch (type) {
  case STEELYARD_F64:
    return kDataF64;
  case STEELYARD_F32:
    return kDataF32;
  case STEELYARD_F16:
    return kDataF16;
  case STEELYARD_BF16:
    return kDataBF16;
  case STEELYARD_F8E4M3FN:
    return kDataF8E4M3;
  case STEELYARD_F8E5M2:
    return kDataF8E5M2;
  default:
    return -1;
  }
}

bool isF8(steelyard_type type) {
  return type == STEELYARD_F8E4M3FN || type == STEELYARD_F8E5M2;
}

/// The tables of cublasLtMatmul in the documentation.
bool hasTypes(steelyard_type a, steelyard_type b, steelyard_type c) {
  if (isF8(a) && isF8(b)) {
    return (a == STEELYARD_F8E4M3FN || b == STEELYARD_F8E4M3FN) &&
           (c == STEELYARD_F32 || c == STEELYARD_BF16 || c == STEELYARD_F16);
  }
  switch (a) {
  case STEELYARD_F32:
  case STEELYARD_F64:
    return b == a && c == a;
  case STEELYARD_F16:
  case STEELYARD_BF16:
    return b == a && (c == a || c == STEELYARD_F32);
  default:
    return false;
  }
}

steelyard_type biasTypeOf(const steelyard_gpu_gemm_desc &desc) {
  return isF8(desc.a_type) && desc.c_type == STEELYARD_F32 ? STEELYARD_BF16
                                                           : desc.c_type;
}

std::string shape(int64_t batch, int64_t rows, int64_t columns,
                  steelyard_type type) {
  return format("%lldx%lldx%lldx%s", static_cast<long long>(batch),
                static_cast<long long>(rows), static_cast<long long>(columns),
                steelyard_type_name(type));
}

/// "the contraction of 1x64x32xf16 by 1x32x48xf16 into 1x64x48xf32, bias f32"
std::string describe(const steelyard_gpu_gemm_desc &desc) {
  std::string text = "the contraction of " +
                     shape(desc.batch, desc.m, desc.k, desc.a_type) + " by " +
                     shape(desc.batch, desc.k, desc.n, desc.b_type) + " into " +
                     shape(desc.batch, desc.m, desc.n, desc.c_type);
  if (desc.accumulate) {
    text += ", accumulated";
  }
  if (desc.bias) {
    text += std::string(", bias ") + steelyard_type_name(desc.bias_type);
  }
  if (desc.epilogue) {
    text += desc.epilogue == STEELYARD_EPILOGUE_RELU ? ", relu" : ", gelu";
  }
  return text;
}

/// Types, flags and sizes, as far as the runtime has to know them.
Status checkDescription(const steelyard_gpu_gemm_desc &desc) {
  if (desc.batch < 0 || desc.m < 0 || desc.n < 0 || desc.k < 0) {
    return invalidArgument("a contraction with a negative size");
  }
  constexpr int32_t kFlags =
      STEELYARD_COMPUTE_TF32 | STEELYARD_COMPUTE_FAST_ACCUMULATE;
  if (desc.epilogue < STEELYARD_EPILOGUE_NONE ||
      desc.epilogue > STEELYARD_EPILOGUE_GELU || desc.compute & ~kFlags) {
    return invalidArgument(format("a contraction with epilogue %d, compute %d, "
                                  "which this version does not know",
                                  desc.epilogue, desc.compute));
  }
  auto unsupported = [&](const std::string &why) {
    return unimplemented(describe(desc) + ": " + why);
  };
  if (!hasTypes(desc.a_type, desc.b_type, desc.c_type)) {
    return unsupported(
        "cuBLASLt takes f32 into f32, f64 into f64, f16 or bf16 into the same "
        "or f32, and f8E4M3FN or f8E5M2, but not twice f8E5M2, into f32, bf16 "
        "or f16");
  }
  if (desc.a_type == STEELYARD_F64 && (desc.bias || desc.epilogue)) {
    return unsupported("cuBLASLt has no bias and no epilogue in f64");
  }
  if (desc.bias && desc.bias_type != biasTypeOf(desc)) {
    return unsupported(std::string("cuBLASLt takes a bias of ") +
                       steelyard_type_name(biasTypeOf(desc)) + " there");
  }
  if ((desc.a_scale || desc.b_scale) && !isF8(desc.a_type)) {
    return unsupported("cuBLASLt takes scales of FP8 operands only");
  }
  if (desc.batch > INT32_MAX) {
    return unsupported("cuBLASLt counts a batch in 32 bits");
  }
  return Status();
}

bool isEmpty(const steelyard_gpu_gemm_desc &desc) {
  return desc.batch == 0 || desc.m == 0 || desc.n == 0;
}

/// rows x columns by their strides, as columns of consecutive rows.
bool isStoredByColumns(int64_t rows, int64_t columns, int64_t rowStride,
                       int64_t columnStride, int64_t &leading) {
  leading = columns == 1 ? rows : columnStride;
  return (rowStride == 1 || rows == 1) && leading >= rows;
}

/// An operand of the library, on the left or on the right of its product.
bool findOperand(int64_t outer, int64_t depth, int64_t outerStride,
                 int64_t depthStride, bool isLeft, LtMatrix &matrix) {
  int64_t leadingByDepth = 0, leadingByOuter = 0;
  bool byDepth =
      isStoredByColumns(depth, outer, depthStride, outerStride, leadingByDepth);
  bool byOuter =
      isStoredByColumns(outer, depth, outerStride, depthStride, leadingByOuter);
  // Where both will do, along the larger extent, and k for FP8.
  if (byDepth && byOuter) {
    byDepth = depth > 1;
  }
  matrix.rows = byDepth ? depth : outer;
  matrix.columns = byDepth ? outer : depth;
  matrix.leading = byDepth ? leadingByDepth : leadingByOuter;
  matrix.isTransposed = byDepth == isLeft; // of outer x k, and of k x outer
  return byDepth || byOuter;
}

Status badStrides(const steelyard_gpu_gemm_desc &desc, const char *name,
                  const char *first, int64_t firstStride, const char *second,
                  int64_t secondStride) {
  return unimplemented(format(
      "%s: %s has a stride of %lld along %s and %lld along %s; one has to be "
      "1, and the other at least the first's extent",
      describe(desc).c_str(), name, static_cast<long long>(firstStride), first,
      static_cast<long long>(secondStride), second));
}

/// How C lies; `byRows`: the library is given its transpose.
Status findResult(const steelyard_gpu_gemm_desc &desc, LtMatrix &c,
                  bool &byRows) {
  int64_t leadingByRows = 0, leadingByColumns = 0;
  byRows = isStoredByColumns(desc.n, desc.m, desc.c_n_stride, desc.c_m_stride,
                             leadingByRows);
  bool byColumns = isStoredByColumns(desc.m, desc.n, desc.c_m_stride,
                                     desc.c_n_stride, leadingByColumns);
  if (!byRows && !byColumns) {
    return badStrides(desc, "C", "m", desc.c_m_stride, "n", desc.c_n_stride);
  }
  if (!byRows && desc.bias) {
    return unimplemented(format(
        "%s: a bias along n needs C's n stride to be 1 (it is %lld)",
        describe(desc).c_str(), static_cast<long long>(desc.c_n_stride)));
  }
  if (byColumns && desc.n == 1 && !desc.bias) {
    byRows = false;
  }
  c.rows = byRows ? desc.n : desc.m;
  c.columns = byRows ? desc.m : desc.n;
  c.leading = byRows ? leadingByRows : leadingByColumns;
  return Status();
}

/// k = 0: what is added to is C's or nothing.
Status storeEmptySums(Session &session, const steelyard_gpu_gemm_desc &desc) {
  if (desc.bias || (desc.accumulate && desc.epilogue)) {
    return unimplemented(describe(desc) + ": it has no products");
  }
  if (desc.accumulate) {
    return Status();
  }
  LtMatrix c;
  bool byRows = false;
  Status status = findResult(desc, c, byRows); // the epilogues keep zeros
  auto size = static_cast<int64_t>(steelyard_type_bytes(desc.c_type));
  // As few fills as the strides allow.
  int64_t run = c.rows, runs = c.columns, batch = desc.batch;
  if (c.leading == run) {
    run *= std::exchange(runs, 1);
  }
  if (runs == 1 && desc.c_batch_stride == run) {
    run *= std::exchange(batch, 1);
  }
  for (int64_t i = 0; i < batch; ++i) {
    for (int64_t j = 0; j < runs && status.ok(); ++j) {
      int64_t offset = (i * desc.c_batch_stride + j * c.leading) * size;
      status =
          fillZeros(session, toAddress(static_cast<char *>(desc.c) + offset),
                    static_cast<size_t>(run * size));
    }
  }
  return status;
}

struct Translation {
  LtProblem problem;
  LtOperands operands;
  bool isSwapped = false; // the library's A is B
};

Status translate(const steelyard_gpu_gemm_desc &desc, Translation &result) {
  LtProblem &problem = result.problem;
  LtMatrix a, b;
  Status status = findResult(desc, problem.c, result.isSwapped);
  if (!status.ok()) {
    return status;
  }
  if (!findOperand(desc.m, desc.k, desc.a_m_stride, desc.a_k_stride,
                   /*isLeft=*/!result.isSwapped, a)) {
    return badStrides(desc, "A", "m", desc.a_m_stride, "k", desc.a_k_stride);
  }
  if (!findOperand(desc.n, desc.k, desc.b_n_stride, desc.b_k_stride,
                   /*isLeft=*/result.isSwapped, b)) {
    return badStrides(desc, "B", "k", desc.b_k_stride, "n", desc.b_n_stride);
  }
  auto complete = [&](LtMatrix &matrix, steelyard_type type,
                      const void *address, int64_t batchStride) {
    matrix.type = dataType(type);
    matrix.alignment = alignmentOf(address);
    matrix.batchStride = desc.batch == 1 ? 0 : batchStride;
  };
  complete(a, desc.a_type, desc.a, desc.a_batch_stride);
  complete(b, desc.b_type, desc.b, desc.b_batch_stride);
  complete(problem.c, desc.c_type, desc.c, desc.c_batch_stride);
  a.scaleAlignment = desc.a_scale ? alignmentOf(desc.a_scale) : 0;
  b.scaleAlignment = desc.b_scale ? alignmentOf(desc.b_scale) : 0;
  result.operands = {desc.a,
                     desc.b,
                     desc.c,
                     desc.a_scale,
                     desc.b_scale,
                     desc.bias,
                     desc.accumulate != 0};
  if (result.isSwapped) {
    std::swap(a, b);
    std::swap(result.operands.a, result.operands.b);
    std::swap(result.operands.aScale, result.operands.bScale);
  }
  problem.a = a;
  problem.b = b;
  problem.batch = desc.batch;
  problem.isFast =
      isF8(desc.a_type) && desc.compute & STEELYARD_COMPUTE_FAST_ACCUMULATE;
  if (desc.a_type == STEELYARD_F64) {
    problem.compute = kComputeF64;
  } else if (desc.a_type == STEELYARD_F32 &&
             desc.compute & STEELYARD_COMPUTE_TF32) {
    problem.compute = kComputeFastTF32;
  }
  uint32_t flags = desc.bias ? kLtEpilogueBias : 0;
  if (desc.epilogue) {
    flags |= desc.epilogue == STEELYARD_EPILOGUE_RELU ? kLtEpilogueReLU
                                                      : kLtEpilogueGELU;
  }
  problem.epilogue = flags ? flags : kLtEpilogueDefault;
  if (desc.bias) {
    problem.biasType = dataType(desc.bias_type);
    problem.biasAlignment = alignmentOf(desc.bias);
  }
  return Status();
}

/// What FP8 needs and has not got, "" when that is nothing.
std::string unmetNeeds(const steelyard_gpu_gemm_desc &desc,
                       const Translation &translation, const Device &device) {
  if (!isF8(desc.a_type)) {
    return "";
  }
  const auto &[a, b, c] = std::tie(translation.problem.a, translation.problem.b,
                                   translation.problem.c);
  const char *left = translation.isSwapped ? "B" : "A";
  const char *right = translation.isSwapped ? "A" : "B";
  auto size = static_cast<int64_t>(steelyard_type_bytes(desc.c_type));
  std::string needs;
  auto need = [&](bool isMet, const std::string &what) {
    if (!isMet) {
      needs += (needs.empty() ? "; FP8 needs " : ", ") + what;
    }
  };
  need(std::pair(device.major, device.minor) >= std::pair(8, 9),
       "a GPU of compute capability 8.9 or later");
  need(a.isTransposed, std::string(left) + "'s stride along k to be 1");
  need(!b.isTransposed, std::string(right) + "'s stride along k to be 1");
  need(desc.k % 16 == 0, "k to be a multiple of 16");
  need(c.rows * size % 16 == 0,
       format("%c to be a multiple of %lld", translation.isSwapped ? 'n' : 'm',
              static_cast<long long>(16 / size)));
  need(a.leading % 16 == 0 && b.leading % 16 == 0 && a.batchStride % 16 == 0 &&
           b.batchStride % 16 == 0 && c.leading * size % 16 == 0 &&
           c.batchStride * size % 16 == 0,
       "strides of multiples of 16 bytes");
  need(a.alignment >= 16 && b.alignment >= 16 && c.alignment >= 16,
       "addresses that are multiples of 16");
  // Of a scale the library says so only when it is to multiply.
  need(a.scaleAlignment % 16 == 0 && b.scaleAlignment % 16 == 0,
       "scales at addresses that are multiples of 16");
  need(translation.problem.biasAlignment % 16 == 0,
       "a bias at an address that is a multiple of 16");
  return needs;
}

Status gemm(Session &session, const steelyard_gpu_gemm_desc &desc) {
  Status status = checkDescription(desc);
  if (!status.ok() || isEmpty(desc)) {
    return status;
  }
  if (!desc.c || (desc.k && (!desc.a || !desc.b))) {
    return invalidArgument("a contraction of a null operand");
  }
  if (desc.k == 0) {
    return storeEmptySums(session, desc);
  }
  Translation translation;
  status = translate(desc, translation);
  if (status.ok() && !session.gemms) {
    status = Gemms::open(session, session.gemms);
  }
  if (!status.ok()) {
    return status;
  }
  bool refused = false;
  status =
      session.gemms->run(translation.problem, translation.operands, refused);
  if (status.ok()) {
    return status;
  }
  return {status.code(),
          describe(desc) +
              (refused ? " can't be done by " : " can't be launched by ") +
              status.message() +
              (refused ? unmetNeeds(desc, translation, session.device()) : "")};
}

} // namespace

int32_t steelyard_gpu_gemm(steelyard_context *context,
                           const steelyard_gpu_gemm_desc *desc) {
  Status status = checkCall(*context, "steelyard_gpu_gemm");
  if (status.ok()) {
    OperationRange range(*context->session);
    status = gemm(*context->session, *desc);
  }
  return finish(*context, status);
}
