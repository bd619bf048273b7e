// RUN: steelyard-opt %s -convert-scaled-cast-to-arith -split-input-file -verify-diagnostics

func.func @source(%x: f80) -> f32 {
  // expected-error@+1 {{'scaled.cast' op from 'f80' to 'f32' has no lowering}}
  %q = scaled.cast %x : f80 -> f32
  return %q : f32
}

// -----

func.func @result(%x: vector<4xf32>) -> vector<4xf128> {
  // expected-error@+1 {{'scaled.cast' op from 'vector<4xf32>' to 'vector<4xf128>' has no lowering}}
  %q = scaled.cast %x : vector<4xf32> -> vector<4xf128>
  return %q : vector<4xf128>
}

// -----

func.func @mode(%x: f32) -> f8E4M3FN {
  // expected-error@+1 {{'arith.truncf' op from 'f32' to 'f8E4M3FN' has no lowering; rounding is to_nearest_even or toward_zero}}
  %q = arith.truncf %x upward : f32 to f8E4M3FN
  return %q : f8E4M3FN
}

// -----

func.func @scale(%x: f8E8M0FNU, %delta: i32) -> f8E8M0FNU {
  // expected-error@+1 {{'scaled.rescale' op on 'f8E8M0FNU' by 'i32' has no lowering}}
  %y = scaled.rescale %x, %delta : f8E8M0FNU, i32
  return %y : f8E8M0FNU
}

// -----

func.func @delta(%x: f32, %delta: tensor<i32>) -> f32 {
  // expected-error@+1 {{'scaled.rescale' op on 'f32' by 'tensor<i32>' has no lowering}}
  %y = scaled.rescale %x, %delta : f32, tensor<i32>
  return %y : f32
}
