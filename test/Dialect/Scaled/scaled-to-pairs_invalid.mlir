// RUN: steelyard-opt %s --scaled-to-pairs -split-input-file -verify-diagnostics

// expected-error@+1 {{has no lowering here: one exponent a slice is for what loops carry}}
func.func @rows(%x: !scaled.tensor<4x8xf16, exp[1, *]>) {
  return
}

// -----

func.func @blocks(%x: tensor<4x32xf32>) {
  // expected-error@+1 {{has no lowering yet}}
  %q = scaled.quantize %x : tensor<4x32xf32> -> !scaled.tensor<4x32xf8E4M3FN, f8E8M0FNU[1, 32]>
  return
}

// -----

func.func @attribute(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{attribute 'jax.a' holds a scaled type, which has no meaning to what runs; remove it}}
  %0 = stablehlo.add %x, %x {jax.a = !scaled.tensor<4xf32, exp>} : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error@+1 {{attribute 'arg_attrs' holds a scaled type}}
func.func @argument(%x: tensor<4xf32> {jax.a = [!scaled.tensor<4xf32, exp>]}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
