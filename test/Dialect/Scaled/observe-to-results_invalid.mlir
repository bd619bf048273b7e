// RUN: steelyard-opt %s --observe-to-results -split-input-file -verify-diagnostics

func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = scaled.observe %x "x" : tensor<4xf32>
  // expected-error@+1 {{@twice has two taps 'x'}}
  %1 = scaled.observe %0 "x" : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

func.func @loop(%x: tensor<4xf32>, %p: i1) -> tensor<4xf32> {
  %0 = scf.if %p -> tensor<4xf32> {
    // expected-error@+1 {{the tap 'x' is inside of a region}}
    %1 = scaled.observe %x "x" : tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @blocks(%x: !scaled.tensor<4x64xf8E4M3FN, f8E8M0FNU[1, 32]>) -> !scaled.tensor<4x64xf8E4M3FN, f8E8M0FNU[1, 32]> {
  // expected-error@+1 {{tensors of one exponent are observed}}
  %0 = scaled.observe %x "x" : !scaled.tensor<4x64xf8E4M3FN, f8E8M0FNU[1, 32]>
  return %0 : !scaled.tensor<4x64xf8E4M3FN, f8E8M0FNU[1, 32]>
}

// -----

func.func @number(%x: i32) -> i32 {
  // expected-error@+1 {{the tap 'x' sees 'i32', not a tensor}}
  %0 = scaled.observe %x "x" : i32
  return %0 : i32
}
