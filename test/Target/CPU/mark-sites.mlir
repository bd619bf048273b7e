// RUN: steelyard-opt %s --cpu-mark-sites | FileCheck %s
// RUN: steelyard-opt %s --cpu-mark-sites --cpu-to-llvm | FileCheck %s --check-prefix=LLVM

// The clock starts with the function; each kernel, contraction and copy stops it, also inside of loops.
// CHECK-LABEL: func.func public @main
// CHECK-SAME: steelyard.sites = [
// CHECK-SAME: {buffers = "4xf32", kind = "reduce addf", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "2x4xf32, 4x2xf32, 2x2xf32", kind = "gemm", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "4xf32, 4xf32", kind = "copy", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "", kind = "scalars", location = #loc{{[0-9]*}}}
// CHECK-NEXT: host.mark -1
// CHECK: call @sum_parallel
// CHECK-NEXT: host.mark 0
// CHECK: host.gemm
// CHECK-NEXT: host.mark 1
// CHECK: scf.for
// CHECK-NEXT: memref.copy
// CHECK-NEXT: host.mark 2
// CHECK: call @factors
// CHECK-NEXT: host.mark 3
// LLVM-LABEL: llvm.func {{.*}}@main(
// LLVM: llvm.call @steelyard_mark(%{{.*}}, %{{.*}}) : (!llvm.ptr, i64) -> ()
func.func public @main(%context: !llvm.ptr, %arena: memref<64xi8>, %x: memref<4xf32>, %y: memref<4xf32>, %a: memref<2x4xf32>,
                       %b: memref<4x2xf32>, %c: memref<2x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  func.call @sum_parallel(%context, %c0, %c4, %c4, %x) : (!llvm.ptr, index, index, index, memref<4xf32>) -> ()
  host.gemm ins(%a, %b : memref<2x4xf32>, memref<4x2xf32>) outs(%c : memref<2x2xf32>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0]
  scf.for %i = %c0 to %c4 step %c1 {
    memref.copy %x, %y : memref<4xf32> to memref<4xf32>
  }
  func.call @factors(%c0) : (index) -> ()
  return
}
func.func private @sum_parallel(!llvm.ptr, index, index, index, memref<4xf32>) attributes {steelyard.parallel_region = @sum}
// CHECK-LABEL: func.func private @sum(
// CHECK-NOT: host.mark
func.func private @sum(%begin: index, %end: index, %x: memref<4xf32>) attributes {steelyard.kind = "reduce addf"} {
  return
}
func.func private @factors(%i: index) {
  return
}
