//===- steelyard-run.cpp - Compiles and runs a module -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include "Runner.h"

using namespace llvm;

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::OptionCategory category("steelyard-run");
  cl::opt<std::string> input(
      cl::Positional, cl::Required,
      cl::desc("MODULE: text or bytecode (- for standard input), or what "
               "steelyard-compile wrote"),
      cl::cat(category));
  cl::opt<std::string> entry(
      "entry", cl::desc("Function to run; else all that take no arguments"),
      cl::cat(category));
  cl::list<std::string> inputs(
      "input", cl::desc("A .npy file, one an argument, in order"),
      cl::cat(category));
  cl::opt<std::string> output(
      "output-dir", cl::desc("Write results to DIR/0.npy, DIR/1.npy ..."),
      cl::cat(category));
  cl::opt<std::string> scheme(
      "scheme", cl::desc("Passes between import and lowering, e.g. scalify"),
      cl::cat(category));
  cl::opt<std::string> dump(
      "dump",
      cl::desc("Write the IR after every stage into this folder, "
               "a new one in it for each module"),
      cl::cat(category));
  cl::opt<bool> time("time", cl::desc("Time the calls"), cl::cat(category));
  cl::opt<bool> remarks("remarks", cl::desc("Print remarks"),
                        cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "steelyard-run: compiles StableHLO for this processor and runs it.\n\n"
      "A function without arguments is a test: its check.* calls decide the "
      "exit status.\n");
  auto file = MemoryBuffer::getFileOrSTDIN(input);
  if (!file) {
    errs() << "steelyard-run: " << input << ": " << file.getError().message()
           << "\n";
    return 1;
  }
  steelyard::RunOptions options;
  options.entry = entry;
  options.inputs.assign(inputs.begin(), inputs.end());
  options.outputDirectory = output;
  options.time = time;
  options.compile.name = input == "-" ? "<stdin>" : input.getValue();
  options.compile.scheme = scheme;
  options.compile.dumpDirectory = dump;
  options.compile.onDiagnostic = [&](const steelyard::Diagnostic &diagnostic) {
    using Severity = steelyard::Diagnostic::Severity;
    bool isWarning = diagnostic.severity == Severity::Warning;
    if (diagnostic.severity != Severity::Error && (isWarning || remarks)) {
      errs() << (diagnostic.location.empty() ? "steelyard-run"
                                             : diagnostic.location)
             << ": " << (isWarning ? "warning: " : "") << diagnostic.message
             << "\n";
    }
  };
  if (std::string error = readCacheEnvironment(options.compile);
      !error.empty()) {
    errs() << "steelyard-run: " << error << "\n";
    return 1;
  }
  if (identify_magic((*file)->getBuffer()) == file_magic::elf_shared_object) {
    if (!scheme.empty() || !dump.empty()) {
      errs() << "steelyard-run: " << input
             << " is compiled: --scheme and --dump come too late\n";
      return 1;
    }
    return steelyard::runLibrary(input, options);
  }
  return steelyard::runModules((*file)->getBuffer().str(), options);
}
