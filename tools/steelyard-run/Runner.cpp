//===- Runner.cpp - Compiles a module and runs its functions ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Runner.h"

#include "steelyard/Runtime/steelyard.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <sys/sysinfo.h>

#include "Npy.h"

using namespace llvm;
using namespace steelyard;

namespace {

int fail(const Twine &message) {
  errs() << "steelyard-run: " << message << "\n";
  return 1;
}

/// Memory and swap space. What is allocated beyond them is promised, and the
/// process killed when it writes there.
uint64_t memoryOfMachine() {
  struct sysinfo info = {};
  return sysinfo(&info)
             ? UINT64_MAX
             : (uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
}

uint64_t bytesOf(const std::vector<TensorSpec> &specs) {
  uint64_t bytes = 0;
  for (const TensorSpec &spec : specs) {
    bytes = SaturatingAdd<uint64_t>(bytes, spec.byteSize);
  }
  return bytes;
}

/// 64-byte aligned buffers.
struct Buffers {
  explicit Buffers(const std::vector<TensorSpec> &specs) {
    for (const TensorSpec &spec : specs) {
      size_t size = alignTo(std::max<int64_t>(spec.byteSize, 1), 64);
      pointers.push_back(std::aligned_alloc(64, size));
      isComplete &= pointers.back() != nullptr;
    }
  }
  ~Buffers() {
    for_each(pointers, [](void *pointer) { std::free(pointer); });
  }
  std::vector<void *> pointers;
  bool isComplete = true;
};

/// The same on the context's device: empty where code runs on the host.
class DeviceBuffers {
public:
  DeviceBuffers(const Executable &executable, steelyard_context *context,
                const std::vector<TensorSpec> &specs)
      : context(context), specs(specs) {
    if (StringRef(steelyard_executable_target(executable.runtime())) !=
        "cuda") {
      return;
    }
    steelyard_error failure;
    for (const TensorSpec &spec : specs) {
      pointers.push_back(steelyard_context_allocate(
          context, std::max<int64_t>(spec.byteSize, 1), &failure));
      if (!pointers.back()) {
        error = failure.message;
        return;
      }
    }
  }
  ~DeviceBuffers() {
    for_each(pointers, [&](void *pointer) {
      steelyard_context_free(context, pointer, nullptr);
    });
  }
  DeviceBuffers(const DeviceBuffers &) = delete;

  /// What the code is given.
  void **data(Buffers &host) {
    return pointers.empty() ? host.pointers.data() : pointers.data();
  }
  void upload(Buffers &host) {
    transfer([&](size_t index, steelyard_error *failure) {
      return steelyard_context_upload(context, pointers[index],
                                      host.pointers[index],
                                      specs[index].byteSize, failure);
    });
  }
  void download(Buffers &host) {
    transfer([&](size_t index, steelyard_error *failure) {
      return steelyard_context_download(context, host.pointers[index],
                                        pointers[index], specs[index].byteSize,
                                        failure);
    });
  }

  std::string error; // why the device has not what it should

private:
  void transfer(function_ref<int32_t(size_t, steelyard_error *)> copy) {
    for (size_t index = 0; index < pointers.size() && error.empty(); ++index) {
      steelyard_error failure;
      if (copy(index, &failure)) {
        error = failure.message;
      }
    }
  }

  steelyard_context *context;
  const std::vector<TensorSpec> &specs;
  std::vector<void *> pointers;
};

int runFunction(const Executable &executable, size_t index,
                steelyard_context *context, const RunOptions &options) {
  const FunctionSpec &spec = executable.functions()[index];
  size_t inputs = count_if(spec.arguments, [](const TensorSpec &argument) {
    return !argument.isRecipeState;
  });
  if (options.inputs.size() != inputs) {
    return fail("@" + spec.name + " takes " + Twine(inputs) + " argument(s), " +
                Twine(options.inputs.size()) + " --input given");
  }
  uint64_t bytes =
      SaturatingAdd(bytesOf(spec.arguments), bytesOf(spec.results));
  auto outOfMemory = [&] {
    return fail("@" + spec.name + ": out of memory: arguments and results of " +
                Twine(bytes) + " bytes");
  };
  if (bytes > memoryOfMachine()) {
    return outOfMemory();
  }
  Buffers arguments(spec.arguments), results(spec.results);
  if (!arguments.isComplete || !results.isComplete) {
    return outOfMemory();
  }
  auto path = options.inputs.begin();
  for (auto [number, argument] : enumerate(spec.arguments)) {
    char *buffer = static_cast<char *>(arguments.pointers[number]);
    if (argument.isRecipeState) {
      copy(argument.initial, buffer);
      continue;
    }
    std::vector<char> bytes;
    if (std::string error = readNpy(*path++, argument, bytes); !error.empty()) {
      return fail(error);
    }
    copy(bytes, buffer);
  }
  DeviceBuffers there(executable, context, spec.arguments),
      resultsThere(executable, context, spec.results);
  there.upload(arguments);
  auto call = [&] {
    std::string error = there.error + resultsThere.error;
    return error.empty() ? executable.run(index, context, there.data(arguments),
                                          resultsThere.data(results))
                         : error;
  };
  if (std::string error = call(); !error.empty()) {
    return fail("@" + spec.name + ": " + error);
  }
  resultsThere.download(results);
  if (!resultsThere.error.empty()) {
    return fail("@" + spec.name + ": " + resultsThere.error);
  }
  char message[4096];
  if (int64_t failures =
          steelyard_context_check_failures(context, message, sizeof message)) {
    errs() << message;
    return fail("@" + spec.name + ": " + Twine(failures) + " of " +
                Twine(steelyard_context_check_count(context)) +
                " check(s) failed");
  }
  if (spec.hasChecks) {
    outs() << "@" << spec.name << ": " << steelyard_context_check_count(context)
           << " check(s) held\n";
  }
  if (options.time) {
    SmallVector<double> seconds;
    for (int repeat = 0; repeat < 11; ++repeat) {
      auto start = std::chrono::steady_clock::now();
      if (std::string error = call(); !error.empty()) {
        return fail(error);
      }
      seconds.push_back(std::chrono::duration<double>(
                            std::chrono::steady_clock::now() - start)
                            .count());
    }
    sort(seconds);
    outs() << formatv(
        "@{0}: minimum {1:f1} us, median {2:f1} us of {3} calls\n", spec.name,
        seconds.front() * 1e6, seconds[seconds.size() / 2] * 1e6,
        seconds.size());
  }
  if (!options.outputDirectory.empty()) {
    if (std::error_code code =
            sys::fs::create_directories(options.outputDirectory)) {
      return fail(options.outputDirectory + ": " + code.message());
    }
    for (auto [number, result] : enumerate(spec.results)) {
      std::string path =
          options.outputDirectory + "/" + std::to_string(number) + ".npy";
      if (std::string error = writeNpy(
              path, result, static_cast<char *>(results.pointers[number]));
          !error.empty()) {
        return fail(error);
      }
    }
  }
  return 0;
}

int runExecutable(const Executable &executable, const RunOptions &options) {
  const std::vector<FunctionSpec> &functions = executable.functions();
  SmallVector<size_t> chosen;
  if (!options.entry.empty()) {
    std::optional<size_t> index = executable.find(options.entry);
    if (!index) {
      return fail("there is no public function @" + options.entry);
    }
    chosen.push_back(*index);
  } else if (functions.size() == 1) {
    chosen.push_back(0);
  } else {
    for (size_t index = 0; index < functions.size(); ++index) {
      if (functions[index].arguments.empty()) {
        chosen.push_back(index);
      }
    }
    if (chosen.empty()) {
      return fail("several functions take arguments: choose one with --entry");
    }
  }
  steelyard_error error;
  steelyard_context *context = steelyard_context_create(nullptr, &error);
  if (!context) {
    return fail(error.message);
  }
  int status = 0;
  for (size_t index : chosen) {
    status |= runFunction(executable, index, context, options);
  }
  steelyard_context_destroy(context);
  return status;
}

int runModule(StringRef text, const RunOptions &options) {
  CompileResult compiled =
      compile(std::string_view(text.data(), text.size()), options.compile);
  if (!compiled.executable) {
    errs() << compiled.error << "\n";
    return 1;
  }
  return runExecutable(*compiled.executable, options);
}

} // namespace

int steelyard::runLibrary(const std::string &path, const RunOptions &options) {
  CompileResult loaded = loadLibrary(path);
  return loaded.executable ? runExecutable(*loaded.executable, options)
                           : fail(loaded.error);
}

int steelyard::runModules(const std::string &text, const RunOptions &options) {
  if (StringRef(text).starts_with("ML\xefR")) { // bytecode is one module
    return runModule(text, options);
  }
  int status = 0;
  bool isEmpty = true;
  StringRef rest(text);
  while (true) {
    auto [module, after] = rest.split("\n// -----");
    if (!module.trim().empty()) {
      isEmpty = false;
      // Locations count lines from the file's start.
      size_t lines =
          StringRef(text.data(), module.data() - text.data()).count('\n');
      status |=
          lines ? runModule(std::string(lines, '\n') + module.str(), options)
                : runModule(module, options);
    }
    if (after.empty()) {
      return isEmpty ? fail(options.compile.name + ": is empty") : status;
    }
    rest = after.substr(after.find('\n') == StringRef::npos ? after.size()
                                                            : after.find('\n'));
  }
}
