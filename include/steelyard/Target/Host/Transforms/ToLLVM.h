//===- ToLLVM.h - Host functions to the LLVM dialect ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the passes of all targets share that lower public functions to entries
// of the C ABI.
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_TARGET_HOST_TRANSFORMS_TOLLVM_H
#define STEELYARD_TARGET_HOST_TRANSFORMS_TOLLVM_H

#include "steelyard/Runtime/steelyard.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace steelyard::host {

/// The runtime's name of an element type; STEELYARD_INVALID_TYPE if it has
/// none.
steelyard_type runtimeType(mlir::Type type);

/// The execution context: the first argument of a public function.
mlir::Value contextOf(mlir::Operation *op);

/// Writes code that calls the runtime.
struct Emitter {
  mlir::OpBuilder &builder;
  mlir::Location location;

  mlir::Type pointer();
  mlir::Value i32(int64_t value);
  mlir::Value i64(int64_t value);
  mlir::Value slot(mlir::Value base, int64_t byteOffset);
  void store(mlir::Value value, mlir::Value base, int64_t byteOffset);
  /// Stack memory in the entry block of the function around `op`.
  mlir::Value stack(mlir::Operation *op, int64_t bytes);
  /// The address of a buffer's first element.
  mlir::Value address(mlir::Value descriptor, mlir::MemRefType type,
                      const mlir::LLVMTypeConverter &converter);
  /// Calls a function, which is declared in the module around `op`.
  mlir::LLVM::CallOp call(mlir::Operation *op, llvm::StringRef name,
                          mlir::Type result, mlir::ValueRange operands);
  /// Calls i32 `name`(context, operands), which ends the function with its
  /// status where that is not 0.
  void callOrReturn(mlir::Operation *op, llvm::StringRef name,
                    mlir::ValueRange operands);
  /// Calls ptr `name`(context, operands), which ends the function with
  /// STEELYARD_INTERNAL where that is null.
  mlir::Value callOrFail(mlir::Operation *op, llvm::StringRef name,
                         mlir::ValueRange operands);

private:
  mlir::LLVM::CallOp callOfContext(mlir::Operation *op, llvm::StringRef name,
                                   mlir::Type result,
                                   mlir::ValueRange operands);
};

/// The function of this name in the module around `op`, declared if need be.
mlir::LLVM::LLVMFuncOp declare(mlir::Operation *op, mlir::OpBuilder &builder,
                               llvm::StringRef name, mlir::Type result,
                               llvm::ArrayRef<mlir::Type> arguments);

/// A contraction of buffers, and what they became.
struct LoweredContraction {
  mlir::Operation *op;
  mlir::MemRefType lhsType, rhsType, initType;
  mlir::Value lhs, rhs, init;
  llvm::ArrayRef<int64_t> lhsDims, rhsDims;
};

/// A steelyard_gemm_desc on the stack, of `bytes` if it is the start of a
/// larger structure whose other fields are 0. Failure, after an error, for what
/// the runtime has no types for.
mlir::FailureOr<mlir::Value>
describeContraction(Emitter &emit, const LoweredContraction &contraction,
                    const mlir::LLVMTypeConverter &converter, int64_t bytes);
mlir::FailureOr<mlir::Value>
describeGemm(Emitter &emit, GemmOp op, mlir::ValueRange operands,
             const mlir::LLVMTypeConverter &converter, int64_t bytes);

/// Control flow, arithmetic, buffers (as bare pointers), functions, and `host`
/// operations but for those that targets lower in their own ways.
void populateToLLVMPatterns(mlir::LLVMTypeConverter &converter,
                            mlir::RewritePatternSet &patterns);

/// The public functions of a module, which take the context, the arena, buffers
/// and, marked, those of results.
class Entries {
public:
  /// Before conversion; failure after an error where one is not such a
  /// function.
  llvm::LogicalResult collect(mlir::ModuleOp module);
  /// After conversion: each function f returns a status and gets an entry
  /// `i32 steelyard_entry_f(context, arena, arguments, results)`.
  void define(mlir::ModuleOp module);

private:
  struct Entry {
    std::string function;
    int64_t arguments; // without the context, the arena and results
  };
  llvm::SmallVector<Entry> entries;
};

} // namespace steelyard::host

#endif // STEELYARD_TARGET_HOST_TRANSFORMS_TOLLVM_H
