//===- CodeGeneration.h - From the LLVM dialect to code in memory -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_COMPILER_CODEGENERATION_H
#define STEELYARD_LIB_COMPILER_CODEGENERATION_H

#include "steelyard/Compiler/Compiler.h"

#include "mlir/IR/BuiltinOps.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace steelyard {

/// Triple, processor and features, the host's where `cpu` is empty: what code
/// generation depends on beside the module.
std::string describeTarget(llvm::StringRef cpu, llvm::StringRef features);

/// An ELF object of the module for a processor ("" = this machine's),
/// optimised. It describes the functions (Description.h).
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
emitObject(mlir::ModuleOp module, llvm::ArrayRef<FunctionSpec> functions,
           const CompileOptions &options);

/// Loads an object; its calls of `steelyard_*` and of the C and vector math
/// libraries are resolved in this process.
llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>>
loadObject(std::unique_ptr<llvm::MemoryBuffer> object);

} // namespace steelyard

#endif // STEELYARD_LIB_COMPILER_CODEGENERATION_H
