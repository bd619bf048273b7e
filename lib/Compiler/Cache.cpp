//===- Cache.cpp - Compiled code on disk ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Cache.h"

#include "steelyard/Runtime/steelyard.h"

#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <cstdlib>
#include <link.h>
#include <mutex>
#include <set>
#include <tuple>

#include "CodeGeneration.h"

using namespace llvm;
using namespace steelyard;

//===- The compiler's identity --------------------------------------------===//

/// The GNU build id among the notes of a segment in memory, or empty.
static std::string buildIdOf(StringRef notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    const auto *note = reinterpret_cast<const ElfW(Nhdr) *>(notes.data());
    auto take = [&](size_t size) {
      StringRef part = notes.take_front(size);
      notes =
          notes.drop_front(std::min<size_t>(notes.size(), alignTo(size, 4)));
      return part;
    };
    take(sizeof(*note));
    StringRef name = take(note->n_namesz), id = take(note->n_descsz);
    if (note->n_type == NT_GNU_BUILD_ID && name == StringRef("GNU\0", 4)) {
      return id.str();
    }
  }
  return {};
}

/// The build id of the loaded library or program that `address` lies in; empty
/// if it has none.
static std::string buildIdAt(const void *address) {
  struct Search {
    uintptr_t address;
    std::string id;
  } search{reinterpret_cast<uintptr_t>(address), {}};
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *data) {
        auto &search = *static_cast<Search *>(data);
        ArrayRef<ElfW(Phdr)> segments(info->dlpi_phdr, info->dlpi_phnum);
        bool isIt = any_of(segments, [&](const ElfW(Phdr) & segment) {
          return segment.p_type == PT_LOAD &&
                 search.address - info->dlpi_addr - segment.p_vaddr <
                     segment.p_memsz;
        });
        for (const ElfW(Phdr) &segment : segments) {
          if (isIt && segment.p_type == PT_NOTE && search.id.empty()) {
            uintptr_t start = info->dlpi_addr + segment.p_vaddr;
            // The loader tells addresses as numbers.
            // NOLINTNEXTLINE(performance-no-int-to-ptr)
            const auto *notes = reinterpret_cast<const char *>(start);
            search.id = buildIdOf(StringRef(notes, segment.p_memsz));
          }
        }
        return isIt ? 1 : 0;
      },
      &search);
  return search.id;
}

/// What tells this compiler from any other: Steelyard's code, MLIR's, LLVM's
/// and the runtime's. Empty where one of them has no build id.
static const std::string &compilerIdentity() {
  static const std::string identity = [] {
    std::string all = LLVM_VERSION_STRING;
    for (const void *part :
         {reinterpret_cast<const void *>(&buildIdAt),
          reinterpret_cast<const void *>(&mlir::registerMLIRContextCLOptions),
          reinterpret_cast<const void *>(&llvm::pruneCache),
          reinterpret_cast<const void *>(&steelyard_gemm)}) {
      std::string id = buildIdAt(part);
      if (id.empty()) {
        return std::string();
      }
      all += toHex(id);
    }
    return all;
  }();
  return identity;
}

//===- Options ------------------------------------------------------------===//

static Expected<uint64_t> parseSize(StringRef text) {
  Expected<CachePruningPolicy> policy =
      parseCachePruningPolicy(("cache_size_bytes=" + text).str());
  if (!policy || text.contains(':')) {
    consumeError(policy.takeError());
    return createStringError(inconvertibleErrorCode(),
                             "STEELYARD_CACHE_SIZE is a number of bytes such "
                             "as 500m or 2g, got '%s'",
                             text.str().c_str());
  }
  return policy->MaxSizeBytes;
}

std::string steelyard::readCacheEnvironment(CompileOptions &options) {
  if (const char *directory = std::getenv("STEELYARD_CACHE_DIR")) {
    options.cacheDirectory = directory;
  } else if (SmallString<128> path; sys::path::cache_directory(path)) {
    sys::path::append(path, "steelyard");
    options.cacheDirectory = path.str().str();
  }
  if (const char *size = std::getenv("STEELYARD_CACHE_SIZE")) {
    Expected<uint64_t> bytes = parseSize(size);
    if (!bytes) {
      return llvm::toString(bytes.takeError());
    }
    options.cacheSize = *bytes;
  }
  return {};
}

