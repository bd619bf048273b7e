//===- Dialect.td - The scaled dialect -----------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_SCALED_IR_DIALECT
#define STEELYARD_DIALECT_SCALED_IR_DIALECT

include "mlir/IR/OpBase.td"

def Scaled_Dialect : Dialect {
  let name = "scaled";
  let cppNamespace = "::mlir::scaled";
  let summary = "Tensors whose scale is a value of the program";
  let description = [{
    A scaled tensor is a pair (data, scale) whose value is data × scale. The
    type `!scaled.tensor` keeps the pair together through the program;
    `scaled.unpack` and `scaled.pack` split and join it, `scaled.cast` is every
    rounding to a narrower format, and `scaled.dot_general` contracts scaled
    operands with one accumulation in float32.

    Scales of kind `exp` are powers of two, held as an i32 exponent in
    [-2^20, 2^20]. There is no zero, infinite or NaN scale: those live in the
    data. The least exponent, -2^20, says that the tensor is known to be zero;
    it absorbs products and is neutral where scales are joined by maximum.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::stablehlo::StableHLODialect"];
}

#endif // STEELYARD_DIALECT_SCALED_IR_DIALECT
