//===- CPU.cpp - From stablehlo to code for a processor ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/CastToArith/CastToArith.h"
#include "steelyard/Pipelines/Pipelines.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include "Stages.h"

using namespace mlir;

static void buildLinalg(OpPassManager &pm, const steelyard::TargetOptions &) {
  steelyard::convertToLinalg(pm, {});
}

static void buildFusion(OpPassManager &pm, const steelyard::TargetOptions &) {
  pm.addNestedPass<func::FuncOp>(steelyard::cpu::createCPUScalars());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(steelyard::host::createHostFuseElementwise());
  pm.addPass(createCSEPass());
}

static void buildLoops(OpPassManager &pm, const steelyard::TargetOptions &) {
  pm.addPass(steelyard::cpu::createCPUOutlineLoops());
  pm.addPass(steelyard::cpu::createCPUOutlineRegions());
  pm.addPass(steelyard::host::createHostMergeFunctions());
  pm.addPass(steelyard::host::createHostPlanArena());
  pm.addPass(steelyard::createConvertScaledCastToArith());
  pm.addPass(steelyard::createVerifyNoArithOnSmallFloats());
}

static void buildLLVM(OpPassManager &pm, const steelyard::TargetOptions &) {
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(steelyard::cpu::createCPUToLLVM());
}

llvm::ArrayRef<steelyard::Stage> steelyard::cpuStages() {
  static constexpr Stage stages[] = {
      {"fuse", buildFuse},       {"pairs", buildPairs},
      {"linalg", buildLinalg},   {"fused", buildFusion},
      {"buffers", buildBuffers}, {"loops", buildLoops},
      {"llvm", buildLLVM}};
  return stages;
}

void steelyard::registerCPUPipelines() {
  PassPipelineRegistration<>(
      "steelyard-cpu",
      "stablehlo and scaled operations on tensors to the LLVM dialect",
      [](OpPassManager &pm) {
        for (const Stage &stage : cpuStages()) {
          stage.build(pm, {});
        }
      });
}
