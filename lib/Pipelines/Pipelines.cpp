//===- Pipelines.cpp - Named sequences of passes ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Pipelines.h"

#include "steelyard/Conversion/CastToArith/CastToArith.h"
#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void steelyard::buildImportPipeline(OpPassManager &pm) {
  pm.addPass(createNormalise());
}

static void buildFuse(OpPassManager &pm) {
  pm.addPass(steelyard::createFuseCasts());
}

static void buildPairs(OpPassManager &pm) {
  pm.addPass(steelyard::createScaledToPairs());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildLinalg(OpPassManager &pm) {
  pm.addPass(steelyard::createConvertStableHLOToLinalg());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildFusion(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(steelyard::cpu::createCPUScalars());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(steelyard::cpu::createCPUFuseElementwise());
  pm.addPass(createCSEPass());
}

static void buildBuffers(OpPassManager &pm) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  // What a loop's body allocates and yields gets a fixed buffer after that.
  options.allowReturnAllocsFromLoops = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addNestedPass<func::FuncOp>(steelyard::cpu::createCPUProtectArguments());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  // Until this, loops carry their buffers, and what was computed in a slice is
  // copied from one view of it to another.
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(steelyard::cpu::createCPUCarryBuffers());
  bufferization::BufferResultsToOutParamsPassOptions results;
  results.modifyPublicFunctions = true;
  results.addResultAttribute = true;
  pm.addPass(bufferization::createBufferResultsToOutParamsPass(results));
  pm.addNestedPass<func::FuncOp>(steelyard::cpu::createCPUPlaceResults());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildLoops(OpPassManager &pm) {
  pm.addPass(steelyard::cpu::createCPUOutlineLoops());
  pm.addPass(steelyard::cpu::createCPUOutlineRegions());
  pm.addPass(steelyard::cpu::createCPUMergeFunctions());
  pm.addPass(steelyard::cpu::createCPUPlanArena());
  pm.addPass(steelyard::createConvertScaledCastToArith());
  pm.addPass(steelyard::createVerifyNoArithOnSmallFloats());
}

static void buildLLVM(OpPassManager &pm) {
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(steelyard::cpu::createCPUToLLVM());
}

void steelyard::buildProfilePipeline(OpPassManager &pm) {
  pm.addPass(cpu::createCPUMarkSites());
}

llvm::ArrayRef<steelyard::Stage> steelyard::cpuStages() {
  static constexpr Stage stages[] = {
      {"fuse", buildFuse},       {"pairs", buildPairs},
      {"linalg", buildLinalg},   {"fused", buildFusion},
      {"buffers", buildBuffers}, {"loops", buildLoops},
      {"llvm", buildLLVM}};
  return stages;
}

void steelyard::registerPipelines() {
  PassPipelineRegistration<>(
      "steelyard-import",
      "stablehlo as a frontend printed it to stablehlo that passes work on",
      buildImportPipeline);
  PassPipelineRegistration<>(
      "steelyard-cpu",
      "stablehlo and scaled operations on tensors to the LLVM dialect",
      [](OpPassManager &pm) {
        for (const Stage &stage : cpuStages()) {
          stage.build(pm);
        }
      });
}
