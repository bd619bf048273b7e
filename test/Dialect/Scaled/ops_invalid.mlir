// RUN: steelyard-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{the element type is a float, or an integer with a #scaled.format}}
func.func @integers(%x: !scaled.tensor<4xi32, exp>)

// -----

// expected-error@+1 {{unknown kind of scale 'e5m2'}}
func.func @kind(%x: !scaled.tensor<4xf16, e5m2>)

// -----

// expected-error@+1 {{block sizes on data of rank 1}}
func.func @rank(%x: !scaled.tensor<4xf16, exp[1, *]>)

// -----

// expected-error@+1 {{a block has a size of at least 1}}
func.func @block(%x: !scaled.tensor<4xf16, exp[0]>)

// -----

// expected-error@+1 {{a format has at most 16 bits}}
func.func @format(%x: !scaled.tensor<4xi16, #scaled.format<e = 8, t = 9, bias = 127>, exp>)

// -----

// expected-error@+1 {{is stored as i8, not as 'i16'}}
func.func @storage(%x: !scaled.tensor<4xi16, #scaled.format<e = 4, t = 3, bias = 7>, exp>)

// -----

func.func @pack(%d: tensor<4xf32>, %e: tensor<i32>) {
  // expected-error@+1 {{the data of '!scaled.tensor<4xf16, exp>' is 'tensor<4xf16>', got 'tensor<4xf32>'}}
  %p = scaled.pack %d, %e : tensor<4xf32>, tensor<i32> -> !scaled.tensor<4xf16, exp>
  return
}

// -----

func.func @random(%x: tensor<4xf32>) {
  // expected-error@+1 {{stochastic rounding needs random bits}}
  %p = scaled.cast %x {rounding = #scaled.rounding<stochastic>} : tensor<4xf32> -> tensor<4xf16>
  return
}

// -----

func.func @codes(%x: tensor<4xf32>) {
  // expected-error@+1 {{needs a result_format}}
  %p = scaled.cast %x : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

func.func @dot(%a: !scaled.tensor<4x8xf16, exp>, %b: !scaled.tensor<9x4xf16, exp>) {
  // expected-error@+1 {{dot_general: lhs dimension 1 of size 8 meets rhs dimension 0 of size 9}}
  %p = scaled.dot_general %a, %b batching_dims = [] x [] contracting_dims = [1] x [0] : (!scaled.tensor<4x8xf16, exp>, !scaled.tensor<9x4xf16, exp>) -> !scaled.tensor<4x4xf32, exp>
  return
}

// -----

func.func @convolution(%x: !scaled.tensor<2x8x3xf16, exp>, %w: !scaled.tensor<3x3x4xf16, exp>) {
  // expected-error@+1 {{the result's shape should be [2, 6, 4]}}
  %p = scaled.convolution %x, %w {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>} : (!scaled.tensor<2x8x3xf16, exp>, !scaled.tensor<3x3x4xf16, exp>) -> !scaled.tensor<2x8x4xf32, exp>
  return
}

// -----

func.func @convolution_type(%x: !scaled.tensor<2x8x3xf16, exp>, %w: !scaled.tensor<3x3x4xf16, exp>) {
  // expected-error@+1 {{the result is the float32 accumulator}}
  %p = scaled.convolution %x, %w {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>} : (!scaled.tensor<2x8x3xf16, exp>, !scaled.tensor<3x3x4xf16, exp>) -> !scaled.tensor<2x6x4xf16, exp>
  return
}

// -----

func.func @edge(%x: tensor<4xf32>) {
  // expected-error@+1 {{backward factor is positive and finite}}
  %p = scaled.edge %x forward 1.0 backward 0.0 : tensor<4xf32>
  return
}

// -----

func.func @rescale_factors(%delta: i32) {
  // expected-error@+1 {{'scaled.rescale_factors' op result #0 must be 32-bit float or 64-bit float, but got 'f16'}}
  %p:3 = scaled.rescale_factors %delta : f16
  return
}

// -----

func.func @exponent_out_of_range() {
  // expected-error@+1 {{is 99999999; exponents lie in ±2^20, and their differences in ±2^21}}
  %0 = scaled.constant_exponent 99999999 : tensor<i32>
  return
}

// -----

func.func @exponent_below() {
  // expected-error@+1 {{is -2097153; exponents lie in}}
  %0 = scaled.constant_exponent -2097153 : i32
  return
}

// -----

func.func @deltas(%x: tensor<4x8xf32>, %deltas: tensor<8x1xi32>) {
  // expected-error@+1 {{'scaled.rescale' op deltas 'tensor<8x1xi32>' do not fit 'tensor<4x8xf32>': each of their sizes is 1 or the data's}}
  %y = scaled.rescale %x, %deltas : tensor<4x8xf32>, tensor<8x1xi32>
  return
}

// -----

func.func @deltas_of_a_scalar(%x: f32, %deltas: tensor<1xi32>) {
  // expected-error@+1 {{'scaled.rescale' op deltas 'tensor<1xi32>' do not fit 'f32'}}
  %y = scaled.rescale %x, %deltas : f32, tensor<1xi32>
  return
}
