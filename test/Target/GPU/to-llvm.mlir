// RUN: steelyard-opt %s --steelyard-import --steelyard-cuda="format=isa" | FileCheck %s
// RUN: not steelyard-opt %s --cuda-to-llvm 2>&1 | FileCheck %s --check-prefix=EARLY

// EARLY: run -cpu-outline-regions or -cuda-outline-loops, then -host-plan-arena, first

// CHECK: steelyard.gpu_chip = "sm_90a"
// CHECK-SAME: steelyard.gpu_constants = ["__constant_3xf32", "__constant_xi32"], steelyard.gpu_kernels = ["flat_0",
// CHECK-DAG: llvm.mlir.global internal constant @steelyard_gpu_image("{{.*}}target sm_90a
// Operations have names: what they are, and where they were written.
// CHECK-DAG: llvm.mlir.global internal constant @[[$CONTRACTION:steelyard_operation_[0-9]+]]("contraction: to-llvm.mlir:[[#@LINE+12]]\00")
// CHECK-DAG: llvm.mlir.global internal constant @[[$LAUNCH:steelyard_operation_[0-9]+]]("flat_0: to-llvm.mlir:[[#@LINE+14]]\00")
// CHECK-LABEL: llvm.func @steelyard_entry_main(
// CHECK-LABEL: llvm.func internal @main(
func.func @main(%x: tensor<64x16xf32>, %w: tensor<16x4xf32>) -> (tensor<64x4xf32>, tensor<3xf32>) {
  // CHECK: %[[AT:.*]] = llvm.call @steelyard_gpu_constant(%arg0, %{{.*}}) : (!llvm.ptr, i64) -> !llvm.ptr
  // CHECK: llvm.icmp "ne" %[[AT]]
  // CHECK: %[[NAME:.*]] = llvm.mlir.addressof @[[$CONTRACTION]] : !llvm.ptr
  // CHECK: llvm.call @steelyard_gpu_operation(%arg0, %[[NAME]]) : (!llvm.ptr, !llvm.ptr) -> ()
  // CHECK: %[[STATUS:.*]] = llvm.call @steelyard_gpu_gemm(%arg0, %{{.*}}) : (!llvm.ptr, !llvm.ptr) -> i32
  // CHECK: llvm.icmp "eq" %[[STATUS]]
  // CHECK: llvm.cond_br
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<64x16xf32>, tensor<16x4xf32>) -> tensor<64x4xf32>
  // CHECK: llvm.mlir.addressof @[[$LAUNCH]]
  // CHECK: llvm.call @steelyard_gpu_launch(%arg0,
  %1 = stablehlo.abs %0 : tensor<64x4xf32>
  // CHECK: llvm.call @steelyard_gpu_copy(
  %2 = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  return %1, %2 : tensor<64x4xf32>, tensor<3xf32>
}

// A loop's condition is read.

// CHECK-LABEL: llvm.func internal @loop(
func.func @loop(%x: tensor<f32>, %n: tensor<i32>) -> tensor<f32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  // CHECK: llvm.call @steelyard_gpu_read(
  %0:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<f32>
    cond {
      %c = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %j = stablehlo.add %i, %one : tensor<i32>
      %z = stablehlo.add %y, %y : tensor<f32>
      stablehlo.return %j, %z : tensor<i32>, tensor<f32>
    }
  return %0#1 : tensor<f32>
}
