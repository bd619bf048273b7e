//===- ScaleRules.h - Registration of Scalify's rules -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_RULES_SCALE_SCALERULES_H
#define STEELYARD_RULES_SCALE_SCALERULES_H

#include "mlir/IR/DialectRegistry.h"

namespace steelyard {

/// Attaches the models of ScalePropagationOpInterface to the operations of
/// stablehlo.
void registerScaleRules(mlir::DialectRegistry &registry);

} // namespace steelyard

#endif // STEELYARD_RULES_SCALE_SCALERULES_H
