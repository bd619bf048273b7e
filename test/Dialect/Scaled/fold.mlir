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
