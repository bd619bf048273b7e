//===- steelyard-opt.cpp - One pass at a time -------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Register.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  steelyard::registerAllDialects(registry);
  steelyard::registerAllRules(registry);
  steelyard::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "steelyard-opt: reads a module (text or bytecode; '-' is standard "
      "input), "
      "runs the passes and pipelines named, in their order, and writes the "
      "module.\n\n"
      "  steelyard-opt step.mlir -normalise -scalify\n"
      "  steelyard-opt step.mlir -steelyard-import -steelyard-cpu "
      "-mlir-print-ir-after-all\n"
      "  steelyard-opt step.mlir "
      "-pass-pipeline='builtin.module(normalise,canonicalize)'\n\n"
      "Pipelines: -steelyard-import, what every scheme begins with; "
      "-steelyard-cpu, from there to the LLVM dialect. "
      "-mlir-print-debuginfo keeps locations, -verify-diagnostics checks "
      "expected errors.\n",
      registry));
}
