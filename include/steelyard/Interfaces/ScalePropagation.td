//===- ScalePropagation.td - How an operation treats scales ----*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_INTERFACES_SCALEPROPAGATION
#define STEELYARD_INTERFACES_SCALEPROPAGATION

include "mlir/IR/OpBase.td"

def ScalePropagationOpInterface : OpInterface<"ScalePropagationOpInterface"> {
  let cppNamespace = "::steelyard";
  let description = [{
    The rule by which `-scalify` (arXiv:2407.17353) carries scales through an operation: given operands as
    (float32 data, exponent), write float32 data and exponents of the results with the same value.
    Models are attached per op family in lib/Rules/Scale; the dialects promise one for every operation.
  }];
  let methods = [
    InterfaceMethod<"Applies the rule. Failure means that it does not fit this operation, which is then computed on real values.",
                    "::llvm::LogicalResult", "propagateScale", (ins "::steelyard::ScaleRewriter &":$rewriter)>,
    StaticInterfaceMethod<"False for an operation that is known to have no rule: computed on real values if it has floats.",
                          "bool", "hasScaleRule", (ins)>,
    StaticInterfaceMethod<"One line for the table of rules: what happens to the exponent, or why there is no rule.",
                          "::llvm::StringRef", "describeScaleRule", (ins)>
  ];
}

#endif // STEELYARD_INTERFACES_SCALEPROPAGATION
