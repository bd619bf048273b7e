//===- ToLLVM.cpp - Buffers, loops and runtime calls to LLVM ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Runtime/steelyard.h"
#include "steelyard/Target/CPU/IR/CPU.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

#include <cstddef>

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUTOLLVM
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;
using namespace steelyard::cpu;

namespace {

/// The runtime's name of an element type; STEELYARD_INVALID_TYPE if it has
/// none.
steelyard_type runtimeType(Type type) {
  static const std::pair<StringRef, steelyard_type> names[] = {
      {"i1", STEELYARD_I1},
      {"i8", STEELYARD_I8},
      {"i16", STEELYARD_I16},
      {"i32", STEELYARD_I32},
      {"i64", STEELYARD_I64},
      {"f64", STEELYARD_F64},
      {"f32", STEELYARD_F32},
      {"f16", STEELYARD_F16},
      {"bf16", STEELYARD_BF16},
      {"f8E5M2", STEELYARD_F8E5M2},
      {"f8E4M3", STEELYARD_F8E4M3},
      {"f8E4M3FN", STEELYARD_F8E4M3FN},
      {"f8E3M4", STEELYARD_F8E3M4},
      {"f8E5M2FNUZ", STEELYARD_F8E5M2FNUZ},
      {"f8E4M3FNUZ", STEELYARD_F8E4M3FNUZ},
      {"f8E4M3B11FNUZ", STEELYARD_F8E4M3B11FNUZ},
      {"f8E8M0FNU", STEELYARD_F8E8M0FNU},
      {"f6E2M3FN", STEELYARD_F6E2M3FN},
      {"f6E3M2FN", STEELYARD_F6E3M2FN},
      {"f4E2M1FN", STEELYARD_F4E2M1FN}};
  std::string text;
  llvm::raw_string_ostream(text) << type;
  for (auto [name, value] : names) {
    if (name == text) {
      return value;
    }
  }
  return STEELYARD_INVALID_TYPE;
}

/// The execution context: the first argument of a public function.
Value contextOf(Operation *op) {
  return op->getParentOfType<FunctionOpInterface>()
      .getFunctionBody()
      .front()
      .getArgument(0);
}

struct Emitter {
  OpBuilder &builder;
  Location location;

  Value i64(int64_t value) {
    return LLVM::ConstantOp::create(builder, location, builder.getI64Type(),
                                    builder.getI64IntegerAttr(value));
  }
  Type pointer() { return LLVM::LLVMPointerType::get(builder.getContext()); }
  Value slot(Value base, int64_t byteOffset) {
    return LLVM::GEPOp::create(
        builder, location, pointer(), builder.getI8Type(), base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(byteOffset)});
  }
  void store(Value value, Value base, int64_t byteOffset) {
    LLVM::StoreOp::create(builder, location, value, slot(base, byteOffset));
  }
  /// Stack memory in the function's entry block.
  Value stack(Operation *op, int64_t bytes) {
    OpBuilder::InsertionGuard guard(builder);
    auto function = op->getParentOfType<FunctionOpInterface>();
    builder.setInsertionPointToStart(&function.getFunctionBody().front());
    return LLVM::AllocaOp::create(builder, location, pointer(),
                                  builder.getI8Type(), i64(bytes), 8);
  }
};

LLVM::LLVMFuncOp declare(Operation *op, OpBuilder &builder, StringRef name,
                         Type result, ArrayRef<Type> arguments) {
  auto module = op->getParentOfType<ModuleOp>();
  if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name)) {
    return known;
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module.getBody());
  return LLVM::LLVMFuncOp::create(
      builder, module.getLoc(), name,
      LLVM::LLVMFunctionType::get(result, arguments));
}

/// Address of a buffer's first element.
Value address(Emitter &emit, Value descriptor, MemRefType type,
              const LLVMTypeConverter &converter) {
  MemRefDescriptor memref(descriptor);
  return memref.bufferPtr(emit.builder, emit.location, converter, type);
}

