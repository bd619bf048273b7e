//===- steelyard-run.cpp - Compiles and runs a module -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Support/InitLLVM.h"

#include "../ModuleTool.h"
#include "Runner.h"

using namespace llvm;

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  steelyard::ModuleTool tool(
      "steelyard-run",
      "MODULE: text or bytecode (- for standard input), or what "
      "steelyard-compile wrote");
  cl::opt<std::string> entry(
      "entry", cl::desc("Function to run; else all that take no arguments"),
      cl::cat(tool.category));
  cl::list<std::string> inputs(
      "input", cl::desc("A .npy file, one an argument, in order"),
      cl::cat(tool.category));
  cl::opt<std::string> output(
      "output-dir", cl::desc("Write results to DIR/0.npy, DIR/1.npy ..."),
      cl::cat(tool.category));
  cl::opt<bool> time("time", cl::desc("Time the calls"),
                     cl::cat(tool.category));
  tool.parse(
      argc, argv,
      "steelyard-run: compiles StableHLO for this processor and runs it.\n\n"
      "A function without arguments is a test: its check.* calls decide the "
      "exit status.\n");
  auto file = tool.read();
  if (!file) {
    return 1;
  }
  steelyard::RunOptions options;
  options.entry = entry;
  options.inputs.assign(inputs.begin(), inputs.end());
  options.outputDirectory = output;
  options.time = time;
  options.compile = tool.compileOptions();
  if (std::string error = readCacheEnvironment(options.compile);
      !error.empty()) {
    return tool.fail(error);
  }
  if (identify_magic(file->getBuffer()) == file_magic::elf_shared_object) {
    if (!tool.scheme.empty() || !tool.dump.empty()) {
      return tool.fail(tool.input +
                       " is compiled: --scheme and --dump come too late");
    }
    return steelyard::runLibrary(tool.input, options);
  }
  return steelyard::runModules(file->getBuffer().str(), options);
}
