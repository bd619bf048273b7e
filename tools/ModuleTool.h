//===- ModuleTool.h - What tools that compile a module share ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TOOLS_MODULETOOL_H
#define STEELYARD_TOOLS_MODULETOOL_H

#include "steelyard/Compiler/Compiler.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace steelyard {

/// The command line of a tool that compiles one module: the options that
/// decide over compiling, the file, and how errors are printed. Options of the
/// tool's own are members of `category`, made before `parse`.
class ModuleTool {
public:
  /// `name` goes before each message; `input` describes the file.
  ModuleTool(const char *name, const char *input);

  /// Leaves the program where the command line is wrong, as LLVM does.
  void parse(int argc, char **argv, const char *overview);

  /// The file that was asked for, or null, which has been reported.
  std::unique_ptr<llvm::MemoryBuffer> read() const;
  /// How to compile it. Warnings go to standard error, remarks with --remarks,
  /// errors nowhere: the compiler returns them. Refers to the tool.
  CompileOptions compileOptions() const;
  /// Prints a message; returns the exit status.
  int fail(const llvm::Twine &message) const;

  llvm::cl::OptionCategory category;
  llvm::cl::opt<std::string> input, target, chip, toolkit, scheme, dump;
  llvm::cl::opt<bool> remarks;

private:
  void print(const Diagnostic &diagnostic) const;

  const char *name;
};

} // namespace steelyard

#endif // STEELYARD_TOOLS_MODULETOOL_H
