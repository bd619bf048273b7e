//===- StableHLOToLinalg.cpp - The pass -------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"

#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/Check/IR/Check.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
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

steelyard::StorageTypes::StorageTypes(bool keepsFunctions)
    : keepsFunctions(keepsFunctions) {
  addConversion([](Type type) { return type; });
  addConversion([](RankedTensorType type) -> Type {
    Type element = type.getElementType();
    if (element.isUnsignedInteger()) {
      element =
          IntegerType::get(type.getContext(), element.getIntOrFloatBitWidth());
    }
    return steelyard::isEmpty(type) ? RankedTensorType::get({0}, element)
                                    : type.clone(element);
  });
  auto cast = [](OpBuilder &builder, Type type, ValueRange inputs,
                 Location location) -> Value {
    return UnrealizedConversionCastOp::create(builder, location, type, inputs)
        .getResult(0);
  };
  addSourceMaterialization(cast);
  addTargetMaterialization(cast);
}

namespace {

/// Whatever computes no element needs no computation.
struct EmptyResults : ConversionPattern {
  EmptyResults(const TypeConverter &converter, MLIRContext *context)
      : ConversionPattern(converter, MatchAnyOpTypeTag(), /*benefit=*/10,
                          context) {}

  LogicalResult
  matchAndRewrite(Operation *op, ArrayRef<Value>,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isa<chlo::CHLODialect, scaled::ScaledDialect,
             stablehlo::StableHLODialect>(op->getDialect()) ||
        isa<stablehlo::CaseOp, stablehlo::CustomCallOp, stablehlo::IfOp,
            stablehlo::WhileOp>(op) ||
        op->getNumResults() == 0 ||
        !llvm::all_of(op->getResultTypes(), steelyard::isEmpty)) {
      return failure();
    }
    SmallVector<Value> results;
    for (Type type : op->getResultTypes()) {
      auto stored = getTypeConverter()->convertType<RankedTensorType>(type);
      results.push_back(tensor::EmptyOp::create(
          rewriter, op->getLoc(), stored.getShape(), stored.getElementType()));
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct StableHLOToLinalg
    : steelyard::impl::ConvertStableHLOToLinalgBase<StableHLOToLinalg> {
  using ConvertStableHLOToLinalgBase::ConvertStableHLOToLinalgBase;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    steelyard::StorageTypes converter(keepFunctions);
    ConversionTarget target(*context);
    target.addLegalDialect<
        arith::ArithDialect, bufferization::BufferizationDialect,
        linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
        tensor::TensorDialect, steelyard::host::HostDialect>();
    target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
    target.addDynamicallyLegalDialect<scaled::ScaledDialect>(
        [](Operation *op) { return isScalar(op); });
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
      return converter.isSignatureLegal(op.getFunctionType());
    });
    target.addDynamicallyLegalOp<func::ReturnOp, func::CallOp>(
        [&](Operation *op) { return converter.isLegal(op); });
    RewritePatternSet patterns(context);
    patterns.add<EmptyResults>(converter, context);
    steelyard::populateElementwisePatterns(converter, patterns);
    steelyard::populateScaledPatterns(converter, patterns);
    steelyard::populateDataMovementPatterns(converter, patterns);
    steelyard::populateReductionPatterns(converter, patterns);
    steelyard::populateWindowPatterns(converter, patterns);
    steelyard::populateScatterPatterns(converter, patterns, workByDestination);
    steelyard::populateSortPatterns(converter, patterns);
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
