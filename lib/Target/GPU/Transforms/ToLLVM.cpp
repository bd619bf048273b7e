//===- ToLLVM.cpp - Host functions of GPU code to LLVM ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/ToLLVM.h"

#include "steelyard/Target/GPU/IR/CUDA.h"
#include "steelyard/Target/GPU/Transforms/DeviceCode.h"
#include "steelyard/Target/GPU/Transforms/OperationNames.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/DialectConversion.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDATOLLVM
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;
using steelyard::host::Emitter;

namespace {

int64_t bytesOf(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  return type.getNumElements() *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Kernels and constants by their numbers, and names of operations by the
/// globals that hold them.
struct Numbers {
  llvm::StringMap<int64_t> kernels, constants;
  llvm::StringMap<std::string> names;
  int64_t mostOperands = 0; // of a launch
};

template <typename Op>
struct Lowering : ConvertOpToLLVMPattern<Op> {
  Lowering(const LLVMTypeConverter &converter, const Numbers &numbers)
      : ConvertOpToLLVMPattern<Op>(converter, /*benefit=*/2), numbers(numbers) {
  }

  Value address(Emitter &emit, Value given, Value lowered) const {
    return emit.address(lowered, cast<MemRefType>(given.getType()),
                        *this->getTypeConverter());
  }

  /// Calls what puts work on the stream, after the work's name.
  void enqueue(Emitter &emit, Op op, StringRef function,
               ValueRange operands) const {
    Value name =
        LLVM::AddressOfOp::create(emit.builder, emit.location, emit.pointer(),
                                  numbers.names.at(cuda::operationName(op)));
    emit.call(op, "steelyard_gpu_operation",
              LLVM::LLVMVoidType::get(op.getContext()),
              {host::contextOf(op), name});
    emit.callOrReturn(op, function, operands);
  }

  const Numbers &numbers;
};

// Addresses of the operands, the operands, then the sizes.
constexpr int64_t kWord = 8, kSizes = 12;

/// Memory for the arguments of a launch, which are read before it returns: one
/// for all launches of a function.
Value argumentMemory(Emitter &emit, Operation *op, const Numbers &numbers) {
  constexpr StringLiteral kMarker("steelyard.launch_arguments");
  auto function = op->getParentOfType<FunctionOpInterface>();
  for (auto alloca :
       function.getFunctionBody().front().getOps<LLVM::AllocaOp>()) {
    if (alloca->hasAttr(kMarker)) {
      return alloca;
    }
  }
  Value memory = emit.stack(op, 2 * numbers.mostOperands * kWord + 2 * kSizes);
  memory.getDefiningOp()->setAttr(kMarker, emit.builder.getUnitAttr());
  return memory;
}

struct LaunchLowering : Lowering<cuda::LaunchOp> {
  using Lowering::Lowering;

  LogicalResult
  matchAndRewrite(cuda::LaunchOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    ValueRange given = op->getOperands();
    ValueRange values = adaptor.getOperands();
    int64_t count = given.size();
    Value memory = argumentMemory(emit, op, numbers);
    for (auto [index, pair] : llvm::enumerate(llvm::zip(given, values))) {
      auto [operand, value] = pair;
      if (isa<MemRefType>(operand.getType())) {
        // The kernel adds the offset that its type has.
        value = MemRefDescriptor(value).alignedPtr(rewriter, op.getLoc());
      }
      int64_t at = (count + static_cast<int64_t>(index)) * kWord;
      emit.store(value, memory, at);
      emit.store(emit.slot(memory, at), memory, index * kWord);
    }
    Value sizes = emit.slot(memory, 2 * count * kWord);
    for (auto [index, size] : llvm::enumerate(
             llvm::concat<const int32_t>(op.getGrid(), op.getBlock()))) {
      emit.store(emit.i32(size), sizes, 4 * index);
    }
    int64_t kernel =
        numbers.kernels.lookup(op.getKernel().getLeafReference().getValue());
    enqueue(emit, op, "steelyard_gpu_launch",
            {emit.i64(kernel), sizes, emit.slot(sizes, kSizes), emit.i32(0),
             memory});
    rewriter.eraseOp(op);
    return success();
  }
};

struct ContractionLowering : Lowering<cuda::ContractionOp> {
  using Lowering::Lowering;

  LogicalResult
  matchAndRewrite(cuda::ContractionOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    using Desc = steelyard_gpu_gemm_desc;
    static_assert(offsetof(Desc, c_n_stride) ==
                  offsetof(steelyard_gemm_desc, c_n_stride));
    static_assert(int(cuda::Epilogue::None) == STEELYARD_EPILOGUE_NONE &&
                  int(cuda::Epilogue::ReLU) == STEELYARD_EPILOGUE_RELU &&
                  int(cuda::Epilogue::GELU) == STEELYARD_EPILOGUE_GELU);
    Emitter emit{rewriter, op.getLoc()};
    FailureOr<Value> desc = describeContraction(
        emit,
        {op, cast<MemRefType>(op.getLhs().getType()),
         cast<MemRefType>(op.getRhs().getType()),
         cast<MemRefType>(op.getInit().getType()), adaptor.getLhs(),
         adaptor.getRhs(), adaptor.getInit(), op.getLhsDims(), op.getRhsDims()},
        *getTypeConverter(), sizeof(Desc));
    if (failed(desc)) {
      return failure();
    }
    constexpr size_t scales[] = {offsetof(Desc, a_scale),
                                 offsetof(Desc, b_scale)};
    for (auto [given, lowered, at] :
         llvm::zip(op.getScales(), adaptor.getScales(), scales)) {
      emit.store(address(emit, given, lowered), *desc, at);
    }
    if (Value bias = op.getBias()) {
      emit.store(address(emit, bias, adaptor.getBias()), *desc,
                 offsetof(Desc, bias));
      emit.store(emit.i64(static_cast<int64_t>(
                     host::runtimeType(getElementTypeOrSelf(bias)))),
                 *desc, offsetof(Desc, bias_type));
    }
    int compute =
        (op.getTf32() ? STEELYARD_COMPUTE_TF32 : 0) |
        (op.getFastAccumulate() ? STEELYARD_COMPUTE_FAST_ACCUMULATE : 0);
    emit.store(emit.i32(int(op.getEpilogue())), *desc,
               offsetof(Desc, epilogue));
    emit.store(emit.i32(compute), *desc, offsetof(Desc, compute));
    enqueue(emit, op, "steelyard_gpu_gemm", *desc);
    rewriter.eraseOp(op);
    return success();
  }
};

struct CopyLowering : Lowering<memref::CopyOp> {
  using Lowering::Lowering;

  LogicalResult
  matchAndRewrite(memref::CopyOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    enqueue(emit, op, "steelyard_gpu_copy",
            {address(emit, op.getTarget(), adaptor.getTarget()),
             address(emit, op.getSource(), adaptor.getSource()),
             emit.i64(bytesOf(op.getSource()))});
    rewriter.eraseOp(op);
    return success();
  }
};

struct ZeroLowering : Lowering<cuda::ZeroOp> {
  using Lowering::Lowering;

  LogicalResult
  matchAndRewrite(cuda::ZeroOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    enqueue(emit, op, "steelyard_gpu_fill",
            {address(emit, op.getInit(), adaptor.getInit()),
             emit.i64(bytesOf(op.getInit()))});
    rewriter.eraseOp(op);
    return success();
  }
};

/// What the host asks of the device, it waits for.
struct LoadLowering : Lowering<memref::LoadOp> {
  using Lowering::Lowering;

  LogicalResult
  matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    MemRefType type = op.getMemRefType();
    Type element = getTypeConverter()->convertType(type.getElementType());
    Value address = getStridedElementPtr(
        rewriter, op.getLoc(), type, adaptor.getMemref(), adaptor.getIndices());
    Value slot = emit.stack(op, 8);
    enqueue(emit, op, "steelyard_gpu_read",
            {slot, address,
             emit.i64(llvm::divideCeil(type.getElementTypeBitWidth(), 8))});
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, element, slot);
    return success();
  }
};

