// RUN: steelyard-opt %s --fuse-casts -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @only_reader
// CHECK-NEXT: stablehlo.sqrt %arg0
func.func @only_reader(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-remark@+1 {{rounding to 'f16' dropped: its only reader, 'stablehlo.sqrt', computes in float32}}
  %h = scaled.cast %x : tensor<4xf32> -> tensor<4xf16>
  %w = stablehlo.convert %h : (tensor<4xf16>) -> tensor<4xf32>
  %y = stablehlo.sqrt %w : tensor<4xf32>
  return %y : tensor<4xf32>
}

// What is also stored is rounded for both.
// CHECK-LABEL: func.func @materialised
// CHECK: scaled.cast
// CHECK: stablehlo.convert
func.func @materialised(%x: tensor<4xf32>) -> (tensor<4xf16>, tensor<4xf32>) {
  %h = scaled.cast %x : tensor<4xf32> -> tensor<4xf16>
  %w = stablehlo.convert %h : (tensor<4xf16>) -> tensor<4xf32>
  %y = stablehlo.sqrt %w : tensor<4xf32>
  return %h, %y : tensor<4xf16>, tensor<4xf32>
}
