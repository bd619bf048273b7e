//===- Passes.td - Passes of the CUDA target -----------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_PASSES
#define STEELYARD_TARGET_GPU_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def CUDAContractions : Pass<"cuda-contractions", "::mlir::func::FuncOp"> {
  let summary = "makes contractions cuBLASLt's, with operands that it takes";
  let description = [{
    `host.gemm` becomes `cuda.contraction`. Operands are both of float64, float32, float16 or bfloat16, or of f8E4M3FN and
    f8E5M2, not both of the latter. Others become the narrowest of these that holds all their values. A tensor whose batch dimension runs fastest is laid out anew; 8-bit operands
    need their contracted dimension there. What is not contracted in 8 bits though its operands have no more is said in a remark.

    Sizes that 8 bits don't allow are padded by zeros in contractions that are large enough, and so are lines of 16-bit
    operands and results that are no multiples of 16 bytes, which would take several times as long. A result that is only rounded to 16 bits
    afterwards, to nearest even and without saturation, is rounded by the contraction.

    Numerics: bit for bit but for the order of sums, and for what the program allows: products of operands that are rounded to TF32
    (`tf32`), and of 8-bit operands sums in fewer bits (`fast_accumulate`).
  }];
  let options = [Option<"leastPadded", "least-padded", "int64_t", "1048576",
                        "Products, m × n × k, of the smallest contraction that is padded">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
                           "::steelyard::cuda::CUDADialect"];
}

