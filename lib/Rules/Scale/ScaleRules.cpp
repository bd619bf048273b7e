//===- ScaleRules.cpp - Registration of Scalify's rules ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Rules/Scale/ScaleRules.h"

#include "steelyard/Dialect/CHLO/IR/CHLO.h"

#include "llvm/Support/raw_ostream.h"

#include "Families.h"

void steelyard::registerScaleRules(mlir::DialectRegistry &registry) {
  registry.addExtension(
      +[](mlir::MLIRContext *context, mlir::stablehlo::StableHLODialect *) {
        attachElementwiseRules(*context);
        attachDataMovementRules(*context);
        attachReductionRules(*context);
        attachOrderingRules(*context);
        attachContractionRules(*context);
        attachControlFlowRules(*context);
        attachNoRules(*context);
      });
  registry.addExtension(
      +[](mlir::MLIRContext *context, mlir::chlo::CHLODialect *) {
        attachCHLORules(*context);
        attachCHLONoRules(*context);
      });
}

llvm::LogicalResult steelyard::printScaleRules(mlir::MLIRContext &context,
                                               llvm::raw_ostream &os) {
  os << "# Scale rules\n\n"
        "What `-scalify` does with the exponent e of a value = data × 2^e, for "
        "every operation. An operation without a rule is computed on its "
        "operands' real values, and its results get an exponent from amax; a "
        "remark at its location says so. Written by `steelyard-opt "
        "--print-scale-rules`.\n\n"
        "| operation | exponent of the result |\n|---|---|\n";
  bool complete = true;
  for (llvm::StringRef dialect : {"stablehlo", "chlo"}) {
    context.getOrLoadDialect(dialect);
    auto operations = llvm::to_vector(
        llvm::make_filter_range(context.getRegisteredOperations(),
                                [&](mlir::RegisteredOperationName name) {
                                  return name.getDialectNamespace() == dialect;
                                }));
    llvm::sort(operations, [](mlir::RegisteredOperationName a,
                              mlir::RegisteredOperationName b) {
      return a.getStringRef() < b.getStringRef();
    });
    for (mlir::RegisteredOperationName name : operations) {
      os << "| `" << name.getStringRef() << "` | ";
      if (auto *model = name.getInterface<ScalePropagationOpInterface>()) {
        os << (model->hasScaleRule() ? "" : "none: ")
           << model->describeScaleRule() << " |\n";
      } else {
        complete = false;
        os << "no model |\n";
      }
    }
  }
  return llvm::success(complete);
}
