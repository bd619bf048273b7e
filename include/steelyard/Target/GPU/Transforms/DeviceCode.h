//===- DeviceCode.h - What a lowered module has for a GPU -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_TRANSFORMS_DEVICECODE_H
#define STEELYARD_TARGET_GPU_TRANSFORMS_DEVICECODE_H

#include "llvm/ADT/StringRef.h"

namespace steelyard::cuda {

// Attributes of a module after -cuda-to-llvm: names of kernels, and of globals
// that are constants, by their numbers; the chip of the machine code, which is
// the global `kImageName`.
inline constexpr llvm::StringLiteral kKernelsAttrName("steelyard.gpu_kernels");
inline constexpr llvm::StringLiteral
    kConstantsAttrName("steelyard.gpu_constants");
inline constexpr llvm::StringLiteral kChipAttrName("steelyard.gpu_chip");
inline constexpr llvm::StringLiteral kImageName("steelyard_gpu_image");

/// Whether kernels for a chip, "sm_90a", wait themselves for those before them
/// (-cuda-overlap-launches).
bool canOverlapLaunches(llvm::StringRef chip);

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_TRANSFORMS_DEVICECODE_H
