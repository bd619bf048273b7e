// RUN: steelyard-opt %s -normalise | FileCheck %s
// RUN: steelyard-opt %s -normalise -mlir-print-debuginfo | FileCheck %s --check-prefix=LOC

// CHECK-LABEL: @main
// CHECK-SAME: (%[[X:.+]]: tensor<4xf32> {tf.aliasing_output = 0 : i32})
func.func public @main(%x: tensor<4xf32> {tf.aliasing_output = 0 : i32}) -> (tensor<4xf32> {jax.result_info = "result"}) {
  // Calls inside calls.
  // CHECK-DAG: %[[ZERO:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<4xf32>
  // CHECK-DAG: %[[NEG:.+]] = stablehlo.negate %[[X]]
  // CHECK: %[[RELU:.+]] = stablehlo.maximum %[[NEG]], %[[ZERO]]
  // LOC: stablehlo.maximum {{.*}} loc(#[[L:.+]])
  %0 = call @outer(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("jit(f)/outer")
  // Identities.
  %1 = stablehlo.optimization_barrier %0 : tensor<4xf32>
  %2 = stablehlo.custom_call @Sharding(%1) {mhlo.sharding = "{replicated}"} : (tensor<4xf32>) -> tensor<4xf32>
  // A composite is what its decomposition says.
  // CHECK: %[[SUM:.+]] = stablehlo.add %[[RELU]], %[[RELU]]
  %3 = stablehlo.composite "my.double" %2 {decomposition = @double} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: %[[SQUARE:.+]] = stablehlo.multiply %[[SUM]], %[[SUM]]
  %4 = chlo.square %3 : tensor<4xf32> -> tensor<4xf32>
  // CHECK: %[[TAN:.+]] = stablehlo.tan %[[SQUARE]]
  %5 = chlo.tan %4 : tensor<4xf32> -> tensor<4xf32>
  // CHECK: %[[ERF:.+]] = chlo.erf %[[TAN]]
  %6 = chlo.erf %5 : tensor<4xf32> -> tensor<4xf32>
  // CHECK: check.expect_eq %[[ERF]], %[[TAN]]
  stablehlo.custom_call @check.expect_eq(%6, %5) {has_side_effect = true} : (tensor<4xf32>, tensor<4xf32>) -> ()
  // CHECK: check.expect_close %[[ERF]], %[[TAN]], max_ulp_difference = 3
  stablehlo.custom_call @check.expect_close(%6, %5) {has_side_effect = true} : (tensor<4xf32>, tensor<4xf32>) -> ()
  // CHECK: check.expect_almost_eq %[[ERF]], %[[TAN]], tolerance = 1.000000e-03
  stablehlo.custom_call @check.expect_almost_eq(%6, %5) {has_side_effect = true} : (tensor<4xf32>, tensor<4xf32>) -> ()
  // CHECK: return %[[ERF]]
  return %6 : tensor<4xf32>
}

// CHECK-NOT: func.func private
func.func private @outer(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.negate %x : tensor<4xf32>
  %1 = func.call @relu(%0) : (tensor<4xf32>) -> tensor<4xf32> loc("jit(f)/relu")
  return %1 : tensor<4xf32>
}

func.func private @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.constant dense<0.0> : tensor<f32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<4xf32>
  %2 = stablehlo.maximum %x, %1 : tensor<4xf32> loc("max")
  return %2 : tensor<4xf32>
}

func.func private @double(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// The names of the calls stay with what was inlined.
// LOC-DAG: loc("jit(f)/outer")
// LOC-DAG: loc("jit(f)/relu")
// LOC-DAG: loc("max")
// LOC-DAG: callsite(
