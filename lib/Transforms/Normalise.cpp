//===- Normalise.cpp - What a frontend printed, as passes want it -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/Check/IR/Check.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/MathExtras.h"

#include "Accuracy.h"
#include "ExpandExactly.h"

namespace steelyard {
#define GEN_PASS_DEF_NORMALISE
#include "steelyard/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;

namespace {

struct Normalise : steelyard::impl::NormaliseBase<Normalise> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(verifyInput(module)) ||
        failed(steelyard::dropResultAccuracy(module))) {
      return signalPassFailure();
    }
    dropAnnotations(module);
    callDecompositions(module);
    if (failed(verifyNoRecursion(module))) {
      return signalPassFailure();
    }
    OpPassManager inliner(ModuleOp::getOperationName());
    inliner.addPass(createInlinerPass());
    inliner.addPass(createSymbolDCEPass());
    if (failed(runPipeline(inliner, module))) {
      return signalPassFailure();
    }
    if (failed(raiseChecks(module)) ||
        failed(steelyard::expandExactly(module))) {
      return signalPassFailure();
    }
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

  /// What of a type no pass can work on, or empty.
  static StringRef findFault(Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    if (!shaped) {
      return {};
    }
    if (!shaped.hasStaticShape()) {
      return "a dynamic shape; give every dimension a size";
    }
    if (isa<ComplexType>(shaped.getElementType())) {
      return "complex elements; they are not supported";
    }
    int64_t bits = 64;
    for (int64_t size : shaped.getShape()) {
      if (llvm::MulOverflow(bits, size, bits)) {
        return "more elements than memory can hold";
      }
    }
    return {};
  }

  static LogicalResult verifyTypes(Operation *op) {
    SmallVector<Type> types(op->getOperandTypes());
    llvm::append_range(types, op->getResultTypes());
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      llvm::append_range(types, function.getArgumentTypes());
      llvm::append_range(types, function.getResultTypes());
    }
    for (Type type : types) {
      if (StringRef fault = findFault(type); !fault.empty()) {
        return op->emitError() << type << " has " << fault;
      }
    }
    return success();
  }

  /// Shardy's meshes and constraints; its other operations compute.
  static bool isSharding(Operation *op) {
    StringRef name = op->getName().getStringRef();
    return name == "sdy.mesh" || name == "sdy.sharding_constraint";
  }

  static LogicalResult verifySharding(Operation *op) {
    if (!llvm::equal(op->getOperandTypes(), op->getResultTypes())) {
      return op->emitError("a sharding gives the values that it takes");
    }
    if (!op->hasAttr("mesh")) {
      return success();
    }
    std::string mesh;
    llvm::raw_string_ostream(mesh) << op->getAttr("mesh");
    StringRef rest = mesh; // mesh<["x"=1, "y"=1], device_ids=[0]>
    while (!rest.empty()) {
      StringRef size = rest.split('=').second;
      uint64_t count = 1;
      if (!size.consumeInteger(10, count) && count != 1) {
        return op->emitError("a mesh of several devices; the function is "
                             "compiled for one: export it without shardings");
      }
      rest = size;
    }
    return success();
  }

  static LogicalResult verifyInput(ModuleOp module) {
    WalkResult result = module.walk([](Operation *op) {
      if (failed(verifyTypes(op))) {
        return WalkResult::interrupt();
      }
      if (isSharding(op)) {
        return failed(verifySharding(op)) ? WalkResult::interrupt()
                                          : WalkResult::advance();
      }
      if (!isa<BuiltinDialect, func::FuncDialect, stablehlo::StableHLODialect,
               chlo::CHLODialect, check::CheckDialect, scaled::ScaledDialect>(
              op->getDialect())) {
        op->emitError()
            << "'" << op->getName()
            << "' is not an operation of stablehlo, chlo, scaled, check "
               "or func";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  /// custom_call @check.expect_* -> check.expect_*, with the tolerances that
  /// the custom calls have.
  static LogicalResult raiseChecks(ModuleOp module) {
    WalkResult result = module.walk([](stablehlo::CustomCallOp call) {
      StringRef target = call.getCallTargetName();
      if (!target.starts_with("check.")) {
        call.emitError() << "custom call @" << target
                         << " is not supported yet";
        return WalkResult::interrupt();
      }
      if (target != "check.expect_eq" && target != "check.expect_close" &&
          target != "check.expect_almost_eq") {
        call.emitError() << "custom call @" << target
                         << " is not known; the checks are expect_eq, "
                            "expect_close and expect_almost_eq";
        return WalkResult::interrupt();
      }
      if (call->getNumOperands() != 2 || call->getNumResults() != 0 ||
          call->getOperand(0).getType() != call->getOperand(1).getType()) {
        call.emitError() << "@" << target
                         << " takes two tensors of one type and has no results";
        return WalkResult::interrupt();
      }
      Value actual = call->getOperand(0), expected = call->getOperand(1);
      if (target != "check.expect_eq" &&
          !isa<FloatType>(getElementTypeOrSelf(actual))) {
        call.emitError() << "@" << target << " takes tensors of floats";
        return WalkResult::interrupt();
      }
      OpBuilder builder(call);
      if (target == "check.expect_eq") {
        check::ExpectEqOp::create(builder, call.getLoc(), actual, expected);
      } else if (target == "check.expect_close") {
        check::ExpectCloseOp::create(builder, call.getLoc(), actual, expected,
                                     /*max_ulp_difference=*/3);
      } else {
        check::ExpectAlmostEqOp::create(builder, call.getLoc(), actual,
                                        expected, APFloat(1e-3));
      }
      call.erase();
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  /// A composite is a call of the function that computes the same.
  static void callDecompositions(ModuleOp module) {
    module.walk([](stablehlo::CompositeOp composite) {
      OpBuilder builder(composite);
      auto call = func::CallOp::create(
          builder, composite.getLoc(), composite.getDecomposition(),
          composite.getResultTypes(), composite.getInputs());
      composite->replaceAllUsesWith(call);
      composite->erase();
    });
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
      bool annotation = isSharding(op) ||
                        isa<stablehlo::OptimizationBarrierOp>(op) ||
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
