// RUN: steelyard-opt %s --quantize -verify-diagnostics
// RUN: not steelyard-opt %s --quantize=recipe=fp4 2>&1 | FileCheck %s
// CHECK: there is no recipe 'fp4'; there is 'fp8-current' 'fp8-delayed' 'fp8-fixed'

func.func @roles(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  // expected-error@+1 {{steelyard.roles are two of "weight", "activation" and "gradient"}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] {steelyard.roles = ["weight", "bias"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
