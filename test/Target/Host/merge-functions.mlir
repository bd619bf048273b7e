// RUN: steelyard-opt %s --host-merge-functions | FileCheck %s

// Two regions of equal code, the launches of each, and their callers after that.

// CHECK-LABEL: func.func public @main
func.func public @main(%x: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK-COUNT-2: call @first_parallel(
  func.call @first_parallel(%c0, %c8, %x) : (index, index, memref<8xf32>) -> ()
  func.call @second_parallel(%c0, %c8, %x) : (index, index, memref<8xf32>) -> ()
  // CHECK-COUNT-2: call @calls_first(
  func.call @calls_first(%x) : (memref<8xf32>) -> ()
  func.call @calls_second(%x) : (memref<8xf32>) -> ()
  // CHECK: call @other(
  func.call @other(%c0, %c8, %x) : (index, index, memref<8xf32>) -> ()
  // CHECK: call @overlapping(
  func.call @overlapping(%c0, %c8, %x) : (index, index, memref<8xf32>) -> ()
  return
}

// CHECK: func.func private @first_parallel({{.*}}) attributes {steelyard.parallel_region = @first}
func.func private @first_parallel(index, index, memref<8xf32>) attributes {steelyard.parallel_region = @first}
// CHECK-NOT: @second
func.func private @second_parallel(index, index, memref<8xf32>) attributes {steelyard.parallel_region = @second}

// CHECK: func.func private @first(
func.func private @first(%begin: index, %end: index, %x: memref<8xf32> {llvm.noalias}) {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  scf.for %i = %begin to %end step %c1 {
    memref.store %one, %x[%i] : memref<8xf32>
  }
  return
}
// CHECK-NOT: @second
func.func private @second(%b: index, %e: index, %y: memref<8xf32> {llvm.noalias}) {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  scf.for %i = %b to %e step %c1 {
    memref.store %one, %y[%i] : memref<8xf32>
  }
  return
}

// Another constant.
// CHECK: func.func private @other(
func.func private @other(%begin: index, %end: index, %x: memref<8xf32> {llvm.noalias}) {
  %c1 = arith.constant 1 : index
  %two = arith.constant 2.0 : f32
  scf.for %i = %begin to %end step %c1 {
    memref.store %two, %x[%i] : memref<8xf32>
  }
  return
}

// Another promise about its buffer.
// CHECK: func.func private @overlapping(
func.func private @overlapping(%begin: index, %end: index, %x: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  scf.for %i = %begin to %end step %c1 {
    memref.store %one, %x[%i] : memref<8xf32>
  }
  return
}

// CHECK: func.func private @calls_first(
func.func private @calls_first(%x: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  // CHECK: call @first_parallel
  func.call @first_parallel(%c0, %c0, %x) : (index, index, memref<8xf32>) -> ()
  return
}
// CHECK-NOT: @calls_second
func.func private @calls_second(%x: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  func.call @second_parallel(%c0, %c0, %x) : (index, index, memref<8xf32>) -> ()
  return
}