struct GemmLowering : ConvertOpToLLVMPattern<GemmOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(GemmOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    auto lhs = cast<MemRefType>(op.getLhs().getType());
    auto rhs = cast<MemRefType>(op.getRhs().getType());
    auto init = cast<MemRefType>(op.getInit().getType());
    Value desc = emit.stack(op, sizeof(steelyard_gemm_desc));
    auto store = [&](int64_t value, size_t offset) {
      emit.store(emit.i64(value), desc, offset);
    };
    auto size = [](MemRefType type, int64_t dim) {
      return dim < 0 ? 1 : type.getDimSize(dim);
    };
    auto stride = [](MemRefType type, int64_t dim) -> int64_t {
      return dim < 0 ? 0 : type.getStridesAndOffset().first[dim];
    };
    ArrayRef<int64_t> l = op.getLhsDims(), r = op.getRhsDims();
    int64_t next = 0;
    int64_t cBatch = l[0] < 0 ? -1 : next++;
    int64_t cRow = l[1] < 0 ? -1 : next++;
    int64_t cColumn = r[1] < 0 ? -1 : next++;
    store(size(lhs, l[0]), offsetof(steelyard_gemm_desc, batch));
    store(size(lhs, l[1]), offsetof(steelyard_gemm_desc, m));
    store(size(rhs, r[1]), offsetof(steelyard_gemm_desc, n));
    store(size(lhs, l[2]), offsetof(steelyard_gemm_desc, k));
    for (auto [type, value, at, kind] :
         {std::tuple(lhs, adaptor.getLhs(), offsetof(steelyard_gemm_desc, a),
                     offsetof(steelyard_gemm_desc, a_type)),
          std::tuple(rhs, adaptor.getRhs(), offsetof(steelyard_gemm_desc, b),
                     offsetof(steelyard_gemm_desc, b_type)),
          std::tuple(init, adaptor.getInit(), offsetof(steelyard_gemm_desc, c),
                     offsetof(steelyard_gemm_desc, c_type))}) {
      steelyard_type element = runtimeType(type.getElementType());
      if (element == STEELYARD_INVALID_TYPE) {
        return op.emitOpError()
               << "has operands of element type " << type.getElementType()
               << ", which the runtime does not contract";
      }
      emit.store(address(emit, value, type, *getTypeConverter()), desc, at);
      store(static_cast<int64_t>(element), kind);
    }
    store(stride(lhs, l[0]), offsetof(steelyard_gemm_desc, a_batch_stride));
    store(stride(lhs, l[1]), offsetof(steelyard_gemm_desc, a_m_stride));
    store(stride(lhs, l[2]), offsetof(steelyard_gemm_desc, a_k_stride));
    store(stride(rhs, r[0]), offsetof(steelyard_gemm_desc, b_batch_stride));
    store(stride(rhs, r[2]), offsetof(steelyard_gemm_desc, b_k_stride));
    store(stride(rhs, r[1]), offsetof(steelyard_gemm_desc, b_n_stride));
    store(stride(init, cBatch), offsetof(steelyard_gemm_desc, c_batch_stride));
    store(stride(init, cRow), offsetof(steelyard_gemm_desc, c_m_stride));
    store(stride(init, cColumn), offsetof(steelyard_gemm_desc, c_n_stride));
    store(0, offsetof(steelyard_gemm_desc, accumulate));
    Type pointer = emit.pointer();
    LLVM::LLVMFuncOp callee =
        declare(op, rewriter, "steelyard_gemm", rewriter.getI32Type(),
                {pointer, pointer});
    LLVM::CallOp::create(rewriter, op.getLoc(), callee,
                         ValueRange{contextOf(op), desc});
    rewriter.eraseOp(op);
    return success();
  }
};

struct CheckLowering : ConvertOpToLLVMPattern<CheckOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(CheckOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    auto type = cast<MemRefType>(op.getGot().getType());
    Value shape = emit.stack(op, std::max<int64_t>(8, 8 * type.getRank()));
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      emit.store(emit.i64(size), shape, 8 * dim);
    }
    std::string where;
    llvm::raw_string_ostream(where) << op.getLoc();
    Value location = LLVM::createGlobalString(
        op.getLoc(), rewriter,
        "steelyard_location_" +
            std::to_string(reinterpret_cast<uintptr_t>(op.getOperation())),
        StringRef(where.c_str(), where.size() + 1), LLVM::Linkage::Internal);
    SmallVector<Value> operands = {
        contextOf(op),
        emit.i64(static_cast<int64_t>(runtimeType(type.getElementType()))),
        emit.i64(type.getRank()),
        shape,
        address(emit, adaptor.getGot(), type, *getTypeConverter()),
        address(emit, adaptor.getWant(),
                cast<MemRefType>(op.getWant().getType()), *getTypeConverter())};
    StringRef name = "steelyard_check_eq";
    if (op.getKind() == 1) {
      name = "steelyard_check_close";
      operands.push_back(
          emit.i64(static_cast<int64_t>(op.getBound().convertToDouble())));
    } else if (op.getKind() == 2) {
      name = "steelyard_check_almost_eq";
      operands.push_back(LLVM::ConstantOp::create(
          rewriter, op.getLoc(), rewriter.getF64Type(), op.getBoundAttr()));
    }
    operands.push_back(location);
    SmallVector<Type> types = llvm::to_vector(ValueRange(operands).getTypes());
    LLVM::LLVMFuncOp callee =
        declare(op, rewriter, name,
                LLVM::LLVMVoidType::get(rewriter.getContext()), types);
    LLVM::CallOp::create(rewriter, op.getLoc(), callee, operands);
    rewriter.eraseOp(op);
    return success();
  }
};

