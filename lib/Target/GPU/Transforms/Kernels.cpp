//===- Kernels.cpp - New kernels and their launches -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Transforms/Kernels.h"

using namespace mlir;
using namespace steelyard::cuda;

mlir::gpu::GPUModuleOp steelyard::cuda::kernelsOf(ModuleOp module) {
  if (auto known = module.lookupSymbol<mlir::gpu::GPUModuleOp>("kernels")) {
    return known;
  }
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  module->setAttr(mlir::gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  return mlir::gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
}

/// What the numbers of blocks and threads are below: so indices are known to
/// fit 32 bits, in which the GPU divides.
static void setBounds(mlir::gpu::GPUFuncOp function, int64_t blocks,
                      int64_t threads) {
  function.walk([&](Operation *op) {
    Builder builder(op->getContext());
    if (auto block = dyn_cast<mlir::gpu::BlockIdOp>(op)) {
      block.setUpperBoundAttr(builder.getIndexAttr(blocks));
    } else if (auto thread = dyn_cast<mlir::gpu::ThreadIdOp>(op)) {
      thread.setUpperBoundAttr(builder.getIndexAttr(threads));
    }
  });
}

/// One more than the last kernel's, which its name ends in: counting them
/// would take as long as there are kernels, for each.
static size_t nextNumber(mlir::gpu::GPUModuleOp kernels) {
  size_t last = 0;
  if (kernels.getBody()->empty()) {
    return last;
  }
  auto kernel = dyn_cast<SymbolOpInterface>(kernels.getBody()->back());
  bool isNumbered =
      kernel && !kernel.getName().rsplit('_').second.getAsInteger(10, last);
  return isNumbered ? last + 1 : kernels.getBody()->getOperations().size();
}

KernelBuilder::KernelBuilder(ModuleOp module, Location loc, StringRef kind,
                             TypeRange arguments)
    : builder(module.getContext()) {
  mlir::gpu::GPUModuleOp kernels = kernelsOf(module);
  builder.setInsertionPointToEnd(kernels.getBody());
  std::string name = (kind + "_" + Twine(nextNumber(kernels))).str();
  function = mlir::gpu::GPUFuncOp::create(
      builder, loc, name, builder.getFunctionType(arguments, {}));
  function->setAttr(mlir::gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
  builder.setInsertionPointToStart(&function.getBody().front());
}

LaunchOp KernelBuilder::launch(Operation *op, int64_t blocks, int64_t threads,
                               ValueRange inputs, ValueRange inits) {
  Location loc = function.getLoc();
  OpBuilder atEnd = OpBuilder::atBlockEnd(&function.getBody().back());
  mlir::gpu::ReturnOp::create(atEnd, loc);
  function.setFunctionType(atEnd.getFunctionType(
      TypeRange(function.getBody().front().getArgumentTypes())
          .take_front(inputs.size() + inits.size()),
      {}));
  // So many may have all the registers that ptxas gives a thread; of more, it
  // has to know how many registers they leave each other.
  constexpr int64_t kFewThreads = 256;
  if (threads > kFewThreads) {
    function.setKnownBlockSizeAttr(
        atEnd.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  }
  setBounds(function, blocks, threads);
  SmallVector<Type> results;
  for (Type type : inits.getTypes()) {
    if (isa<RankedTensorType>(type)) {
      results.push_back(type);
    }
  }
  OpBuilder host(op);
  auto module = function->getParentOfType<mlir::gpu::GPUModuleOp>();
  auto symbol = SymbolRefAttr::get(
      host.getStringAttr(module.getName()),
      {FlatSymbolRefAttr::get(host.getStringAttr(function.getName()))});
  auto sizes = [&](int64_t x) {
    return host.getDenseI32ArrayAttr({static_cast<int32_t>(x), 1, 1});
  };
  return LaunchOp::create(host, loc, results, symbol, sizes(blocks),
                          sizes(threads), inputs, inits);
}
