//===- StableHLOToLinalg.cpp - The pass -------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/Check/IR/Check.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Target/CPU/IR/CPU.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "Patterns.h"

namespace steelyard {
#define GEN_PASS_DEF_CONVERTSTABLEHLOTOLINALG
#include "steelyard/Conversion/StableHLOToLinalg/Passes.h.inc"
} // namespace steelyard

using namespace mlir;

namespace {

/// Unsigned integers become signless; the operations know what they were.
struct SignlessTypes : TypeConverter {
  SignlessTypes() {
    addConversion([](Type type) { return type; });
    addConversion([](RankedTensorType type) -> Type {
      auto integer = dyn_cast<IntegerType>(type.getElementType());
      return integer && integer.isUnsigned()
                 ? type.clone(
                       IntegerType::get(type.getContext(), integer.getWidth()))
                 : type;
    });
    auto cast = [](OpBuilder &builder, Type type, ValueRange inputs,
                   Location location) -> Value {
      return UnrealizedConversionCastOp::create(builder, location, type, inputs)
          .getResult(0);
    };
    addSourceMaterialization(cast);
    addTargetMaterialization(cast);
  }
};

struct StableHLOToLinalg
    : steelyard::impl::ConvertStableHLOToLinalgBase<StableHLOToLinalg> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    SignlessTypes converter;
    ConversionTarget target(*context);
    target.addLegalDialect<arith::ArithDialect, linalg::LinalgDialect,
                           math::MathDialect, scf::SCFDialect,
                           tensor::TensorDialect, steelyard::cpu::CPUDialect>();
    target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
    target.addDynamicallyLegalDialect<scaled::ScaledDialect>(
        [](Operation *op) { return isScalar(op); });
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
      return converter.isSignatureLegal(op.getFunctionType());
    });
    target.addDynamicallyLegalOp<func::ReturnOp, func::CallOp>(
        [&](Operation *op) { return converter.isLegal(op); });
    RewritePatternSet patterns(context);
    steelyard::populateElementwisePatterns(converter, patterns);
    steelyard::populateScaledPatterns(converter, patterns);
    steelyard::populateDataMovementPatterns(converter, patterns);
    steelyard::populateReductionPatterns(converter, patterns);
    steelyard::populateWindowPatterns(converter, patterns);
    steelyard::populateContractionPatterns(converter, patterns);
    steelyard::populateConvolutionPatterns(converter, patterns);
    steelyard::populateControlFlowPatterns(converter, patterns);
    steelyard::populateCheckPatterns(converter, patterns);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns,
                                                                   converter);
    populateReturnOpTypeConversionPattern(patterns, converter);
    populateCallOpTypeConversionPattern(patterns, converter);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns)))) {
      return signalPassFailure();
    }
    // Not declared illegal above: the framework's message would not say why.
    WalkResult left = getOperation().walk([](Operation *op) {
      if (!isa<chlo::CHLODialect, check::CheckDialect,
               stablehlo::StableHLODialect>(op->getDialect())) {
        return WalkResult::advance();
      }
      InFlightDiagnostic error = op->emitError()
                                 << "'" << op->getName()
                                 << "' is not supported on the CPU for ";
      llvm::interleaveComma(op->getOperandTypes(), error);
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted()) {
      signalPassFailure();
    }
  }

  static bool isScalar(Operation *op) {
    return llvm::none_of(op->getOperandTypes(), llvm::IsaPred<ShapedType>) &&
           llvm::none_of(op->getResultTypes(), llvm::IsaPred<ShapedType>);
  }
};

} // namespace
