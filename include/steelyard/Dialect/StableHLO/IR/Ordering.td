//===- Ordering.td - Scatter and sort -*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_ORDERING
#define STEELYARD_DIALECT_STABLEHLO_IR_ORDERING

include "steelyard/Dialect/StableHLO/IR/Attributes.td"

def StableHLO_ScatterOp
    : StableHLO_Op<"scatter", [RecursiveMemoryEffects, RecursivelySpeculatable, SameVariadicOperandSize,
                               InferTypeOpAdaptor, SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "joins windows of updates into the inputs at computed start indices";
  let description = [{
    Windows are joined in the order of the indices, the elements of each in theirs. A window that is not wholly inside of
    the inputs is skipped, as XLA does (the specification skips its elements outside).
  }];
  let arguments = (ins Variadic<StableHLO_Tensor>:$inputs, StableHLO_IntTensor:$scatter_indices,
                       Variadic<StableHLO_Tensor>:$updates,
                       StableHLO_ScatterDimensionNumbers:$scatter_dimension_numbers,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$indices_are_sorted,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$unique_indices);
  let results = (outs Variadic<StableHLO_Tensor>);
  let regions = (region SizedRegion<1>:$update_computation);
  let hasRegionVerifier = 1;
  let hasFolder = 1;
}

def StableHLO_SortOp
    : StableHLO_Op<"sort", [RecursiveMemoryEffects, RecursivelySpeculatable, SameOperandsAndResultShape,
                            InferTypeOpAdaptor, SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "sorts the lines along a dimension of all inputs together";
  let description = [{
    The comparator says whether its left elements come before its right ones. Always stable.
  }];
  let arguments = (ins Variadic<StableHLO_Tensor>:$inputs, DefaultValuedOptionalAttr<I64Attr, "-1">:$dimension,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$is_stable);
  let results = (outs Variadic<StableHLO_Tensor>);
  let regions = (region SizedRegion<1>:$comparator);
  let hasRegionVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    /// The dimension, counted from the first.
    int64_t getSortedDimension();
  }];
}

#endif // STEELYARD_DIALECT_STABLEHLO_IR_ORDERING
