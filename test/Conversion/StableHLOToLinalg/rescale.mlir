// RUN: steelyard-opt %s -convert-stablehlo-to-linalg | FileCheck %s
// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -cpu-scalars -canonicalize -cse | FileCheck %s --check-prefix=SCALARS
// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -cpu-scalars -host-fuse-elementwise -canonicalize -cse | FileCheck %s --check-prefix=FUSED

// The factors are made outside of the loop.
// CHECK-LABEL: func.func @rescale
// CHECK: scaled.rescale_factors %{{.*}} : f32
// CHECK: linalg.generic
// CHECK-COUNT-3: arith.mulf %{{.*}} : f32
// CHECK: linalg.yield
// SCALARS-LABEL: func.func @rescale
// SCALARS: %[[A:.*]], %[[B:.*]], %[[C:.*]] = scaled.rescale_factors %{{.*}} : f32
// SCALARS: linalg.generic
// SCALARS-SAME: ins(%{{.*}}, %[[A]], %[[B]], %[[C]] : tensor<8xf32>, f32, f32, f32)
func.func @rescale(%x: tensor<8xf32>, %e: tensor<i32>) -> tensor<8xf32> {
  %0 = scaled.rescale %x, %e : tensor<8xf32>, tensor<i32>
  return %0 : tensor<8xf32>
}

// Equal exponents share them.
// SCALARS-LABEL: func.func @twice
// SCALARS-COUNT-1: scaled.rescale_factors
// SCALARS-NOT: scaled.rescale_factors
// SCALARS: return
func.func @twice(%x: tensor<8xf32>, %y: tensor<4xf32>, %e: tensor<i32>) -> (tensor<8xf32>, tensor<4xf32>) {
  %0 = scaled.rescale %x, %e : tensor<8xf32>, tensor<i32>
  %1 = scaled.rescale %y, %e : tensor<4xf32>, tensor<i32>
  return %0, %1 : tensor<8xf32>, tensor<4xf32>
}

// A narrower float is multiplied in float32 and rounded once.
// CHECK-LABEL: func.func @half
// CHECK: linalg.generic
// CHECK: scaled.cast %{{.*}} : f16 -> f32
// CHECK-COUNT-3: arith.mulf %{{.*}} : f32
// CHECK: scaled.cast %{{.*}} : f32 -> f16
func.func @half(%x: tensor<8xf16>, %e: tensor<i32>) -> tensor<8xf16> {
  %0 = scaled.rescale %x, %e : tensor<8xf16>, tensor<i32>
  return %0 : tensor<8xf16>
}

// A constant within the normal exponents is one multiplication.
// FUSED-LABEL: func.func @constant
// FUSED-NOT: scaled.rescale_factors
// FUSED: linalg.generic
// FUSED: arith.mulf
// FUSED-NOT: arith.mulf
// FUSED: linalg.yield
func.func @constant(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = scaled.constant_exponent -3 : tensor<i32>
  %0 = scaled.rescale %x, %e : tensor<8xf32>, tensor<i32>
  return %0 : tensor<8xf32>
}

// Several deltas: their factors are tensors of the deltas' shape, made once for each, not for each element.
// CHECK-LABEL: func.func @slices
// CHECK: %[[F:.*]]:3 = linalg.generic
// CHECK-SAME: ins(%{{.*}} : tensor<4x1xi32>) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>)
// CHECK: scaled.rescale_factors %{{.*}} : f32
// CHECK: linalg.generic
// CHECK-SAME: ins(%{{.*}}, %[[F]]#0, %[[F]]#1, %[[F]]#2 : tensor<4x8xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>)
// CHECK-COUNT-3: arith.mulf %{{.*}} : f32
// FUSED-LABEL: func.func @slices
// FUSED: linalg.generic
// FUSED: scaled.rescale_factors
// FUSED: linalg.generic
// FUSED-NOT: scaled.rescale_factors
// FUSED: linalg.yield
func.func @slices(%x: tensor<4x8xf32>, %e: tensor<4x1xi32>) -> tensor<4x8xf32> {
  %0 = scaled.rescale %x, %e : tensor<4x8xf32>, tensor<4x1xi32>
  return %0 : tensor<4x8xf32>
}
