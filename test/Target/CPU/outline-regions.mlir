// RUN: steelyard-opt %s --cpu-outline-regions | FileCheck %s

// Contiguous dimensions are one loop; disjoint buffers are marked; enough work runs on threads.
// CHECK-LABEL: func.func @large
// CHECK: call @large_region_0_parallel(%arg0, %c0, %c1048576, %c{{[0-9]+}},
// CHECK-LABEL: func.func @small
// CHECK: call @small_region_1(%c0
// CHECK-LABEL: func.func private @large_region_0_parallel
// CHECK-SAME: steelyard.parallel_region = @large_region_0
// CHECK-LABEL: func.func private @large_region_0(
// CHECK-SAME: memref<1048576xf32> {llvm.noalias}
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: return
func.func @large(%x: memref<1024x1024xf32>, %y: memref<1024x1024xf32>) {
  linalg.exp ins(%x : memref<1024x1024xf32>) outs(%y : memref<1024x1024xf32>)
  return
}

func.func @small(%x: memref<4x4xf32>, %y: memref<4x4xf32>) {
  linalg.exp ins(%x : memref<4x4xf32>) outs(%y : memref<4x4xf32>)
  return
}
