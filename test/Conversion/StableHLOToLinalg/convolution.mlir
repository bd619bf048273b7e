// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -canonicalize -cse | FileCheck %s

// Windows are copied next to each other in the type that the input is stored in, the kernel's order; then one product.
// CHECK: #[[$READ:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 * 2 + d3, d2 + d4 * 3, d5)>
// CHECK-LABEL: func.func @patches
// CHECK: %[[P:.*]] = linalg.generic {indexing_maps = [#[[$READ]], #{{.*}}]{{.*}}} ins(%arg0 : tensor<2x9x9x4xf8E4M3FN>) outs(%{{.*}} : tensor<2x4x3x3x3x4xf8E4M3FN>)
// CHECK: %[[L:.*]] = tensor.collapse_shape %[[P]] {{\[}}[0, 1, 2], [3, 4, 5]] : tensor<2x4x3x3x3x4xf8E4M3FN> into tensor<24x36xf8E4M3FN>
// CHECK: %[[W:.*]] = tensor.collapse_shape %arg1 {{\[}}[0, 1, 2], [3]] : tensor<3x3x4x6xf8E5M2> into tensor<36x6xf8E5M2>
// CHECK: host.gemm ins(%[[L]], %[[W]] {{.*}} -> tensor<24x6xf32>
// CHECK-NOT: linalg
// CHECK: return
func.func @patches(%x: tensor<2x9x9x4xf8E4M3FN>, %w: tensor<3x3x4x6xf8E5M2>) -> tensor<2x4x3x6xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [2, 1], rhs_dilate = [1, 3]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x9x9x4xf8E4M3FN>, tensor<3x3x4x6xf8E5M2>) -> tensor<2x4x3x6xf32>
  return %0 : tensor<2x4x3x6xf32>
}

// A window of one element: nothing is copied.
// CHECK-LABEL: func.func @one_element
// CHECK-NOT: linalg
// CHECK: host.gemm ins(%{{.*}}, %{{.*}} : tensor<128x3xf16>, tensor<3x4xf16>)
// CHECK-NOT: linalg
// CHECK: return
func.func @one_element(%x: tensor<2x8x8x3xf16>, %w: tensor<1x1x3x4xf16>) -> tensor<2x8x8x4xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x8x3xf16>, tensor<1x1x3x4xf16>) -> tensor<2x8x8x4xf32>
  return %0 : tensor<2x8x8x4xf32>
}

// Nor for its derivative by the kernel, whose one window is all of the input.
// CHECK-LABEL: func.func @one_window
// CHECK-NOT: linalg
// CHECK: host.gemm ins(%{{.*}}, %{{.*}} : tensor<128x3xf16>, tensor<128x4xf16>) {{.*}} lhs_dims = [-1, 1, 0] rhs_dims = [-1, 1, 0]
// CHECK-NOT: linalg
// CHECK: return
func.func @one_window(%x: tensor<2x8x8x3xf16>, %dy: tensor<2x8x8x4xf16>) -> tensor<1x1x3x4xf32> {
  %0 = stablehlo.convolution(%x, %dy) dim_numbers = [f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x8x3xf16>, tensor<2x8x8x4xf16>) -> tensor<1x1x3x4xf32>
  return %0 : tensor<1x1x3x4xf32>
}

// Groups are the batch of the product.
// CHECK-LABEL: func.func @groups
// CHECK: host.gemm {{.*}} lhs_dims = [0, 1, 2] rhs_dims = [1, 2, 0] -> tensor<2x12x3xf32>
func.func @groups(%x: tensor<2x8x4xf32>, %w: tensor<3x2x6xf32>) -> tensor<2x6x6xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<2x8x4xf32>, tensor<3x2x6xf32>) -> tensor<2x6x6xf32>
  return %0 : tensor<2x6x6xf32>
}

// Integers: loops.
// CHECK-LABEL: func.func @integers
// CHECK-NOT: host.gemm
// CHECK: arith.muli
func.func @integers(%x: tensor<2x8x4xi8>, %w: tensor<3x4x6xi8>) -> tensor<2x6x6xi32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x4xi8>, tensor<3x4x6xi8>) -> tensor<2x6x6xi32>
  return %0 : tensor<2x6x6xi32>
}
