//===- Contractions.td - Contractions -*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_CONTRACTIONS
#define STEELYARD_DIALECT_STABLEHLO_IR_CONTRACTIONS

include "steelyard/Dialect/StableHLO/IR/Attributes.td"

def StableHLO_DotGeneralOp : StableHLO_Op<"dot_general", [Pure]> {
  let summary = "sums of products over contracted dimensions, for each batch";
  let description = [{
    The result's dimensions are the batching ones, then lhs's and rhs's others in their order.
  }];
  let arguments = (ins StableHLO_Tensor:$lhs, StableHLO_Tensor:$rhs,
                       StableHLO_DotDimensionNumbers:$dot_dimension_numbers,
                       OptionalAttr<TypedArrayAttrBase<StableHLO_PrecisionAttr, "precisions">>:$precision_config,
                       OptionalAttr<StableHLO_DotAlgorithm>:$algorithm);
  let results = (outs StableHLO_Tensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `,` custom<DotDimensionNumbers>($dot_dimension_numbers) `` custom<Precision>($precision_config, $algorithm)
    attr-dict `:` functional-type(operands, results)
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$lhs, "::mlir::Value":$rhs, "DotDimensionNumbersAttr":$numbers,
                                 "::mlir::Type":$elementType)>];
  let hasVerifier = 1;
}

def StableHLO_ConvolutionOp : StableHLO_Op<"convolution", [Pure]> {
  let summary = "sums of products of a kernel with the windows of an input";
  let description = [{
    `lhs` is the input, `rhs` the kernel. What is not given of the window is 1 (strides, dilations), 0 (padding) or
    false (reversal) in each spatial dimension.
  }];
  let arguments = (ins StableHLO_Tensor:$lhs, StableHLO_Tensor:$rhs,
                       OptionalAttr<DenseI64ArrayAttr>:$window_strides, OptionalAttr<I64ElementsAttr>:$padding,
                       OptionalAttr<DenseI64ArrayAttr>:$lhs_dilation, OptionalAttr<DenseI64ArrayAttr>:$rhs_dilation,
                       OptionalAttr<DenseBoolArrayAttr>:$window_reversal,
                       StableHLO_ConvDimensionNumbers:$dimension_numbers,
                       I64Attr:$feature_group_count, I64Attr:$batch_group_count,
                       OptionalAttr<TypedArrayAttrBase<StableHLO_PrecisionAttr, "precisions">>:$precision_config);
  let results = (outs StableHLO_Tensor:$result);
  let assemblyFormat = [{
    `(` $lhs `,` $rhs `)` `dim_numbers` `=` custom<ConvDimensionNumbers>($dimension_numbers) `,` `window` `=`
    `{` custom<ConvolutionWindow>($window_strides, $padding, $lhs_dilation, $rhs_dilation, $window_reversal) `}`
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    WindowAttributes getWindowAttributes() {
      return {getWindowStrides(), getPadding(), getLhsDilation(), getRhsDilation(), getWindowReversal()};
    }
  }];
  let hasVerifier = 1;
}

#endif // STEELYARD_DIALECT_STABLEHLO_IR_CONTRACTIONS
