// RUN: steelyard-opt %s --split-input-file --steelyard-cuda-kernels | FileCheck %s

// A warp reads a line of results, the warps of a block share the columns and meet in shared memory.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @columns_0(%[[X:[a-z0-9]+]]: memref<17301504xf32>, %[[S:.*]]: memref<67584xf32>) workgroup(%[[SHARED:.*]] : memref<1024xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}) kernel
// CHECK: %[[SUM:.*]] = scf.for {{.*}} -> (vector<4xf32>)
// CHECK-COUNT-4: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<17301504xf32>, vector<4xf32>
// CHECK: scf.yield
// CHECK: vector.store %[[SUM]], %[[SHARED]]
// CHECK: gpu.barrier
// CHECK-COUNT-8: vector.load %[[SHARED]]
// CHECK: scf.if
// CHECK: vector.store %{{.*}}, %[[S]]
// CHECK: cuda.launch @kernels::@columns_0 grid = [528, 1, 1] block = [256, 1, 1]
func.func @sums(%x: tensor<256x67584xf32>) -> tensor<67584xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<256x67584xf32>, tensor<f32>) -> tensor<67584xf32>
  return %s : tensor<67584xf32>
}

// -----

// What depends on the sums, along the columns and the rows.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @columns_0(%{{.*}}: memref<17301504xf32>, %[[Y:.*]]: memref<17301504xf32>)
// CHECK: scf.for
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: arith.divf
// CHECK: vector.store %{{.*}}, %[[Y]]
// CHECK-NOT: gpu.func
func.func @normalised(%x: tensor<256x67584xf32>) -> tensor<256x67584xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<256x67584xf32>, tensor<f32>) -> tensor<67584xf32>
  %b = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<67584xf32>) -> tensor<256x67584xf32>
  %y = stablehlo.divide %x, %b : tensor<256x67584xf32>
  return %y : tensor<256x67584xf32>
}

// -----

// Statistics of rows lie along the columns, but are few beside what lies along the rows; both sums read that once.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @columns_0(%[[X:[a-z0-9]+]]: memref<17301504xf32>, %[[M:[a-z0-9]+]]: memref<256xf32>
// CHECK: scf.for {{.*}} -> (vector<4xf32>, vector<4xf32>)
// CHECK-COUNT-4: vector.load %[[X]]
// CHECK-NOT: vector.load %[[X]]
// CHECK: cuda.launch
// CHECK-NOT: cuda.launch
func.func @gradients(%x: tensor<256x67584xf32>, %m: tensor<256xf32>) -> (tensor<67584xf32>, tensor<67584xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %b = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<256xf32>) -> tensor<256x67584xf32>
  %y = stablehlo.multiply %x, %b : tensor<256x67584xf32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<256x67584xf32>, tensor<f32>) -> tensor<67584xf32>
  %t = stablehlo.reduce(%y init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<256x67584xf32>, tensor<f32>) -> tensor<67584xf32>
  return %s, %t : tensor<67584xf32>, tensor<67584xf32>
}
