//===- Passes.td - Passes of the CPU target ------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_CPU_TRANSFORMS_PASSES
#define STEELYARD_TARGET_CPU_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def CPUFuseElementwise : Pass<"cpu-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "fuses elementwise producers into their consumers";
  let description = [{
    A `linalg.generic` without reductions is merged into a `linalg.generic`
    that consumes it, when it is the only consumer or when computing it again
    costs less than storing it. A value whose amax is found before it is rounded has two
    consumers: what takes a few operations, as moving to another exponent and rounding does, is computed in both loops,
    the rest is stored as float32 in between. What reads its own output is never merged: computed again, it would add
    again.

    Numerics: bit for bit.
  }];
  let options = [Option<"recomputeLimit", "recompute-limit", "unsigned", "5",
                        "Largest number of scalar operations that is computed again for a second consumer">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

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

def CPUProtectArguments : Pass<"cpu-protect-arguments", "::mlir::func::FuncOp"> {
  let summary = "keeps bufferization from writing into what the caller owns";
  let description = [{
    The arguments of a public function are marked `bufferization.writable = false`: an operation that would update one in place,
    as a scatter or a dynamic update, works on a copy.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def CPUPlaceResults : Pass<"cpu-place-results", "::mlir::func::FuncOp"> {
  let summary = "computes results in the caller's buffers";
  let description = [{
    A buffer that a public function copies into one of its result arguments
    before it returns, seen through reshapes, is replaced by that argument. What is an argument's copy, or a
    second result of the same buffer, stays a copy.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def CPUCarryBuffers : Pass<"cpu-carry-buffers", "::mlir::func::FuncOp"> {
  let summary = "loops carry values in fixed buffers, branches give their results in one";
  let description = [{
    After bufferization an `scf.while` may carry a buffer that its body allocated anew. Each
    carried tensor gets one buffer instead, into which the initial value is copied before the loop and the next value
    at the end of the body, unless it is there already; where carried values change places, by way of
    others. Likewise the results of `scf.if`. What is left carries no buffers, so that every allocation
    has a fixed place and ends its life in the block that it is in.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def CPUPlanArena : Pass<"cpu-plan-arena", "::mlir::ModuleOp"> {
  let summary = "places every temporary buffer in one arena";
  let description = [{
    Each `memref.alloc` of a public function, of its body or of blocks in it, becomes a view, at a fixed 64-byte aligned
    offset, of an arena that the caller gives as the function's second argument, after the execution context. Buffers whose
    lives do not overlap share memory (first fit by decreasing size). The
    function gets `steelyard.arena_size`, the bytes it needs, and
    `steelyard.arena_tensors`, where each buffer lies and what it holds.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect"];
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

def CPUMergeFunctions : Pass<"cpu-merge-functions", "::mlir::ModuleOp"> {
  let summary = "keeps one of equal private functions";
  let description = [{
    Layers of equal shapes give equal regions: a model's code, and the time to compile it, then grow with the kinds of
    its layers, not with their number. Names and locations don't count; every reference to a function that goes names
    the one that stays.

    Numerics: bit for bit.
  }];
}

def CPUMarkSites : Pass<"cpu-mark-sites", "::mlir::ModuleOp"> {
  let summary = "times every kernel of public functions";
  let description = [{
    After each call of a region or loop, each contraction and copy of a public function there is a `cpu.mark` with its
    number. The function's attribute `steelyard.sites` says what they are: kind, buffers and location.
    Scalars between two sites count to the second.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::steelyard::cpu::CPUDialect"];
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
