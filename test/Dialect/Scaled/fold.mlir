// RUN: steelyard-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @unpack_of_pack
// CHECK-NEXT: return %arg0, %arg1
func.func @unpack_of_pack(%d: tensor<4xf16>, %e: tensor<i32>) -> (tensor<4xf16>, tensor<i32>) {
  %p = scaled.pack %d, %e : tensor<4xf16>, tensor<i32> -> !scaled.tensor<4xf16, exp>
  %d1, %e1 = scaled.unpack %p : !scaled.tensor<4xf16, exp> -> tensor<4xf16>, tensor<i32>
  return %d1, %e1 : tensor<4xf16>, tensor<i32>
}

// CHECK-LABEL: func.func @pack_of_unpack
// CHECK-NEXT: return %arg0
func.func @pack_of_unpack(%x: !scaled.tensor<4xf16, exp>) -> !scaled.tensor<4xf16, exp> {
  %d, %e = scaled.unpack %x : !scaled.tensor<4xf16, exp> -> tensor<4xf16>, tensor<i32>
  %p = scaled.pack %d, %e : tensor<4xf16>, tensor<i32> -> !scaled.tensor<4xf16, exp>
  return %p : !scaled.tensor<4xf16, exp>
}

// The least exponent absorbs products, clamps never reach it, and it is neutral in joins.
// CHECK-LABEL: func.func @exponents
// CHECK-DAG: %[[LEAST:.*]] = scaled.constant_exponent -1048576
// CHECK-DAG: %[[FIVE:.*]] = scaled.constant_exponent 5
// CHECK-DAG: %[[CLAMPED:.*]] = scaled.constant_exponent -1048575
// CHECK: return %[[LEAST]], %arg0, %[[FIVE]], %[[CLAMPED]]
func.func @exponents(%e: tensor<i32>) -> (tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>) {
  %least = scaled.constant_exponent -1048576 : tensor<i32>
  %low = scaled.constant_exponent -1000000 : tensor<i32>
  %two = scaled.constant_exponent 2 : tensor<i32>
  %three = scaled.constant_exponent 3 : tensor<i32>
  %a = scaled.exponent_add %least, %two : tensor<i32>
  %b = scaled.exponent_max %e, %least : tensor<i32>
  %c = scaled.exponent_add %two, %three : tensor<i32>
  %d = scaled.exponent_add %low, %low : tensor<i32>
  return %a, %b, %c, %d : tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>
}

// Within the normal exponents one multiplication is enough; beyond them the factors stay.
// CHECK-LABEL: func.func @rescale_factors
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG: %[[LOW:.*]] = arith.constant 1.17549435E-38 : f32
// CHECK-DAG: %[[HIGH:.*]] = arith.constant 1.70141183E+38 : f32
// CHECK-DAG: %[[BELOW:.*]], %{{.*}}, %{{.*}} = scaled.rescale_factors %{{.*}} : f32
// CHECK-DAG: %[[ABOVE:.*]], %{{.*}}, %{{.*}} = scaled.rescale_factors %{{.*}} : f32
// CHECK-DAG: %[[DOUBLE:.*]] = arith.constant 5.87747175{{.*}}E-39 : f64
// CHECK: return %[[LOW]], %[[ONE]], %[[ONE]], %[[HIGH]], %[[BELOW]], %[[ABOVE]], %[[DOUBLE]]
func.func @rescale_factors() -> (f32, f32, f32, f32, f32, f32, f64) {
  %low = arith.constant -126 : i32
  %high = arith.constant 127 : i32
  %below = arith.constant -127 : i32
  %above = arith.constant 128 : i32
  %a:3 = scaled.rescale_factors %low : f32
  %b:3 = scaled.rescale_factors %high : f32
  %c:3 = scaled.rescale_factors %below : f32
  %d:3 = scaled.rescale_factors %above : f32
  %e:3 = scaled.rescale_factors %below : f64
  return %a#0, %a#1, %a#2, %b#0, %c#0, %d#0, %e#0 : f32, f32, f32, f32, f32, f32, f64
}
