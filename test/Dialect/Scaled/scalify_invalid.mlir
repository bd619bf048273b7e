// RUN: steelyard-opt %s --scalify -split-input-file -verify-diagnostics -allow-unregistered-dialect
// RUN: not steelyard-opt %s --scalify=storage=f8 -allow-unregistered-dialect 2>&1 | FileCheck %s --check-prefix=STORAGE
// RUN: not steelyard-opt %s --scalify=state=none -allow-unregistered-dialect 2>&1 | FileCheck %s --check-prefix=STATE
// STORAGE: storage is f16 or bf16, got 'f8'
// STATE: state is user or scaled, got 'none'

// What has no rule is computed on real values, and said.
func.func @made_up(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-remark@+1 {{'made.up' is computed on real values: it has no scale rule}}
  %0 = "made.up"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @argmax(%x: tensor<4xf32>, %c: tensor<f32>) -> tensor<f32> {
  // expected-remark@+1 {{its scale rule does not cover this form}}
  %0 = stablehlo.reduce(%x init: %c) applies stablehlo.multiply across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
