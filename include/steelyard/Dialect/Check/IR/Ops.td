//===- Ops.td - The check dialect ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Assertions inside a graph: with them a file of IR is a test.

#ifndef STEELYARD_DIALECT_CHECK_IR_OPS
#define STEELYARD_DIALECT_CHECK_IR_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Check_Dialect : Dialect {
  let name = "check";
  let cppNamespace = "::mlir::check";
  let summary = "assertions inside a graph";
  let description = [{
    A function that holds checks is a test: `steelyard-run` calls it and its exit status says whether all held.
    `stablehlo.custom_call @check.expect_eq`, `@check.expect_close` and `@check.expect_almost_eq` become these
    operations in `-normalise`.
  }];
}

def Check_Tensor : RankedTensorOf<[AnySignlessInteger, AnyUnsignedInteger, AnyFloat,
                                   Complex<AnyTypeOf<[F32, F64]>>], [], "tensor">;
def Check_RealTensor : RankedTensorOf<[AnyFloat], [], "float tensor">;

class Check_Op<string mnemonic, list<Trait> traits = []>
    : Op<Check_Dialect, mnemonic, traits # [MemoryEffects<[MemWrite]>]>;

/// The constant's type is the operand's.
def Check_ConstType : AllTypesMatch<["value", "actual"]>;

def Check_ExpectEqOp : Check_Op<"expect_eq", [SameTypeOperands]> {
  let summary = "equal bit for bit, but for NaN, which equals NaN";
  let arguments = (ins Check_Tensor:$actual, Check_Tensor:$expected);
  let assemblyFormat = "$actual `,` $expected attr-dict `:` type($actual)";
}

def Check_ExpectEqConstOp : Check_Op<"expect_eq_const", [Check_ConstType]> {
  let summary = "expect_eq with a constant";
  let arguments = (ins Check_Tensor:$actual, ElementsAttr:$value);
  let assemblyFormat = "$actual `,` $value attr-dict";
}

def Check_ExpectAlmostEqOp : Check_Op<"expect_almost_eq", [SameTypeOperands]> {
  let summary = "|actual - expected| is at most the tolerance";
  let description = "NaN equals NaN, infinities themselves.";
  let arguments = (ins Check_RealTensor:$actual, Check_RealTensor:$expected,
                       DefaultValuedAttr<F64Attr, "1e-4">:$tolerance);
  let assemblyFormat = "$actual `,` $expected (`,` `tolerance` `=` $tolerance^)? attr-dict `:` type($actual)";
  let hasVerifier = 1;
}

def Check_ExpectAlmostEqConstOp : Check_Op<"expect_almost_eq_const", [Check_ConstType]> {
  let summary = "expect_almost_eq with a constant";
  let arguments = (ins Check_RealTensor:$actual, ElementsAttr:$value,
                       DefaultValuedAttr<F64Attr, "1e-4">:$tolerance);
  let assemblyFormat = "$actual `,` $value (`,` `tolerance` `=` $tolerance^)? attr-dict";
  let hasVerifier = 1;
}

def Check_ExpectCloseOp : Check_Op<"expect_close", [SameTypeOperands]> {
  let summary = "at most so many representable numbers apart";
  let description = "NaN equals NaN, infinities themselves.";
  let arguments = (ins Check_RealTensor:$actual, Check_RealTensor:$expected,
                       DefaultValuedAttr<I64Attr, "1">:$max_ulp_difference);
  let assemblyFormat = [{
    $actual `,` $expected (`,` `max_ulp_difference` `=` $max_ulp_difference^)? attr-dict `:` type($actual)
  }];
  let hasVerifier = 1;
}

#endif // STEELYARD_DIALECT_CHECK_IR_OPS
