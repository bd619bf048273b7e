//===- CodeGeneration.cpp - From the LLVM dialect to code in memory -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CodeGeneration.h"

#include "steelyard/Runtime/steelyard.h"
#include "steelyard/Target/GPU/Transforms/DeviceCode.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

#include <mutex>

#include "Description.h"

using namespace llvm;
using namespace steelyard;

// What code generators call for half-precision conversions that the processor
// has no instruction for; the compiler's own library has them, a process's
// symbols need not.
extern "C" {
_Float16 truncateFloat(float) __asm__("__truncsfhf2");
_Float16 truncateDouble(double) __asm__("__truncdfhf2");
float extendHalf(_Float16) __asm__("__extendhfsf2");
}

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
  });
}

/// This machine's where nobody says otherwise.
static std::pair<std::string, std::string>
processorAndFeatures(StringRef cpu, StringRef features) {
  std::string all = features.str();
  if (!cpu.empty()) {
    return {cpu.str(), all};
  }
  for (const auto &[name, enabled] : sys::getHostCPUFeatures()) {
    all += (all.empty() ? "" : ",") + std::string(enabled ? "+" : "-") +
           name.str();
  }
  return {sys::getHostCPUName().str(), all};
}

std::string steelyard::describeTarget(StringRef cpu, StringRef features) {
  auto [processor, all] = processorAndFeatures(cpu, features);
  return sys::getDefaultTargetTriple() + " " + processor + " " + all;
}

static Expected<std::unique_ptr<TargetMachine>>
createMachine(StringRef cpu, StringRef features) {
  initializeTargets();
  Triple triple(sys::getDefaultTargetTriple());
  std::string error;
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target) {
    return createStringError(inconvertibleErrorCode(),
                             "no code generator for %s: %s",
                             triple.str().c_str(), error.c_str());
  }
  auto [processor, all] = processorAndFeatures(cpu, features);
  // Before there is a machine, which takes any name and prints that it does.
  std::unique_ptr<MCSubtargetInfo> known(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!known->isCPUStringValid(processor)) {
    return createStringError(inconvertibleErrorCode(),
                             "'%s' is no processor of %s; `llc-22 "
                             "-mtriple=%s -mcpu=help` lists them",
                             processor.c_str(), triple.str().c_str(),
                             triple.str().c_str());
  }
  TargetOptions options;
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
      triple, processor, all, options, Reloc::PIC_, std::nullopt,
      CodeGenOptLevel::Aggressive, /*JIT=*/false));
  return machine;
}

