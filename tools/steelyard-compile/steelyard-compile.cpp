//===- steelyard-compile.cpp - Compiles a module ahead of time --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include "../ModuleTool.h"

using namespace llvm;

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  steelyard::ModuleTool tool("steelyard-compile",
                             "MODULE, text or bytecode (- for standard input)");
  cl::opt<std::string> output("o", cl::Required, cl::value_desc("OUT.so"),
                              cl::desc("The shared library to write"),
                              cl::cat(tool.category));
  cl::opt<std::string> cpu(
      "cpu",
      cl::desc("Processor in LLVM's names, e.g. x86-64-v3; this "
               "machine's unless given"),
      cl::cat(tool.category));
  cl::opt<bool> profile(
      "profile",
      cl::desc("Code that takes times of its kernels, for steelyard.profile"),
      cl::cat(tool.category));
  tool.parse(
      argc, argv,
      "steelyard-compile: compiles StableHLO into a shared library that runs "
      "where there is no compiler:\nby steelyard-run, by steelyard.load in "
      "Python and by the C ABI (steelyard_executable_load).\n");
  auto file = tool.read();
  if (!file) {
    return 1;
  }
  steelyard::CompileOptions options = tool.compileOptions();
  options.cpu = cpu;
  options.profile = profile;
  StringRef text = file->getBuffer();
  std::string error = steelyard::compileLibrary(
      std::string_view(text.data(), text.size()), options, output);
  if (!error.empty()) {
    errs() << error << "\n";
    return 1;
  }
  return 0;
}
