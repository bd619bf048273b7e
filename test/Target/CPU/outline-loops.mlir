// RUN: steelyard-opt %s --cpu-outline-loops | FileCheck %s

// Scalars and buffers become arguments, constants are made inside; a loop with a call stays.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME: %[[X:.*]]: memref<8xf32>, %[[Y:.*]]: memref<8xf32>, %[[N:.*]]: index)
// CHECK: %[[S:.*]] = call @scan_loop_0(%[[N]], %[[X]], %[[Y]]) : (index, memref<8xf32>, memref<8xf32>) -> f32
// CHECK: scf.for
// CHECK: func.call @other
// CHECK: return %[[S]]
// CHECK-LABEL: func.func private @scan_loop_0(
// CHECK-SAME: %[[M:.*]]: index, %[[A:.*]]: memref<8xf32> {llvm.noalias}, %[[B:.*]]: memref<8xf32> {llvm.noalias}) -> f32
// CHECK-DAG: arith.constant 0 : index
// CHECK-DAG: arith.constant 1 : index
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[M]]
// CHECK: memref.load %[[A]]
// CHECK: memref.store %{{.*}}, %[[B]]
func.func private @other()
func.func @scan(%x: memref<8xf32>, %y: memref<8xf32>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> f32 {
    %a = memref.load %x[%i] : memref<8xf32>
    %t = arith.addf %s, %a : f32
    memref.store %t, %y[%i] : memref<8xf32>
    scf.yield %t : f32
  }
  scf.for %i = %c0 to %n step %c1 {
    func.call @other() : () -> ()
  }
  return %sum : f32
}
