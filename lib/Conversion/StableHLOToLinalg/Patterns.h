//===- Patterns.h - The families of patterns --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_PATTERNS_H
#define STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_PATTERNS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/DialectConversion.h"

namespace steelyard {

/// Unsigned integers become signless; the operations know what they were.
/// Tensors without elements are all tensor<0x...>: no loop runs over them, and
/// the strides of tensor<2x0x...> have no bare pointer.
struct StorageTypes : mlir::TypeConverter {
  explicit StorageTypes(bool keepsFunctions);

  /// Functions that the math dialect has are left to the target.
  bool keepsFunctions;
};

void populateElementwisePatterns(const mlir::TypeConverter &,
                                 mlir::RewritePatternSet &);
void populateScaledPatterns(const mlir::TypeConverter &,
                            mlir::RewritePatternSet &);
void populateDataMovementPatterns(const mlir::TypeConverter &,
                                  mlir::RewritePatternSet &);
void populateReductionPatterns(const mlir::TypeConverter &,
                               mlir::RewritePatternSet &);
void populateWindowPatterns(const mlir::TypeConverter &,
                            mlir::RewritePatternSet &);
void populateContractionPatterns(const mlir::TypeConverter &,
                                 mlir::RewritePatternSet &);
void populateControlFlowPatterns(const mlir::TypeConverter &,
                                 mlir::RewritePatternSet &);
void populateConvolutionPatterns(const mlir::TypeConverter &,
                                 mlir::RewritePatternSet &);
/// `workByDestination`: the pass's option of that name.
void populateScatterPatterns(const mlir::TypeConverter &,
                             mlir::RewritePatternSet &,
                             int64_t workByDestination);
void populateSortPatterns(const mlir::TypeConverter &,
                          mlir::RewritePatternSet &);
void populateCheckPatterns(const mlir::TypeConverter &,
                           mlir::RewritePatternSet &);

/// The scalar form of an elementwise stablehlo operation: `operands` are
/// elements of signless type, `result` the signless element type of the result.
/// Null, after an error at the operation, if it has none. `converter` is
/// StorageTypes, as everywhere in this conversion.
mlir::Value emitScalar(mlir::OpBuilder &builder,
                       const mlir::TypeConverter &converter,
                       mlir::Operation *op, mlir::ValueRange operands,
                       mlir::Type result);

/// Conversion of a scalar between element types (StableHLO's `convert`).
/// `isUnsigned`: integers on either side are.
mlir::Value convertScalar(mlir::OpBuilder &builder, mlir::Location location,
                          mlir::Value value, mlir::Type to, bool fromUnsigned,
                          bool toUnsigned);

/// A tensor without elements, whatever its rank.
inline bool isEmpty(mlir::Type type) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getNumElements() == 0;
}

/// The computation of an operation's region on scalars: every operation in it
/// works on tensors of rank 0. `captured`: scalars for values from outside that
/// are not constants. Empty, after an error, if one has no lowering.
mlir::SmallVector<mlir::Value>
emitComputation(mlir::OpBuilder &builder, const mlir::TypeConverter &converter,
                mlir::Region &computation, mlir::ValueRange arguments,
                const mlir::IRMapping &captured = {});

/// A tensor of rank 0 of integers as an index.
mlir::Value extractIndex(mlir::OpBuilder &builder, mlir::Location location,
                         mlir::Value tensor, mlir::ValueRange position,
                         bool isUnsigned);

/// Writes the elements of one result of an operation on tensors.
using ScalarBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &builder,
                                                  mlir::Location location,
                                                  mlir::ValueRange elements)>;

/// An elementwise linalg.generic over the shape of `type`; operands of rank 0
/// are broadcast.
mlir::Value elementwise(mlir::OpBuilder &builder, mlir::Location location,
                        mlir::RankedTensorType type, mlir::ValueRange operands,
                        ScalarBody body);

/// A tensor that a loop carries and writes. Not tensor.empty: CSE would merge
/// two of one type, and bufferization, which sees no value in them that could
/// be lost, would leave them merged.
mlir::Value allocateCarried(mlir::OpBuilder &builder, mlir::Location location,
                            llvm::ArrayRef<int64_t> shape, mlir::Type element);

/// (d0, d1 ...) -> (d0 ... d{results - 1})
mlir::AffineMap leadingDimensions(mlir::Builder &builder, int64_t loops,
                                  int64_t results);

/// result[i...] = operand[map(i...)]
mlir::Value gatherByMap(mlir::OpBuilder &builder, mlir::Location location,
                        mlir::RankedTensorType type, mlir::Value operand,
                        mlir::AffineMap map);

} // namespace steelyard

#endif // STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_PATTERNS_H
