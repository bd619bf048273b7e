//===- Pipelines.h - Named sequences of passes ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_PIPELINES_PIPELINES_H
#define STEELYARD_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace steelyard {

/// What of a target is said at compile time.
struct TargetOptions {
  std::string chip; ///< of a GPU: "sm_90a"
  /// The folder of a CUDA toolkit, of which libdevice and ptxas are taken;
  /// empty: $CUDA_HOME.
  std::string toolkit;
};

/// A stage of compilation, as `STEELYARD_DUMP` shows it.
struct Stage {
  const char *name;
  void (*build)(mlir::OpPassManager &, const TargetOptions &);
};

/// What comes before a scheme: stablehlo as a frontend printed it to stablehlo
/// that passes work on.
void buildImportPipeline(mlir::OpPassManager &pm);

/// What code can be made for: "cpu", "cuda".
llvm::ArrayRef<llvm::StringLiteral> targetNames();

/// What comes after a scheme, stage by stage: from stablehlo and scaled
/// operations to the LLVM dialect. After the stage "pairs" arguments and
/// results are what lies in memory. Empty: no such target.
llvm::ArrayRef<Stage> stagesFor(llvm::StringRef target);

/// After the stage "loops", where asked for: marks that time each kernel.
void buildProfilePipeline(mlir::OpPassManager &pm, llvm::StringRef target);

/// steelyard-cuda-kernels and steelyard-cuda-binary.
void registerCUDAPipelines();

/// steelyard-cpu.
void registerCPUPipelines();

/// steelyard-import.
void registerPipelines();

} // namespace steelyard

#endif // STEELYARD_PIPELINES_PIPELINES_H
