// RUN: steelyard-opt %s --cuda-scalars --cuda-slices --canonicalize --cse | FileCheck %s

// A static slice is read where it lies.

// CHECK-DAG: #[[$STRIDED:.*]] = affine_map<(d0) -> (d0 * 2 + 3)>
// CHECK-LABEL: func.func @strided
func.func @strided(%x: tensor<20xf32>) -> tensor<4xf32> {
  // CHECK: linalg.generic {indexing_maps = [#[[$STRIDED]],
  %0 = tensor.extract_slice %x[3] [4] [2] : tensor<20xf32> to tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @first
func.func @first(%x: tensor<20x8xf32>) -> tensor<20x4xf32> {
  // CHECK: linalg.generic
  // CHECK: tensor.extract %arg0[%{{.*}}, %{{.*}}]
  %0 = tensor.extract_slice %x[0, 0] [20, 4] [1, 1] : tensor<20x8xf32> to tensor<20x4xf32>
  return %0 : tensor<20x4xf32>
}

// An offset from a tensor is computed where it is used: nothing comes back to the host.

// CHECK-LABEL: func.func @dynamic
func.func @dynamic(%x: tensor<20xf32>, %i: tensor<i32>) -> tensor<4xf32> {
  // CHECK-NOT: tensor.extract
  // CHECK: linalg.generic
  // CHECK: tensor.extract %arg1[]
  // CHECK: arith.index_cast
  // CHECK: tensor.extract %arg0
  %at = tensor.extract %i[] : tensor<i32>
  %offset = arith.index_cast %at : i32 to index
  %0 = tensor.extract_slice %x[%offset] [4] [1] : tensor<20xf32> to tensor<4xf32>
  return %0 : tensor<4xf32>
}

// A concatenation is one operation.

// CHECK-LABEL: func.func @concatenated
func.func @concatenated(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>, %z: tensor<2x1xf32>) -> tensor<2x8xf32> {
  %empty = tensor.empty() : tensor<2x8xf32>
  // CHECK-COUNT-1: linalg.generic
  // CHECK: arith.select
  // CHECK-NOT: linalg.generic
  %0 = tensor.insert_slice %x into %empty[0, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x8xf32>
  %1 = tensor.insert_slice %y into %0[0, 3] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<2x8xf32>
  %2 = tensor.insert_slice %z into %1[0, 7] [2, 1] [1, 1] : tensor<2x1xf32> into tensor<2x8xf32>
  return %2 : tensor<2x8xf32>
}

// What is small in what is large is written there.

// CHECK-LABEL: func.func @in_place
func.func @in_place(%x: tensor<4xf32>, %y: tensor<100xf32>, %i: tensor<index>) -> tensor<100xf32> {
  // CHECK: scf.for
  // CHECK: tensor.insert
  // CHECK: {steelyard.parallel}
  %offset = tensor.extract %i[] : tensor<index>
  %0 = tensor.insert_slice %x into %y[%offset] [4] [1] : tensor<4xf32> into tensor<100xf32>
  return %0 : tensor<100xf32>
}

// Scalars of the device are computed on the device.

// CHECK-LABEL: func.func @scalars
func.func @scalars(%e: tensor<i32>, %x: tensor<8xf32>) -> tensor<8xf32> {
  %exponent = tensor.extract %e[] : tensor<i32>
  // CHECK: %[[FACTOR:.*]] = linalg.generic {{.*}}ins(%arg0 : tensor<i32>)
  // CHECK: arith.sitofp
  %factor = arith.sitofp %exponent : i32 to f32
  %empty = tensor.empty() : tensor<8xf32>
  // CHECK: linalg.generic {{.*}}ins(%arg1, %[[FACTOR]] : tensor<8xf32>, tensor<f32>)
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>],
                       iterator_types = ["parallel"]}
    ins(%x, %factor : tensor<8xf32>, f32) outs(%empty : tensor<8xf32>) {
  ^bb0(%element: f32, %by: f32, %out: f32):
    %1 = arith.mulf %element, %by : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
