//===- Normalise.cpp - What a frontend printed, as passes want it -----*- C++
//-*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ADT/SmallPtrSet.h"

namespace steelyard {
#define GEN_PASS_DEF_NORMALISE
#include "steelyard/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;

namespace {

struct Normalise : steelyard::impl::NormaliseBase<Normalise> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(verifyInput(module)) || failed(verifyNoRecursion(module))) {
      return signalPassFailure();
    }
    OpPassManager inliner(ModuleOp::getOperationName());
    inliner.addPass(createInlinerPass());
    inliner.addPass(createSymbolDCEPass());
    if (failed(runPipeline(inliner, module))) {
      return signalPassFailure();
    }
    dropAnnotations(module);
    OpPassManager cleanup(ModuleOp::getOperationName());
    cleanup.addPass(createCanonicalizerPass());
    cleanup.addPass(createCSEPass());
    if (failed(runPipeline(cleanup, module))) {
      return signalPassFailure();
    }
    WalkResult left = module.walk([](func::CallOp call) {
      call.emitError() << "the call of @" << call.getCallee()
                       << " was not inlined: it has no body";
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted()) {
      signalPassFailure();
    }
  }

  static LogicalResult verifyInput(ModuleOp module) {
    WalkResult result = module.walk([](Operation *op) {
      for (Type type : llvm::concat<const Type>(op->getOperandTypes(),
                                                op->getResultTypes())) {
        auto shaped = dyn_cast<ShapedType>(type);
        if (shaped && !shaped.hasStaticShape()) {
          op->emitError() << "has a dynamic shape, " << type
                          << "; give every dimension a size";
          return WalkResult::interrupt();
        }
      }
      if (auto function = dyn_cast<func::FuncOp>(op)) {
        for (Type type : function.getArgumentTypes()) {
          auto shaped = dyn_cast<ShapedType>(type);
          if (shaped && !shaped.hasStaticShape()) {
            op->emitError() << "has an argument of dynamic shape, " << type
                            << "; give every dimension a size";
            return WalkResult::interrupt();
          }
        }
      }
      if (auto custom = dyn_cast<stablehlo::CustomCallOp>(op)) {
        StringRef target = custom.getCallTargetName();
        if (target != "Sharding" && !target.starts_with("check.")) {
          op->emitError() << "custom call @" << target << " is not known";
          return WalkResult::interrupt();
        }
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  /// The inliner would leave recursive calls in place.
  static LogicalResult verifyNoRecursion(ModuleOp module) {
    SymbolTable symbols(module);
    llvm::SmallPtrSet<Operation *, 8> active, done;
    std::function<LogicalResult(func::FuncOp)> visit =
        [&](func::FuncOp function) -> LogicalResult {
      if (done.contains(function)) {
        return success();
      }
      active.insert(function);
      WalkResult result = function.walk([&](func::CallOp call) {
        auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
        if (callee && active.contains(callee)) {
          call.emitError() << "@" << call.getCallee()
                           << " calls itself; recursion is not supported";
          return WalkResult::interrupt();
        }
        return callee && failed(visit(callee)) ? WalkResult::interrupt()
                                               : WalkResult::advance();
      });
      active.erase(function);
      done.insert(function);
      return failure(result.wasInterrupted());
    };
    for (auto function : module.getOps<func::FuncOp>()) {
      if (failed(visit(function))) {
        return failure();
      }
    }
    return success();
  }

  static void dropAnnotations(ModuleOp module) {
    module.walk([](Operation *op) {
      auto custom = dyn_cast<stablehlo::CustomCallOp>(op);
      bool annotation = isa<stablehlo::OptimizationBarrierOp>(op) ||
                        (custom && custom.getCallTargetName() == "Sharding" &&
                         op->getNumOperands() == 1 && op->getNumResults() == 1);
      if (annotation) {
        op->replaceAllUsesWith(op->getOperands());
        op->erase();
      }
    });
  }
};

} // namespace
