// RUN: steelyard-opt %s --convert-stablehlo-to-linalg=keep-functions | FileCheck %s

// What the math dialect has is the target's, in both types; bf16 by way of float32.
// CHECK-LABEL: func.func @kept
// CHECK: math.tanh %{{.*}} : f32
// CHECK: math.tanh %{{.*}} : f64
// CHECK: %[[WIDE:.*]] = arith.extf %{{.*}} : bf16 to f32
// CHECK: math.log %[[WIDE]] : f32
// CHECK: math.log1p %{{.*}} : f32
// CHECK: math.expm1 %{{.*}} : f64
// CHECK: math.cos %{{.*}} : f64
// CHECK: math.tan %{{.*}} : f64
// CHECK-NOT: host.libm
func.func @kept(%x: tensor<4xf32>, %y: tensor<4xf64>, %z: tensor<4xbf16>)
    -> (tensor<4xf32>, tensor<4xf64>, tensor<4xbf16>, tensor<4xf32>, tensor<4xf64>, tensor<4xf64>, tensor<4xf64>) {
  %0 = stablehlo.tanh %x : tensor<4xf32>
  %1 = stablehlo.tanh %y : tensor<4xf64>
  %2 = stablehlo.log %z : tensor<4xbf16>
  %3 = stablehlo.log_plus_one %x : tensor<4xf32>
  %4 = stablehlo.exponential_minus_one %y : tensor<4xf64>
  %5 = stablehlo.cosine %y : tensor<4xf64>
  %6 = stablehlo.tan %y : tensor<4xf64>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<4xf32>, tensor<4xf64>, tensor<4xbf16>, tensor<4xf32>, tensor<4xf64>, tensor<4xf64>, tensor<4xf64>
}

// Its one division may be by a reciprocal.
// CHECK-LABEL: func.func @logistic
// CHECK: %[[E:.*]] = math.exp %{{.*}} : f32
// CHECK: %[[SUM:.*]] = arith.addf %{{.*}}, %[[E]] : f32
// CHECK: arith.divf %{{.*}}, %[[SUM]] fastmath<arcp> : f32
// CHECK-COUNT-3: math.fma
func.func @logistic(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.logistic %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// What the program divides, it divides.
// CHECK-LABEL: func.func @divide
// CHECK: arith.divf %{{.*}}, %{{.*}} : f32
func.func @divide(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.divide %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
