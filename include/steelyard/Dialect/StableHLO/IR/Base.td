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

def StableHLO_Int : AnyTypeOf<[AnySignlessInteger, AnyUnsignedInteger], "integer">;
def StableHLO_Complex : Complex<AnyTypeOf<[F32, F64]>>;
def StableHLO_Element : AnyTypeOf<[AnySignlessInteger, AnyUnsignedInteger, AnyFloat, StableHLO_Complex], "element">;
/// Shapes are static everywhere: a tensor<?xf32> is an error of the first operation that meets it.
class StableHLO_TensorOf<list<Type> elements, string what>
    : RankedTensorOf<elements, [HasStaticShapePred], what # " of static shape">;

def StableHLO_Tensor : StableHLO_TensorOf<[StableHLO_Element], "tensor">;
def StableHLO_IntTensor : StableHLO_TensorOf<[AnySignlessInteger, AnyUnsignedInteger], "integer or boolean tensor">;
def StableHLO_PredTensor : StableHLO_TensorOf<[I1], "boolean tensor">;
def StableHLO_RealTensor : StableHLO_TensorOf<[AnyFloat], "float tensor">;
def StableHLO_FloatTensor : StableHLO_TensorOf<[AnyFloat, StableHLO_Complex], "float or complex tensor">;
def StableHLO_NumberTensor
    : StableHLO_TensorOf<[AnySignlessInteger, AnyUnsignedInteger, AnyFloat, StableHLO_Complex], "tensor of numbers">;

#endif // STEELYARD_DIALECT_STABLEHLO_IR_BASE
