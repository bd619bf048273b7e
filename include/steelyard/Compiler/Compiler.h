//===- Compiler.h - From StableHLO text to an executable --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The compiler as a library: what steelyard-run and the Python module call.
// Nothing of MLIR or LLVM shows here.
//
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_COMPILER_COMPILER_H
#define STEELYARD_COMPILER_COMPILER_H

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct steelyard_context;
struct steelyard_executable;

namespace steelyard {

/// One diagnostic of a compilation, in the order of emission.
struct Diagnostic {
  enum class Severity { Error, Warning, Remark, Note };
  Severity severity;
  std::string message;
  /// As printed by MLIR: file:line:column, JAX's name stack included. Empty if
  /// the operation has none.
  std::string location;
};

struct CompileOptions {
  /// What locations in the module's text are printed with: its file.
  std::string name = "module";
  /// Passes between import and lowering, as `steelyard-opt --pass-pipeline`
  /// takes them, without the enclosing `builtin.module(...)`: e.g.
  /// "scalify{storage=f16},quantize{recipe=fp8-current}". Empty: none.
  std::string scheme;
  /// If not empty, a folder in which each module that is compiled gets a new
  /// one (NNN-name) with the IR after every stage (NN-stage.mlir).
  std::string dumpDirectory;
  /// What the code runs on: "cpu", or "cuda" for an NVIDIA GPU, whose host is
  /// the processor below.
  std::string target = "cpu";
  /// For "cuda": the GPU's chip, in the names of NVIDIA's compilers.
  std::string chip = "sm_90a";
  /// For "cuda": the folder of a CUDA toolkit, for ptxas and libdevice; empty:
  /// $CUDA_HOME, $CUDA_PATH, where ptxas on PATH lies, /usr/local/cuda.
  std::string toolkit;
  /// Processor to generate code for, in LLVM's names; empty: this machine's.
  std::string cpu;
  /// LLVM's feature string, used when `cpu` is given.
  std::string features;
  /// Code that times its kernels: FunctionSpec::sites, and the context's times.
  bool profile = false;
  /// Where compiled code is kept between processes; empty: nowhere. It is kept
  /// by content: module, scheme, name, processor and compiler.
  std::string cacheDirectory;
  /// At most so many bytes are kept there, the last used; 0: any number.
  uint64_t cacheSize = uint64_t{1} << 30;
  /// Receives every diagnostic; errors are returned as well.
  std::function<void(const Diagnostic &)> onDiagnostic;
};

/// An argument or result of a compiled function. Dense, row-major; shape and
/// type as they lie in memory.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  /// MLIR's spelling: "f32", "f16", "f8E4M3FN", "i32", "ui8", "i1" (one byte an
  /// element).
  std::string elementType;
  /// Results: the argument whose buffer was donated for it
  /// (tf.aliasing_output), or -1.
  int64_t aliasedArgument = -1;
  /// For the exponent (i32, rank 0) of a scaled tensor: the index, among
  /// arguments or results, of its data; else -1.
  int64_t scaleOf = -1;
  /// Where the user's type differs from what lies in memory (state kept
  /// scaled): the user's element type; else empty.
  std::string userElementType;
  /// How state relates to the user's value: "" is it, "root" is its square
  /// root.
  std::string stateForm;
  /// Added by the compiler for a recipe or a rounding: an argument that starts
  /// at `initial` and is, in the next call, the result of its name.
  bool isRecipeState = false;
  /// A result that a tap of this name sees, not the user's.
  bool isObserved = false;
  /// Recipe state's arguments: bytes as they lie in a buffer.
  std::string initial;
  /// Bytes of the whole tensor.
  int64_t byteSize = 0;
};

/// A tensor in the arena, dense and row-major.
struct ArenaTensor {
  std::vector<int64_t> shape;
  /// MLIR's spelling, as in TensorSpec.
  std::string elementType;
  /// Bytes from the arena's start.
  int64_t offset = 0;
  int64_t byteSize = 0;
};

/// A kernel, contraction or copy of code compiled for profiling.
struct Site {
  /// "gemm", "elementwise", "reduce addf", "loop", "copy", ...
  std::string kind;
  /// What it reads and writes: "8x16xf32, 16xf16".
  std::string buffers;
  /// As Diagnostic::location.
  std::string location;
};

struct FunctionSpec {
  std::string name;
  std::vector<TensorSpec> arguments;
  std::vector<TensorSpec> results;
  /// Bytes of scratch memory that one call uses.
  int64_t arenaSize = 0;
  /// What lies in it, in the order in which the tensors come to life: where two
  /// share bytes, a call leaves the later one's.
  std::vector<ArenaTensor> arenaTensors;
  /// Where code compiled for profiling spends its time, in the order of its
  /// text.
  std::vector<Site> sites;
  /// True if check operations decide over success: a function of tests.
  bool hasChecks = false;
};

/// Compiled code in memory. Immutable; any number of threads may call it, each
/// with its own context.
class Executable {
public:
  ~Executable();
  Executable(const Executable &) = delete;
  Executable &operator=(const Executable &) = delete;

  const std::vector<FunctionSpec> &functions() const;
  /// Index of a function by name, or nullopt.
  std::optional<size_t> find(std::string_view name) const;

  /// Calls function `index`. `arguments` and `results` are dense row-major
  /// buffers as the function's specs say, aligned to their element size.
  /// Results may not overlap arguments. Returns an empty string, or what went
  /// wrong.
  std::string run(size_t index, steelyard_context *context,
                  const void *const *arguments, void *const *results) const;

  /// What `run` calls; it lives as long as this.
  steelyard_executable *runtime() const;

  /// The object file that was loaded (ELF), for tools that look at the machine
  /// code; empty if it was loaded from a shared library.
  std::string_view objectCode() const;

  /// Writes it as a shared library, as `compileLibrary` does.
  std::string save(const std::string &path) const;

  struct Impl;
  explicit Executable(std::unique_ptr<Impl> impl);

private:
  std::unique_ptr<Impl> impl;
};

struct CompileResult {
  /// Null on failure; then `error` holds every error with its location, one a
  /// line.
  std::shared_ptr<Executable> executable;
  std::string error;
};

/// A way to quantise contractions, and the integers it takes.
struct RecipeSpec {
  struct Option {
    std::string name, description;
    int64_t value, least, greatest;
  };
  std::string name, description;
  std::vector<Option> options;
};

/// All recipes of `quantize{recipe=... options=name=value,...}`.
std::vector<RecipeSpec> recipes();

/// Sets where compiled code is kept, as the environment says:
/// STEELYARD_CACHE_DIR (empty: nowhere; not set: `steelyard` in the user's
/// folder of caches) and STEELYARD_CACHE_SIZE (bytes, also 500m or 2g). Returns
/// an empty string, or what is wrong there.
std::string readCacheEnvironment(CompileOptions &options);

/// Compiles a module given as MLIR text or bytecode. Thread-safe.
CompileResult compile(std::string_view module, const CompileOptions &options);

/// Compiles a module ahead of time into the shared library `path`, which
/// `loadLibrary`, `steelyard_executable_load` and Python's `steelyard.load` run
/// where there is no compiler. Returns an empty string, or every error, one a
/// line. Needs a C compiler on PATH, as a linker ($CC, else cc, gcc or clang).
std::string compileLibrary(std::string_view module,
                           const CompileOptions &options,
                           const std::string &path);

/// An executable from such a library.
CompileResult loadLibrary(const std::string &path);

} // namespace steelyard

#endif // STEELYARD_COMPILER_COMPILER_H
