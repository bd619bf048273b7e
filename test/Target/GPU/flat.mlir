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

// An amax beside a cast: one reading, a part of the amax a block; the last block to end joins them.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @flat_0(%{{.*}}: memref<1048576xbf16>, %[[COUNTERS:[a-z0-9]+]]: memref<1xi32>, %[[NUMBER:[a-z0-9]+]]: index, %[[Q:[a-z0-9]+]]: memref<1048576xf8E4M3FN>, %[[PARTS:[a-z0-9]+]]: memref<256xf32>, %[[AMAX:[a-z0-9]+]]: memref<1xf32>)
// CHECK-DAG: %[[LAST:.*]] = arith.constant 255 : i32
// CHECK-DAG: %[[NONE:.*]] = arith.constant 0 : i32
// CHECK: vector.store %{{.*}}, %[[Q]]
// CHECK: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: memref.store %{{.*}}, %[[PARTS]][%{{.*}}]
// CHECK: llvm.atomicrmw add %{{.*}}, %{{.*}} syncscope("device") acq_rel
// CHECK: gpu.barrier
// CHECK: arith.cmpi eq, %{{.*}}, %[[LAST]]
// CHECK: scf.if
// CHECK: scf.for
// CHECK: memref.load %[[PARTS]]
// CHECK: memref.store %{{.*}}, %[[AMAX]]
// CHECK: memref.store %[[NONE]], %[[COUNTERS]][%[[NUMBER]]]
// CHECK-LABEL: func.func @cast
// CHECK: %[[ZEROS:.*]] = cuda.zero outs(%{{.*}} : tensor<1xi32>)
// CHECK: %[[CODES:.*]]:3 = cuda.launch @kernels::@flat_0 grid = [256, 1, 1] {{.*}} ins(%{{.*}}, %[[ZEROS]], %c0 :
// CHECK: return %[[CODES]]#0, %[[CODES]]#2
func.func @cast(%x: tensor<1024x1024xbf16>) -> (tensor<1024x1024xf8E4M3FN>, tensor<f32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<1024x1024xbf16>) -> tensor<1024x1024xf32>
  %q = stablehlo.convert %w : (tensor<1024x1024xf32>) -> tensor<1024x1024xf8E4M3FN>
  %a = stablehlo.abs %w : tensor<1024x1024xf32>
  %m = stablehlo.reduce(%a init: %zero) applies stablehlo.maximum across dimensions = [0, 1] : (tensor<1024x1024xf32>, tensor<f32>) -> tensor<f32>
  return %q, %m : tensor<1024x1024xf8E4M3FN>, tensor<f32>
}

// -----

// Of many blocks, a second kernel joins the parts.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @rows_1(%{{.*}}: memref<2048xf32>, %{{.*}}: memref<1xf32>)
// CHECK-LABEL: func.func @many
// CHECK-NOT: cuda.zero
// CHECK: %[[CODES:.*]]:2 = cuda.launch @kernels::@flat_0 grid = [2048, 1, 1]
// CHECK: cuda.launch @kernels::@rows_1 grid = [1, 1, 1] {{.*}} ins(%[[CODES]]#1 : tensor<2048xf32>)
func.func @many(%x: tensor<4096x4096xbf16>) -> (tensor<4096x4096xf8E4M3FN>, tensor<f32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<4096x4096xbf16>) -> tensor<4096x4096xf32>
  %q = stablehlo.convert %w : (tensor<4096x4096xf32>) -> tensor<4096x4096xf8E4M3FN>
  %a = stablehlo.abs %w : tensor<4096x4096xf32>
  %m = stablehlo.reduce(%a init: %zero) applies stablehlo.maximum across dimensions = [0, 1] : (tensor<4096x4096xf32>, tensor<f32>) -> tensor<f32>
  return %q, %m : tensor<4096x4096xf8E4M3FN>, tensor<f32>
}
