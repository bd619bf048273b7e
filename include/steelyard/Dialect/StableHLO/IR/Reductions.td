//===- Reductions.td - Reductions -*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_REDUCTIONS
#define STEELYARD_DIALECT_STABLEHLO_IR_REDUCTIONS

include "steelyard/Dialect/StableHLO/IR/Attributes.td"

def StableHLO_ReduceOp : StableHLO_Op<"reduce", [RecursiveMemoryEffects, RecursivelySpeculatable, SameVariadicOperandSize, InferTypeOpAdaptor, SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "joins the elements along dimensions by a computation";
  let description = [{
    The order in which elements are joined is not specified.
  }];
  let arguments = (ins Variadic<StableHLO_Tensor>:$inputs, Variadic<StableHLO_Tensor>:$init_values,
                       DenseI64ArrayAttr:$dimensions);
  let results = (outs Variadic<StableHLO_Tensor>);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

#endif // STEELYARD_DIALECT_STABLEHLO_IR_REDUCTIONS
