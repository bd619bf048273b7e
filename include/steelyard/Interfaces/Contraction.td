//===- Contraction.td - Sums of products of two operands -------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_INTERFACES_CONTRACTION
#define STEELYARD_INTERFACES_CONTRACTION

include "mlir/IR/OpBase.td"

def ContractionOpInterface : OpInterface<"ContractionOpInterface"> {
  let cppNamespace = "::steelyard";
  let description = [{
    An operation with one result whose elements are sums of products of an element of `lhs` and one of `rhs`: what
    `-scalify` and `-quantize` need to know of it. It is linear in each operand, so that a scale of an operand is a
    scale of the result, and its derivatives are contractions again.
  }];
  let methods = [
    InterfaceMethod<"The left operand, operand 0.", "::mlir::Value", "getLhs">,
    InterfaceMethod<"The right operand, operand 1.", "::mlir::Value", "getRhs">,
    InterfaceMethod<"The dimensions of operand 0 or 1 over whose whole extent each element of the result sums.",
                    "::llvm::SmallVector<int64_t>", "getContractedDimensions", (ins "unsigned":$index)>,
    InterfaceMethod<"The same contraction of scaled tensors of the operands' shapes: its float32 accumulator, a scaled tensor. Discardable attributes go with it.",
                    "::mlir::Value", "createScaled",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Value":$lhs, "::mlir::Value":$rhs)>
  ];
}

#endif // STEELYARD_INTERFACES_CONTRACTION
