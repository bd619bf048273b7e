//===- Stages.h - Stages that targets share ---------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_PIPELINES_STAGES_H
#define STEELYARD_LIB_PIPELINES_STAGES_H

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Pipelines/Pipelines.h"

namespace steelyard {

/// Casts and rescales that follow one another become one.
void buildFuse(mlir::OpPassManager &pm, const TargetOptions &);
/// Scaled tensors become data and exponents.
void buildPairs(mlir::OpPassManager &pm, const TargetOptions &);
/// stablehlo and scaled operations to linalg on tensors.
void convertToLinalg(mlir::OpPassManager &pm,
                     const ConvertStableHLOToLinalgOptions &);
/// Tensors become buffers, results the caller's.
void buildBuffers(mlir::OpPassManager &pm, const TargetOptions &);

llvm::ArrayRef<Stage> cpuStages();
llvm::ArrayRef<Stage> cudaStages();

} // namespace steelyard

#endif // STEELYARD_LIB_PIPELINES_STAGES_H
