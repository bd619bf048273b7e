// RUN: steelyard-opt %s --cuda-explain-waits -verify-diagnostics
// RUN: steelyard-opt %s --cuda-explain-waits 2>/dev/null | FileCheck %s

// Nothing changes.
// CHECK-LABEL: func.func @loop
func.func @loop(%context: !llvm.ptr, %arena: memref<64xi8>, %x: memref<i1>, %n: memref<i32>) {
  // CHECK: scf.while
  // expected-remark@+1 {{the device computes whether this loop goes on, and the host waits for that in each trip: calls of @loop are not replayed as a CUDA graph. A number of trips that is known when it is compiled}}
  scf.while : () -> () {
    %more = memref.load %x[] : memref<i1>
    %poll = host.poll : i1
    %both = arith.andi %poll, %more : i1
    scf.condition(%both)
  } do {
    // One remark for each, whatever it was computed of.
    %a = memref.load %n[] : memref<i32>
    %b = memref.load %n[] : memref<i32>
    %c = arith.cmpi slt, %a, %b : i32
    // expected-remark@+1 {{the device computes which branch is taken, and the host waits for that: calls of @loop are not replayed as a CUDA graph. A select of both results (jnp.where) is not waited for}}
    scf.if %c {
      memref.copy %x, %x : memref<i1> to memref<i1>
    }
    scf.yield
  }
  return
}

// What the host counts is not waited for.
func.func @counted(%context: !llvm.ptr, %arena: memref<64xi8>, %x: memref<i1>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %trips = scf.while (%i = %c0) : (index) -> index {
    %less = arith.cmpi ult, %i, %c5 : index
    %poll = host.poll : i1
    %both = arith.andi %poll, %less : i1
    scf.condition(%both) %i : index
  } do {
  ^bb0(%i: index):
    %next = arith.addi %i, %c1 : index
    scf.yield %next : index
  }
  return
}

// Bounds, and one of several branches.
func.func @others(%context: !llvm.ptr, %arena: memref<64xi8>, %x: memref<index>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.load %x[] : memref<index>
  // expected-remark@+1 {{the device computes whether this loop goes on}}
  scf.for %i = %c0 to %n step %c1 {
  }
  // expected-remark@+1 {{the device computes which branch is taken}}
  scf.index_switch %n
  case 2 {
    memref.copy %x, %x : memref<index> to memref<index>
    scf.yield
  }
  default {
  }
  return
}
