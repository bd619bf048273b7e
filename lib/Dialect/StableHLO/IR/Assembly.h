//===- Assembly.h - Directives of the published text format -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_DIALECT_STABLEHLO_IR_ASSEMBLY_H
#define STEELYARD_LIB_DIALECT_STABLEHLO_IR_ASSEMBLY_H

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

namespace mlir::stablehlo {

/// One type if all are the same, else a function type.
ParseResult parseSameTypes(OpAsmParser &parser, ArrayRef<Type *> operands,
                           Type &result);
void printSameTypes(OpAsmPrinter &printer, TypeRange operands, Type result);

inline ParseResult parseSameType(OpAsmParser &parser, Type &operand,
                                 Type &result) {
  return parseSameTypes(parser, {&operand}, result);
}
inline void printSameType(OpAsmPrinter &printer, Operation *, Type operand,
                          Type result) {
  printSameTypes(printer, {operand}, result);
}
inline ParseResult parseSameType(OpAsmParser &parser, Type &lhs, Type &rhs,
                                 Type &result) {
  return parseSameTypes(parser, {&lhs, &rhs}, result);
}
inline void printSameType(OpAsmPrinter &printer, Operation *, Type lhs,
                          Type rhs, Type result) {
  printSameTypes(printer, {lhs, rhs}, result);
}
inline ParseResult parseSameType(OpAsmParser &parser, Type &a, Type &b, Type &c,
                                 Type &result) {
  return parseSameTypes(parser, {&a, &b, &c}, result);
}
inline void printSameType(OpAsmPrinter &printer, Operation *, Type a, Type b,
                          Type c, Type result) {
  printSameTypes(printer, {a, b, c}, result);
}

/// pred-type, value-type; or a function type.
ParseResult parseSelectType(OpAsmParser &parser, Type &pred, Type &onTrue,
                            Type &onFalse, Type &result);
void printSelectType(OpAsmPrinter &printer, Operation *, Type pred, Type onTrue,
                     Type onFalse, Type result);

ParseResult parsePairwiseSameType(OpAsmParser &parser,
                                  SmallVectorImpl<Type> &operands,
                                  SmallVectorImpl<Type> &results);
void printPairwiseSameType(OpAsmPrinter &printer, Operation *,
                           TypeRange operands, TypeRange results);

/// An i64 attribute as a bare integer.
ParseResult parseInteger(OpAsmParser &parser, IntegerAttr &value);
void printInteger(OpAsmPrinter &printer, Operation *, IntegerAttr value);

/// [start:limit(:stride)?, ...]
ParseResult parseSliceRanges(OpAsmParser &parser, DenseI64ArrayAttr &start,
                             DenseI64ArrayAttr &limit,
                             DenseI64ArrayAttr &strides);
void printSliceRanges(OpAsmPrinter &printer, Operation *,
                      DenseI64ArrayAttr start, DenseI64ArrayAttr limit,
                      DenseI64ArrayAttr strides);

/// %a, %b, (the comma before what follows included)
ParseResult
parseOperandList(OpAsmParser &parser,
                 SmallVectorImpl<OpAsmParser::UnresolvedOperand> &operands);
void printOperandList(OpAsmPrinter &printer, Operation *,
                      OperandRange operands);

/// (batching_dims = [0] x [0], )? contracting_dims = [2] x [1]
ParseResult parseDotDimensionNumbers(OpAsmParser &parser,
                                     DotDimensionNumbersAttr &numbers);
void printDotDimensionNumbers(OpAsmPrinter &printer, Operation *,
                              DotDimensionNumbersAttr numbers);

/// (, precision = [DEFAULT, DEFAULT])? (, algorithm = <...>)?
ParseResult parsePrecision(OpAsmParser &parser, ArrayAttr &precisions,
                           DotAlgorithmAttr &algorithm);
void printPrecision(OpAsmPrinter &printer, Operation *, ArrayAttr precisions,
                    DotAlgorithmAttr algorithm);

/// [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]
ParseResult parseConvDimensionNumbers(OpAsmParser &parser,
                                      ConvDimensionNumbersAttr &numbers);
void printConvDimensionNumbers(OpAsmPrinter &printer, Operation *,
                               ConvDimensionNumbersAttr numbers);

/// stride = [2, 1], pad = [[0, 0], [1, -1]], lhs_dilate = [..], rhs_dilate =
/// [..], reverse = [true, false]; what is null is not printed
ParseResult parseConvolutionWindow(OpAsmParser &parser,
                                   DenseI64ArrayAttr &strides,
                                   DenseIntElementsAttr &padding,
                                   DenseI64ArrayAttr &lhsDilation,
                                   DenseI64ArrayAttr &rhsDilation,
                                   DenseBoolArrayAttr &reversal);
void printConvolutionWindow(OpAsmPrinter &printer, Operation *,
                            DenseI64ArrayAttr strides,
                            DenseIntElementsAttr padding,
                            DenseI64ArrayAttr lhsDilation,
                            DenseI64ArrayAttr rhsDilation,
                            DenseBoolArrayAttr reversal);

/// e5m2, printed without a space: exponent and mantissa bits
ParseResult parseExponentMantissa(OpAsmParser &parser, IntegerAttr &exponent,
                                  IntegerAttr &mantissa);
void printExponentMantissa(OpAsmPrinter &printer, Operation *,
                           IntegerAttr exponent, IntegerAttr mantissa);

/// An enumerator alone: LT. (The attribute's own print begins with a space, for
/// #stablehlo<comparison_direction LT>.)
ParseResult parseEnum(OpAsmParser &parser, ComparisonDirectionAttr &value);
ParseResult parseEnum(OpAsmParser &parser, ComparisonTypeAttr &value);
ParseResult parseEnum(OpAsmParser &parser, RngAlgorithmAttr &value);
void printEnum(OpAsmPrinter &printer, Operation *,
               ComparisonDirectionAttr value);
void printEnum(OpAsmPrinter &printer, Operation *, ComparisonTypeAttr value);
void printEnum(OpAsmPrinter &printer, Operation *, RngAlgorithmAttr value);

/// @target
ParseResult parseCallTarget(OpAsmParser &parser, StringAttr &target);
void printCallTarget(OpAsmPrinter &printer, Operation *, StringAttr target);

} // namespace mlir::stablehlo

#endif // STEELYARD_LIB_DIALECT_STABLEHLO_IR_ASSEMBLY_H
