// RUN: steelyard-opt %s --cpu-outline-regions | FileCheck %s

// A dimension of size 1 that is broadcast is not contiguous with the next one.
// CHECK-LABEL: func.func private @broadcast_region_0(
// CHECK-SAME: memref<1x10xf32>
// CHECK: scf.for
// CHECK: scf.for
// CHECK: return
#identity = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (0, d1)>
func.func @broadcast(%x: memref<1x10xf32>, %y: memref<32x10xf32>) {
  linalg.generic {indexing_maps = [#row, #identity], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<1x10xf32>) outs(%y : memref<32x10xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  }
  return
}