/// At O3 with glibc's vector math library, so that loops over exp and log
/// become vector code (at most 4 ulp, as glibc documents for libmvec).
static void optimize(Module &module, TargetMachine &machine,
                     OptimizationLevel level) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager sccs;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  PassBuilder builder(&machine, tuning);
  TargetLibraryInfoImpl libraries(module.getTargetTriple(),
                                  VectorLibrary::LIBMVEC);
  functions.registerPass([&] { return TargetLibraryAnalysis(libraries); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  ModulePassManager passes = builder.buildPerModuleDefaultPipeline(level);
  passes.run(module, modules);
}

/// LLVM widens what x86 has no instruction for, a select or an absolute value
/// of bfloat16 too, and rounds what comes out by a function that the libraries
/// of older compilers lack (GCC has it from 13 on). Code that may need it
/// brings it along.
static void addRounding(Module &module) {
  constexpr StringRef kName = "__truncsfbf2";
  auto isNarrow = [](Type *type) {
    return type->getScalarType()->isBFloatTy();
  };
  bool isUsed = llvm::any_of(module, [&](Function &function) {
    return llvm::any_of(instructions(function), [&](Instruction &inst) {
      return isNarrow(inst.getType()) ||
             llvm::any_of(inst.operands(),
                          [&](Use &use) { return isNarrow(use->getType()); });
    });
  });
  if (!isUsed || module.getFunction(kName)) {
    return;
  }
  LLVMContext &context = module.getContext();
  auto *type = FunctionType::get(Type::getBFloatTy(context),
                                 {Type::getFloatTy(context)}, false);
  auto *function =
      Function::Create(type, GlobalValue::LinkOnceODRLinkage, kName, module);
  function->setVisibility(GlobalValue::HiddenVisibility);
  appendToCompilerUsed(module, {function});
  IRBuilder<> builder(BasicBlock::Create(context, "", function));
  Value *given = function->getArg(0);
  Value *bits = builder.CreateBitCast(given, builder.getInt32Ty());
  Value *high = builder.CreateLShr(bits, 16);
  // To nearest, ties to even; a NaN stays one.
  Value *half =
      builder.CreateAdd(builder.CreateAnd(high, 1), builder.getInt32(0x7FFF));
  Value *rounded = builder.CreateLShr(builder.CreateAdd(bits, half), 16);
  Value *quiet = builder.CreateOr(high, 0x40);
  Value *chosen =
      builder.CreateSelect(builder.CreateFCmpUNO(given, given), quiet, rounded);
  builder.CreateRet(
      builder.CreateBitCast(builder.CreateTrunc(chosen, builder.getInt16Ty()),
                            type->getReturnType()));
}

static DeviceCode deviceCodeOf(mlir::ModuleOp module) {
  auto names = [&](StringRef attribute) {
    std::vector<std::string> list;
    if (auto array = module->getAttrOfType<mlir::ArrayAttr>(attribute)) {
      for (auto name : array.getAsRange<mlir::StringAttr>()) {
        list.push_back(name.str());
      }
    }
    return list;
  };
  DeviceCode device;
  if (auto chip =
          module->getAttrOfType<mlir::StringAttr>(cuda::kChipAttrName)) {
    device.chip = chip.str();
  }
  device.image = cuda::kImageName.str();
  device.kernels = names(cuda::kKernelsAttrName);
  device.constants = names(cuda::kConstantsAttrName);
  return device;
}

Expected<std::unique_ptr<MemoryBuffer>>
steelyard::emitObject(mlir::ModuleOp module, ArrayRef<FunctionSpec> functions,
                      const CompileOptions &options) {
  mlir::registerBuiltinDialectTranslation(*module.getContext());
  mlir::registerLLVMDialectTranslation(*module.getContext());
  LLVMContext context;
  std::unique_ptr<Module> code =
      mlir::translateModuleToLLVMIR(module, context, "steelyard");
  if (!code) {
    return createStringError(inconvertibleErrorCode(),
                             "the module could not be translated to LLVM IR");
  }
  Expected<std::unique_ptr<TargetMachine>> machine =
      createMachine(options.cpu, options.features);
  if (!machine) {
    return machine.takeError();
  }
  code->setTargetTriple((*machine)->getTargetTriple());
  code->setDataLayout((*machine)->createDataLayout());
  for (Function &function : *code) {
    function.addFnAttr("target-cpu", (*machine)->getTargetCPU());
    function.addFnAttr("target-features", (*machine)->getTargetFeatureString());
    // Prefer the widest vectors that the processor has.
    function.addFnAttr("prefer-vector-width", "512");
  }
  DeviceCode device = deviceCodeOf(module);
  // Beside a device's code this one only launches: thousands of calls in a row,
  // which O3 takes a minute for.
  bool computes = device.chip.empty();
  if (!computes) {
    (*machine)->setOptLevel(CodeGenOptLevel::None);
  }
  addDescription(*code, **machine, functions, options.target, device);
  optimize(*code, **machine,
           computes ? OptimizationLevel::O3 : OptimizationLevel::O1);
  addRounding(*code);
  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  legacy::PassManager emission;
  if ((*machine)->addPassesToEmitFile(emission, stream, nullptr,
                                      CodeGenFileType::ObjectFile)) {
    return createStringError(inconvertibleErrorCode(),
                             "this target does not emit object files");
  }
  emission.run(*code);
  return std::make_unique<SmallVectorMemoryBuffer>(
      std::move(bytes), "steelyard.o", /*RequiresNullTerminator=*/false);
}

/// The vector math library is part of glibc; it is opened once, for all
/// modules.
static bool openVectorMath() {
  static bool opened =
      !sys::DynamicLibrary::LoadLibraryPermanently("libmvec.so.1");
  return opened;
}

Expected<std::unique_ptr<orc::LLJIT>>
steelyard::loadObject(std::unique_ptr<MemoryBuffer> object) {
  initializeTargets();
  Expected<std::unique_ptr<orc::LLJIT>> jit = orc::LLJITBuilder().create();
  if (!jit) {
    return jit.takeError();
  }
  orc::JITDylib &library = (*jit)->getMainJITDylib();
  orc::MangleAndInterner mangle((*jit)->getExecutionSession(),
                                (*jit)->getDataLayout());
  orc::SymbolMap symbols;
  auto define = [&](StringRef name, auto *function) {
    symbols[mangle(name)] = {orc::ExecutorAddr::fromPtr(function),
                             JITSymbolFlags::Exported |
                                 JITSymbolFlags::Callable};
  };
  define("steelyard_gemm", &steelyard_gemm);
  define("steelyard_parallel_for", &steelyard_parallel_for);
  define("steelyard_poll", &steelyard_poll);
  define("steelyard_mark", &steelyard_mark);
  define("steelyard_gpu_operation", &steelyard_gpu_operation);
  define("steelyard_gpu_launch", &steelyard_gpu_launch);
  define("steelyard_gpu_gemm", &steelyard_gpu_gemm);
  define("steelyard_gpu_copy", &steelyard_gpu_copy);
  define("steelyard_gpu_fill", &steelyard_gpu_fill);
  define("steelyard_gpu_read", &steelyard_gpu_read);
  define("steelyard_gpu_constant", &steelyard_gpu_constant);
  define("steelyard_check_eq", &steelyard_check_eq);
  define("steelyard_check_close", &steelyard_check_close);
  define("steelyard_check_almost_eq", &steelyard_check_almost_eq);
  define("__truncsfhf2", &truncateFloat);
  define("__truncdfhf2", &truncateDouble);
  define("__extendhfsf2", &extendHalf);
  if (Error error = library.define(orc::absoluteSymbols(std::move(symbols)))) {
    return std::move(error);
  }
  openVectorMath();
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*jit)->getDataLayout().getGlobalPrefix());
  if (!process) {
    return process.takeError();
  }
  library.addGenerator(std::move(*process));
  if (Error error = (*jit)->addObjectFile(std::move(object))) {
    return std::move(error);
  }
  return jit;
}
