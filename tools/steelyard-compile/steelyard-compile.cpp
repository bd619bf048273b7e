//===- steelyard-compile.cpp - Compiles a module ahead of time --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Compiler/Compiler.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::OptionCategory category("steelyard-compile");
  cl::opt<std::string> input(
      cl::Positional, cl::Required,
      cl::desc("MODULE, text or bytecode (- for standard input)"),
      cl::cat(category));
  cl::opt<std::string> output("o", cl::Required, cl::value_desc("OUT.so"),
                              cl::desc("The shared library to write"),
                              cl::cat(category));
  cl::opt<std::string> target("target", cl::init("cpu"),
                              cl::desc("What the code runs on: cpu"),
                              cl::cat(category));
  cl::opt<std::string> cpu(
      "cpu",
      cl::desc("Processor in LLVM's names, e.g. x86-64-v3; this "
               "machine's unless given"),
      cl::cat(category));
  cl::opt<std::string> scheme(
      "scheme", cl::desc("Passes between import and lowering, e.g. scalify"),
      cl::cat(category));
  cl::opt<std::string> dump(
      "dump",
      cl::desc("Write the IR after every stage into a new folder in this one"),
      cl::cat(category));
  cl::opt<bool> remarks("remarks", cl::desc("Print remarks"),
                        cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "steelyard-compile: compiles StableHLO into a shared library that runs "
      "where there is no compiler:\nby steelyard-run, by steelyard.load in "
      "Python and by the C ABI (steelyard_executable_load).\n");
  auto fail = [](const Twine &message) {
    errs() << "steelyard-compile: " << message << "\n";
    return 1;
  };
  if (target != "cpu") {
    return fail("--target is cpu, got '" + target + "'");
  }
  auto file = MemoryBuffer::getFileOrSTDIN(input);
  if (!file) {
    return fail(input + ": " + file.getError().message());
  }
  steelyard::CompileOptions options;
  options.name = input == "-" ? "<stdin>" : input.getValue();
  options.scheme = scheme;
  options.dumpDirectory = dump;
  options.cpu = cpu;
  options.onDiagnostic = [&](const steelyard::Diagnostic &diagnostic) {
    using Severity = steelyard::Diagnostic::Severity;
    bool isWarning = diagnostic.severity == Severity::Warning;
    if (diagnostic.severity != Severity::Error && (isWarning || remarks)) {
      errs() << (diagnostic.location.empty() ? "steelyard-compile"
                                             : diagnostic.location)
             << ": " << (isWarning ? "warning: " : "") << diagnostic.message
             << "\n";
    }
  };
  StringRef text = (*file)->getBuffer();
  std::string error = steelyard::compileLibrary(
      std::string_view(text.data(), text.size()), options, output);
  if (!error.empty()) {
    errs() << error << "\n";
    return 1;
  }
  return 0;
}
