//===- Register.h - Everything the tools know -------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_PIPELINES_REGISTER_H
#define STEELYARD_PIPELINES_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace steelyard {

/// Our dialects, the upstream ones that passes lower to, and the namespaces of
/// annotations that frontends print
/// (`mhlo`, `jax`, `tf`, `sdy`: attributes only).
void registerAllDialects(mlir::DialectRegistry &registry);

/// Rules of scaling and the like, as external models of op interfaces.
void registerAllRules(mlir::DialectRegistry &registry);

/// Our passes, pipelines and the upstream passes that go with them.
void registerAllPasses();

} // namespace steelyard

#endif // STEELYARD_PIPELINES_REGISTER_H