//===- Entries ------------------------------------------------------------===//

Cache::Cache(std::string_view module, const CompileOptions &options)
    : options(options) {
  if (options.cacheDirectory.empty() || !options.dumpDirectory.empty() ||
      compilerIdentity().empty()) {
    return;
  }
  SHA256 state;
  auto add = [&](StringRef part) {
    uint8_t size[8];
    support::endian::write64le(size, part.size());
    state.update(ArrayRef(size));
    state.update(part);
  };
  add(compilerIdentity());
  add(options.target);
  if (options.target != "cpu") {
    add(options.chip);
    add(options.toolkit);
  }
  add(describeTarget(options.cpu, options.features));
  add(options.scheme);
  add(options.profile ? "profile" : "");
  add(options.name);
  add(StringRef(module.data(), module.size()));
  SmallString<128> file(options.cacheDirectory);
  sys::path::append(file, "llvmcache-" + // what pruneCache looks at
                              toHex(state.final(), /*LowerCase=*/true));
  path = file.str().str();
}

void Cache::warn(const std::string &message) const {
  if (options.onDiagnostic) {
    options.onDiagnostic({Diagnostic::Severity::Warning, message, {}});
  }
}

void Cache::warnOnce(const std::string &message) const {
  static std::mutex mutex;
  static std::set<std::string> said;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!said.insert(message).second) {
      return;
    }
  }
  warn(message);
}

void Cache::warnOfDamage() const {
  warn(path + ": this entry of the cache of compiled code is damaged; the "
              "module is compiled again");
}

std::optional<CompiledCode> Cache::find() const {
  if (path.empty()) {
    return std::nullopt;
  }
  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file) {
    std::error_code code = errorToErrorCode(file.takeError());
    if (code != std::errc::no_such_file_or_directory &&
        code != std::errc::not_a_directory) {
      warnOnce("cannot read compiled code kept in " + options.cacheDirectory +
               ": " + code.message());
    }
    return std::nullopt;
  }
  auto close =
      make_scope_exit([&] { std::ignore = sys::fs::closeFile(*file); });
  // Pruning goes by the time of access, which not every file system keeps.
  std::ignore = sys::fs::setLastAccessAndModificationTime(
      *file, std::chrono::system_clock::now());
  auto buffer = MemoryBuffer::getOpenFile(*file, path, /*FileSize=*/-1,
                                          /*RequiresNullTerminator=*/false);
  std::optional<CompiledCode> code;
  if (buffer) {
    code = deserialize((*buffer)->getBuffer());
  }
  if (!code) {
    warnOfDamage();
  }
  return code;
}

void Cache::store(const CompiledCode &code) const {
  if (path.empty()) {
    return;
  }
  auto cannot = [&](const std::string &why) {
    warnOnce("cannot keep compiled code in " + options.cacheDirectory + ": " +
             why + "; STEELYARD_CACHE_DIR names another folder, or none");
  };
  // For nobody else: what lies in it is run.
  if (std::error_code failure = sys::fs::create_directories(
          options.cacheDirectory, /*IgnoreExisting=*/true,
          sys::fs::owner_all)) {
    return cannot(failure.message());
  }
  SmallString<128> model(options.cacheDirectory);
  sys::path::append(model, "Thin-%%%%%%%%%%%%.tmp"); // pruned like entries
  auto file = sys::fs::TempFile::create(model, sys::fs::owner_read |
                                                   sys::fs::owner_write);
  if (!file) {
    return cannot(llvm::toString(file.takeError()));
  }
  raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  stream << serialize(code);
  stream.flush();
  if (std::error_code failure = stream.error()) {
    stream.clear_error();
    consumeError(file->discard());
    return cannot(failure.message());
  }
  if (Error error = file->keep(path)) {
    return cannot(llvm::toString(std::move(error)));
  }
  CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(0);
  policy.Expiration = std::chrono::seconds(0);
  policy.MaxSizeBytes = options.cacheSize;
  pruneCache(options.cacheDirectory, policy);
}
