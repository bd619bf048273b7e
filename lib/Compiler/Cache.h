//===- Cache.h - Compiled code on disk --------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A folder of files `llvmcache-<key>`, one a compiled module. The key is the
// SHA-256 of all that decides over the code: the module as it came in, the
// options, the processor and the compiler itself. Locations are part of the
// module: remarks and the messages of checks name them.
//
// A file is written under another name and renamed, so that any number of
// processes share a folder. Trouble with the folder is a warning: the module is
// compiled as if there were none.
//
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_LIB_COMPILER_CACHE_H
#define STEELYARD_LIB_COMPILER_CACHE_H

#include <string_view>

#include "CompiledCode.h"

namespace steelyard {

class Cache {
public:
  /// For one compilation. Off where the options name no folder, where they ask
  /// for dumps of the IR, which only compiling writes, or where this compiler
  /// can't tell itself from another (it has no build id).
  Cache(std::string_view module, const CompileOptions &options);

  /// The code that was kept for this compilation. Nothing, after a warning,
  /// where the entry is damaged.
  std::optional<CompiledCode> find() const;

  /// Keeps it, and removes what was longest unused beyond the size limit.
  void store(const CompiledCode &code) const;

  /// Says that what `find` gave is of no use.
  void warnOfDamage() const;

private:
  void warn(const std::string &message) const;
  /// Once a process for each message.
  void warnOnce(const std::string &message) const;

  const CompileOptions &options;
  std::string path; ///< of the entry; empty: off
};

} // namespace steelyard

#endif // STEELYARD_LIB_COMPILER_CACHE_H
