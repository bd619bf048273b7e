//===- Register.cpp - Everything the tools know -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Pipelines/Register.h"

#include "steelyard/Conversion/CastToArith/CastToArith.h"
#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Dialect/CHLO/IR/CHLO.h"
#include "steelyard/Dialect/Check/IR/Check.h"
#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Pipelines/Pipelines.h"
#include "steelyard/Rules/Scale/ScaleRules.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/IR/CUDA.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"
#include "steelyard/Target/Host/Transforms/Passes.h"
#include "steelyard/Transforms/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

#include "Annotations.h"

using namespace mlir;

void steelyard::registerAllDialects(DialectRegistry &registry) {
  registry.insert<chlo::CHLODialect, check::CheckDialect,
                  stablehlo::StableHLODialect, scaled::ScaledDialect,
                  host::HostDialect, cuda::CUDADialect>();
  registry.insert<MhloAnnotations, JaxAnnotations, TfAnnotations,
                  SdyAnnotations, SteelyardAnnotations>();
  registry.insert<affine::AffineDialect, arith::ArithDialect,
                  bufferization::BufferizationDialect, cf::ControlFlowDialect,
                  func::FuncDialect, mlir::gpu::GPUDialect, index::IndexDialect,
                  linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect,
                  tensor::TensorDialect, vector::VectorDialect>();
  func::registerInlinerExtension(registry);
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
      registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  host::registerBufferization(registry);
  cuda::registerBufferization(registry);
  // What -convert-gpu-to-nvvm asks for its patterns.
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  registerConvertNVVMToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

void steelyard::registerAllRules(DialectRegistry &registry) {
  registerScaleRules(registry);
}

void steelyard::registerAllPasses() {
  mlir::registerTransformsPasses();
  registerTransformsPasses();
  registerScaledPasses();
  registerStableHLOToLinalgPasses();
  registerCastToArithPasses();
  host::registerHostPasses();
  cpu::registerCPUPasses();
  cuda::registerCUDAPasses();
  registerPipelines();
  registerCPUPipelines();
  registerCUDAPipelines();
}
