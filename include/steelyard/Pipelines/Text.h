//===- Text.h - What MLIR's parser does not survive -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_PIPELINES_TEXT_H
#define STEELYARD_PIPELINES_TEXT_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LLVM.h"

#include "llvm/Support/MemoryBufferRef.h"

namespace steelyard {

/// Brackets of any kind, outside of strings and comments, that may be open at
/// once.
constexpr unsigned kDeepestNesting = 1000;

/// Whoever reads text from outside asks this before MLIR's parser, which calls
/// itself at each opening bracket, to the end of the stack, and asks `index`
/// for its width in `array<index>`. Failure, after a located error, where
/// there is one of those, or brackets are nested more deeply than
/// `kDeepestNesting`. Bytecode is left to its reader.
mlir::LogicalResult verifyText(llvm::MemoryBufferRef text,
                               mlir::MLIRContext &context);

} // namespace steelyard

#endif // STEELYARD_PIPELINES_TEXT_H
