//===- Toolkit.h - Where a CUDA toolkit lies --------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_COMPILER_TOOLKIT_H
#define STEELYARD_LIB_COMPILER_TOOLKIT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace steelyard {

/// The folder of a CUDA toolkit with ptxas and libdevice: `given`, or the first
/// of the usual places. An error names what is missing and how to get it.
llvm::Expected<std::string> findToolkit(llvm::StringRef given);

} // namespace steelyard

#endif // STEELYARD_LIB_COMPILER_TOOLKIT_H
