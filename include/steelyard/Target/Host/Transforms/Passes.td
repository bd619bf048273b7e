//===- Passes.td - Passes that targets share ------------------*- tablegen -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_TARGET_HOST_TRANSFORMS_PASSES
#define STEELYARD_TARGET_HOST_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def HostFuseElementwise : Pass<"host-fuse-elementwise", "::mlir::func::FuncOp"> {
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
                        "Largest number of scalar operations that is computed again for a second consumer">,
                 Option<"keepCrossed", "keep-crossed", "bool", "false",
                        "Leave alone, beside reductions and a second consumer, what reads tensors that lie along different loops">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def HostProtectArguments : Pass<"host-protect-arguments", "::mlir::func::FuncOp"> {
  let summary = "keeps bufferization from writing into what the caller owns";
  let description = [{
    The arguments of a public function are marked `bufferization.writable = false`: an operation that would update one in place,
    as a scatter or a dynamic update, works on a copy.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def HostPlaceResults : Pass<"host-place-results", "::mlir::func::FuncOp"> {
  let summary = "computes results in the caller's buffers";
  let description = [{
    A buffer that a public function copies into one of its result arguments
    before it returns, seen through reshapes, is replaced by that argument. What is an argument's copy, or a
    second result of the same buffer, stays a copy.

    Numerics: bit for bit.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def HostCarryBuffers : Pass<"host-carry-buffers", "::mlir::func::FuncOp"> {
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

def HostPlanArena : Pass<"host-plan-arena", "::mlir::ModuleOp"> {
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

def HostMergeFunctions : Pass<"host-merge-functions", "::mlir::ModuleOp"> {
  let summary = "keeps one of equal private functions, and of equal kernels";
  let description = [{
    Layers of equal shapes give equal regions: a model's code, and the time to compile it, then grow with the kinds of
    its layers, not with their number. Names and locations don't count; every reference to a function that goes names
    the one that stays.

    Numerics: bit for bit.
  }];
}

#endif // STEELYARD_TARGET_HOST_TRANSFORMS_PASSES
