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

def StableHLO_ReduceWindowOp : StableHLO_Op<"reduce_window", [RecursiveMemoryEffects, RecursivelySpeculatable, SameVariadicOperandSize, InferTypeOpAdaptor, SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "joins the elements of each window by a computation";
  let description = [{
    What padding and dilation of the inputs add is the initial value. What is not given of the window is 1 (strides,
    dilations) or 0 (padding). The order in which elements are joined is not specified.
  }];
  let arguments = (ins Variadic<StableHLO_Tensor>:$inputs, Variadic<StableHLO_Tensor>:$init_values,
                       DenseI64ArrayAttr:$window_dimensions, OptionalAttr<DenseI64ArrayAttr>:$window_strides,
                       OptionalAttr<DenseI64ArrayAttr>:$base_dilations, OptionalAttr<DenseI64ArrayAttr>:$window_dilations,
                       OptionalAttr<I64ElementsAttr>:$padding);
  let results = (outs Variadic<StableHLO_Tensor>);
  let regions = (region SizedRegion<1>:$body);
  let extraClassDeclaration = [{
    WindowAttributes getWindowAttributes() {
      return {getWindowStrides(), getPadding(), getBaseDilations(), getWindowDilations(), std::nullopt};
    }
  }];
  let hasRegionVerifier = 1;
}

def StableHLO_SelectAndScatterOp : StableHLO_Op<"select_and_scatter", [RecursiveMemoryEffects, RecursivelySpeculatable, InferTypeOpAdaptor, SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "scatters a source to the elements that are selected in windows of an operand";
  let description = [{
    In each window of the operand `select` compares the element selected so far with the next one and says whether it
    stays; padding is never selected. `scatter` joins the source's elements with the initial value, in order.
  }];
  let arguments = (ins StableHLO_Tensor:$operand, StableHLO_Tensor:$source, StableHLO_Tensor:$init_value,
                       OptionalAttr<DenseI64ArrayAttr>:$window_dimensions,
                       OptionalAttr<DenseI64ArrayAttr>:$window_strides, OptionalAttr<I64ElementsAttr>:$padding);
  let results = (outs StableHLO_Tensor:$result);
  let regions = (region SizedRegion<1>:$select, SizedRegion<1>:$scatter);
  let extraClassDeclaration = [{
    /// The window's sizes, 1 where none are given.
    SmallVector<int64_t> getWindowSizes();
    WindowAttributes getWindowAttributes() {
      return {getWindowStrides(), getPadding(), std::nullopt, std::nullopt, std::nullopt};
    }
  }];
  let hasRegionVerifier = 1;
}

#endif // STEELYARD_DIALECT_STABLEHLO_IR_REDUCTIONS
