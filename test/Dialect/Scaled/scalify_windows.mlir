// RUN: steelyard-opt %s --scalify -split-input-file | FileCheck %s
// RUN: steelyard-opt %s --scalify -split-input-file -verify-diagnostics -o /dev/null

// A convolution is linear in both: exponents add up, the accumulator gives the result's.
// CHECK-LABEL: func.func @convolution
// CHECK: %[[P:.*]] = scaled.convolution %{{.*}}, %{{.*}} {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, feature_group_count = 2 : i64, padding = dense<1> : tensor<1x2xi64>} : (!scaled.tensor<2x8x4xf16, exp>, !scaled.tensor<3x2x6xf16, exp>) -> !scaled.tensor<2x8x6xf32, exp>
// CHECK: %[[D:.*]], %[[E:.*]] = scaled.unpack %[[P]]
// CHECK: scaled.normalize %[[D]], %[[E]]
func.func @convolution(%x: tensor<2x8x4xf32>, %w: tensor<3x2x6xf32>) -> tensor<2x8x6xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<2x8x4xf32>, tensor<3x2x6xf32>) -> tensor<2x8x6xf32>
  return %0 : tensor<2x8x6xf32>
}

// -----

// A maximum is an element: no new exponent, and minus infinity is moved by none.
// CHECK-LABEL: func.func @max_pooling
// CHECK: scaled.normalize %arg0
// CHECK: "stablehlo.reduce_window"
// CHECK-NOT: scaled.normalize
func.func @max_pooling(%x: tensor<8xf32>) -> tensor<4xf32> {
  %i = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = "stablehlo.reduce_window"(%x, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<8xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A sum is normalised again.
// CHECK-LABEL: func.func @sums
// CHECK: "stablehlo.reduce_window"
// CHECK: stablehlo.add {{.*}} : tensor<f32>
// CHECK: scaled.normalize
func.func @sums(%x: tensor<8xf64>) -> tensor<4xf64> {
  %i = stablehlo.constant dense<0.0> : tensor<f64>
  %0 = "stablehlo.reduce_window"(%x, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %1 = stablehlo.add %a, %b : tensor<f64>
    stablehlo.return %1 : tensor<f64>
  }) : (tensor<8xf64>, tensor<f64>) -> tensor<4xf64>
  return %0 : tensor<4xf64>
}

// -----

// The element that is selected does not depend on the scale; what is scattered has the source's.
// CHECK-LABEL: func.func @select_and_scatter
// CHECK: %[[X:.*]] = stablehlo.convert %{{.*}} : (tensor<8xf16>) -> tensor<8xf32>
// CHECK: %[[S:.*]] = stablehlo.convert %{{.*}} : (tensor<4xf16>) -> tensor<4xf32>
// CHECK: %[[R:.*]] = "stablehlo.select_and_scatter"(%[[X]], %[[S]], %{{.*}})
// CHECK: scaled.normalize %[[R]], %{{.*}}
func.func @select_and_scatter(%x: tensor<8xf32>, %s: tensor<4xf32>) -> tensor<8xf32> {
  %i = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<8xf32>, tensor<4xf32>, tensor<f32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// Comparisons with numbers of another scale, and products, are not for data alone.
// CHECK-LABEL: func.func @real_values
func.func @real_values(%x: tensor<8xf32>, %y: tensor<8xf32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %i = stablehlo.constant dense<1.0> : tensor<f32>
  // expected-remark@+1 {{'stablehlo.reduce' is computed on real values: its scale rule does not cover this form}}
  %0 = stablehlo.reduce(%x init: %i) applies stablehlo.multiply across dimensions = [0] : (tensor<8xf32>, tensor<f32>) -> tensor<f32>
  // expected-remark@+1 {{'stablehlo.reduce' is computed on real values: its scale rule does not cover this form}}
  %1:2 = stablehlo.reduce(%x init: %i), (%y init: %i) across dimensions = [0] : (tensor<8xf32>, tensor<8xf32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
   reducer(%a: tensor<f32>, %b: tensor<f32>) (%c: tensor<f32>, %d: tensor<f32>) {
    %2 = stablehlo.maximum %a, %c : tensor<f32>
    %3 = stablehlo.maximum %2, %b : tensor<f32>
    stablehlo.return %3, %d : tensor<f32>, tensor<f32>
  }
  return %0, %1#0, %1#1 : tensor<f32>, tensor<f32>, tensor<f32>
}
