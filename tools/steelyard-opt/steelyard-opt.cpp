//===- steelyard-opt.cpp - One pass at a time -------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Register.h"
#include "steelyard/Pipelines/Text.h"
#include "steelyard/Rules/Scale/ScaleRules.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

/// As upstream's main does, with text checked before it is parsed.
static mlir::LogicalResult runPasses(const std::string &input,
                                     const std::string &output,
                                     mlir::DialectRegistry &registry) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> file = mlir::openInputFile(input, &error);
  std::unique_ptr<llvm::ToolOutputFile> out =
      file ? mlir::openOutputFile(output, &error) : nullptr;
  if (!out) {
    llvm::errs() << error << "\n";
    return mlir::failure();
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  if (failed(steelyard::verifyText(*file, context)) ||
      failed(
          mlir::MlirOptMain(out->os(), std::move(file), registry,
                            mlir::MlirOptMainConfig::createFromCLOptions()))) {
    return mlir::failure();
  }
  out->keep();
  return mlir::success();
}

int main(int argc, char **argv) {
  llvm::cl::opt<bool> printScaleRules(
      "print-scale-rules",
      llvm::cl::desc("Print what -scalify does with every operation, as "
                     "Markdown, and end"));
  mlir::DialectRegistry registry;
  steelyard::registerAllDialects(registry);
  steelyard::registerAllRules(registry);
  steelyard::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
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
      registry);
  if (printScaleRules) {
    mlir::MLIRContext context(registry);
    return mlir::asMainReturnCode(
        steelyard::printScaleRules(context, llvm::outs()));
  }
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  bool onlyLists = config.shouldShowDialects() || config.shouldListPasses();
  return mlir::asMainReturnCode(
      onlyLists ? mlir::MlirOptMain(argc, argv, input, output, registry)
                : runPasses(input, output, registry));
}
