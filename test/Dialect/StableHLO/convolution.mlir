// RUN: steelyard-opt %s | steelyard-opt | FileCheck %s
// RUN: steelyard-opt %s -mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// RUN: steelyard-opt %s -mlir-print-op-generic | steelyard-opt | FileCheck %s

// CHECK-LABEL: func.func @convolution
func.func @convolution(%x: tensor<2x8x8x4xf32>, %w: tensor<3x3x4x6xf32>) {
  // CHECK: stablehlo.convolution(%arg0, %arg1) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [2, 1], pad = {{\[}}[2, -1], [1, 3]], lhs_dilate = [1, 2], rhs_dilate = [2, 1], reverse = [true, false]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision HIGHEST>]} : (tensor<2x8x8x4xf32>, tensor<3x3x4x6xf32>) -> tensor<2x3x17x6xf32>
  // GENERIC: "stablehlo.convolution"(%{{.*}}, %{{.*}}) <{batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>, feature_group_count = 1 : i64, lhs_dilation = array<i64: 1, 2>, padding = dense<{{\[}}[2, -1], [1, 3]]> : tensor<2x2xi64>, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision HIGHEST>], rhs_dilation = array<i64: 2, 1>, window_reversal = array<i1: true, false>, window_strides = array<i64: 2, 1>}>
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [2, 1], pad = [[2, -1], [1, 3]], lhs_dilate = [1, 2], rhs_dilate = [2, 1], reverse = [1, 0]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision HIGHEST>]} : (tensor<2x8x8x4xf32>, tensor<3x3x4x6xf32>) -> tensor<2x3x17x6xf32>
  return
}

// What is not given of the window is not printed; fields come in any order.
// CHECK-LABEL: func.func @defaults
func.func @defaults(%x: tensor<2x8x4xf32>, %w: tensor<4x3x6xf32>) {
  // CHECK: window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} :
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[i, 0, o]->[0, f, b], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x4xf32>, tensor<4x3x6xf32>) -> tensor<6x6x2xf32>
  // CHECK: window = {stride = [3], pad = {{\[}}[1, 0]]}
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[i, 0, o]->[0, f, b], window = {pad = [[1, 0]], stride = [3]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x4xf32>, tensor<4x3x6xf32>) -> tensor<3x6x2xf32>
  return
}

// CHECK-LABEL: func.func @no_window
func.func @no_window(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>) {
  // CHECK: dim_numbers = [b, f]x[o, i]->[b, f], window = {stride = [], pad = [], lhs_dilate = [], rhs_dilate = [], reverse = []}
  // GENERIC: padding = dense<> : tensor<0x2xi64>
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f]x[o, i]->[b, f], window = {stride = [], pad = [], lhs_dilate = [], rhs_dilate = [], reverse = []} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  return
}

// A group has its share of the features, or of the batch.
// CHECK-LABEL: func.func @groups
func.func @groups(%x: tensor<4x8x6xf32>, %depthwise: tensor<3x1x12xf32>, %w: tensor<3x6x8xf32>) {
  // CHECK: feature_group_count = 6
  %0 = stablehlo.convolution(%x, %depthwise) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 6 : i64} : (tensor<4x8x6xf32>, tensor<3x1x12xf32>) -> tensor<4x6x12xf32>
  // CHECK: batch_group_count = 2
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 2 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<2x6x8xf32>
  return
}

// CHECK-LABEL: func.func @empty
func.func @empty(%x: tensor<2x2x3xf32>, %w: tensor<3x3x4xf32>) {
  // CHECK: -> tensor<2x0x4xf32>
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x2x3xf32>, tensor<3x3x4xf32>) -> tensor<2x0x4xf32>
  return
}
