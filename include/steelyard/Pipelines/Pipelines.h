//===- Pipelines.h - Named sequences of passes ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_PIPELINES_PIPELINES_H
#define STEELYARD_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace steelyard {

/// A stage of compilation, as `STEELYARD_DUMP` shows it.
struct Stage {
  const char *name;
  void (*build)(mlir::OpPassManager &);
};

/// What comes before a scheme: stablehlo as a frontend printed it to stablehlo
/// that passes work on.
void buildImportPipeline(mlir::OpPassManager &pm);

/// What comes after a scheme, stage by stage: from stablehlo and scaled
/// operations to the LLVM dialect.
llvm::ArrayRef<Stage> cpuStages();

/// After the stage "loops", where asked for: marks that time each kernel.
void buildProfilePipeline(mlir::OpPassManager &pm);

/// What comes after a scheme for a GPU: kernels on vectors, launched by host
/// functions on tensors.
void buildCUDAKernels(mlir::OpPassManager &pm);

struct CUDAOptions {
  std::string chip;   ///< "sm_90a"
  std::string format; ///< "isa" (PTX) or "bin" (a cubin)
  /// The folder of a CUDA toolkit, of which libdevice and ptxas are taken;
  /// empty: $CUDA_HOME.
  std::string toolkit;
};

/// Those kernels as a gpu.binary.
void buildCUDABinary(mlir::OpPassManager &pm, const CUDAOptions &options);

/// steelyard-cuda-kernels and steelyard-cuda-binary.
void registerCUDAPipelines();

/// steelyard-import and steelyard-cpu.
void registerPipelines();

} // namespace steelyard

#endif // STEELYARD_PIPELINES_PIPELINES_H
