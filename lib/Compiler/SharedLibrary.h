//===- SharedLibrary.h - Objects linked into shared libraries ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_COMPILER_SHAREDLIBRARY_H
#define STEELYARD_LIB_COMPILER_SHAREDLIBRARY_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace steelyard {

/// Links an object into the shared library `path`, which needs libsteelyard_rt
/// (looked for beside it, then where the system looks), libm and, for vector
/// code, libmvec. The file appears complete or not at all. Returns an empty
/// string, or what went wrong.
std::string linkLibrary(llvm::StringRef object, const std::string &path);

} // namespace steelyard

#endif // STEELYARD_LIB_COMPILER_SHAREDLIBRARY_H
