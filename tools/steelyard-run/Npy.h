//===- Npy.h - NumPy's file format ------------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TOOLS_STEELYARD_RUN_NPY_H
#define STEELYARD_TOOLS_STEELYARD_RUN_NPY_H

#include "steelyard/Compiler/Compiler.h"

#include <string>
#include <vector>

namespace steelyard {

/// Reads the array of a .npy file (version 1 to 3, C order) into `bytes` if its
/// type and shape are `spec`'s. Returns what is wrong, or an empty string.
std::string readNpy(const std::string &path, const TensorSpec &spec,
                    std::vector<char> &bytes);

/// Writes a .npy file (version 1). Floats of 8 bits and less are unsigned bytes
/// of their codes, bfloat16 is uint16.
std::string writeNpy(const std::string &path, const TensorSpec &spec,
                     const char *bytes);

} // namespace steelyard

#endif // STEELYARD_TOOLS_STEELYARD_RUN_NPY_H
