//===- OperationNames.cpp - What profilers call operations ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/OperationNames.h"

#include "steelyard/Target/GPU/IR/CUDA.h"

#include "mlir/IR/Location.h"

#include "llvm/Support/Path.h"

using namespace mlir;

/// One operation of the source; "" where nothing is known.
static std::string sourceOf(Location location) {
  StringRef name;
  FileLineColLoc line;
  location->walk([&](Location each) {
    // Others are names of Python functions, in the stack of calls.
    if (auto named = dyn_cast<NameLoc>(each);
        named && named.getName().strref().contains('/')) {
      name = named.getName();
    }
    if (auto at = dyn_cast<FileLineColLoc>(each); at && !line) {
      line = at; // the innermost
    }
    return WalkResult::advance();
  });
  std::string text = name.str();
  if (line) {
    StringRef file = llvm::sys::path::filename(line.getFilename());
    std::string where = (file + ":" + Twine(line.getLine())).str();
    text = text.empty() ? where : text + " (" + where + ")";
  }
  return text;
}

static void addSources(Location location,
                       SmallVectorImpl<std::string> &sources) {
  if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location each : fused.getLocations()) {
      addSources(each, sources);
    }
  } else if (std::string source = sourceOf(location);
             !source.empty() && !llvm::is_contained(sources, source)) {
    sources.push_back(source);
  }
}

std::string steelyard::cuda::operationName(Operation *op) {
  auto launch = dyn_cast<LaunchOp>(op);
  std::string text = (launch ? launch.getKernel().getLeafReference().getValue()
                             : op->getName().stripDialect())
                         .str();
  SmallVector<std::string> sources;
  addSources(op->getLoc(), sources);
  constexpr size_t kMost = 3; // that a line has room for
  StringRef separator = ": ";
  for (const std::string &source : ArrayRef(sources).take_front(kMost)) {
    text += separator;
    text += source;
    separator = ", ";
  }
  if (sources.size() > kMost) {
    text += " and " + std::to_string(sources.size() - kMost) + " more";
  }
  return text;
}
