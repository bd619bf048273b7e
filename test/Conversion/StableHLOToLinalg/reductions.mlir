// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -canonicalize -split-input-file | FileCheck %s

// Over no dimension nothing is summed: a generic that accumulates would do so once for each time that it is read.
// CHECK-LABEL: func.func @none
// CHECK-NEXT: return %arg0
func.func @none(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = stablehlo.constant dense<1.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %i) applies stablehlo.multiply across dimensions = [] : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Over one of extent 1 it is a reduction all the same.
// CHECK-LABEL: func.func @one
// CHECK: iterator_types = ["parallel", "reduction"]
func.func @one(%x: tensor<4x1xf32>) -> tensor<4xf32> {
  %i = stablehlo.constant dense<1.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %i) applies stablehlo.multiply across dimensions = [1] : (tensor<4x1xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Nor does an outer product of integers.
// CHECK-LABEL: func.func @outer
// CHECK: linalg.generic
// CHECK-NOT: arith.addi
// CHECK: return
func.func @outer(%x: tensor<4xi32>, %y: tensor<3xi32>) -> tensor<4x3xi32> {
  %0 = stablehlo.dot_general %x, %y, contracting_dims = [] x [] : (tensor<4xi32>, tensor<3xi32>) -> tensor<4x3xi32>
  return %0 : tensor<4x3xi32>
}
