// RUN: steelyard-opt %s --quantize -split-input-file -verify-diagnostics | FileCheck %s

// A training step as JAX prints it: the derivative by the kernel is a convolution of the input with the cotangent, batch and
// features swapped; the one by the input has the reversed kernel.
// CHECK-LABEL: func.func @step
// CHECK-DAG: %[[X:.*]] = scaled.quantize %arg0 : {{.*}} -> <2x8x3xf8E4M3FN, exp>
// CHECK-DAG: %[[W:.*]] = scaled.quantize %arg1 : {{.*}} -> <3x3x4xf8E4M3FN, exp>
// CHECK: scaled.convolution %[[X]], %[[W]] {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, padding = dense<1> : tensor<1x2xi64>}
// CHECK: %[[G:.*]] = scaled.quantize %{{.*}} -> <2x8x4xf8E5M2, exp>
// CHECK: scaled.convolution %[[X]], %[[G]]
// CHECK: %[[R:.*]] = scaled.quantize %{{.*}} -> <3x3x4xf8E4M3FN, exp>
// CHECK: scaled.convolution %[[G]], %[[R]]
func.func @step(%x: tensor<2x8x3xf32>, %w: tensor<3x3x4xf32> {tf.aliasing_output = 0 : i32}) -> (tensor<3x3x4xf32>, tensor<2x8x3xf32>) {
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E4M3FN' (weight): no earlier contraction has its operands}}
  %y = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x3xf32>, tensor<3x3x4xf32>) -> tensor<2x8x4xf32>
  %dy = stablehlo.tanh %y : tensor<2x8x4xf32>
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E5M2' (gradient): it contracts an operand of an earlier contraction}}
  %dw = stablehlo.convolution(%x, %dy) dim_numbers = [f, 0, b]x[i, 0, o]->[0, b, f], window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x3xf32>, tensor<2x8x4xf32>) -> tensor<3x3x4xf32>
  %r = stablehlo.reverse %w, dims = [0] : tensor<3x3x4xf32>
  // expected-remark@+1 {{contraction in 'f8E5M2' (gradient) x 'f8E4M3FN' (weight): it contracts an operand of an earlier contraction}}
  %dx = stablehlo.convolution(%dy, %r) dim_numbers = [b, 0, f]x[0, o, i]->[b, 0, f], window = {pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x4xf32>, tensor<3x3x4xf32>) -> tensor<2x8x3xf32>
  return %dw, %dx : tensor<3x3x4xf32>, tensor<2x8x3xf32>
}

// -----

// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: scaled
func.func @left_alone(%x: tensor<2x8x3xf32>, %w: tensor<3x3x4xf32>, %i: tensor<2x8x3xi8>, %j: tensor<3x3x4xi8>) -> (tensor<2x6x4xf32>, tensor<2x6x4xi32>) {
  // expected-remark@+1 {{contraction left alone: both operands are gradients, and E5M2 x E5M2 is not formed}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64, steelyard.roles = ["gradient", "gradient"]} : (tensor<2x8x3xf32>, tensor<3x3x4xf32>) -> tensor<2x6x4xf32>
  // expected-remark@+1 {{contraction left alone: its operands are i8, not floats}}
  %1 = stablehlo.convolution(%i, %j) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x8x3xi8>, tensor<3x3x4xi8>) -> tensor<2x6x4xi32>
  return %0, %1 : tensor<2x6x4xf32>, tensor<2x6x4xi32>
}
