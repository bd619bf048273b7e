// RUN: steelyard-opt %s --split-input-file --steelyard-cuda-kernels | FileCheck %s

// A bias along the rows; both ends of what is read and written are 16 bytes, four vectors a thread.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @flat_0(%[[X:[a-z0-9]+]]: memref<16777216xf16>, %[[B:.*]]: memref<4096xf16>, %[[Y:.*]]: memref<16777216xf16>) kernel
// CHECK-COUNT-4: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<16777216xf16>, vector<8xf16>
// CHECK-COUNT-4: vector.store %{{.*}}, %[[Y]]{{.*}} {alignment = 16 : i64} : memref<16777216xf16>, vector<8xf16>
// CHECK: cuda.launch @kernels::@flat_0 grid = [2048, 1, 1] block = [256, 1, 1]
func.func @bias(%x: tensor<4096x4096xf16>, %b: tensor<4096xf16>) -> tensor<4096x4096xf16> {
  %bb = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4096xf16>) -> tensor<4096x4096xf16>
  %y = stablehlo.add %x, %bb : tensor<4096x4096xf16>
  return %y : tensor<4096x4096xf16>
}

// -----

// Truth values are bytes; a prime number of them is computed one by one, those beyond the end not at all.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @flat_0(%[[X:[a-z0-9]+]]: memref<1009xf32>, %[[P:.*]]: memref<1009xi8>)
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %{{.*}}, %c1009
// CHECK: memref.load %[[X]]
// CHECK: %[[BIT:.*]] = arith.cmpf
// CHECK: %[[BYTE:.*]] = arith.extui %[[BIT]] : i1 to i8
// CHECK: scf.if %[[INSIDE]]
// CHECK: memref.store %[[BYTE]], %[[P]]
func.func @positive(%x: tensor<1009xf32>) -> tensor<1009xi1> {
  %zero = stablehlo.constant dense<0.0> : tensor<1009xf32>
  %p = stablehlo.compare GT, %x, %zero : (tensor<1009xf32>, tensor<1009xf32>) -> tensor<1009xi1>
  return %p : tensor<1009xi1>
}

// -----

// Scalars, and what every thread computes of one.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @flat_0(%[[A:.*]]: memref<1xf32>, %[[X:[a-z0-9]+]]: memref<64xf32>, %[[S:.*]]: memref<1xf32>, %[[Y:.*]]: memref<64xf32>)
// CHECK: %[[V:.*]] = memref.load %[[A]]
// CHECK: %[[E:.*]] = math.exp %[[V]] : f32
// CHECK: scf.if
// CHECK: memref.store %[[E]], %[[S]]
// CHECK: vector.broadcast %[[E]]
// CHECK: vector.store %{{.*}}, %[[Y]]
func.func @scalar(%a: tensor<f32>, %x: tensor<64xf32>) -> (tensor<f32>, tensor<64xf32>) {
  %e = stablehlo.exponential %a : tensor<f32>
  %b = stablehlo.broadcast_in_dim %e, dims = [] : (tensor<f32>) -> tensor<64xf32>
  %y = stablehlo.multiply %x, %b : tensor<64xf32>
  return %e, %y : tensor<f32>, tensor<64xf32>
}

// -----

// An amax beside a cast: one reading, a part of the amax a block, that of all in a second kernel.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @flat_0(%{{.*}}: memref<1048576xbf16>, %[[Q:[a-z0-9]+]]: memref<1048576xf8E4M3FN>, %[[PARTS:[a-z0-9]+]]: memref<256xf32>)
// CHECK: vector.store %{{.*}}, %[[Q]]
// CHECK: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: memref.store %{{.*}}, %[[PARTS]][%{{.*}}]
// CHECK: gpu.func @rows_1(%{{.*}}: memref<256xf32>, %{{.*}}: memref<1xf32>)
// CHECK-LABEL: func.func @cast
// CHECK: %[[CODES:.*]]:2 = cuda.launch @kernels::@flat_0 grid = [256, 1, 1]
// CHECK: cuda.launch @kernels::@rows_1 grid = [1, 1, 1] {{.*}} ins(%[[CODES]]#1 : tensor<256xf32>)
func.func @cast(%x: tensor<1024x1024xbf16>) -> (tensor<1024x1024xf8E4M3FN>, tensor<f32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<1024x1024xbf16>) -> tensor<1024x1024xf32>
  %q = stablehlo.convert %w : (tensor<1024x1024xf32>) -> tensor<1024x1024xf8E4M3FN>
  %a = stablehlo.abs %w : tensor<1024x1024xf32>
  %m = stablehlo.reduce(%a init: %zero) applies stablehlo.maximum across dimensions = [0, 1] : (tensor<1024x1024xf32>, tensor<f32>) -> tensor<f32>
  return %q, %m : tensor<1024x1024xf8E4M3FN>, tensor<f32>
}
