// RUN: steelyard-opt %s | steelyard-opt | FileCheck %s

// Always in generic form.
// CHECK-LABEL: func.func @reduce_window
func.func @reduce_window(%x: tensor<4x5xf32>, %y: tensor<4x5xi32>, %i: tensor<f32>, %j: tensor<i32>) {
  // CHECK: "stablehlo.reduce_window"(%arg0, %arg2) <{base_dilations = array<i64: 2, 1>, padding = dense<{{\[}}[0, 1], [-1, 1]]> : tensor<2x2xi64>, window_dilations = array<i64: 1, 2>, window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 1, 2>}> ({
  // CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<f32>, %[[B:.*]]: tensor<f32>):
  // CHECK-NEXT: stablehlo.maximum %[[A]], %[[B]] : tensor<f32>
  // CHECK: }) : (tensor<4x5xf32>, tensor<f32>) -> tensor<7x2xf32>
  %0 = "stablehlo.reduce_window"(%x, %i) <{base_dilations = array<i64: 2, 1>, padding = dense<[[0, 1], [-1, 1]]> : tensor<2x2xi64>, window_dilations = array<i64: 1, 2>, window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 1, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<4x5xf32>, tensor<f32>) -> tensor<7x2xf32>
  // CHECK: "stablehlo.reduce_window"(%arg0, %arg1, %arg2, %arg3) <{window_dimensions = array<i64: 4, 1>}>
  // CHECK: }) : (tensor<4x5xf32>, tensor<4x5xi32>, tensor<f32>, tensor<i32>) -> (tensor<1x5xf32>, tensor<1x5xi32>)
  %2:2 = "stablehlo.reduce_window"(%x, %y, %i, %j) <{window_dimensions = array<i64: 4, 1>}> ({
  ^bb0(%a: tensor<f32>, %k: tensor<i32>, %b: tensor<f32>, %l: tensor<i32>):
    stablehlo.return %b, %k : tensor<f32>, tensor<i32>
  }) : (tensor<4x5xf32>, tensor<4x5xi32>, tensor<f32>, tensor<i32>) -> (tensor<1x5xf32>, tensor<1x5xi32>)
  return
}

// CHECK-LABEL: func.func @select_and_scatter
func.func @select_and_scatter(%x: tensor<4x5xf32>, %s: tensor<2x5xf32>, %i: tensor<f32>) {
  // CHECK: "stablehlo.select_and_scatter"(%arg0, %arg1, %arg2) <{padding = dense<0> : tensor<2x2xi64>, window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 2, 1>}> ({
  // CHECK: stablehlo.return %{{.*}} : tensor<i1>
  // CHECK-NEXT: }, {
  // CHECK: }) : (tensor<4x5xf32>, tensor<2x5xf32>, tensor<f32>) -> tensor<4x5xf32>
  %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{padding = dense<0> : tensor<2x2xi64>, window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 2, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.compare GE, %a, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<4x5xf32>, tensor<2x5xf32>, tensor<f32>) -> tensor<4x5xf32>
  return
}