def CUDAEpilogues : Pass<"cuda-epilogues", "::mlir::func::FuncOp"> {
  let summary = "lets contractions do what is done with their sums";
  let description = [{
    Runs after elementwise fusion. A contraction takes over the steps that all that read its result begin with, in this
    order: a product with a scale, a sum with a bias along its last dimension, an activation, a rounding to float16 or bfloat16 (to
    nearest even, without saturation). Steps are taken over as far as cuBLASLt has what comes out (`cuda.contraction` has the table), so a
    float32 bias is where the result stays float32, a bfloat16 one where it is rounded to bfloat16 afterwards. An operation that is left
    with nothing to do goes.

    | step | of which contractions |
    |---|---|
    | scale: what is computed of constants and tensors of one float32 element | of 8-bit operands, where a kernel goes or the result gets smaller |
    | bias | all but float64 |
    | a second scale; max(x, 0); `jax.nn.gelu` in its tanh form | those which the program allows to be less exact: `tf32` with float32 operands, `fast_accumulate` with 8-bit ones |
    | rounding | of 16 and 8 bits; max(x, 0) may follow it too |

    ```mlir
    %0 = cuda.contraction ins(%a, %b : tensor<64x32xf32>, tensor<32x16xf32>) outs(%init : tensor<64x16xf32>) ...
    %1 = linalg.generic {...} ins(%0, %bias : tensor<64x16xf32>, tensor<16xf32>) ... { arith.addf ... }
    // becomes
    %1 = cuda.contraction ins(%a, %b : tensor<64x32xf32>, tensor<32x16xf32>) bias(%bias : tensor<16xf32>) outs(%init : tensor<64x16xf32>) ...
    ```

    Scales and biases of 8-bit contractions that the caller may have given are copied: theirs have to lie at multiples of 16 bytes.
    What -scalify makes has no scales to take over: its exponents are other tensors, amax reads the sums, and moving them to another
    exponent takes three factors.

    Numerics: bit for bit, but a scaled sum and its bias may be rounded once instead of twice. Where the program allows a
    contraction to be less exact, two scales are multiplied with each other first, which may overflow, cuBLASLt's GELU is NVIDIA's
    approximation, and max(NaN, 0) may be 0: NVIDIA documents max(x, 0) without a word on NaN, and users have reported 0. Without that
    permission none of these is taken over.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect", "::steelyard::cuda::CUDADialect"];
}

def CUDACountLoops : Pass<"cuda-count-loops", "::mlir::func::FuncOp"> {
  let summary = "lets the host count loops whose trips are known";
  let description = [{
    A loop whose condition depends on integers alone that start at constants is followed at compile time. It gets a counter of
    the host's, so that no condition comes back from the device.

    Numerics: bit for bit.
  }];
  let options = [Option<"mostTrips", "most-trips", "int64_t", "100000", "Trips that are followed at most">];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::steelyard::host::HostDialect"];
}

def CUDAScalars : Pass<"cuda-scalars", "::mlir::func::FuncOp"> {
  let summary = "computes scalars on the device that are computed of its scalars";
  let description = [{
    What is computed of elements of tensors of rank 0, and becomes one, exponents and their factors, is a `linalg.generic`
    without loops, which kernels compute in every thread that needs it. So the host waits for none of them.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def CUDASlices : Pass<"cuda-slices", "::mlir::func::FuncOp"> {
  let summary = "makes slices linalg operations";
  let description = [{
    `tensor.extract_slice`, and a chain of `tensor.insert_slice`, as a concatenation is, become a `linalg.generic`, which is fused with what is around it.
    Offsets that are computed of elements of tensors are computed there again, so that none comes back to the host. A slice that is
    put into a much larger tensor becomes a loop, which works in place where it may.

    Numerics: bit for bit.
  }];
  let options = [Option<"inPlaceFactor", "in-place-factor", "int64_t", "4",
                        "How many times larger than the slice a tensor is that is written in place">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def CUDARecompute : Pass<"cuda-recompute", "::mlir::ModuleOp"> {
  let summary = "computes anew what would go from kernel to kernel through memory";
  let description = [{
    Forms the groups of operations that will be kernels. Where an elementwise result of one is read by others alone, each of these computes it
    itself, from tensors that are in memory anyway, if that takes fewer bytes: an activation of bfloat16 tensors that both a reduction of
    columns and the next layer read would be written and read twice in float32. The operations become parts of those that read
    them. So do those on small tensors that are a kernel of their own, where that costs less than a launch.

    What a contraction, the caller or a view reads is in memory, and stays there; what lies across memory from its operands is not computed twice.

    Numerics: bit for bit, the same operations in the same order.
  }];
  let options = [Option<"bytesPerSecond", "bytes-per-second", "double", "3.3e12", "Of memory">,
                 Option<"operationsPerSecond", "operations-per-second", "double", "20e12", "Instructions, of all threads">,
                 Option<"launchSeconds", "launch-seconds", "double", "2e-6", "What a kernel takes that does nothing">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def CUDASplitReductions : Pass<"cuda-split-reductions", "::mlir::ModuleOp"> {
  let summary = "reduces in two steps what few blocks would reduce alone";
  let description = [{
    A reduction to few results, sums over a batch, is one of parts, which many blocks compute, and one of those. Outer
    reduced loops become the parts, or pieces of one loop where it has a divisor that leaves lines of 256 elements or, across
    memory, 32 columns. What is reduced to one value schedules make in parts themselves.

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
    part a block, which the last block to end joins, or, where there are many, a second kernel.

    Numerics: sums are in the schedule's order, which the shapes decide alone; everything else bit for bit.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::vector::VectorDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
                           "::steelyard::cuda::CUDADialect"];
}

def CUDAMergeLaunches : Pass<"cuda-merge-launches", "::mlir::ModuleOp"> {
  let summary = "runs small kernels that don't wait for each other at once";
  let description = [{
    A launch of few blocks costs more than it computes. So such launches wait until something needs their results; all that can
    run by then become one kernel, whose blocks are shared out: of each parameter's update, of all exponents that a step's
    end takes. Kernels of the same code get their buffers chosen, others have their code side by side.

    Numerics: bit for bit.
  }];
  let options = [Option<"mostBlocks", "most-blocks", "int64_t", "528", "Blocks of the largest launch that waits">];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def CUDADeviceMath : Pass<"cuda-device-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "casts and functions that the GPU has instructions for";
  let description = [{
    Casts between float32 and f8E4M3FN or f8E5M2 to nearest even become `nvvm.convert`; vectors that hold
    what PTX does otherwise take another branch: NaN keeps its sign, and without `saturate` what is too large is infinite or NaN.
    `math.exp` and `math.tanh` in float32 become arithmetic around `ex2.approx` and `rcp.approx`, without branches; so do float32
    divisions that allow reciprocals (`fastmath<arcp>`), which those of elementary functions do where that suffices, and no others.
    Square roots and roundings are LLVM's intrinsics. Other casts are left to -convert-scaled-cast-to-arith, other functions to
    CUDA's libdevice.

    Numerics: casts bit for bit, but for the sign and payload of NaN in float16; exp, tanh and what divides by a reciprocal within 3
    ulp.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

def CUDAOutlineLoops : Pass<"cuda-outline-loops", "::mlir::ModuleOp"> {
  let summary = "makes a kernel of every loop over scalars that is left";
  let description = [{
    On buffers: what no schedule takes, scatters, sorts, scans, reductions of several values at once. The outer loops whose
    iterations don't depend on each other (`steelyard.parallel`) are shared out among threads, a thread runs the others.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::steelyard::cuda::CUDADialect"];
}

def CUDAOverlapLaunches : Pass<"cuda-overlap-launches", "::mlir::gpu::GPUModuleOp"> {
  let summary = "lets a kernel's blocks start while the kernel before it ends";
  let description = [{
    For chips of compute capability 9.0 and later. A kernel says at once that the next one may be launched, and waits itself until those before
    it have ended and what they wrote is seen (PTX ISA, "griddepcontrol"; CUDA C++ Programming Guide, "Programmatic Dependent Launch and
    Synchronization"). The runtime launches it without waiting (`STEELYARD_EXECUTABLE_KERNELS_WAIT`), so that of a chain of small kernels launches overlap.
    Since each waits for the one before, which has waited, too, all that came before it has ended.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

def CUDAExplainWaits : Pass<"cuda-explain-waits", "::mlir::func::FuncOp"> {
  let summary = "says where the host waits for the device";
  let description = [{
    A remark at each loop and branch of a public function whose condition is loaded from the device: such a function is not replayed
    as a CUDA graph. Nothing is changed.
  }];
}

def CUDAMarkSites : Pass<"cuda-mark-sites", "::mlir::ModuleOp"> {
  let summary = "times every kernel, contraction and copy of public functions";
  let description = [{
    As -cpu-mark-sites: a `host.mark` behind each, and the function's attribute `steelyard.sites`. A kernel's kind is that of its
    schedule: `rows`, `columns`, `transposed`, `flat`, `loop`, or `merged`; others are `gemm`, `copy`, `zero` (of counters) and
    `read`, by which the host waits for a condition.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::steelyard::host::HostDialect"];
}

def CUDAToLLVM : Pass<"cuda-to-llvm", "::mlir::ModuleOp"> {
  let summary = "lowers host functions to the LLVM dialect, kernels by then machine code";
  let description = [{
    Buffers are bare pointers of the device. What is read of them on the host, a loop's condition, is copied there and waited for.
    Each public function f gets an entry `i32 steelyard_entry_f(context, arena, arguments, results)`. The module's kernels,
    their machine code and constants are put into attributes and globals, from which the executable's description is made.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_PASSES
