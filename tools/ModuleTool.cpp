//===- ModuleTool.cpp - What tools that compile a module share --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ModuleTool.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace steelyard;

ModuleTool::ModuleTool(const char *name, const char *input)
    : category(name),
      input(cl::Positional, cl::Required, cl::desc(input), cl::cat(category)),
      target("target", cl::init("cpu"),
             cl::desc("What the code runs on: cpu, or cuda"),
             cl::cat(category)),
      chip("chip", cl::init("sm_90a"),
           cl::desc("For cuda: the GPU, in the names of NVIDIA's compilers"),
           cl::cat(category)),
      toolkit("toolkit",
              cl::desc("For cuda: the folder of a CUDA toolkit, for ptxas and "
                       "libdevice; else $CUDA_HOME"),
              cl::cat(category)),
      scheme("scheme",
             cl::desc("Passes between import and lowering, e.g. scalify"),
             cl::cat(category)),
      dump("dump",
           cl::desc("Write the IR after every stage into this folder, a new "
                    "one in it for each module"),
           cl::cat(category)),
      remarks("remarks", cl::desc("Print remarks"), cl::cat(category)),
      name(name) {}

void ModuleTool::parse(int argc, char **argv, const char *overview) {
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, overview);
}

std::unique_ptr<MemoryBuffer> ModuleTool::read() const {
  auto file = MemoryBuffer::getFileOrSTDIN(input);
  if (!file) {
    fail(input + ": " + file.getError().message());
    return nullptr;
  }
  return std::move(*file);
}

CompileOptions ModuleTool::compileOptions() const {
  CompileOptions options;
  options.name = input == "-" ? "<stdin>" : input.getValue();
  options.target = target;
  options.chip = chip;
  options.toolkit = toolkit;
  options.scheme = scheme;
  options.dumpDirectory = dump;
  options.onDiagnostic = [this](const Diagnostic &diagnostic) {
    print(diagnostic);
  };
  return options;
}

int ModuleTool::fail(const Twine &message) const {
  errs() << name << ": " << message << "\n";
  return 1;
}

void ModuleTool::print(const Diagnostic &diagnostic) const {
  bool isWarning = diagnostic.severity == Diagnostic::Severity::Warning;
  if (isWarning ||
      (diagnostic.severity != Diagnostic::Severity::Error && remarks)) {
    errs() << (diagnostic.location.empty() ? name : diagnostic.location.c_str())
           << ": " << (isWarning ? "warning: " : "") << diagnostic.message
           << "\n";
  }
}
