// RUN: steelyard-opt %s --quantize="recipe=fp8-delayed options=history=4,margin=1" 2>/dev/null | FileCheck %s
// RUN: steelyard-opt %s --quantize="recipe=fp8-delayed options=history=4" --scaled-to-pairs 2>/dev/null | FileCheck %s --check-prefix=PAIRS
// RUN: not steelyard-opt %s --quantize="recipe=fp8-delayed options=history=0" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not steelyard-opt %s --quantize="recipe=fp8-delayed options=length=4" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not steelyard-opt %s --quantize="recipe=fp8-current options=history=4" 2>&1 | FileCheck %s --check-prefix=NONE
// RANGE: recipe 'fp8-delayed': option 'history' is an integer from 1 to 65536, got '0'
// NAME: recipe 'fp8-delayed': there is no option 'length'; it has history, margin
// NONE: recipe 'fp8-current': there is no option 'history'; it has none

// A history is an argument and a result; its largest entry gives the scale, this step's amax is its last entry.
// CHECK-LABEL: func.func @step
// CHECK-SAME: %arg3: tensor<4xi32> {steelyard.initial = dense<-1048576> : tensor<4xi32>, steelyard.state = "fp8-delayed.0.activation", tf.aliasing_output = 2 : i32}
// CHECK-SAME: -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4xi32> {steelyard.state = "fp8-delayed.0.activation"}, tensor<4xi32> {steelyard.state = "fp8-delayed.1.weight"}, tensor<4xi32> {steelyard.state = "fp8-delayed.2.weight"})
// CHECK: %[[MAX:.*]] = stablehlo.reduce(%arg3 init: %{{.*}}) applies stablehlo.maximum
// CHECK: scaled.exponent_add %[[MAX]], %{{.*}} : tensor<i32>
// CHECK: %[[E:.*]] = stablehlo.select
// CHECK: scaled.amax_exponent %arg0 {significand_limit = 1.750000e+00 : f64}
// CHECK: stablehlo.concatenate
// CHECK: %[[Q:.*]] = scaled.quantize %arg0 exponent %[[E]] {saturate} : tensor<4x8xf32> -> <4x8xf8E4M3FN, exp>
// An operand of two contractions is quantised once.
// CHECK: scaled.dot_general %[[Q]]
// CHECK: scaled.dot_general %[[Q]]
// PAIRS: %[[D:.*]] = scaled.exponent_delta %{{.*}}, %[[E:.*]] : tensor<i32>
// PAIRS: scaled.rescale %arg0, %[[D]]
func.func @step(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>, %v: tensor<8x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] {steelyard.roles = ["activation", "weight"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %z = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0] {steelyard.roles = ["activation", "weight"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y, %z : tensor<4x2xf32>, tensor<4x2xf32>
}
