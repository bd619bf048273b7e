//===- ControlFlow.td - Control flow, calls and annotations -*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_DIALECT_STABLEHLO_IR_CONTROLFLOW
#define STEELYARD_DIALECT_STABLEHLO_IR_CONTROLFLOW

include "steelyard/Dialect/StableHLO/IR/Attributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def StableHLO_ReturnOp : StableHLO_Op<"return", [Pure, ReturnLike, Terminator]> {
  let summary = "ends a region of an operation";
  let arguments = (ins Variadic<AnyType>:$results);
  let assemblyFormat = "$results attr-dict (`:` type($results)^)?";
}

/// Values of any type cross the regions' boundaries: scaled tensors too.
class StableHLO_RegionOp<string mnemonic, list<Trait> traits = []>
    : StableHLO_Op<mnemonic, traits # [RecursiveMemoryEffects, RecursivelySpeculatable,
                                       SingleBlockImplicitTerminator<"ReturnOp">]> {
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def StableHLO_WhileOp
    : StableHLO_RegionOp<"while", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "applies the body to the carried values for as long as the condition holds";
  let description = [{
    ```mlir
    %r:2 = stablehlo.while(%iterArg = %a, %iterArg_0 = %b) : tensor<i32>, tensor<4xf32>
    cond {
      ...
      stablehlo.return %again : tensor<i1>
    } do {
      ...
      stablehlo.return %next, %next_0 : tensor<i32>, tensor<4xf32>
    }
    ```
    What is carried and never changes is read from outside of the loop by `-canonicalize`.
  }];
  let arguments = (ins Variadic<AnyType>:$operand);
  let results = (outs Variadic<AnyType>);
  let regions = (region SizedRegion<1>:$cond, SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
}

def StableHLO_CaseOp : StableHLO_RegionOp<"case"> {
  let summary = "the branch that the index names; the last one if it names none";
  let arguments = (ins RankedTensorOf<[I32]>:$index);
  let results = (outs Variadic<AnyType>);
  let regions = (region VariadicRegion<SizedRegion<1>>:$branches);
  let hasVerifier = 1;
}

def StableHLO_IfOp : StableHLO_RegionOp<"if"> {
  let summary = "one of two branches";
  let arguments = (ins RankedTensorOf<[I1]>:$pred);
  let results = (outs Variadic<AnyType>);
  let regions = (region SizedRegion<1>:$true_branch, SizedRegion<1>:$false_branch);
  let hasVerifier = 1;
}

def StableHLO_OptimizationBarrierOp : StableHLO_Op<"optimization_barrier", [Pure]> {
  let summary = "the identity; what is before is done before what is after";
  let arguments = (ins Variadic<AnyType>:$operand);
  let results = (outs Variadic<AnyType>:$result);
  let assemblyFormat = "attr-dict ($operand^ `:` custom<PairwiseSameType>(type($operand), type($result)))?";
  let hasVerifier = 1;
}

def StableHLO_CustomCallOp : StableHLO_Op<"custom_call", []> {
  let summary = "an operation by name";
  let arguments = (ins Variadic<AnyType>:$inputs, StrAttr:$call_target_name,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$has_side_effect,
                       OptionalAttr<AnyAttr>:$backend_config, OptionalAttr<AnyAttr>:$api_version,
                       OptionalAttr<AnyAttr>:$called_computations, OptionalAttr<AnyAttr>:$operand_layouts,
                       OptionalAttr<AnyAttr>:$result_layouts, OptionalAttr<AnyAttr>:$output_operand_aliases);
  let results = (outs Variadic<AnyType>);
  let assemblyFormat = [{
    custom<CallTarget>($call_target_name) `(` $inputs `)` attr-dict `:` functional-type(operands, results)
  }];
}

def StableHLO_CompositeOp : StableHLO_Op<"composite", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a named operation with a function that computes the same";
  let arguments = (ins Variadic<AnyType>:$inputs, StrAttr:$name,
                       DefaultValuedOptionalAttr<DictionaryAttr, "::llvm::ArrayRef<::mlir::NamedAttribute>()">:$composite_attributes,
                       FlatSymbolRefAttr:$decomposition, DefaultValuedOptionalAttr<I32Attr, "0">:$version);
  let results = (outs Variadic<AnyType>);
  let assemblyFormat = "$name $inputs attr-dict `:` functional-type(operands, results)";
}

#endif // STEELYARD_DIALECT_STABLEHLO_IR_CONTROLFLOW
