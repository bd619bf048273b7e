//===- Quantize.cpp - Formats for contractions, by a recipe -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

#include "OperandRoles.h"

namespace steelyard {
#define GEN_PASS_DEF_QUANTIZE
#include "steelyard/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace steelyard;

namespace {

struct Quantize : steelyard::impl::QuantizeBase<Quantize> {
  using QuantizeBase::QuantizeBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const Recipe *chosen = findRecipe(recipe);
    if (!chosen) {
      InFlightDiagnostic error = module.emitError()
                                 << "quantize: there is no recipe '" << recipe
                                 << "'; there is";
      for (const std::unique_ptr<Recipe> &known : allRecipes()) {
        error << " '" << known->name() << "'";
      }
      return signalPassFailure();
    }
    auto values = parseRecipeOptions(*chosen, recipeOptions);
    if (!values) {
      module.emitError() << "quantize: " << llvm::toString(values.takeError());
      return signalPassFailure();
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function.isExternal() && failed(quantize(function, *chosen, *values,
                                                    observe, fastAccumulate))) {
        return signalPassFailure();
      }
    }
    // Equal operands are quantised once.
    OpPassManager cleanup(ModuleOp::getOperationName());
    cleanup.addPass(createCSEPass());
    if (failed(runPipeline(cleanup, module))) {
      signalPassFailure();
    }
  }

  static LogicalResult quantize(func::FuncOp function, const Recipe &recipe,
                                ArrayRef<int64_t> options, bool observe,
                                bool fastAccumulate) {
    OperandRoles roles(function);
    SmallVector<std::pair<ContractionOpInterface, ContractionRoles>> work;
    WalkResult walked = function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      auto contraction = dyn_cast<ContractionOpInterface>(op);
      if (!contraction) {
        return WalkResult::advance();
      }
      if (std::string reason = reasonToLeave(op); !reason.empty()) {
        op->emitRemark() << "contraction left alone: " << reason;
        return WalkResult::advance();
      }
      FailureOr<ContractionRoles> found = roles.of(contraction);
      if (failed(found)) {
        return WalkResult::interrupt();
      }
      work.emplace_back(contraction, *found);
      return WalkResult::advance();
    });
    if (walked.wasInterrupted()) {
      return failure();
    }
    QuantizedOperands quantized;
    for (auto &[op, found] : work) {
      bool isInRegion = op->getParentOp() != function;
      std::string reason = recipe.reasonToLeave(found.lhs, found.rhs);
      if (reason.empty() && isInRegion && recipe.keepsState()) {
        reason = "recipe '" + recipe.name().str() +
                 "' keeps one state a step, and this runs in a loop or branch";
      }
      if (!reason.empty()) {
        op->emitRemark() << "contraction left alone: " << reason << " ("
                         << found.evidence << ")";
        continue;
      }
      auto operand = [&](Value value, OperandRole role) {
        Value &known = quantized[{value, static_cast<int>(role)}];
        if (!known) {
          // In the operand's block: once for all trips of a loop that only
          // reads it, and before every later contraction of it.
          OpBuilder builder(value.getParentBlock()->findAncestorOpInBlock(*op));
          std::string name =
              llvm::formatv("{0}.{1}", quantized.size() - 1, stringify(role));
          known = recipe.quantize(
              {builder, op->getLoc(), function, value, role, name, options});
          if (observe && value.getParentRegion() == &function.getBody()) {
            known =
                scaled::ObserveOp::create(builder, op->getLoc(), known, name);
          }
        }
        return known;
      };
      Value lhs = operand(op.getLhs(), found.lhs);
      Value rhs = operand(op.getRhs(), found.rhs);
      rewrite(op, lhs, rhs, found, fastAccumulate);
    }
    return success();
  }

  using QuantizedOperands = llvm::DenseMap<std::pair<Value, int>, Value>;

  /// Why no recipe applies to the contraction as it is.
  static std::string reasonToLeave(Operation *op) {
    for (Value operand : op->getOperands()) {
      auto element =
          dyn_cast<FloatType>(getElementTypeOrSelf(operand.getType()));
      std::string type;
      llvm::raw_string_ostream(type) << getElementTypeOrSelf(operand.getType());
      if (!element) {
        return "its operands are " + type + ", not floats";
      }
      if (element.getWidth() <= 8) {
        return "its operands are " + type + " already";
      }
      if (element.getWidth() == 64) {
        return "its operands are f64";
      }
    }
    return {};
  }

  static void rewrite(ContractionOpInterface op, Value lhs, Value rhs,
                      const ContractionRoles &roles, bool fastAccumulate) {
    OpBuilder builder(op);
    op->emitRemark() << "contraction in " << getElementTypeOrSelf(lhs.getType())
                     << " (" << stringify(roles.lhs) << ") x "
                     << getElementTypeOrSelf(rhs.getType()) << " ("
                     << stringify(roles.rhs) << "): " << roles.evidence;
    Value product = op.createScaled(builder, lhs, rhs);
    if (fastAccumulate) {
      llvm::TypeSwitch<Operation *>(product.getDefiningOp())
          .Case<scaled::DotGeneralOp, scaled::ConvolutionOp>(
              [](auto contraction) { contraction.setFastAccumulate(true); });
    }
    Type type = op->getResult(0).getType();
    if (!isa<scaled::ScaledTensorType>(type)) {
      product =
          scaled::DequantizeOp::create(builder, op->getLoc(), type, product);
    }
    op->getResult(0).replaceAllUsesWith(product);
    op->erase();
  }
};

} // namespace
