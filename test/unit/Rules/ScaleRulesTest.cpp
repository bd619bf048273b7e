//===- ScaleRulesTest.cpp - Every operation has a model ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Rules/Scale/ScaleRules.h"

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Interfaces/ScalePropagation.h"

#include "mlir/IR/MLIRContext.h"

using namespace mlir;
using steelyard::ScalePropagationOpInterface;

namespace {

/// The number of operations that lack a model or its description.
int countMissing(MLIRContext &context, int &operations) {
  int missing = 0;
  operations = 0;
  for (RegisteredOperationName name : context.getRegisteredOperations()) {
    if (name.getDialectNamespace() != "stablehlo" &&
        name.getDialectNamespace() != "chlo") {
      continue;
    }
    ++operations;
    auto *model = name.getInterface<ScalePropagationOpInterface>();
    if (!model || model->describeScaleRule().empty()) {
      llvm::errs() << name.getStringRef()
                   << ": neither a scale rule nor none with a reason\n";
      ++missing;
    }
  }
  return missing;
}

int check(bool withRules) {
  DialectRegistry registry;
  registry.insert<stablehlo::StableHLODialect, chlo::CHLODialect>();
  if (withRules) {
    steelyard::registerScaleRules(registry);
  }
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  int operations = 0;
  int missing = countMissing(context, operations);
  std::string table;
  llvm::raw_string_ostream os(table);
  bool isComplete = succeeded(steelyard::printScaleRules(context, os));
  int rows = 0;
  for (llvm::StringRef rest = table; !rest.empty();
       rest = rest.split('\n').second) {
    rows += rest.starts_with("| `");
  }
  bool held = withRules ? missing == 0 && isComplete
                        : missing == operations && !isComplete;
  if (!held || operations == 0 || rows != operations) {
    llvm::errs() << (withRules ? "with" : "without") << " rules: " << operations
                 << " operations, " << rows << " in the table, " << missing
                 << " without a model\n";
    return 1;
  }
  return 0;
}

} // namespace

int main() {
  // Without the rules every operation must be found to have no model.
  return check(/*withRules=*/false) | check(/*withRules=*/true);
}
