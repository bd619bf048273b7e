//===- steelyard-opt.cpp - One pass at a time ---------------------*- C++
//-*-===//
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
      "steelyard-opt: reads MLIR, runs passes or pipelines, writes MLIR\n",
      registry));
}