struct ConstantLowering : Lowering<memref::GetGlobalOp> {
  using Lowering::Lowering;

  LogicalResult
  matchAndRewrite(memref::GetGlobalOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    Value address =
        emit.callOrFail(op, "steelyard_gpu_constant",
                        emit.i64(numbers.constants.lookup(op.getName())));
    rewriter.replaceOp(op, Value(MemRefDescriptor::fromStaticShape(
                               rewriter, op.getLoc(), *getTypeConverter(),
                               cast<MemRefType>(op.getType()), address)));
    return success();
  }
};

struct ToLLVM : cuda::impl::CUDAToLLVMBase<ToLLVM> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    host::Entries entries;
    if (failed(entries.collect(module))) {
      return signalPassFailure();
    }
    Numbers numbers = number(module);
    if (failed(takeImage(module))) {
      return signalPassFailure();
    }
    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    LLVMTypeConverter converter(context, options);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    RewritePatternSet patterns(context);
    host::populateToLLVMPatterns(converter, patterns);
    patterns.add<LaunchLowering, ContractionLowering, CopyLowering,
                 ZeroLowering, LoadLowering, ConstantLowering>(converter,
                                                               numbers);
    if (failed(applyFullConversion(module, target, std::move(patterns)))) {
      return signalPassFailure();
    }
    entries.define(module);
  }

  /// Gives kernels and constants numbers, which the module lists.
  Numbers number(ModuleOp module) {
    Numbers numbers;
    Builder builder(&getContext());
    SmallVector<Attribute> kernels, constants;
    auto add = [&](llvm::StringMap<int64_t> &known,
                   SmallVectorImpl<Attribute> &list, StringRef name) {
      if (known.try_emplace(name, list.size()).second) {
        list.push_back(builder.getStringAttr(name));
      }
    };
    module.walk([&](cuda::LaunchOp op) {
      add(numbers.kernels, kernels, op.getKernel().getLeafReference());
      numbers.mostOperands =
          std::max<int64_t>(numbers.mostOperands, op->getNumOperands());
    });
    module.walk([&](memref::GetGlobalOp op) {
      add(numbers.constants, constants, op.getName());
    });
    name(module, numbers);
    module->setAttr(cuda::kKernelsAttrName, builder.getArrayAttr(kernels));
    module->setAttr(cuda::kConstantsAttrName, builder.getArrayAttr(constants));
    return numbers;
  }

  /// Makes a global of each name.
  static void name(ModuleOp module, Numbers &numbers) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    module.walk([&](Operation *op) {
      if (!isa<cuda::LaunchOp, cuda::ContractionOp, memref::CopyOp,
               cuda::ZeroOp, memref::LoadOp>(op)) {
        return;
      }
      std::string text = cuda::operationName(op);
      auto [known, isNew] = numbers.names.try_emplace(text);
      if (!isNew) {
        return;
      }
      known->second =
          ("steelyard_operation_" + Twine(numbers.names.size() - 1)).str();
      text.push_back('\0');
      auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), text.size());
      LLVM::GlobalOp::create(builder, op->getLoc(), type, /*isConstant=*/true,
                             LLVM::Linkage::Internal, known->second,
                             builder.getStringAttr(text));
    });
  }

  /// The machine code becomes a global.
  LogicalResult takeImage(ModuleOp module) {
    for (auto binary :
         llvm::make_early_inc_range(module.getOps<mlir::gpu::BinaryOp>())) {
      auto object = cast<mlir::gpu::ObjectAttr>(binary.getObjects()[0]);
      auto target = cast<NVVM::NVVMTargetAttr>(object.getTarget());
      std::string code = object.getObject().str();
      if (object.getFormat() == mlir::gpu::CompilationTarget::Assembly) {
        code.push_back('\0'); // which PTX ends in
      }
      OpBuilder builder(binary);
      auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), code.size());
      LLVM::GlobalOp::create(builder, binary.getLoc(), type,
                             /*isConstant=*/true, LLVM::Linkage::Internal,
                             cuda::kImageName, builder.getStringAttr(code),
                             /*alignment=*/64);
      module->setAttr(cuda::kChipAttrName,
                      builder.getStringAttr(target.getChip()));
      binary.erase();
    }
    // A kernel without a launch is nobody's.
    for (auto kernels :
         llvm::make_early_inc_range(module.getOps<mlir::gpu::GPUModuleOp>())) {
      if (!kernels.getOps<mlir::gpu::GPUFuncOp>().empty()) {
        return kernels.emitError("is no machine code; run "
                                 "-gpu-module-to-binary first");
      }
      kernels.erase();
    }
    module->removeAttr(mlir::gpu::GPUDialect::getContainerModuleAttrName());
    return success();
  }
};

} // namespace
