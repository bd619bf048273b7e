//===- Patterns.h - The families of patterns --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_PATTERNS_H
#define STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_PATTERNS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/DialectConversion.h"

namespace steelyard {

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

void populateCheckPatterns(const mlir::TypeConverter &,
                           mlir::RewritePatternSet &);

/// The scalar form of an elementwise stablehlo operation: `operands` are
/// elements of signless type, `result` the signless element type of the result.
/// Null, after an error at the operation, if it has none.
mlir::Value emitScalar(mlir::OpBuilder &builder, mlir::Operation *op,
                       mlir::ValueRange operands, mlir::Type result);

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

/// Writes the elements of one result of an operation on tensors.
using ScalarBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &builder,
                                                  mlir::Location location,
                                                  mlir::ValueRange elements)>;

/// An elementwise linalg.generic over the shape of `type`; operands of rank 0
/// are broadcast.
mlir::Value elementwise(mlir::OpBuilder &builder, mlir::Location location,
                        mlir::RankedTensorType type, mlir::ValueRange operands,
                        ScalarBody body);

/// (d0, d1 ...) -> (d0 ... d{results - 1})
mlir::AffineMap leadingDimensions(mlir::Builder &builder, int64_t loops,
                                  int64_t results);

/// result[i...] = operand[map(i...)]
mlir::Value gatherByMap(mlir::OpBuilder &builder, mlir::Location location,
                        mlir::RankedTensorType type, mlir::Value operand,
                        mlir::AffineMap map);

} // namespace steelyard

#endif // STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_PATTERNS_H
