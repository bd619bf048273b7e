// RUN: steelyard-opt %s -convert-scaled-cast-to-arith -canonicalize -cse | FileCheck %s

// Three factors made of one delta, for all elements.
// CHECK-LABEL: func @vector(
// CHECK-SAME: %[[X:.*]]: vector<8xf32>, %[[DELTA:.*]]: i32)
// CHECK-DAG: %[[FIRST:.*]] = vector.broadcast %{{.*}} : f32 to vector<8xf32>
// CHECK-DAG: %[[SECOND:.*]] = vector.broadcast %{{.*}} : f32 to vector<8xf32>
// CHECK-DAG: %[[THIRD:.*]] = vector.broadcast %{{.*}} : f32 to vector<8xf32>
// CHECK: %[[A:.*]] = arith.mulf %[[X]], %{{.*}} : vector<8xf32>
// CHECK: %[[B:.*]] = arith.mulf %[[A]], %{{.*}} : vector<8xf32>
// CHECK: %[[C:.*]] = arith.mulf %[[B]], %{{.*}} : vector<8xf32>
// CHECK: return %[[C]]
func.func @vector(%x: vector<8xf32>, %delta: i32) -> vector<8xf32> {
  %y = scaled.rescale %x, %delta : vector<8xf32>, i32
  return %y : vector<8xf32>
}

// CHECK-LABEL: func @double(
// CHECK: arith.extsi %{{.*}} : i32 to i64
// CHECK-COUNT-3: arith.mulf %{{.*}} : f64
func.func @double(%x: f64, %delta: i32) -> f64 {
  %y = scaled.rescale %x, %delta : f64, i32
  return %y : f64
}

// A narrower float is multiplied in float32 and rounded once.
// CHECK-LABEL: func @half(
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK-COUNT-3: arith.mulf %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: f16, %delta: i32) -> f16 {
  %y = scaled.rescale %x, %delta : f16, i32
  return %y : f16
}

// CHECK-LABEL: func @byte(
// CHECK-COUNT-3: arith.mulf %{{.*}} : f32
// CHECK: arith.bitcast %{{.*}} : i8 to f8E5M2
func.func @byte(%x: f8E5M2, %delta: i32) -> f8E5M2 {
  %y = scaled.rescale %x, %delta : f8E5M2, i32
  return %y : f8E5M2
}

// The factors alone: integers only.
// CHECK-LABEL: func @factors(
// CHECK-NOT: arith.mulf
// CHECK: arith.bitcast %{{.*}} : i32 to f32
// CHECK: arith.bitcast %{{.*}} : i32 to f32
// CHECK: arith.bitcast %{{.*}} : i32 to f32
// CHECK: return
func.func @factors(%delta: i32) -> (f32, f32, f32) {
  %y:3 = scaled.rescale_factors %delta : f32
  return %y#0, %y#1, %y#2 : f32, f32, f32
}
