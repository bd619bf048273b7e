// RUN: steelyard-opt %s --scalify="state=scaled state-rounding=stochastic seed=7" | FileCheck %s
// RUN: not steelyard-opt %s --scalify="state-rounding=up" 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: scalify: state-rounding is nearest or stochastic, got 'up'

// State is rounded with random bits, each of its own stream; the key is state, one more in the next call.
// CHECK-LABEL: func.func @step
// CHECK-SAME: %arg3: tensor<i64> {steelyard.initial = dense<7> : tensor<i64>, steelyard.state = "scalify.rounding_key", tf.aliasing_output = 3 : i32}
// CHECK-SAME: tensor<i64> {steelyard.state = "scalify.rounding_key"})
// CHECK: %[[M:.*]] = scaled.random_bits %arg3 stream 0 : tensor<i64> -> tensor<4xi32>
// CHECK: scaled.cast %{{[a-z_0-9]+}} random %[[M]] {rounding = #scaled.rounding<stochastic>} : tensor<4xf32>, tensor<4xi32> -> tensor<4xf16>
// CHECK: %[[V:.*]] = scaled.random_bits %arg3 stream 1 : tensor<i64> -> tensor<4xi32>
// CHECK: scaled.cast %{{[a-z_0-9]+}} random %[[V]] {rounding = #scaled.rounding<stochastic>} : tensor<4xf32>, tensor<4xi32> -> tensor<4xf16>
// CHECK: %[[NEXT:.*]] = stablehlo.add %arg3, %{{.*}} : tensor<i64>
// CHECK: return %{{.*}}, %{{.*}}, %{{.*}}, %[[NEXT]]
func.func @step(%m: tensor<4xf32> {tf.aliasing_output = 0 : i32}, %v: tensor<4xf32> {tf.aliasing_output = 1 : i32},
                %g: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %m1 = stablehlo.add %m, %g : tensor<4xf32>
  %g2 = stablehlo.multiply %g, %g : tensor<4xf32>
  %v1 = stablehlo.add %v, %g2 : tensor<4xf32>
  return %m1, %v1, %g2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Nothing that is kept, nothing that is random.
// CHECK-LABEL: func.func @no_state
// CHECK-NOT: random
func.func @no_state(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = stablehlo.add %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
