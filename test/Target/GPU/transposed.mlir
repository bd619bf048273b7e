// RUN: steelyard-opt %s --split-input-file --steelyard-import --convert-stablehlo-to-linalg --cuda-form-kernels --canonicalize --cse | FileCheck %s

// Read in lines, written in lines: a tile goes through shared memory.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @transposed_0(%[[X:[a-z0-9]+]]: memref<1048576xbf16>, %[[Y:[a-z0-9]+]]: memref<1048576xbf16>) workgroup(%[[TILE:.*]] : memref<4160xbf16, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}) kernel
// CHECK-COUNT-2: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<1048576xbf16>, vector<8xbf16>
// CHECK: memref.store %{{.*}}, %[[TILE]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[TILE]]
// CHECK: arith.mulf
// CHECK-COUNT-2: vector.store %{{.*}}, %[[Y]]{{.*}} {alignment = 16 : i64} : memref<1048576xbf16>, vector<8xbf16>
// CHECK: cuda.launch @kernels::@transposed_0 grid = [256, 1, 1] block = [256, 1, 1]
func.func @transpose(%x: tensor<1024x1024xbf16>) -> tensor<1024x1024xbf16> {
  %two = stablehlo.constant dense<2.0> : tensor<1024x1024xbf16>
  %t = stablehlo.transpose %x, dims = [1, 0] : (tensor<1024x1024xbf16>) -> tensor<1024x1024xbf16>
  %y = stablehlo.multiply %t, %two : tensor<1024x1024xbf16>
  return %y : tensor<1024x1024xbf16>
}

// -----

// One cast, both layouts: along the input's lines at once, across through shared memory.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @transposed_0(%[[X:[a-z0-9]+]]: memref<1048576xf32>, %[[Q:[a-z0-9]+]]: memref<1048576xf8E4M3FN>, %[[T:[a-z0-9]+]]: memref<1048576xf8E4M3FN>) workgroup(%[[TILE:.*]] : memref<4160xf8E4M3FN, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}) kernel
// CHECK: vector.load %[[X]]
// CHECK: scaled.cast
// CHECK: vector.store %{{.*}}, %[[Q]]
// CHECK: memref.store %{{.*}}, %[[TILE]]
// CHECK: gpu.barrier
// CHECK-NOT: scaled.cast
// CHECK: memref.load %[[TILE]]
// CHECK: vector.store %{{.*}}, %[[T]]
// CHECK-NOT: gpu.func
func.func @both(%x: tensor<1024x1024xf32>) -> (tensor<1024x1024xf8E4M3FN>, tensor<1024x1024xf8E4M3FN>) {
  %q = stablehlo.convert %x : (tensor<1024x1024xf32>) -> tensor<1024x1024xf8E4M3FN>
  %t = stablehlo.transpose %q, dims = [1, 0] : (tensor<1024x1024xf8E4M3FN>) -> tensor<1024x1024xf8E4M3FN>
  return %q, %t : tensor<1024x1024xf8E4M3FN>, tensor<1024x1024xf8E4M3FN>
}

// -----

// What is beyond a tile's end is neither read nor written; narrow matrices are not worth a tile.
// CHECK-LABEL: gpu.module @kernels
// CHECK-DAG: gpu.func @transposed_0(%{{.*}}: memref<1998000xf32>
// CHECK-DAG: gpu.func @flat_1(%{{.*}}: memref<8000xf32>
// CHECK: cuda.launch @kernels::@transposed_0 grid = [512, 1, 1]
func.func @odd(%x: tensor<2000x999xf32>, %y: tensor<1000x8xf32>) -> (tensor<999x2000xf32>, tensor<8x1000xf32>) {
  %t = stablehlo.transpose %x, dims = [1, 0] : (tensor<2000x999xf32>) -> tensor<999x2000xf32>
  %u = stablehlo.transpose %y, dims = [1, 0] : (tensor<1000x8xf32>) -> tensor<8x1000xf32>
  return %t, %u : tensor<999x2000xf32>, tensor<8x1000xf32>
}
