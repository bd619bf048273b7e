// RUN: steelyard-opt %s -split-input-file -verify-diagnostics -o /dev/null

func.func @beyond(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes the dimensions of 'tensor<2x3xf32>' once each, got 7}}
  %0 = host.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%c : tensor<2x4xf32>)
    lhs_dims = [-1, 0, 7] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @twice(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes the dimensions of 'tensor<3x4xf32>' once each, got 1}}
  %0 = host.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%c : tensor<2x4xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 1] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
