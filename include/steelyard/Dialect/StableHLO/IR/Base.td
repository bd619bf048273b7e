//===- Base.td - The stablehlo dialect, its types and traits --*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The operations and constraints (C1, C2 ...) are those of the StableHLO specification.

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_BASE
#define STEELYARD_DIALECT_STABLEHLO_IR_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def StableHLO_Dialect : Dialect {
  let name = "stablehlo";
  let cppNamespace = "::mlir::stablehlo";
  let summary = "the StableHLO specification's operations, as JAX prints them";
  let description = [{
    Our own definition of the published specification
    (openxla.org/stablehlo/spec), in its published text format. Shapes are static.
  }];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
}

class StableHLO_Op<string mnemonic, list<Trait> traits = []> : Op<StableHLO_Dialect, mnemonic, traits>;

/// Element types are those of the specification; each operation takes those that it says.
def StableHLO_SInt : AnyTypeOf<[I<2>, I<4>, I8, I16, I32, I64], "signed integer of 2 to 64 bits">;
def StableHLO_UInt : AnyTypeOf<[UI<2>, UI<4>, UI8, UI16, UI32, UI64], "unsigned integer of 2 to 64 bits">;
def StableHLO_Float
    : AnyTypeOf<[F4E2M1FN, F6E2M3FN, F6E3M2FN, F8E3M4, F8E4M3, F8E4M3FN, F8E4M3FNUZ, F8E4M3B11FNUZ, F8E5M2, F8E5M2FNUZ,
                 F8E8M0FNU, BF16, F16, F32, F64], "float of 4 to 64 bits">;
def StableHLO_Complex : Complex<AnyTypeOf<[F32, F64]>>;
/// Shapes are static everywhere: a tensor<?xf32> is an error of the first operation that meets it.
class StableHLO_TensorOf<list<Type> elements, string what>
    : RankedTensorOf<elements, [HasStaticShapePred], what # " of static shape">;

def StableHLO_Tensor
    : StableHLO_TensorOf<[I1, StableHLO_SInt, StableHLO_UInt, StableHLO_Float, StableHLO_Complex], "tensor">;
def StableHLO_BitsTensor : StableHLO_TensorOf<[I1, StableHLO_SInt, StableHLO_UInt], "integer or boolean tensor">;
def StableHLO_IntTensor : StableHLO_TensorOf<[StableHLO_SInt, StableHLO_UInt], "integer tensor">;
def StableHLO_PredTensor : StableHLO_TensorOf<[I1], "boolean tensor">;
def StableHLO_RealTensor : StableHLO_TensorOf<[StableHLO_Float], "float tensor">;
def StableHLO_FloatTensor : StableHLO_TensorOf<[StableHLO_Float, StableHLO_Complex], "float or complex tensor">;
def StableHLO_SignedRealTensor : StableHLO_TensorOf<[StableHLO_SInt, StableHLO_Float], "tensor of signed real numbers">;
def StableHLO_SignedTensor
    : StableHLO_TensorOf<[StableHLO_SInt, StableHLO_Float, StableHLO_Complex], "tensor of signed numbers">;
def StableHLO_NumberTensor
    : StableHLO_TensorOf<[StableHLO_SInt, StableHLO_UInt, StableHLO_Float, StableHLO_Complex], "tensor of numbers">;

#endif // STEELYARD_DIALECT_STABLEHLO_IR_BASE
