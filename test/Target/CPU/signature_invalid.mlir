// RUN: steelyard-opt %s -steelyard-cpu -split-input-file -verify-diagnostics

// expected-error@+1 {{@main takes or returns 'f32'; arguments and results of public functions are tensors}}
func.func @main(%a: f32, %x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{@main takes or returns 'f32'; arguments and results of public functions are tensors}}
func.func @main(%x: tensor<4xf32>, %a: f32) -> f32 {
  return %a : f32
}
