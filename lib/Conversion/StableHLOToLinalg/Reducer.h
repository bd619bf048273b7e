//===- Reducer.h - Computations of reductions on scalars --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_REDUCER_H
#define STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_REDUCER_H

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/DialectConversion.h"

namespace steelyard {

/// A region of computation, as scalars: every operation in it works on tensors
/// of rank 0.
class ScalarRegion {
public:
  /// What the region captures is read at the rewriter's insertion point.
  ScalarRegion(mlir::ConversionPatternRewriter &rewriter,
               const mlir::TypeConverter &converter, mlir::Region &region);

  /// The region's results for arguments of signless types. Empty, after an
  /// error at the operation, if something has no scalar form.
  llvm::SmallVector<mlir::Value> emit(mlir::OpBuilder &builder,
                                      mlir::ValueRange arguments);
  /// One operation of it.
  mlir::Value emit(mlir::OpBuilder &builder, mlir::Operation *op,
                   mlir::ValueRange operands, mlir::Type result);

private:
  const mlir::TypeConverter &converter;
  mlir::Region &region;
  mlir::IRMapping captured;
};

/// The region of a reduction, which joins accumulators with elements. One
/// arithmetic operation on narrow floats accumulates in float32.
class Reducer {
public:
  Reducer(mlir::ConversionPatternRewriter &rewriter,
          const mlir::TypeConverter &converter, mlir::Region &region);

  /// The element type of accumulator `index`.
  mlir::Type type(size_t index) const { return types[index]; }

  /// Joins scalars: accumulators of their types, elements of any. Empty, after
  /// an error, if something has no scalar form.
  llvm::SmallVector<mlir::Value> join(mlir::OpBuilder &builder,
                                      mlir::ValueRange accumulators,
                                      mlir::ValueRange elements);

  /// Scalars of any types in those of the accumulators.
  llvm::SmallVector<mlir::Value> widen(mlir::OpBuilder &builder,
                                       mlir::ValueRange scalars);

  /// A tensor of `shape` whose elements are the initial value, a tensor of rank
  /// 0.
  mlir::Value start(size_t index, llvm::ArrayRef<int64_t> shape,
                    mlir::Value init);
  /// Accumulators rounded to the region's type.
  mlir::Value finish(size_t index, mlir::Value accumulators);

  /// True if joining the initial values with themselves gives them again,
  /// however often: they are the operation's neutral element, or it keeps one
  /// of two equal values.
  bool absorbs(mlir::ValueRange initValues) const;

private:
  mlir::ConversionPatternRewriter &rewriter;
  mlir::Location location;
  ScalarRegion scalars;
  /// The one operation, if accumulators are wider than its type; else null.
  mlir::Operation *widened = nullptr;
  mlir::Operation *single;
  llvm::SmallVector<mlir::Type> elements, types;
};

} // namespace steelyard

#endif // STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_REDUCER_H
