//===- SharedLibrary.cpp - Objects linked into shared libraries -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "SharedLibrary.h"

#include "steelyard/Runtime/steelyard.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <dlfcn.h>

using namespace llvm;

/// The library that this process has `steelyard_*` from; empty where they are
/// part of the program.
static std::string runtimeLibrary() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<const void *>(&steelyard_abi_version), &info) ||
      !sys::path::filename(info.dli_fname).contains("libsteelyard_rt")) {
    return {};
  }
  return info.dli_fname;
}

static std::string findLinker(std::string &linker) {
  if (const char *asked = std::getenv("CC"); asked && *asked) {
    auto found = sys::findProgramByName(asked);
    if (!found) {
      return std::string("CC names '") + asked + "', which is not found";
    }
    linker = *found;
    return {};
  }
  for (StringRef name : {"cc", "gcc", "clang"}) {
    if (auto found = sys::findProgramByName(name)) {
      linker = *found;
      return {};
    }
  }
  return "no linker: install gcc or clang, or set CC to one";
}

std::string steelyard::linkLibrary(StringRef object, const std::string &path) {
  std::string linker, runtime = runtimeLibrary();
  if (std::string error = findLinker(linker); !error.empty()) {
    return error;
  }
  if (runtime.empty()) {
    return "libsteelyard_rt is not a shared library here, and what is compiled "
           "ahead of time names it";
  }
  // All beside the result, so that it can be renamed.
  auto temporary = [&](StringRef suffix, SmallString<128> &name) {
    int descriptor;
    std::error_code code =
        sys::fs::createUniqueFile(path + ".%%%%%%" + suffix, descriptor, name);
    if (!code) {
      raw_fd_ostream(descriptor, /*shouldClose=*/true);
    }
    return code;
  };
  SmallString<128> input, output, messages;
  FileRemover removeInput, removeOutput, removeMessages;
  for (auto [suffix, name, remover] :
       {std::tuple(".o", &input, &removeInput),
        std::tuple(".so", &output, &removeOutput),
        std::tuple(".txt", &messages, &removeMessages)}) {
    if (std::error_code code = temporary(suffix, *name)) {
      return path + ": " + code.message();
    }
    remover->setFile(*name);
  }
  std::error_code code;
  raw_fd_ostream file(input, code);
  file << object;
  file.close();
  if (!code) {
    code = file.error();
  }
  if (code) {
    file.clear_error();
    return path + ": " + code.message();
  }
  std::vector<StringRef> command = {
      linker, "-shared", "-nostartfiles", "-o", output, input,
      // Every name is known, and bound when the library is opened.
      "-Wl,-z,defs", "-Wl,-z,now", "-Wl,--as-needed", "-Wl,-rpath,$ORIGIN",
      runtime, "-l:libmvec.so.1", "-lm"};
  std::optional<StringRef> redirects[] = {StringRef(), messages, messages};
  std::string error;
  int status = sys::ExecuteAndWait(linker, command, /*Env=*/std::nullopt,
                                   redirects, /*SecondsToWait=*/0,
                                   /*MemoryLimit=*/0, &error);
  if (status) {
    auto said = MemoryBuffer::getFile(messages);
    return path + ": " + linker + " could not link it" +
           (error.empty() ? "" : ": " + error) +
           (said ? ":\n" + (*said)->getBuffer().rtrim().str() : "");
  }
  if (std::error_code failure = sys::fs::rename(output, path)) {
    return path + ": " + failure.message();
  }
  removeOutput.releaseFile();
  return {};
}
