//===- ToLLVM.cpp - Host functions to the LLVM dialect ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/ToLLVM.h"

#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"

using namespace mlir;
using namespace steelyard::host;

// A call whose status ends the function.
static constexpr StringLiteral kStatusAttrName("steelyard.status");

steelyard_type steelyard::host::runtimeType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  for (steelyard_type known = 1; known < STEELYARD_FORMAT_KIND; ++known) {
    if (text == steelyard_type_name(known)) {
      return known;
    }
  }
  return STEELYARD_INVALID_TYPE;
}

Value steelyard::host::contextOf(Operation *op) {
  return op->getParentOfType<FunctionOpInterface>()
      .getFunctionBody()
      .front()
      .getArgument(0);
}

Type Emitter::pointer() {
  return LLVM::LLVMPointerType::get(builder.getContext());
}

Value Emitter::i32(int64_t value) {
  return LLVM::ConstantOp::create(
      builder, location, builder.getI32Type(),
      builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value Emitter::i64(int64_t value) {
  return LLVM::ConstantOp::create(builder, location, builder.getI64Type(),
                                  builder.getI64IntegerAttr(value));
}

Value Emitter::slot(Value base, int64_t byteOffset) {
  return LLVM::GEPOp::create(
      builder, location, pointer(), builder.getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(byteOffset)});
}

void Emitter::store(Value value, Value base, int64_t byteOffset) {
  LLVM::StoreOp::create(builder, location, value, slot(base, byteOffset));
}

Value Emitter::stack(Operation *op, int64_t bytes) {
  OpBuilder::InsertionGuard guard(builder);
  auto function = op->getParentOfType<FunctionOpInterface>();
  builder.setInsertionPointToStart(&function.getFunctionBody().front());
  return LLVM::AllocaOp::create(builder, location, pointer(),
                                builder.getI8Type(), i64(bytes), 8);
}

Value Emitter::address(Value descriptor, MemRefType type,
                       const LLVMTypeConverter &converter) {
  MemRefDescriptor memref(descriptor);
  return memref.bufferPtr(builder, location, converter, type);
}

LLVM::CallOp Emitter::call(Operation *op, StringRef name, Type result,
                           ValueRange operands) {
  SmallVector<Type> types = llvm::to_vector(operands.getTypes());
  return LLVM::CallOp::create(
      builder, location, declare(op, builder, name, result, types), operands);
}

LLVM::CallOp Emitter::callOfContext(Operation *op, StringRef name, Type result,
                                    ValueRange operands) {
  SmallVector<Value> all = {contextOf(op)};
  llvm::append_range(all, operands);
  LLVM::CallOp made = call(op, name, result, all);
  made->setAttr(kStatusAttrName, builder.getUnitAttr());
  return made;
}

void Emitter::callOrReturn(Operation *op, StringRef name, ValueRange operands) {
  callOfContext(op, name, builder.getI32Type(), operands);
}

Value Emitter::callOrFail(Operation *op, StringRef name, ValueRange operands) {
  return callOfContext(op, name, pointer(), operands).getResult();
}

LLVM::LLVMFuncOp steelyard::host::declare(Operation *op, OpBuilder &builder,
                                          StringRef name, Type result,
                                          ArrayRef<Type> arguments) {
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

FailureOr<Value>
steelyard::host::describeGemm(Emitter &emit, GemmOp op, ValueRange operands,
                              const LLVMTypeConverter &converter,
                              int64_t bytes) {
  return describeContraction(emit,
                             {op, cast<MemRefType>(op.getLhs().getType()),
                              cast<MemRefType>(op.getRhs().getType()),
                              cast<MemRefType>(op.getInit().getType()),
                              operands[0], operands[1], operands[2],
                              op.getLhsDims(), op.getRhsDims()},
                             converter, bytes);
}

FailureOr<Value> steelyard::host::describeContraction(
    Emitter &emit, const LoweredContraction &contraction,
    const LLVMTypeConverter &converter, int64_t bytes) {
  MemRefType lhs = contraction.lhsType, rhs = contraction.rhsType,
             init = contraction.initType;
  Value desc = emit.stack(contraction.op, bytes);
  auto store = [&](int64_t value, size_t offset) {
    emit.store(emit.i64(value), desc, offset);
  };
  auto size = [](MemRefType type, int64_t dim) {
    return dim < 0 ? 1 : type.getDimSize(dim);
  };
  auto stride = [](MemRefType type, int64_t dim) -> int64_t {
    return dim < 0 ? 0 : type.getStridesAndOffset().first[dim];
  };
  ArrayRef<int64_t> l = contraction.lhsDims, r = contraction.rhsDims;
  int64_t next = 0;
  int64_t cBatch = l[0] < 0 ? -1 : next++;
  int64_t cRow = l[1] < 0 ? -1 : next++;
  int64_t cColumn = r[1] < 0 ? -1 : next++;
  store(size(lhs, l[0]), offsetof(steelyard_gemm_desc, batch));
  store(size(lhs, l[1]), offsetof(steelyard_gemm_desc, m));
  store(size(rhs, r[1]), offsetof(steelyard_gemm_desc, n));
  store(size(lhs, l[2]), offsetof(steelyard_gemm_desc, k));
  for (auto [type, value, at, kind] :
       {std::tuple(lhs, contraction.lhs, offsetof(steelyard_gemm_desc, a),
                   offsetof(steelyard_gemm_desc, a_type)),
        std::tuple(rhs, contraction.rhs, offsetof(steelyard_gemm_desc, b),
                   offsetof(steelyard_gemm_desc, b_type)),
        std::tuple(init, contraction.init, offsetof(steelyard_gemm_desc, c),
                   offsetof(steelyard_gemm_desc, c_type))}) {
    steelyard_type element = runtimeType(type.getElementType());
    if (!isa<FloatType>(type.getElementType()) ||
        element == STEELYARD_INVALID_TYPE) {
      return contraction.op->emitOpError()
             << "has operands of element type " << type.getElementType()
             << ", which the runtime does not contract";
    }
    emit.store(emit.address(value, type, converter), desc, at);
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
  for (int64_t offset = offsetof(steelyard_gemm_desc, accumulate);
       offset < bytes; offset += 8) {
    store(0, offset);
  }
  return desc;
}

namespace {

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
        emit.address(adaptor.getGot(), type, *getTypeConverter()),
        emit.address(adaptor.getWant(),
                     cast<MemRefType>(op.getWant().getType()),
                     *getTypeConverter())};
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

/// Callers pass addresses, after the context and the arena, and get none.
LogicalResult verifySignature(func::FuncOp function) {
  if (function.getNumArguments() < 2 ||
      !isa<LLVM::LLVMPointerType>(function.getArgumentTypes()[0])) {
    return function.emitError()
           << "@" << function.getName()
           << " has no execution context and arena; run -cpu-outline-regions "
              "or -cuda-outline-loops, then -host-plan-arena, first";
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
void dropForeignAttributes(FunctionOpInterface function) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    SmallVector<NamedAttribute> kept;
    llvm::copy_if(function.getArgAttrs(index), std::back_inserter(kept),
                  [](NamedAttribute attribute) {
                    return attribute.getName().strref().starts_with("llvm.");
                  });
    function.setArgAttrs(index, kept);
  }
}

/// The function returns a status: a failed or cancelled contraction ends the
/// call with its own.
void returnStatus(LLVM::LLVMFuncOp function) {
  OpBuilder builder(function.getContext());
  Type i32 = builder.getI32Type();
  function.setFunctionType(
      LLVM::LLVMFunctionType::get(i32, function.getFunctionType().getParams()));
  SmallVector<LLVM::CallOp> calls;
  SmallVector<LLVM::ReturnOp> returns;
  function.walk([&](Operation *op) {
    if (auto call = dyn_cast<LLVM::CallOp>(op);
        call && call->removeAttr(kStatusAttrName)) {
      calls.push_back(call);
    } else if (auto leave = dyn_cast<LLVM::ReturnOp>(op)) {
      returns.push_back(leave);
    }
  });
  for (LLVM::ReturnOp leave : returns) {
    builder.setInsertionPoint(leave);
    Emitter emit{builder, leave.getLoc()};
    LLVM::ReturnOp::create(builder, leave.getLoc(), emit.i32(0));
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
    Block *rest = call->getBlock()->splitBlock(std::next(call->getIterator()));
    builder.setInsertionPointAfter(call);
    Emitter emit{builder, call.getLoc()};
    Value result = call.getResult(), ok, code = result;
    if (result.getType() == i32) {
      ok = LLVM::ICmpOp::create(builder, call.getLoc(), LLVM::ICmpPredicate::eq,
                                result, emit.i32(0));
    } else {
      Value null = LLVM::ZeroOp::create(builder, call.getLoc(), emit.pointer());
      ok = LLVM::ICmpOp::create(builder, call.getLoc(), LLVM::ICmpPredicate::ne,
                                result, null);
      code = emit.i32(STEELYARD_INTERNAL);
    }
    LLVM::CondBrOp::create(builder, call.getLoc(), ok, rest, ValueRange(),
                           failed, code);
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

} // namespace

void steelyard::host::populateToLLVMPatterns(LLVMTypeConverter &converter,
                                             RewritePatternSet &patterns) {
  populateAffineToStdConversionPatterns(patterns);
  populateSCFToControlFlowConversionPatterns(patterns);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns);
  populateMathToLibmConversionPatterns(patterns, /*benefit=*/0);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  patterns.add<CheckLowering, PollLowering, MarkLowering>(converter);
}

LogicalResult Entries::collect(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal()) {
      continue;
    }
    if (failed(verifySignature(function))) {
      return failure();
    }
    int64_t count = 0;
    for (unsigned index = 2; index < function.getNumArguments(); ++index) {
      count += !function.getArgAttr(index, "bufferize.result");
    }
    entries.push_back({function.getName().str(), count});
  }
  return success();
}

void Entries::define(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (function.isPrivate() && !function.isExternal()) {
      function.setLinkage(LLVM::Linkage::Internal);
    }
  }
  for (const Entry &entry : entries) {
    auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(entry.function);
    function.setLinkage(LLVM::Linkage::Internal);
    // The loops are in regions; what is left runs once, and is long.
    if (function.getBody().hasOneBlock()) {
      function.setOptimizeNone(true);
      function.setNoInline(true);
    }
    dropForeignAttributes(function);
    returnStatus(function);
    defineEntry(function, entry.arguments);
  }
}
