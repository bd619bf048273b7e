// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -canonicalize -split-input-file | FileCheck %s

// Tensors without elements have one form, and nothing computes them.

// CHECK-LABEL: func.func @elementwise
// CHECK-SAME: (%{{.*}}: tensor<0xf32>, %{{.*}}: tensor<0xi8>) -> (tensor<0xf32>, tensor<0xi8>)
func.func @elementwise(%a: tensor<2x0x3xf32>, %b: tensor<4x0xui8>) -> (tensor<2x0x3xf32>, tensor<4x0xui8>) {
  // CHECK-NOT: linalg
  // CHECK: %[[A:.*]] = tensor.empty() : tensor<0xf32>
  // CHECK: %[[B:.*]] = tensor.empty() : tensor<0xi8>
  // CHECK: return %[[A]], %[[B]]
  %0 = stablehlo.add %a, %a : tensor<2x0x3xf32>
  %1 = stablehlo.not %b : tensor<4x0xui8>
  return %0, %1 : tensor<2x0x3xf32>, tensor<4x0xui8>
}

// -----

// CHECK-LABEL: func.func @reduce
func.func @reduce(%a: tensor<3x0xf32>, %init: tensor<f32>) -> tensor<3xf32> {
  // CHECK: linalg.generic
  // CHECK-SAME: iterator_types = ["parallel"]
  // CHECK-NOT: linalg.generic
  %0 = stablehlo.reduce(%a init: %init) applies stablehlo.add across dimensions = [1] : (tensor<3x0xf32>, tensor<f32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @dot
func.func @dot(%a: tensor<3x0xf16>, %b: tensor<0x2xf16>) -> tensor<3x2xf32> {
  // CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<3x2xf32>
  // CHECK: return %[[ZERO]]
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<3x0xf16>, tensor<0x2xf16>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @concatenate
func.func @concatenate(%a: tensor<3x0xf32>, %b: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // CHECK-NOT: tensor<3x0xf32>
  %0 = stablehlo.concatenate %a, %b, dim = 1 : (tensor<3x0xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @amax
func.func @amax(%a: tensor<3x0xf32>) -> tensor<i32> {
  // CHECK: %[[LEAST:.*]] = arith.constant dense<-1048576> : tensor<i32>
  // CHECK: return %[[LEAST]]
  %0 = scaled.amax_exponent %a : tensor<3x0xf32>
  return %0 : tensor<i32>
}
