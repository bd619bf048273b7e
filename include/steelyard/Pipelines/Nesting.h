//===- Nesting.h - Brackets in brackets in text -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_PIPELINES_NESTING_H
#define STEELYARD_PIPELINES_NESTING_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LLVM.h"

#include "llvm/Support/MemoryBufferRef.h"

namespace steelyard {

/// Brackets of any kind, outside of strings and comments, that may be open at
/// once.
constexpr unsigned kDeepestNesting = 1000;

/// MLIR's parser calls itself at each opening bracket, to the end of the stack.
/// Whoever reads text from outside asks this first; failure, after a located
/// error, where brackets are nested more deeply than `kDeepestNesting`.
/// Bytecode has no brackets.
mlir::LogicalResult verifyNesting(llvm::MemoryBufferRef text,
                                  mlir::MLIRContext &context);

} // namespace steelyard

#endif // STEELYARD_PIPELINES_NESTING_H
