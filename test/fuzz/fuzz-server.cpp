//===- fuzz-server.cpp - One child a module ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//  What `python -m fuzz` sends modules to: forks a child for each, with limits
//  of time and memory, and says how it ended. All is loaded before the first
//  fork, so that a child costs milliseconds.
//
//  Request:  i64 mode (0 round trip, 1 compile and run), CPU seconds, bytes of
//            memory; then scheme, module, arguments, each i64 length and bytes
//  Response: i64 status (as of waitpid), then what the child said ("compiled"
//            on a line before it runs anything) and its standard error
//
//===----------------------------------------------------------------------===//

#include "steelyard/Compiler/Compiler.h"
#include "steelyard/Pipelines/Register.h"
#include "steelyard/Pipelines/Text.h"
#include "steelyard/Runtime/steelyard.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;

namespace {

enum Mode { RoundTrip, CompileAndRun };

struct Request {
  int64_t mode = RoundTrip;
  int64_t seconds = 20;
  int64_t bytes = 0;
  std::string scheme, module, arguments;
};

bool readAll(void *to, size_t size) {
  char *at = static_cast<char *>(to);
  while (size) {
    ssize_t count = read(STDIN_FILENO, at, size);
    if (count <= 0) {
      return false;
    }
    at += count;
    size -= count;
  }
  return true;
}

bool read(std::string &text) {
  int64_t size = 0;
  if (!readAll(&size, sizeof size)) {
    return false;
  }
  text.resize(size);
  return readAll(text.data(), size);
}

bool read(Request &request) {
  return readAll(&request.mode, sizeof(int64_t)) &&
         readAll(&request.seconds, sizeof(int64_t)) &&
         readAll(&request.bytes, sizeof(int64_t)) && read(request.scheme) &&
         read(request.module) && read(request.arguments);
}

void writeAll(int file, StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(file, bytes.data(), bytes.size());
    if (count <= 0) {
      _exit(3);
    }
    bytes = bytes.drop_front(count);
  }
}

/// Errors of one reading, and whether each says where.
struct Errors {
  std::string text;
  bool areLocated = true;
};

OwningOpRef<ModuleOp> parse(StringRef text, MLIRContext &context,
                            Errors &errors) {
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      errors.areLocated &= !isa<UnknownLoc>(diagnostic.getLocation());
      errors.text += diagnostic.str() + "\n";
    }
    return success();
  });
  if (failed(steelyard::verifyText(llvm::MemoryBufferRef(text, "module"),
                                   context))) {
    return {};
  }
  return parseSourceString<ModuleOp>(text, &context, "module");
}

std::string print(ModuleOp module, bool isGeneric) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  module->print(stream, isGeneric ? flags.printGenericOpForm() : flags);
  return text;
}

/// What is read, printed, read and printed is what was printed first.
std::string roundTrip(StringRef text, const DialectRegistry &registry) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  Errors errors;
  OwningOpRef<ModuleOp> module = parse(text, context, errors);
  if (!module) {
    return !errors.text.empty() && errors.areLocated
               ? "rejected\n" + errors.text
               : "bad\nan error without a location: " + errors.text;
  }
  for (bool isGeneric : {false, true}) {
    std::string first = print(*module, isGeneric);
    OwningOpRef<ModuleOp> again = parse(first, context, errors);
    if (!again) {
      return "bad\nwhat was printed is not read: " + errors.text + first;
    }
    if (std::string second = print(*again, isGeneric); second != first) {
      return "bad\nprinted differently the second time:\n" + first + second;
    }
  }
  PassManager manager(&context);
  manager.addPass(createCanonicalizerPass());
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors.text += diagnostic.str() + "\n";
    return success();
  });
  if (failed(manager.run(*module))) {
    return "bad\nnot canonicalised: " + errors.text;
  }
  return "accepted\n";
}

constexpr size_t kGuard = 256;

/// Bytes between guards, so that what is written beside them shows.
class Buffer {
public:
  explicit Buffer(size_t size)
      : size(size), bytes(static_cast<char *>(std::aligned_alloc(
                        64, llvm::alignTo(size + 2 * kGuard, 64)))) {
    if (bytes) { // a module may ask for more than there is
      std::memset(bytes, kByte, size + 2 * kGuard);
    }
  }
  Buffer(Buffer &&other) noexcept
      : size(other.size), bytes(std::exchange(other.bytes, nullptr)) {}
  ~Buffer() { std::free(bytes); }

  explicit operator bool() const { return bytes != nullptr; }
  char *data() const { return bytes + kGuard; }
  StringRef text() const { return {data(), size}; }
  bool isWhole() const {
    auto isGuard = [](char byte) { return byte == kByte; };
    return llvm::all_of(StringRef(bytes, kGuard), isGuard) &&
           llvm::all_of(StringRef(data() + size, kGuard), isGuard);
  }

private:
  static constexpr char kByte = 0x5A;
  size_t size;
  char *bytes;
};

