//===- MergeFunctions.cpp - Equal functions are one -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/CPU/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OperationSupport.h"

#include "llvm/ADT/DenseSet.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUMERGEFUNCTIONS
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;

namespace {

/// Functions are equal if nothing but their names and locations differ.
struct ByContent : llvm::DenseMapInfo<func::FuncOp> {
  static DictionaryAttr attributes(func::FuncOp function) {
    NamedAttrList list(function->getAttrDictionary());
    list.erase(function.getSymNameAttrName());
    return list.getDictionary(function.getContext());
  }

  static unsigned getHashValue(func::FuncOp function) {
    llvm::hash_code hash = hash_value(attributes(function));
    function.getBody().walk([&](Operation *op) {
      hash = llvm::hash_combine(hash,
                                OperationEquivalence::computeHash(
                                    op, OperationEquivalence::ignoreHashValue,
                                    OperationEquivalence::ignoreHashValue,
                                    OperationEquivalence::IgnoreLocations));
    });
    return hash;
  }

  static bool isEqual(func::FuncOp a, func::FuncOp b) {
    if (a == b) {
      return true;
    }
    if (isSentinel(a) || isSentinel(b)) {
      return false;
    }
    return attributes(a) == attributes(b) &&
           OperationEquivalence::isRegionEquivalentTo(
               &a.getBody(), &b.getBody(),
               OperationEquivalence::IgnoreLocations);
  }

private:
  static bool isSentinel(func::FuncOp function) {
    return function == getEmptyKey() || function == getTombstoneKey();
  }
};

struct MergeFunctions
    : steelyard::cpu::impl::CPUMergeFunctionsBase<MergeFunctions> {
  void runOnOperation() override {
    // Merging what is called can make callers equal.
    while (mergeOnce()) {
    }
  }

  bool mergeOnce() {
    llvm::DenseSet<func::FuncOp, ByContent> kept;
    llvm::DenseMap<Attribute, FlatSymbolRefAttr> merged;
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!function.isPrivate()) {
        continue;
      }
      auto [first, isNew] = kept.insert(function);
      if (isNew) {
        continue;
      }
      merged[FlatSymbolRefAttr::get(function.getSymNameAttr())] =
          FlatSymbolRefAttr::get(first->getSymNameAttr());
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
