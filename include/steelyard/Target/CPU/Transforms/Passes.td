//===- Passes.td - Passes of the CPU target ------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_CPU_TRANSFORMS_PASSES
#define STEELYARD_TARGET_CPU_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def CPUScalars : Pass<"cpu-scalars", "::mlir::func::FuncOp"> {
  let summary = "computes tensors of rank 0 as scalars";
  let description = [{
    Exponents, learning rates, losses: a `linalg.generic` without loops becomes its body between
    `tensor.extract` and `tensor.from_elements`, and loops take operands of
    rank 0 by value; `scf.while` and `scf.if` carry elements. So no exponent and no loop counter lies in memory, and no
    exponent is computed again by fusion.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::linalg::LinalgDialect"];
}

def CPUOutlineLoops : Pass<"cpu-outline-loops", "::mlir::ModuleOp"> {
  let summary = "makes a function of every loop over scalars";
  let description = [{
    An outermost `scf.for` with nothing but loads, stores and arithmetic in it, as a scatter or a scan has, becomes
    a private function of the buffers and scalars it uses. So LLVM optimises it, and knows which buffers cannot
    overlap, whatever it does to the public function.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def CPUOutlineRegions : Pass<"cpu-outline-regions", "::mlir::ModuleOp"> {
  let summary = "makes a function of every loop nest over buffers";
  let description = [{
    Each `linalg` operation on buffers becomes a function
    `@region(begin, end, buffers...)` over a range of its outermost loop, called
    through `steelyard_parallel_for` when there is enough work and the outermost loop is parallel.
    The chunks depend on the shape alone, so results do not depend on the number of threads.
    Dimensions that are contiguous together are collapsed, and the innermost
    loop is the one along which most buffers are contiguous. Buffers that
    cannot overlap are marked so, which is what lets LLVM vectorise.
    `scaled.rescale_factors` that occur more than once in a function are calls of one function too.

    Numerics: float sums inside a loop may be reassociated by vectorisation (`fastmath<reassoc>` on them).
  }];
  let options = [Option<"parallelWork", "parallel-work", "int64_t", "32768",
                        "Scalar operations per chunk, and least number for which threads are used">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect"];
}

def CPUMarkSites : Pass<"cpu-mark-sites", "::mlir::ModuleOp"> {
  let summary = "times every kernel of public functions";
  let description = [{
    After each call of a region or loop, each contraction and copy of a public function there is a `host.mark` with its
    number. The function's attribute `steelyard.sites` says what they are: kind, buffers and location.
    Scalars between two sites count to the second.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::steelyard::host::HostDialect"];
}

def CPUToLLVM : Pass<"cpu-to-llvm", "::mlir::ModuleOp"> {
  let summary = "lowers buffers, loops and runtime calls to the LLVM dialect";
  let description = [{
    Buffers are bare pointers. `cpu` operations become calls of `steelyard_*`;
    each public function f gets an entry
    `i32 steelyard_entry_f(context, arena, arguments, results)`. A public function without loops of its own runs each
    of its operations once and may have thousands: it is marked `optimize_none`, which halves compile time.
    What it calls is internal.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // STEELYARD_TARGET_CPU_TRANSFORMS_PASSES
