//===- ScaleRules.cpp - Registration of Scalify's rules ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Rules/Scale/ScaleRules.h"

#include "Families.h"

void steelyard::registerScaleRules(mlir::DialectRegistry &registry) {
  registry.addExtension(
      +[](mlir::MLIRContext *context, mlir::stablehlo::StableHLODialect *) {
        attachElementwiseRules(*context);
        attachDataMovementRules(*context);
        attachReductionRules(*context);
        attachContractionRules(*context);
      });
}
