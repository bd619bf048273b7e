//===- CUDAOps.td - What compiled host code asks of the GPU ---*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_GPU_IR_CUDAOPS
#define STEELYARD_TARGET_GPU_IR_CUDAOPS

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
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
  let useDefaultAttributePrinterParser = 1;
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

def CUDA_EpilogueEnum : I32EnumAttr<"Epilogue", "what a contraction does last", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"ReLU", 1, "relu">,
  I32EnumAttrCase<"GELU", 2, "gelu">]> {
  let cppNamespace = "::steelyard::cuda";
  let genSpecializedAttr = 0;
}

def CUDA_EpilogueAttr : EnumAttr<CUDA_Dialect, CUDA_EpilogueEnum, "epilogue">;

def CUDA_ContractionOp : CUDA_Op<"contraction", [AttrSizedOperandSegments, DestinationStyleOpInterface,
                                                 DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "C[b, m, n] = epilogue(bias[n] + scales × sum over k of A[b, m, k] × B[b, k, n]) by cuBLASLt";
  let description = [{
    Operands, destination and their dimensions are as `host.gemm` has them. Sums are in float32, in float64 for float64; they are
    rounded to the destination's type once, at the end. The types are those of `steelyard_gpu_gemm`:

    | operands | destination | bias |
    |---|---|---|
    | float32 | float32 | float32 |
    | float16 or bfloat16, both | the same, float32 | the destination's type |
    | float64 | float64 | none, nor an epilogue |
    | f8E4M3FN and f8E5M2, one of the latter at most | float32, bfloat16, float16 | bfloat16, float16 for float16 |

    Scales are single float32 values on the device, for operands of 8 bits. `epilogue` is `relu`, max(x, 0), or `gelu`, x/2 (1 + tanh(√(2/π)
    (x + 0.044715 x³))). `tf32` rounds float32 operands to TF32, `fast_accumulate` sums
    products of 8-bit floats in fewer bits than float32 has.

    ```mlir
    %c = cuda.contraction ins(%a, %b : tensor<64x32xf8E4M3FN>, tensor<16x32xf8E4M3FN>) scales(%sa, %sb : tensor<f32>, tensor<f32>)
      bias(%bias : tensor<16xbf16>) outs(%init : tensor<64x16xbf16>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 0, 1] epilogue = relu
      fast_accumulate -> tensor<64x16xbf16>
    ```
  }];
  let arguments = (ins AnyShaped:$lhs, AnyShaped:$rhs, Variadic<AnyShaped>:$scales, Optional<AnyShaped>:$bias, AnyShaped:$init,
                       DenseI64ArrayAttr:$lhs_dims, DenseI64ArrayAttr:$rhs_dims,
                       DefaultValuedAttr<CUDA_EpilogueAttr, "::steelyard::cuda::Epilogue::None">:$epilogue,
                       UnitAttr:$tf32, UnitAttr:$fast_accumulate);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)` (`scales` `(` $scales^ `:` type($scales) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)? `outs` `(` $init `:` type($init) `)` `lhs_dims` `=` $lhs_dims `rhs_dims` `=` $rhs_dims
    (`epilogue` `=` $epilogue^)? (`tf32` $tf32^)? (`fast_accumulate` $fast_accumulate^)? attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }

  private:
    ::llvm::LogicalResult verifyBias(::mlir::Type element);

  public:
  }];
}

#endif // STEELYARD_TARGET_GPU_IR_CUDAOPS
