// RUN: steelyard-opt %s --host-place-results | FileCheck %s

// Through a reshape.
// CHECK-LABEL: func.func @product
// CHECK-SAME: %[[X:.*]]: memref<4x4xf32>, %[[Y:.*]]: memref<16xf32>
// CHECK: %[[D:.*]] = memref.expand_shape %[[Y]] {{\[\[0, 1\]\]}}
// CHECK: linalg.exp ins(%[[X]] : memref<4x4xf32>) outs(%[[D]] : memref<4x4xf32>)
// CHECK-NOT: memref.copy
// CHECK: return
func.func @product(%x: memref<4x4xf32>, %y: memref<16xf32>) {
  %a = memref.alloc() : memref<4x4xf32>
  linalg.exp ins(%x : memref<4x4xf32>) outs(%a : memref<4x4xf32>)
  %b = memref.collapse_shape %a [[0, 1]] : memref<4x4xf32> into memref<16xf32>
  memref.copy %b, %y : memref<16xf32> to memref<16xf32>
  return
}

// Two results of one buffer: the first is computed in place, the second is copied from it.
// CHECK-LABEL: func.func @twice
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32>, %[[Z:.*]]: memref<4xf32>
// CHECK: linalg.exp ins(%[[X]] : memref<4xf32>) outs(%[[Y]] : memref<4xf32>)
// CHECK-NEXT: memref.copy %[[Y]], %[[Z]]
// CHECK-NEXT: return
func.func @twice(%x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  %a = memref.alloc() : memref<4xf32>
  linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  memref.copy %a, %y : memref<4xf32> to memref<4xf32>
  memref.copy %a, %z : memref<4xf32> to memref<4xf32>
  return
}

// An argument that is returned is copied.
// CHECK-LABEL: func.func @argument
// CHECK: memref.copy
func.func @argument(%x: memref<4xf32>, %y: memref<4xf32>) {
  memref.copy %x, %y : memref<4xf32> to memref<4xf32>
  return
}
