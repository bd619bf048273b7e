//===- CUDAOps.td - What compiled host code asks of the GPU ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_GPU_IR_CUDAOPS
#define STEELYARD_TARGET_GPU_IR_CUDAOPS

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def CUDA_Dialect : Dialect {
  let name = "cuda";
  let cppNamespace = "::steelyard::cuda";
  let summary = "what compiled host code asks of an NVIDIA GPU";
  let description = [{
    Operations that become calls of `steelyard_gpu_*` functions. They exist on tensors, go through bufferization in
    destination-passing style, and are lowered to calls with the LLVM dialect. Kernels are functions of a `gpu.module`.
  }];
}

class CUDA_Op<string mnemonic, list<Trait> traits = []> : Op<CUDA_Dialect, mnemonic, traits>;

def CUDA_LaunchOp : CUDA_Op<"launch", [AttrSizedOperandSegments, DestinationStyleOpInterface,
                                       DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                       DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{
    The kernel takes the inputs, then the destinations, tensors as dense buffers of one dimension, scalars by value. On tensors
    it overwrites every element of its destinations and reads none of them; on buffers it may read and keep some. `grid` and
    `block` are x, y and z.

    ```mlir
    %y = cuda.launch @kernels::@softmax grid = [16384, 1, 1] block = [128, 1, 1] ins(%x : tensor<16384x4096xbf16>)
      outs(%init : tensor<16384x4096xbf16>) -> tensor<16384x4096xbf16>
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, DenseI32ArrayAttr:$grid, DenseI32ArrayAttr:$block,
                       Variadic<AnyType>:$inputs, Variadic<AnyShaped>:$inits);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `grid` `=` $grid `block` `=` $block (`ins` `(` $inputs^ `:` type($inputs) `)`)? `outs` `(` $inits `:` type($inits) `)`
    attr-dict (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

def CUDA_ZeroOp : CUDA_Op<"zero", [DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "zeroes all bytes";
  let description = [{
    Of the counters by which the blocks of a kernel find out which of them is the last to end. A kernel leaves zeros there.

    ```mlir
    %zeros = cuda.zero outs(%init : tensor<8xi32>) -> tensor<8xi32>
    ```
  }];
  let arguments = (ins AnyShaped:$init);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = "`outs` `(` $init `:` type($init) `)` attr-dict (`->` type($result)^)?";
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

#endif // STEELYARD_TARGET_GPU_IR_CUDAOPS
