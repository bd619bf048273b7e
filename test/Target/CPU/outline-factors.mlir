// RUN: steelyard-opt %s --cpu-outline-regions | FileCheck %s

// Factors of the same type are one function's; a single one stays where it is.
// CHECK-LABEL: func.func @many(
// CHECK: %[[A:.*]]:3 = call @many_rescale_factors_f32(%{{.*}}) : (i32) -> (f32, f32, f32)
// CHECK: %[[B:.*]]:3 = call @many_rescale_factors_f32(%{{.*}}) : (i32) -> (f32, f32, f32)
// CHECK: scaled.rescale_factors %{{.*}} : f64
// CHECK: memref.store %[[A]]#0
// CHECK: memref.store %[[B]]#2
// CHECK-LABEL: func.func private @many_rescale_factors_f32(%{{.*}}: i32) -> (f32, f32, f32)
// CHECK-COUNT-1: scaled.rescale_factors %{{.*}} : f32
// CHECK-NOT: scaled.rescale_factors
func.func @many(%d: i32, %e: i32, %out: memref<f32>, %wide: memref<f64>) {
  %a:3 = scaled.rescale_factors %d : f32
  %b:3 = scaled.rescale_factors %e : f32
  %c:3 = scaled.rescale_factors %d : f64
  memref.store %a#0, %out[] : memref<f32>
  memref.store %b#2, %out[] : memref<f32>
  memref.store %c#1, %wide[] : memref<f64>
  return
}
