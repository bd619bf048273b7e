//===- CUDA.cpp - From stablehlo to kernels ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/CastToArith/CastToArith.h"
#include "steelyard/Pipelines/Pipelines.h"
#include "steelyard/Target/GPU/Transforms/DeviceCode.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

#include "Stages.h"

using namespace mlir;
using namespace steelyard;

/// libdevice has functions (CUDA C++ Programming Guide, "Mathematical
/// Functions"), -cuda-device-math what is faster.
static void buildLinalg(OpPassManager &pm, const TargetOptions &) {
  ConvertStableHLOToLinalgOptions options;
  options.keepFunctions = true;
  options.workByDestination = int64_t{1} << 31; // half a millisecond
  steelyard::convertToLinalg(pm, options);
}

static std::unique_ptr<Pass> createFuse() {
  host::HostFuseElementwiseOptions options;
  options.keepCrossed = true; // a kernel of its own reads both in lines
  return host::createHostFuseElementwise(options);
}

static void buildKernels(OpPassManager &pm, const TargetOptions &) {
  pm.addNestedPass<func::FuncOp>(cuda::createCUDACountLoops());
  pm.addNestedPass<func::FuncOp>(cuda::createCUDAContractions());
  pm.addNestedPass<func::FuncOp>(cuda::createCUDAScalars());
  pm.addNestedPass<func::FuncOp>(cuda::createCUDASlices());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // Exponents stay tensors of rank 0: they are computed where they are used.
  pm.addNestedPass<func::FuncOp>(createFuse());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(cuda::createCUDAEpilogues());
  pm.addPass(cuda::createCUDARecompute());
  pm.addNestedPass<func::FuncOp>(createFuse());
  pm.addPass(cuda::createCUDASplitReductions());
  pm.addPass(createCSEPass());
  pm.addPass(cuda::createCUDAFormKernels());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(cuda::createCUDAMergeLaunches());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildLoops(OpPassManager &pm, const TargetOptions &) {
  pm.addPass(cuda::createCUDAOutlineLoops());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(host::createHostMergeFunctions());
  pm.addPass(host::createHostPlanArena());
  pm.addNestedPass<func::FuncOp>(cuda::createCUDAExplainWaits());
}

/// Kernels to machine code, or PTX, in a gpu.binary.
static void buildBinary(OpPassManager &pm, const TargetOptions &options,
                        StringRef format) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createLowerAffinePass());
  if (cuda::canOverlapLaunches(options.chip)) {
    kernels.addPass(cuda::createCUDAOverlapLaunches());
  }
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
  binary.compilationTarget = format.str();
  binary.toolkitPath = options.toolkit;
  pm.addPass(createGpuModuleToBinaryPass(binary));
}

static void buildMachineCode(OpPassManager &pm, const TargetOptions &options) {
  buildBinary(pm, options, "bin");
}

static void buildLLVM(OpPassManager &pm, const TargetOptions &) {
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertScaledCastToArith());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(cuda::createCUDAToLLVM());
}

ArrayRef<steelyard::Stage> steelyard::cudaStages() {
  static constexpr Stage stages[] = {
      {"fuse", buildFuse},        {"pairs", buildPairs},
      {"linalg", buildLinalg},    {"kernels", buildKernels},
      {"buffers", buildBuffers},  {"loops", buildLoops},
      {"code", buildMachineCode}, {"llvm", buildLLVM}};
  return stages;
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
      [](OpPassManager &pm) {
        for (auto build : {buildFuse, buildPairs, buildLinalg, buildKernels}) {
          build(pm, {});
        }
      });
  PassPipelineRegistration<CUDAPipelineOptions>(
      "steelyard-cuda-binary", "kernels to machine code of a GPU",
      [](OpPassManager &pm, const CUDAPipelineOptions &options) {
        buildBinary(pm, {options.chip, options.toolkit}, options.format);
      });
  PassPipelineRegistration<CUDAPipelineOptions>(
      "steelyard-cuda",
      "stablehlo and scaled operations on tensors to the LLVM dialect and "
      "machine code of a GPU",
      [](OpPassManager &pm, const CUDAPipelineOptions &options) {
        TargetOptions target{options.chip, options.toolkit};
        for (const Stage &stage : cudaStages()) {
          if (stage.build == buildMachineCode) {
            buildBinary(pm, target, options.format);
          } else {
            stage.build(pm, target);
          }
        }
      });
}
