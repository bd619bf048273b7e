//===- ToLLVM.cpp - Buffers, loops and runtime calls to LLVM ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/ToLLVM.h"

#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Transforms/DialectConversion.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUTOLLVM
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;
using namespace steelyard::host;

namespace {

struct GemmLowering : ConvertOpToLLVMPattern<GemmOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(GemmOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    FailureOr<Value> desc =
        describeGemm(emit, op, adaptor.getOperands(), *getTypeConverter(),
                     sizeof(steelyard_gemm_desc));
    if (failed(desc)) {
      return failure();
    }
    emit.callOrReturn(op, "steelyard_gemm", *desc);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LibmLowering : ConvertOpToLLVMPattern<LibmOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(LibmOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    Type f64 = rewriter.getF64Type();
    SmallVector<Value> operands = {adaptor.getX()};
    SmallVector<Type> types = {f64};
    std::string name = op.getFunction().str();
    if (name == "lgamma") {
      // The form that does not write to a variable of the process.
      name = "lgamma_r";
      operands.push_back(emit.stack(op, sizeof(int)));
      types.push_back(emit.pointer());
    }
    LLVM::LLVMFuncOp callee = declare(op, rewriter, name, f64, types);
    // Not the vector library's.
    callee.setPassthroughAttr(
        rewriter.getArrayAttr(rewriter.getStringAttr("nobuiltin")));
    rewriter.replaceOp(
        op, LLVM::CallOp::create(rewriter, op.getLoc(), callee, operands));
    return success();
  }
};

struct ToLLVM : steelyard::cpu::impl::CPUToLLVMBase<ToLLVM> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    Entries entries;
    if (failed(entries.collect(module))) {
      return signalPassFailure();
    }
    SmallVector<std::pair<std::string, std::string>>
        launches; // (launcher, region)
    for (auto function : module.getOps<func::FuncOp>()) {
      if (auto region = function->getAttrOfType<FlatSymbolRefAttr>(
              "steelyard.parallel_region")) {
        launches.emplace_back(function.getName(), region.getValue());
      }
    }
    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    LLVMTypeConverter converter(context, options);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    RewritePatternSet patterns(context);
    populateToLLVMPatterns(converter, patterns);
    patterns.add<GemmLowering, LibmLowering>(converter);
    if (failed(applyFullConversion(module, target, std::move(patterns)))) {
      return signalPassFailure();
    }
    for (auto &[launcher, region] : launches) {
      defineLauncher(module.lookupSymbol<LLVM::LLVMFuncOp>(launcher),
                     module.lookupSymbol<LLVM::LLVMFuncOp>(region));
    }
    entries.define(module);
  }

  /// launcher(context, begin, end, grain, values...) calls
  /// steelyard_parallel_for with a closure of the values.
  void defineLauncher(LLVM::LLVMFuncOp launcher, LLVM::LLVMFuncOp region) {
    OpBuilder builder(&getContext());
    Location location = launcher.getLoc();
    Emitter emit{builder, location};
    Type pointer = emit.pointer(), i64 = builder.getI64Type();
    Type none = LLVM::LLVMVoidType::get(&getContext());
    launcher.setLinkage(LLVM::Linkage::Internal);
    launcher->removeAttr("steelyard.parallel_region");

    builder.setInsertionPoint(launcher);
    auto body = LLVM::LLVMFuncOp::create(
        builder, location, (region.getName() + "_body").str(),
        LLVM::LLVMFunctionType::get(none, {i64, i64, pointer}));
    body.setLinkage(LLVM::Linkage::Internal);
    Block *bodyBlock = body.addEntryBlock(builder);
    builder.setInsertionPointToStart(bodyBlock);
    SmallVector<Value> operands = {bodyBlock->getArgument(0),
                                   bodyBlock->getArgument(1)};
    for (auto [index, type] :
         llvm::enumerate(region.getFunctionType().getParams().drop_front(2))) {
      operands.push_back(LLVM::LoadOp::create(
          builder, location, type,
          emit.slot(bodyBlock->getArgument(2), 8 * index)));
    }
    LLVM::CallOp::create(builder, location, region, operands);
    LLVM::ReturnOp::create(builder, location, ValueRange());

    Block *block = launcher.addEntryBlock(builder);
    builder.setInsertionPointToStart(block);
    ValueRange arguments = block->getArguments();
    ValueRange values = arguments.drop_front(4);
    Value closure = LLVM::AllocaOp::create(
        builder, location, pointer, builder.getI8Type(),
        emit.i64(8 * std::max<size_t>(1, values.size())), 8);
    for (auto [index, value] : llvm::enumerate(values)) {
      emit.store(value, closure, 8 * index);
    }
    Value address = LLVM::AddressOfOp::create(builder, location, body);
    LLVM::LLVMFuncOp callee =
        declare(launcher, builder, "steelyard_parallel_for", none,
                {pointer, i64, i64, i64, pointer, pointer});
    LLVM::CallOp::create(builder, location, callee,
                         ValueRange{arguments[0], arguments[1], arguments[2],
                                    arguments[3], address, closure});
    LLVM::ReturnOp::create(builder, location, ValueRange());
  }
};

} // namespace
