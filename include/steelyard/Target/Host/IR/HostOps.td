//===- HostOps.td - What compiled code asks of the runtime ----*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_HOST_IR_HOSTOPS
#define STEELYARD_TARGET_HOST_IR_HOSTOPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Host_Dialect : Dialect {
  let name = "host";
  let cppNamespace = "::steelyard::host";
  let summary = "what compiled code asks of the runtime";
  let description = [{
    Operations that become calls of `steelyard_*` functions. They exist on
    tensors, go through bufferization in destination-passing style, and are
    lowered to calls with the LLVM dialect.
  }];
}

class Host_Op<string mnemonic, list<Trait> traits = []> : Op<Host_Dialect, mnemonic, traits>;

def Host_GemmOp : Host_Op<"gemm", [DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "C[b, m, n] = sum over k of A[b, m, k] × B[b, k, n] by the runtime";
  let description = [{
    `lhs_dims` and `rhs_dims` say which dimension of the operand is the batch,
    free and contracted one, in this order; -1 where there is none. The
    destination is [b, m, n] without the dimensions that are missing. Operands
    may be float32 or narrower, then the destination is float32; or all are float64.

    What the program allows, and a target need not do: with `tf32` float32 operands may be rounded to TF32, with
    `fast_accumulate` products of 8-bit floats summed in fewer bits than float32 has.

    ```mlir
    %c = host.gemm ins(%a, %b : tensor<8x16xf32>, tensor<16x4xf32>) outs(%init : tensor<8x4xf32>)
      lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<8x4xf32>
    ```
  }];
  let arguments = (ins AnyShaped:$lhs, AnyShaped:$rhs, AnyShaped:$init,
                       DenseI64ArrayAttr:$lhs_dims, DenseI64ArrayAttr:$rhs_dims,
                       UnitAttr:$tf32, UnitAttr:$fast_accumulate);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)` `outs` `(` $init `:` type($init) `)`
    `lhs_dims` `=` $lhs_dims `rhs_dims` `=` $rhs_dims (`tf32` $tf32^)?
    (`fast_accumulate` $fast_accumulate^)? attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def Host_CheckOp : Host_Op<"check", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "compares two tensors and reports to the execution context";
  let description = [{
    `kind` is 0 for bit equality, 1 for a distance in units in the last place,
    2 for an absolute tolerance; `bound` is that distance or tolerance.
  }];
  let arguments = (ins AnyShaped:$got, AnyShaped:$want, I64Attr:$kind, F64Attr:$bound);
  let assemblyFormat = "$got `,` $want `kind` $kind `bound` $bound attr-dict `:` type($got) `,` type($want)";
}

def Host_PollOp : Host_Op<"poll", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "false once the call has been cancelled or has failed";
  let results = (outs I1:$goes_on);
  let assemblyFormat = "attr-dict `:` type($goes_on)";
}

def Host_MarkOp : Host_Op<"mark", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "the time since the last mark was spent at this site";
  let description = "A negative site is none's: the clock starts.";
  let arguments = (ins I64Attr:$site);
  let assemblyFormat = "$site attr-dict";
}

def Host_LibmOp : Host_Op<"libm", [Pure, SameOperandsAndResultType]> {
  let summary = "a function of the C library, as it is";
  let description = [{
    One of `cos`, `exp`, `expm1`, `lgamma`, `sin`, `tan` in float64, called for each element: glibc's are within 1 ulp,
    those of its vector library, which loops over `math` operations get, within 4. `lgamma` is log |Γ(x)|.
  }];
  let arguments = (ins StrAttr:$function, F64:$x);
  let results = (outs F64:$result);
  let assemblyFormat = "$function $x attr-dict `:` type($result)";
  let builders = [OpBuilder<(ins "::llvm::StringRef":$function, "::mlir::Value":$x), [{
    build($_builder, $_state, x.getType(), $_builder.getStringAttr(function), x);
  }]>];
  let hasVerifier = 1;
}

#endif // STEELYARD_TARGET_HOST_IR_HOSTOPS
