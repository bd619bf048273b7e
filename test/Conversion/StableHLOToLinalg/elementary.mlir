// RUN: steelyard-opt %s --convert-stablehlo-to-linalg | FileCheck %s

// Float32 by vector code in float64, float64 by the C library.
// CHECK-LABEL: func.func @expm1
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: math.exp %{{.*}} : f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK: host.libm "expm1" %{{.*}} : f64
func.func @expm1(%x: tensor<4xf32>, %y: tensor<4xf64>) -> (tensor<4xf32>, tensor<4xf64>) {
  %0 = stablehlo.exponential_minus_one %x : tensor<4xf32>
  %1 = stablehlo.exponential_minus_one %y : tensor<4xf64>
  return %0, %1 : tensor<4xf32>, tensor<4xf64>
}

// CHECK-LABEL: func.func @lgamma
// CHECK: host.libm "lgamma"
func.func @lgamma(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = chlo.lgamma %x : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Bits one up or down; the numbers are not widened.
// CHECK-LABEL: func.func @next_after
// CHECK: arith.bitcast %{{.*}} : bf16 to i16
// CHECK-NOT: arith.extf
// CHECK: arith.bitcast %{{.*}} : i16 to bf16
func.func @next_after(%x: tensor<4xbf16>, %y: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = chlo.next_after %x, %y : tensor<4xbf16>, tensor<4xbf16> -> tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// CHECK-LABEL: func.func @digamma
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
func.func @digamma(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = chlo.digamma %x : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
