// RUN: steelyard-opt %s -normalise -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @top_k
// CHECK: %[[I:.+]] = stablehlo.iota dim = 1 : tensor<3x8xi32>
// CHECK: %[[S:.+]]:2 = "stablehlo.sort"(%arg0, %[[I]]) <{dimension = 1 : i64, is_stable = true}>
// CHECK: stablehlo.compare GT, {{.*}}, TOTALORDER
// CHECK: stablehlo.slice %[[S]]#0 [0:3, 0:2]
// CHECK: stablehlo.slice %[[S]]#1 [0:3, 0:2]
func.func @top_k(%x: tensor<3x8xf32>) -> (tensor<3x2xf32>, tensor<3x2xi32>) {
  %0, %1 = chlo.top_k(%x, k = 2) : tensor<3x8xf32> -> (tensor<3x2xf32>, tensor<3x2xi32>)
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xi32>
}

// -----

// CHECK-LABEL: @map
// CHECK: %[[C:.+]] = stablehlo.constant dense<2.000000e+00> : tensor<4xf32>
// CHECK: %[[M:.+]] = stablehlo.multiply %arg0, %[[C]] : tensor<4xf32>
// CHECK: return %[[M]]
func.func @map(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.map"(%x) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>):
    %c = stablehlo.constant dense<2.0> : tensor<f32>
    %1 = stablehlo.multiply %a, %c : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @not_elementwise(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.map"(%x) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>):
    // expected-error@+1 {{'stablehlo.reshape' in the computation of a map is not elementwise}}
    %1 = stablehlo.reshape %a : (tensor<f32>) -> tensor<1xf32>
    %2 = stablehlo.add %1, %1 : tensor<1xf32>
    %3 = stablehlo.reshape %2 : (tensor<1xf32>) -> tensor<f32>
    stablehlo.return %3 : tensor<f32>
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
