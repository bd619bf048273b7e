// RUN: steelyard-opt %s --scalify --quantize -verify-diagnostics | FileCheck %s

// Scalify hands the user's attribute on to quantize.
// CHECK-LABEL: func.func @roles
// CHECK-DAG: scaled.quantize %{{.*}} -> <4x8xf8E5M2, exp>
// CHECK-DAG: scaled.quantize %{{.*}} -> <8x2xf8E4M3FN, exp>
// CHECK: scaled.dot_general {{.*}}steelyard.roles = ["gradient", "weight"]
func.func @roles(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  // expected-remark@+1 {{contraction in 'f8E5M2' (gradient) x 'f8E4M3FN' (weight): the attribute steelyard.roles}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] {steelyard.roles = ["gradient", "weight"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
