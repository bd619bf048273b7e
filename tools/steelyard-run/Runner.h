//===- Runner.h - Compiles a module and runs its functions ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TOOLS_STEELYARD_RUN_RUNNER_H
#define STEELYARD_TOOLS_STEELYARD_RUN_RUNNER_H

#include "steelyard/Compiler/Compiler.h"

#include <string>
#include <vector>

namespace steelyard {

struct RunOptions {
  CompileOptions compile;
  std::string
      entry; ///< empty: every function without arguments, or the only one
  std::vector<std::string> inputs; ///< .npy files, one an argument
  std::string outputDirectory;     ///< empty: results are not written
  bool time = false;
};

/// Runs the modules in `text` (separated by lines `// -----`), or the one in
/// MLIR's bytecode. Reports to
/// standard output and error. Returns the exit status: 0 if everything ran and
/// every check held, 1 otherwise.
int runModules(const std::string &text, const RunOptions &options);

/// The same for what steelyard-compile wrote.
int runLibrary(const std::string &path, const RunOptions &options);

} // namespace steelyard

#endif // STEELYARD_TOOLS_STEELYARD_RUN_RUNNER_H
