//===- CUDA.cpp - From stablehlo to kernels ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/CastToArith/CastToArith.h"
#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Pipelines/Pipelines.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void steelyard::buildCUDAKernels(OpPassManager &pm) {
  pm.addPass(createFuseCasts());
  pm.addPass(createScaledToPairs());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertStableHLOToLinalg());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // Exponents stay tensors of rank 0: they are computed where they are used.
  pm.addNestedPass<func::FuncOp>(cpu::createCPUFuseElementwise());
  pm.addPass(createCSEPass());
  pm.addPass(cuda::createCUDASplitReductions());
  pm.addPass(cuda::createCUDAFormKernels());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void steelyard::buildCUDABinary(OpPassManager &pm, const CUDAOptions &options) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(cuda::createCUDADeviceMath());
  kernels.addPass(createConvertScaledCastToArith());
  kernels.addPass(createVerifyNoArithOnSmallFloats());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createConvertVectorToSCFPass());
  kernels.addPass(createSCFToControlFlowPass());
  GpuNVVMAttachTargetOptions target;
  target.chip = options.chip;
  target.features = "+ptx85"; // CUDA 12.5
  target.optLevel = 3;
  pm.addPass(createGpuNVVMAttachTarget(target));
  ConvertGpuOpsToNVVMOpsOptions toNVVM;
  toNVVM.indexBitwidth = 64;
  toNVVM.useBarePtrCallConv = true;
  OpPassManager &finished = pm.nest<gpu::GPUModuleOp>();
  finished.addPass(createConvertGpuOpsToNVVMOps(toNVVM));
  finished.addPass(createConvertVectorToLLVMPass());
  finished.addPass(createArithToLLVMConversionPass()); // steps of indices
  finished.addPass(createConvertMathToLLVMPass());     // of integers
  finished.addPass(createConvertNVVMToLLVMPass());
  finished.addPass(createCanonicalizerPass());
  finished.addPass(createCSEPass());
  finished.addPass(createReconcileUnrealizedCastsPass());
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = options.format;
  binary.toolkitPath = options.toolkit;
  pm.addPass(createGpuModuleToBinaryPass(binary));
}

namespace {
struct CUDAPipelineOptions : PassPipelineOptions<CUDAPipelineOptions> {
  Option<std::string> chip{*this, "chip",
                           llvm::cl::desc("Chip to make kernels for"),
                           llvm::cl::init("sm_90a")};
  Option<std::string> format{
      *this, "format",
      llvm::cl::desc("isa: PTX; bin: a cubin, which takes ptxas"),
      llvm::cl::init("isa")};
  Option<std::string> toolkit{
      *this, "toolkit",
      llvm::cl::desc("CUDA toolkit, for libdevice and ptxas; else $CUDA_HOME")};
};
} // namespace

void steelyard::registerCUDAPipelines() {
  PassPipelineRegistration<>(
      "steelyard-cuda-kernels",
      "stablehlo and scaled operations on tensors to kernels and their "
      "launches",
      buildCUDAKernels);
  PassPipelineRegistration<CUDAPipelineOptions>(
      "steelyard-cuda-binary", "kernels to machine code of a GPU",
      [](OpPassManager &pm, const CUDAPipelineOptions &options) {
        buildCUDABinary(pm, {options.chip, options.format, options.toolkit});
      });
}
