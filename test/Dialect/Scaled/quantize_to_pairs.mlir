// RUN: steelyard-opt %s -scaled-to-pairs -canonicalize | FileCheck %s

// What is finite saturates before the cast; what is not goes through it.

// CHECK-LABEL: func.func @saturate
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[E:.*]]: tensor<i32>)
func.func @saturate(%x: tensor<4xf32>, %e: tensor<i32>) -> !scaled.tensor<4xf8E4M3FN, exp> {
  // CHECK-DAG: %[[MOST:.*]] = stablehlo.constant dense<4.480000e+02> : tensor<f32>
  // CHECK-DAG: %[[LEAST:.*]] = stablehlo.constant dense<-4.480000e+02> : tensor<f32>
  // CHECK: %[[R:.*]] = scaled.rescale %[[X]]
  // CHECK: %[[C:.*]] = stablehlo.clamp %[[LEAST]], %[[R]], %[[MOST]]
  // CHECK: %[[F:.*]] = stablehlo.is_finite %[[X]]
  // CHECK: %[[S:.*]] = stablehlo.select %[[F]], %[[C]], %[[R]]
  // CHECK: scaled.cast %[[S]] : tensor<4xf32> -> tensor<4xf8E4M3FN>
  %0 = scaled.quantize %x exponent %e {saturate} : tensor<4xf32> -> <4xf8E4M3FN, exp>
  return %0 : !scaled.tensor<4xf8E4M3FN, exp>
}

// CHECK-LABEL: func.func @overflow
func.func @overflow(%x: tensor<4xf32>, %e: tensor<i32>) -> !scaled.tensor<4xf8E4M3FN, exp> {
  // CHECK-NOT: stablehlo.clamp
  // CHECK: scaled.cast %{{.*}} : tensor<4xf32> -> tensor<4xf8E4M3FN>
  %0 = scaled.quantize %x exponent %e : tensor<4xf32> -> <4xf8E4M3FN, exp>
  return %0 : !scaled.tensor<4xf8E4M3FN, exp>
}
