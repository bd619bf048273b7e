//===- MergeFunctions.cpp - Equal functions are one -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/OperationSupport.h"

#include "llvm/ADT/DenseSet.h"

namespace steelyard::host {
#define GEN_PASS_DEF_HOSTMERGEFUNCTIONS
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
} // namespace steelyard::host

using namespace mlir;

namespace {

/// Functions are equal if nothing but their names and locations differ.
struct ByContent : llvm::DenseMapInfo<FunctionOpInterface> {
  static DictionaryAttr attributes(FunctionOpInterface function) {
    NamedAttrList list(function->getAttrDictionary());
    list.erase(SymbolTable::getSymbolAttrName());
    return list.getDictionary(function.getContext());
  }

  static unsigned getHashValue(FunctionOpInterface function) {
    llvm::hash_code hash = hash_value(attributes(function));
    function.getFunctionBody().walk([&](Operation *op) {
      hash = llvm::hash_combine(hash,
                                OperationEquivalence::computeHash(
                                    op, OperationEquivalence::ignoreHashValue,
                                    OperationEquivalence::ignoreHashValue,
                                    OperationEquivalence::IgnoreLocations));
    });
    return hash;
  }

  static bool isEqual(FunctionOpInterface a, FunctionOpInterface b) {
    if (a == b) {
      return true;
    }
    if (isSentinel(a) || isSentinel(b)) {
      return false;
    }
    return attributes(a) == attributes(b) &&
           OperationEquivalence::isRegionEquivalentTo(
               &a.getFunctionBody(), &b.getFunctionBody(),
               OperationEquivalence::IgnoreLocations);
  }

private:
  static bool isSentinel(FunctionOpInterface function) {
    return function == getEmptyKey() || function == getTombstoneKey();
  }
};

struct MergeFunctions
    : steelyard::host::impl::HostMergeFunctionsBase<MergeFunctions> {
  void runOnOperation() override {
    // Merging what is called can make callers equal.
    while (mergeOnce()) {
    }
  }

  bool mergeOnce() {
    llvm::DenseSet<FunctionOpInterface, ByContent> kept;
    llvm::DenseMap<Attribute, FlatSymbolRefAttr> merged;
    SmallVector<FunctionOpInterface> functions;
    getOperation().walk([&](FunctionOpInterface function) {
      if (function.isPrivate() || isa<mlir::gpu::GPUFuncOp>(function)) {
        functions.push_back(function);
      }
    });
    for (FunctionOpInterface function : functions) {
      auto [first, isNew] = kept.insert(function);
      if (isNew) {
        continue;
      }
      merged[FlatSymbolRefAttr::get(function.getNameAttr())] =
          FlatSymbolRefAttr::get(FunctionOpInterface(*first).getNameAttr());
      function.erase();
    }
    if (merged.empty()) {
      return false;
    }
    AttrTypeReplacer replacer;
    replacer.addReplacement(
        [&](FlatSymbolRefAttr name) -> std::optional<Attribute> {
          auto found = merged.find(name);
          return found == merged.end() ? name : found->second;
        });
    replacer.recursivelyReplaceElementsIn(getOperation());
    return true;
  }
};

} // namespace
