//===- Passes.td - Passes of the CUDA target -----------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_PASSES
#define STEELYARD_TARGET_GPU_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def CUDASplitReductions : Pass<"cuda-split-reductions", "::mlir::ModuleOp"> {
  let summary = "reduces in two steps what few blocks would reduce alone";
  let description = [{
    A reduction to few results, sums over a batch, is one of parts, which many blocks compute, and one of those. Outer
    reduced loops become the parts, or pieces of one loop where it has a divisor that leaves lines of 256 elements. What is
    reduced to one value schedules make in parts themselves.

    Numerics: sums are in another order, which the shapes decide alone.
  }];
  let options = [Option<"targetBlocks", "target-blocks", "int64_t", "528",
                        "Blocks that fill a GPU: four for each of an H100's 132 multiprocessors">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def CUDAFormKernels : Pass<"cuda-form-kernels", "::mlir::ModuleOp"> {
  let summary = "makes kernels of linalg operations on tensors";
  let description = [{
    Operations that follow one another over the same elements become one kernel: a softmax, a layer norm with the amax and
    the cast behind it, what a contraction's result goes through. Each schedule (`Target/GPU/Schedules`, one file each)
    says which groups of operations it takes, and writes the kernel: a `gpu.func` on vectors. The host
    function launches it by `cuda.launch`.

    | schedule | takes |
    |---|---|
    | flat | elementwise operations, with broadcasts; scalars |
    | transposed | elementwise operations on tensors that lie along different dimensions: transposes, casts in both layouts |
    | rows | reductions along memory, and what depends on them, row by row |
    | columns | reductions across memory: sums over a batch |

    Beside what else a kernel does with the elements, each takes reductions of all of them to one value, an amax or a loss: a
    part a block, which a second kernel joins.

    Numerics: sums are in the schedule's order, which the shapes decide alone; everything else bit for bit.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::vector::VectorDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
                           "::steelyard::cuda::CUDADialect"];
}

def CUDADeviceMath : Pass<"cuda-device-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "casts and functions that the GPU has instructions for";
  let description = [{
    Casts between float32 and f8E4M3FN or f8E5M2 to nearest even become `nvvm.convert`; vectors that hold
    what PTX does otherwise take another branch: NaN keeps its sign, and without `saturate` what is too large is infinite or NaN.
    `math.exp` in float32 becomes two `ex2.approx`, square roots and roundings are LLVM's intrinsics. Other casts are left
    to -convert-scaled-cast-to-arith, other functions to CUDA's libdevice.

    Numerics: casts bit for bit; exp within 3 ulp.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_PASSES
