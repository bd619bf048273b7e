// RUN: steelyard-opt %s --scaled-to-pairs -split-input-file -verify-diagnostics

// expected-error@+1 {{has no lowering yet: one exponent a tensor is what computes}}
func.func @rows(%x: !scaled.tensor<4x8xf16, exp[1, *]>) {
  return
}

// -----

func.func @blocks(%x: tensor<4x32xf32>) {
  // expected-error@+1 {{has no lowering yet}}
  %q = scaled.quantize %x : tensor<4x32xf32> -> !scaled.tensor<4x32xf8E4M3FN, f8E8M0FNU[1, 32]>
  return
}
