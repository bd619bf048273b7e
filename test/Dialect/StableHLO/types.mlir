// Every element type, and frontends' attributes, parse without a flag.
// RUN: steelyard-opt %s | steelyard-opt | FileCheck %s

// CHECK: module @types attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32}
module @types attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  // CHECK: func.func public @main(%arg0: tensor<2xf32> {jax.buffer_donor = true, mhlo.sharding = "{replicated}"}, %arg1: tensor<2xf32> {tf.aliasing_output = 0 : i32}) -> (tensor<2xf32> {jax.result_info = "result"})
  func.func public @main(%x: tensor<2xf32> {jax.buffer_donor = true, mhlo.sharding = "{replicated}"}, %y: tensor<2xf32> {tf.aliasing_output = 0 : i32}) -> (tensor<2xf32> {jax.result_info = "result"}) {
    // CHECK-COUNT-3: -> tensor<2xf{{4E2M1FN|6E2M3FN|6E3M2FN}}>
    %0 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf4E2M1FN>
    %1 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf6E2M3FN>
    %2 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf6E3M2FN>
    // CHECK-COUNT-8: -> tensor<2xf8E{{.*}}>
    %3 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E3M4>
    %4 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E4M3>
    %5 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
    %6 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E4M3FNUZ>
    %7 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E4M3B11FNUZ>
    %8 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E5M2>
    %9 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E5M2FNUZ>
    %10 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E8M0FNU>
    // CHECK: -> tensor<2xbf16>
    %11 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xbf16>
    // CHECK: -> tensor<2xf16>
    %12 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf16>
    // CHECK: -> tensor<2xf64>
    %13 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf64>
    // CHECK: -> tensor<2xi4>
    %14 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xi4>
    // CHECK: -> tensor<2xui2>
    %15 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xui2>
    // CHECK: -> tensor<2xui64>
    %16 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xui64>
    // CHECK: -> tensor<2xi1>
    %17 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xi1>
    // CHECK: -> tensor<2xcomplex<f32>>
    %18 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xcomplex<f32>>
    return %y : tensor<2xf32>
  }
}
