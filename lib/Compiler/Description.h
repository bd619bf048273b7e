//===- Description.h - What an executable says of itself --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_COMPILER_DESCRIPTION_H
#define STEELYARD_LIB_COMPILER_DESCRIPTION_H

#include "steelyard/Compiler/Compiler.h"
#include "steelyard/Runtime/steelyard.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace steelyard {

/// The runtime's number for MLIR's name of an element type;
/// STEELYARD_INVALID_TYPE if it has none.
steelyard_type runtimeType(llvm::StringRef name);

/// Adds the constant STEELYARD_EXECUTABLE_SYMBOL, a steelyard_executable_desc
/// of the functions, whose entries, `steelyard_entry_NAME`, are seen by it
/// alone from then on.
/// What an executable for a GPU has beside its host code, by names of the
/// module's globals.
struct DeviceCode {
  std::string chip;  ///< empty: no kernels
  std::string image; ///< the machine code's global
  std::vector<std::string> kernels;
  std::vector<std::string> constants; ///< globals
};

void addDescription(llvm::Module &module, const llvm::TargetMachine &machine,
                    llvm::ArrayRef<FunctionSpec> functions,
                    llvm::StringRef target, const DeviceCode &device);

/// The same, read back.
std::vector<FunctionSpec>
readDescription(const steelyard_executable &executable);

} // namespace steelyard

#endif // STEELYARD_LIB_COMPILER_DESCRIPTION_H
