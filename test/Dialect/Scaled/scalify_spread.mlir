// RUN: steelyard-opt %s --scalify -split-input-file | FileCheck %s

// Beside -1e30 float16 would hold scores as zeros: they stay float32 until exp takes them in.
// CHECK-LABEL: func.func @masked
// CHECK: %[[S:.*]] = stablehlo.select %arg0, %{{.*}}, %{{.*}} : tensor<4xi1>, tensor<4xf32>
// CHECK: scaled.normalize %[[S]]
// CHECK-NOT: scaled.cast
// CHECK: stablehlo.subtract
// CHECK-NOT: scaled.cast
// CHECK: stablehlo.exponential
// CHECK: scaled.normalize
// CHECK: scaled.cast %{{.*}} : tensor<4xf32> -> tensor<4xf16>
func.func @masked(%p: tensor<4xi1>, %x: tensor<4xf32>, %m: tensor<f32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<-1.0e30> : tensor<4xf32>
  %0 = stablehlo.select %p, %x, %c : tensor<4xi1>, tensor<4xf32>
  %1 = stablehlo.broadcast_in_dim %m, dims = [] : (tensor<f32>) -> tensor<4xf32>
  %2 = stablehlo.subtract %0, %1 : tensor<4xf32>
  %3 = stablehlo.exponential %2 : tensor<4xf32>
  %4 = stablehlo.negate %3 : tensor<4xf32>
  return %4 : tensor<4xf32>
}

// -----

// A number within float16's precision of others is no mask.
// CHECK-LABEL: func.func @chosen
// CHECK: stablehlo.select
// CHECK: scaled.normalize
// CHECK: scaled.cast %{{.*}} : tensor<4xf32> -> tensor<4xf16>
func.func @chosen(%p: tensor<4xi1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<-1.0e3> : tensor<4xf32>
  %0 = stablehlo.select %p, %x, %c : tensor<4xi1>, tensor<4xf32>
  %1 = stablehlo.negate %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// What a contraction or a loop takes is normalised first.
// CHECK-LABEL: func.func @stored
// CHECK: stablehlo.select
// CHECK: scaled.normalize
// CHECK: %[[N:.*]], %{{.*}} = scaled.normalize
// CHECK: %[[D:.*]] = scaled.cast %[[N]] : tensor<4xf32> -> tensor<4xf16>
// CHECK: scaled.dot_general
func.func @stored(%p: tensor<4xi1>, %x: tensor<4xf32>) -> tensor<f32> {
  %c = stablehlo.constant dense<-1.0e30> : tensor<4xf32>
  %0 = stablehlo.select %p, %x, %c : tensor<4xi1>, tensor<4xf32>
  %1 = stablehlo.dot_general %0, %x, contracting_dims = [0] x [0] : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// float64's least number is beyond float32: what is chosen beside it stays float64, with exponent 0.
// CHECK-LABEL: func.func @least_double
// CHECK: %[[X:.*]] = stablehlo.convert %{{.*}} : (tensor<4xf16>) -> tensor<4xf64>
// CHECK: %[[S:.*]] = stablehlo.select %arg0, %{{.*}}, %{{.*}} : tensor<4xi1>, tensor<4xf64>
// CHECK-NOT: scaled.normalize
// CHECK: stablehlo.reduce
// CHECK-SAME: tensor<4xf64>
// CHECK-NOT: scaled.cast
// CHECK: stablehlo.subtract %{{.*}} : tensor<4xf64>
// CHECK: stablehlo.convert %{{.*}} : (tensor<4xf64>) -> tensor<4xf32>
// CHECK: stablehlo.exponential %{{.*}} : tensor<4xf32>
// CHECK: scaled.cast %{{.*}} : tensor<4xf32> -> tensor<4xf16>
func.func @least_double(%p: tensor<4xi1>, %x: tensor<4xf64>) -> tensor<4xf64> {
  %c = stablehlo.constant dense<-1.7976931348623157E+308> : tensor<4xf64>
  %i = stablehlo.constant dense<0xFFF0000000000000> : tensor<f64>
  %0 = stablehlo.select %p, %x, %c : tensor<4xi1>, tensor<4xf64>
  %1 = stablehlo.reduce(%0 init: %i) applies stablehlo.maximum across dimensions = [0] : (tensor<4xf64>, tensor<f64>) -> tensor<f64>
  %2 = stablehlo.broadcast_in_dim %1, dims = [] : (tensor<f64>) -> tensor<4xf64>
  %3 = stablehlo.subtract %0, %2 : tensor<4xf64>
  %4 = stablehlo.exponential %3 : tensor<4xf64>
  return %4 : tensor<4xf64>
}

// -----

// What selects, moves or replaces elements of them has them far apart as well.
// CHECK-LABEL: func.func @moved
// CHECK: stablehlo.select
// CHECK: %[[S:.*]] = "stablehlo.reduce_window"
// CHECK-NOT: scaled.cast
// CHECK: %[[N:.*]], %{{.*}} = scaled.normalize
// CHECK: scaled.cast %[[N]] : tensor<2xf32> -> tensor<2xf16>
// CHECK: scaled.dot_general
func.func @moved(%p: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<2xf32>) -> tensor<f32> {
  %c = stablehlo.constant dense<-1.0e30> : tensor<4xf32>
  %i = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.select %p, %x, %c : tensor<4xi1>, tensor<4xf32>
  %1 = "stablehlo.reduce_window"(%0, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %3 = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %3 : tensor<f32>
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<2xf32>
  %2 = stablehlo.dot_general %1, %y, contracting_dims = [0] x [0] : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  return %2 : tensor<f32>
}
