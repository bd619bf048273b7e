//===- Toolkit.cpp - Where a CUDA toolkit lies ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Toolkit.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;

static bool has(StringRef folder, const Twine &file) {
  SmallString<128> path(folder);
  sys::path::append(path, file);
  return sys::fs::exists(path);
}

static bool isToolkit(StringRef folder) {
  return has(folder, "bin/ptxas") &&
         has(folder, "nvvm/libdevice/libdevice.10.bc");
}

Expected<std::string> steelyard::findToolkit(StringRef given) {
  SmallVector<std::string> places;
  if (!given.empty()) {
    places.push_back(given.str());
  } else {
    for (StringRef variable : {"CUDA_HOME", "CUDA_PATH"}) {
      if (auto value = sys::Process::GetEnv(variable);
          value && !value->empty()) {
        places.push_back(*value);
      }
    }
    if (ErrorOr<std::string> ptxas = sys::findProgramByName("ptxas")) {
      places.push_back(
          sys::path::parent_path(sys::path::parent_path(*ptxas)).str());
    }
    places.emplace_back("/usr/local/cuda");
  }
  for (const std::string &place : places) {
    if (isToolkit(place)) {
      return place;
    }
  }
  std::string looked;
  for (const std::string &place : places) {
    looked += (looked.empty() ? "" : ", ") + place;
  }
  return createStringError(
      inconvertibleErrorCode(),
      "compiling for cuda takes ptxas and libdevice of a CUDA toolkit, 12.5 or "
      "later, which is not in %s; install one and set CUDA_HOME to its folder, "
      "or, from PyPI, nvidia-cuda-nvcc-cu12, whose folder is nvidia/cuda_nvcc",
      looked.c_str());
}
