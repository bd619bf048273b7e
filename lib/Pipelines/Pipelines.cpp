//===- Pipelines.cpp - Named sequences of passes ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Pipelines.h"

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/Transforms/Passes.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include "Stages.h"

using namespace mlir;

void steelyard::buildImportPipeline(OpPassManager &pm) {
  pm.addPass(createNormalise());
}

void steelyard::buildFuse(OpPassManager &pm, const TargetOptions &) {
  pm.addPass(steelyard::createFuseCasts());
}

void steelyard::buildPairs(OpPassManager &pm, const TargetOptions &) {
  pm.addPass(steelyard::createScaledToPairs());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void steelyard::convertToLinalg(
    OpPassManager &pm, const ConvertStableHLOToLinalgOptions &options) {
  pm.addPass(createConvertStableHLOToLinalg(options));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void steelyard::buildBuffers(OpPassManager &pm, const TargetOptions &) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  // What a loop's body allocates and yields gets a fixed buffer after that.
  options.allowReturnAllocsFromLoops = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addNestedPass<func::FuncOp>(steelyard::host::createHostProtectArguments());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  // Until this, loops carry their buffers, and what was computed in a slice is
  // copied from one view of it to another.
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(steelyard::host::createHostCarryBuffers());
  bufferization::BufferResultsToOutParamsPassOptions results;
  results.modifyPublicFunctions = true;
  results.addResultAttribute = true;
  pm.addPass(bufferization::createBufferResultsToOutParamsPass(results));
  pm.addNestedPass<func::FuncOp>(steelyard::host::createHostPlaceResults());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static constexpr StringLiteral kTargets[] = {"cpu", "cuda"};

ArrayRef<StringLiteral> steelyard::targetNames() { return kTargets; }

ArrayRef<steelyard::Stage> steelyard::stagesFor(StringRef target) {
  return target == "cpu"    ? cpuStages()
         : target == "cuda" ? cudaStages()
                            : ArrayRef<Stage>();
}

void steelyard::buildProfilePipeline(OpPassManager &pm, StringRef target) {
  pm.addPass(target == "cuda" ? cuda::createCUDAMarkSites()
                              : cpu::createCPUMarkSites());
}

void steelyard::registerPipelines() {
  PassPipelineRegistration<>(
      "steelyard-import",
      "stablehlo as a frontend printed it to stablehlo that passes work on",
      buildImportPipeline);
}
