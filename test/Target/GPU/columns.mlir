// RUN: steelyard-opt %s --split-input-file --steelyard-cuda-kernels | FileCheck %s

// A warp reads a line of results, the warps of a block share the columns and meet in shared memory.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @columns_0(%[[X:[a-z0-9]+]]: memref<16777216xf32>, %[[S:.*]]: memref<65536xf32>) workgroup(%[[SHARED:.*]] : memref<2048xf32, #gpu.address_space<workgroup>>) kernel
// CHECK: %[[SUM:.*]] = scf.for {{.*}} -> (vector<4xf32>)
// CHECK-COUNT-4: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<16777216xf32>, vector<4xf32>
// CHECK: scf.yield
// CHECK: vector.store %[[SUM]], %[[SHARED]]
// CHECK: gpu.barrier
// CHECK-COUNT-16: vector.load %[[SHARED]]
// CHECK: scf.if
// CHECK: vector.store %{{.*}}, %[[S]]
// CHECK: cuda.launch @kernels::@columns_0 grid = [512, 1, 1] block = [512, 1, 1]
func.func @sums(%x: tensor<256x65536xf32>) -> tensor<65536xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<256x65536xf32>, tensor<f32>) -> tensor<65536xf32>
  return %s : tensor<65536xf32>
}

// -----

// What depends on the sums, along the columns and the rows.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @columns_0(%{{.*}}: memref<16777216xf32>, %[[Y:.*]]: memref<16777216xf32>)
// CHECK: scf.for
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: arith.divf
// CHECK: vector.store %{{.*}}, %[[Y]]
// CHECK-NOT: gpu.func
func.func @normalised(%x: tensor<256x65536xf32>) -> tensor<256x65536xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<256x65536xf32>, tensor<f32>) -> tensor<65536xf32>
  %b = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<65536xf32>) -> tensor<256x65536xf32>
  %y = stablehlo.divide %x, %b : tensor<256x65536xf32>
  return %y : tensor<256x65536xf32>
}
