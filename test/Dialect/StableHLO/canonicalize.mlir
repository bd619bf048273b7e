// Folds change no bit: shapes, splats and integers, never a rounding.
// RUN: steelyard-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @reshape_of_reshape
// CHECK-NEXT: %[[R:.+]] = stablehlo.reshape %arg0 : (tensor<4x2xf32>) -> tensor<2x4xf32>
// CHECK-NEXT: return %[[R]]
func.func @reshape_of_reshape(%x: tensor<4x2xf32>) -> tensor<2x4xf32> {
  %0 = stablehlo.reshape %x : (tensor<4x2xf32>) -> tensor<8xf32>
  %1 = stablehlo.reshape %0 : (tensor<8xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: @identities
// CHECK-NEXT: return %arg0
func.func @identities(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = stablehlo.transpose %x, dims = [0, 1] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = stablehlo.convert %0 : tensor<4x2xf32>
  %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = stablehlo.reshape %2 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %4 = stablehlo.slice %3 [0:4, 0:2] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// CHECK-LABEL: @splats
// CHECK-NEXT: %[[C:.+]] = stablehlo.constant dense<2.500000e-01> : tensor<2x4xf32>
// CHECK-NEXT: return %[[C]]
func.func @splats() -> tensor<2x4xf32> {
  %0 = stablehlo.constant dense<0.25> : tensor<f32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<4x2xf32>
  %2 = stablehlo.transpose %1, dims = [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// x + 0 is not x where x is -0, and a float sum rounds.
// CHECK-LABEL: @floats
// CHECK: stablehlo.add
func.func @floats(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.constant dense<0.0> : tensor<4xf32>
  %1 = stablehlo.add %x, %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