struct PollLowering : ConvertOpToLLVMPattern<PollOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(PollOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    Type i32 = rewriter.getI32Type();
    LLVM::LLVMFuncOp poll =
        declare(op, rewriter, "steelyard_poll", i32, {emit.pointer()});
    Value status = LLVM::CallOp::create(rewriter, op.getLoc(), poll,
                                        ValueRange{contextOf(op)})
                       .getResult();
    Value ok = LLVM::ConstantOp::create(rewriter, op.getLoc(), i32,
                                        rewriter.getI32IntegerAttr(0));
    rewriter.replaceOpWithNewOp<LLVM::ICmpOp>(op, LLVM::ICmpPredicate::eq,
                                              status, ok);
    return success();
  }
};

struct MarkLowering : ConvertOpToLLVMPattern<MarkOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(MarkOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit{rewriter, op.getLoc()};
    LLVM::LLVMFuncOp callee =
        declare(op, rewriter, "steelyard_mark",
                LLVM::LLVMVoidType::get(rewriter.getContext()),
                {emit.pointer(), rewriter.getI64Type()});
    rewriter.replaceOpWithNewOp<LLVM::CallOp>(
        op, callee,
        ValueRange{contextOf(op),
                   emit.i64(static_cast<int64_t>(op.getSite()))});
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
    SmallVector<std::pair<std::string, std::string>>
        launches; // (launcher, region)
    SmallVector<std::pair<std::string, int64_t>>
        entries; // (function, arguments)
    for (auto function : module.getOps<func::FuncOp>()) {
      if (auto region = function->getAttrOfType<FlatSymbolRefAttr>(
              "steelyard.parallel_region")) {
        launches.emplace_back(function.getName(), region.getValue());
      } else if (function.isPublic() && !function.isExternal()) {
        if (failed(verifySignature(function))) {
          return signalPassFailure();
        }
        // What the caller passes, without the context, the arena and the
        // buffers of results.
        int64_t count = 0;
        for (unsigned index = 2; index < function.getNumArguments(); ++index) {
          count += !function.getArgAttr(index, "bufferize.result");
        }
        entries.emplace_back(function.getName().str(), count);
      }
    }

    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    LLVMTypeConverter converter(context, options);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    RewritePatternSet patterns(context);
    populateAffineToStdConversionPatterns(patterns);
    populateSCFToControlFlowConversionPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateMathToLibmConversionPatterns(patterns, /*benefit=*/0);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    patterns.add<GemmLowering, CheckLowering, PollLowering, MarkLowering,
                 LibmLowering>(converter);
    if (failed(applyFullConversion(module, target, std::move(patterns)))) {
      return signalPassFailure();
    }
    for (auto &[launcher, region] : launches) {
      defineLauncher(module.lookupSymbol<LLVM::LLVMFuncOp>(launcher),
                     module.lookupSymbol<LLVM::LLVMFuncOp>(region));
    }
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      if (function.isPrivate() && !function.isExternal()) {
        function.setLinkage(LLVM::Linkage::Internal);
      }
    }
    for (auto &[name, argumentCount] : entries) {
      auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
      function.setLinkage(LLVM::Linkage::Internal);
      // The loops are in regions; what is left runs once, and is long.
      if (function.getBody().hasOneBlock()) {
        function.setOptimizeNone(true);
        function.setNoInline(true);
      }
      dropForeignAttributes(function);
      returnStatus(function);
      defineEntry(function, argumentCount);
    }
  }

  /// Callers pass addresses, after the context and the arena, and get none.
  static LogicalResult verifySignature(func::FuncOp function) {
    if (function.getNumArguments() < 2) {
      return function.emitError()
             << "@" << function.getName()
             << " has no execution context and arena; run -cpu-outline-regions "
                "and -cpu-plan-arena first";
    }
    for (Type type :
         llvm::concat<const Type>(function.getArgumentTypes().drop_front(2),
                                  function.getResultTypes())) {
      if (!isa<MemRefType>(type)) {
        return function.emitError()
               << "@" << function.getName() << " takes or returns " << type
               << "; arguments and results of public functions are tensors";
      }
    }
    return success();
  }

  /// What frontends and earlier stages wrote on arguments: who calls has read
  /// it, and the translation warns of each.
  static void dropForeignAttributes(FunctionOpInterface function) {
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      SmallVector<NamedAttribute> kept;
      llvm::copy_if(function.getArgAttrs(index), std::back_inserter(kept),
                    [](NamedAttribute attribute) {
                      return attribute.getName().strref().starts_with("llvm.");
                    });
      function.setArgAttrs(index, kept);
    }
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

  /// The function returns a status: a failed or cancelled contraction ends the
  /// call with its own.
  void returnStatus(LLVM::LLVMFuncOp function) {
    OpBuilder builder(&getContext());
    Type i32 = builder.getI32Type();
    function.setFunctionType(LLVM::LLVMFunctionType::get(
        i32, function.getFunctionType().getParams()));
    SmallVector<LLVM::CallOp> calls;
    SmallVector<LLVM::ReturnOp> returns;
    function.walk([&](Operation *op) {
      if (auto call = dyn_cast<LLVM::CallOp>(op);
          call && call.getCallee() == "steelyard_gemm") {
        calls.push_back(call);
      } else if (auto leave = dyn_cast<LLVM::ReturnOp>(op)) {
        returns.push_back(leave);
      }
    });
    auto zero = [&](Location location) -> Value {
      return LLVM::ConstantOp::create(builder, location, i32,
                                      builder.getI32IntegerAttr(0));
    };
    for (LLVM::ReturnOp leave : returns) {
      builder.setInsertionPoint(leave);
      LLVM::ReturnOp::create(builder, leave.getLoc(), zero(leave.getLoc()));
      leave.erase();
    }
    if (calls.empty()) {
      return;
    }
    Block *failed = new Block();
    function.getBody().push_back(failed);
    Value status = failed->addArgument(i32, function.getLoc());
    builder.setInsertionPointToEnd(failed);
    LLVM::ReturnOp::create(builder, function.getLoc(), status);
    for (LLVM::CallOp call : calls) {
      Block *rest =
          call->getBlock()->splitBlock(std::next(call->getIterator()));
      builder.setInsertionPointAfter(call);
      Value ok =
          LLVM::ICmpOp::create(builder, call.getLoc(), LLVM::ICmpPredicate::eq,
                               call.getResult(), zero(call.getLoc()));
      LLVM::CondBrOp::create(builder, call.getLoc(), ok, rest, ValueRange(),
                             failed, call.getResult());
    }
  }

  /// i32 steelyard_entry_f(context, arena, arguments, results)
  void defineEntry(LLVM::LLVMFuncOp function, int64_t argumentCount) {
    OpBuilder builder(function);
    Location location = function.getLoc();
    Emitter emit{builder, location};
    Type pointer = emit.pointer(), i32 = builder.getI32Type();
    auto entry = LLVM::LLVMFuncOp::create(
        builder, location, ("steelyard_entry_" + function.getName()).str(),
        LLVM::LLVMFunctionType::get(i32, {pointer, pointer, pointer, pointer}));
    Block *block = entry.addEntryBlock(builder);
    builder.setInsertionPointToStart(block);
    ValueRange given = block->getArguments();
    SmallVector<Value> operands = {given[0], given[1]};
    int64_t count = function.getNumArguments() - 2;
    for (int64_t index = 0; index < count; ++index) {
      bool isResult = index >= argumentCount;
      Value table = given[isResult ? 3 : 2];
      operands.push_back(LLVM::LoadOp::create(
          builder, location, pointer,
          emit.slot(table, 8 * (isResult ? index - argumentCount : index))));
    }
    Value status =
        LLVM::CallOp::create(builder, location, function, operands).getResult();
    LLVM::LLVMFuncOp poll =
        declare(function, builder, "steelyard_poll", i32, {pointer});
    Value stopped =
        LLVM::CallOp::create(builder, location, poll, ValueRange{given[0]})
            .getResult();
    LLVM::ReturnOp::create(
        builder, location,
        LLVM::OrOp::create(builder, location, status, stopped).getResult());
  }
};

} // namespace
