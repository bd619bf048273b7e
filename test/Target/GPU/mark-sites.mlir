// RUN: steelyard-opt %s --cuda-mark-sites | FileCheck %s

// The clock starts with the function; kernels are named after their schedule, whatever their number.
// CHECK-LABEL: func.func public @main
// CHECK-SAME: steelyard.sites = [
// CHECK-SAME: {buffers = "4x8xf32, 32xf16", kind = "rows", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "4x8xf32, 8x4xf32, 4x4xf32", kind = "gemm", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "1xi32", kind = "zero", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "4x4xf32, 4x4xf32", kind = "copy", location = #loc{{[0-9]*}}}
// CHECK-SAME: {buffers = "i1", kind = "read", location = #loc{{[0-9]*}}}
// CHECK-NEXT: host.mark -1
// CHECK: cuda.launch
// CHECK-NEXT: host.mark 0
// CHECK: cuda.contraction
// CHECK-NEXT: host.mark 1
// CHECK: cuda.zero
// CHECK-NEXT: host.mark 2
// CHECK: memref.copy
// CHECK-NEXT: host.mark 3
// CHECK: memref.load
// CHECK-NEXT: host.mark 4
// CHECK-NOT: host.mark
module attributes {gpu.container_module} {
  func.func public @main(%context: !llvm.ptr, %arena: memref<64xi8>, %a: memref<4x8xf32>, %h: memref<32xf16>, %b: memref<8x4xf32>,
                         %c: memref<4x4xf32>, %d: memref<4x4xf32>, %n: memref<1xi32>, %p: memref<i1>) {
    cuda.launch @kernels::@rows_12 grid = [1, 1, 1] block = [32, 1, 1] ins(%a : memref<4x8xf32>) outs(%h : memref<32xf16>)
    cuda.contraction ins(%a, %b : memref<4x8xf32>, memref<8x4xf32>) outs(%c : memref<4x4xf32>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0]
    cuda.zero outs(%n : memref<1xi32>)
    scf.while : () -> () {
      memref.copy %c, %d : memref<4x4xf32> to memref<4x4xf32>
      %more = memref.load %p[] : memref<i1>
      scf.condition(%more)
    } do {
      scf.yield
    }
    return
  }
  gpu.module @kernels {
    gpu.func @rows_12(%a: memref<4x8xf32>, %h: memref<32xf16>) kernel {
      %zero = arith.constant 0 : index
      %x = memref.load %a[%zero, %zero] : memref<4x8xf32>
      gpu.return
    }
  }
}
