//===- Library.cpp - Executables in shared libraries ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <tuple>
#include <vector>

#include "Support.h"

using namespace steelyard::runtime;

namespace {

struct CloseLibrary {
  void operator()(void *handle) const { dlclose(handle); }
};
using LibraryHandle = std::unique_ptr<void, CloseLibrary>;

struct CloseFile {
  void operator()(std::FILE *file) const { std::fclose(file); }
};

} // namespace

/// The loader maps what the headers promise, and who reads beyond the end of a
/// file that was cut gets SIGBUS.
static Status checkIsWhole(const std::string &path) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  struct stat about = {};
  if (!file || fstat(fileno(file.get()), &about) != 0) {
    return notFound(path + ": " + std::strerror(errno));
  }
  auto size = static_cast<uint64_t>(about.st_size);
  ElfW(Ehdr) header = {};
  if (!S_ISREG(about.st_mode) ||
      std::fread(&header, sizeof header, 1, file.get()) != 1 ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_phentsize != sizeof(ElfW(Phdr))) {
    return invalidArgument(path + " is no shared library of this machine");
  }
  std::vector<ElfW(Phdr)> segments(header.e_phnum);
  bool isWhole = std::fseek(file.get(), static_cast<long>(header.e_phoff),
                            SEEK_SET) == 0 &&
                 std::fread(segments.data(), sizeof(ElfW(Phdr)),
                            segments.size(), file.get()) == segments.size();
  for (const ElfW(Phdr) &segment : segments) {
    isWhole = isWhole && segment.p_offset <= size &&
              segment.p_filesz <= size - segment.p_offset;
  }
  return isWhole ? Status() : invalidArgument(path + " is cut off");
}

static Status describeLibrary(const char *path, LibraryHandle &library,
                              steelyard_executable_desc &desc) {
  if (!path || !*path) {
    return invalidArgument("no path of an executable");
  }
  // Without a slash the loader would look elsewhere.
  std::string file = std::string(path).find('/') == std::string::npos
                         ? std::string("./") + path
                         : path;
  Status whole = checkIsWhole(file);
  if (!whole.ok()) {
    return whole;
  }
  library.reset(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library) {
    const char *why = dlerror();
    return invalidArgument(why ? why : file + " can't be opened");
  }
  const auto *found = static_cast<const steelyard_executable_desc *>(
      dlsym(library.get(), STEELYARD_EXECUTABLE_SYMBOL));
  if (!found) {
    return invalidArgument(file + " is a shared library, but no executable: "
                                  "steelyard-compile writes such");
  }
  // Another major version has another layout.
  if (found->abi_version >> 16 != STEELYARD_ABI_VERSION >> 16) {
    desc = {};
    desc.abi_version = found->abi_version;
  } else {
    desc = *found;
  }
  desc.release = [](void *handle) { dlclose(handle); };
  desc.owner = library.get();
  return Status();
}

steelyard_executable *steelyard_executable_load(const char *path,
                                                steelyard_error *error) {
  LibraryHandle library;
  steelyard_executable_desc desc = {};
  Status status = describeLibrary(path, library, desc);
  if (report(status, error) != STEELYARD_OK) {
    return nullptr;
  }
  steelyard_error inside;
  steelyard_executable *executable =
      steelyard_executable_create(&desc, &inside);
  if (!executable) {
    report(Status(inside.code, std::string(path) + ": " + inside.message),
           error);
    return nullptr;
  }
  std::ignore = library.release(); // the executable's now
  return executable;
}