/// "ran", types and shapes of the results, and their bytes.
std::string run(const steelyard::Executable &executable, StringRef given) {
  size_t index = executable.find("main").value_or(0);
  const steelyard::FunctionSpec &spec = executable.functions()[index];
  std::vector<Buffer> arguments, results;
  std::vector<const void *> in;
  std::vector<void *> out;
  for (const steelyard::TensorSpec &argument : spec.arguments) {
    Buffer &buffer = arguments.emplace_back(argument.byteSize);
    if (!buffer) {
      return "failed\nout of memory";
    }
    std::memset(buffer.data(), 0, argument.byteSize);
    if (argument.isRecipeState) {
      llvm::copy(argument.initial, buffer.data());
    } else {
      llvm::copy(given.take_front(argument.byteSize), buffer.data());
      given =
          given.drop_front(std::min<size_t>(argument.byteSize, given.size()));
    }
    in.push_back(buffer.data());
  }
  for (const steelyard::TensorSpec &result : spec.results) {
    Buffer &buffer = results.emplace_back(result.byteSize);
    if (!buffer) {
      return "failed\nout of memory";
    }
    out.push_back(buffer.data());
  }
  steelyard_error error;
  steelyard_context *context = steelyard_context_create(nullptr, &error);
  if (!context) {
    return std::string("bad\n") + error.message;
  }
  std::string failure = executable.run(index, context, in.data(), out.data());
  steelyard_context_destroy(context);
  auto isWhole = [](const Buffer &buffer) { return buffer.isWhole(); };
  if (!llvm::all_of(arguments, isWhole) || !llvm::all_of(results, isWhole)) {
    return "bad\nwritten beside an argument or a result";
  }
  if (!failure.empty()) {
    return "failed\n" + failure;
  }
  std::string said = "ran\n", bytes;
  for (auto [result, buffer] : llvm::zip_equal(spec.results, results)) {
    said += result.elementType;
    for (int64_t size : result.shape) {
      said += "," + std::to_string(size);
    }
    said += ";";
    bytes += buffer.text();
  }
  return said + "\n" + bytes;
}

std::string compileAndRun(const Request &request,
                          llvm::function_ref<void()> onCompiled) {
  steelyard::CompileOptions options;
  options.scheme = request.scheme;
  bool isLocated = false, areLocated = true;
  options.onDiagnostic = [&](const steelyard::Diagnostic &diagnostic) {
    if (diagnostic.severity == steelyard::Diagnostic::Severity::Error) {
      (diagnostic.location.empty() ? areLocated : isLocated) =
          !diagnostic.location.empty();
    }
  };
  steelyard::CompileResult result = steelyard::compile(request.module, options);
  if (!result.executable) {
    return (isLocated && areLocated ? "rejected\n"
                                    : "bad\nwithout a location: ") +
           result.error;
  }
  onCompiled();
  return run(*result.executable, request.arguments);
}

class Server {
public:
  Server() {
    steelyard::registerAllDialects(registry);
    steelyard::registerAllRules(registry);
    (void)roundTrip(kModule, registry);
    steelyard::CompileOptions options;
    options.scheme = "scalify";
    (void)steelyard::compile(kModule, options);
  }

  std::string answer(const Request &request,
                     llvm::function_ref<void()> onCompiled) const {
    return request.mode == RoundTrip ? roundTrip(request.module, registry)
                                     : compileAndRun(request, onCompiled);
  }

private:
  /// What loads everything into memory before the first fork.
  static constexpr const char *kModule =
      "func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {\n"
      "  %0 = stablehlo.add %a, %a : tensor<4xf32>\n"
      "  return %0 : tensor<4xf32>\n}\n";
  DialectRegistry registry;
};

void limit(int resource, rlim_t value) {
  rlimit both = {value, value};
  setrlimit(resource, &both);
}

[[noreturn]] void child(const Server &server, const Request &request, int out,
                        int err) {
  dup2(err, STDERR_FILENO);
  close(STDIN_FILENO);
  limit(RLIMIT_CORE, 0);
  llvm::sys::PrintStackTraceOnErrorSignal("fuzz-server",
                                          /*DisableCrashReporting=*/true);
  limit(RLIMIT_CPU, request.seconds); // the whole machine may be busy
  alarm(10 * request.seconds);        // for what waits without end
  if (request.bytes) {
    limit(RLIMIT_AS, request.bytes);
  }
  writeAll(out, server.answer(request, [&] { writeAll(out, "compiled\n"); }));
  _exit(0);
}

std::string takeFile(int file) {
  std::string text(lseek(file, 0, SEEK_END), '\0');
  [[maybe_unused]] ssize_t count = pread(file, text.data(), text.size(), 0);
  close(file);
  return text;
}

void respond(int status, StringRef out, StringRef err) {
  auto number = [](int64_t value) {
    return StringRef(reinterpret_cast<const char *>(&value), sizeof value)
        .str();
  };
  writeAll(STDOUT_FILENO, number(status) + number(out.size()) + out.str() +
                              number(err.size()) + err.str());
}

} // namespace

int main() {
  Server server;
  Request request;
  while (read(request)) {
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    pid_t process = fork();
    if (process == 0) {
      child(server, request, out, err);
    }
    int status = 0;
    if (process < 0 || waitpid(process, &status, 0) != process) {
      return 1;
    }
    respond(status, takeFile(out), takeFile(err));
  }
  return 0;
}
