// RUN: steelyard-opt %s -scalify -split-input-file -verify-diagnostics | FileCheck %s

// What moves elements keeps data and exponent.
// CHECK-LABEL: @move
// CHECK: %[[N:.+]], %[[E:.+]] = scaled.normalize %arg0
// CHECK: %[[D:.+]] = scaled.cast %[[N]] : tensor<8xf32> -> tensor<8xf16>
// CHECK: %[[S:.+]] = stablehlo.dynamic_slice %[[D]], %arg1, sizes = [3] : (tensor<8xf16>, tensor<i32>) -> tensor<3xf16>
// CHECK: %[[W:.+]] = stablehlo.convert %[[S]]
// CHECK: %[[DELTA:.+]] = scaled.exponent_delta %[[E]]
// CHECK: scaled.rescale %[[W]], %[[DELTA]]
func.func @move(%x: tensor<8xf32>, %i: tensor<i32>) -> tensor<3xf32> {
  %0 = stablehlo.dynamic_slice %x, %i, sizes = [3] : (tensor<8xf32>, tensor<i32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// So does a sort whose comparator a scale does not change; its constants are of the storage's type.
// CHECK-LABEL: @sort
// CHECK: %[[ZERO:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<f16>
// CHECK: "stablehlo.sort"(%{{.+}}, %arg1) <{dimension = 0 : i64}>
// CHECK-NEXT: ^bb0(%[[A:.+]]: tensor<f16>, %[[B:.+]]: tensor<f16>, %{{.+}}: tensor<i32>, %{{.+}}: tensor<i32>):
// CHECK-NEXT: stablehlo.compare EQ, %[[A]], %[[ZERO]]
// CHECK: }) : (tensor<8xf16>, tensor<8xi32>) -> (tensor<8xf16>, tensor<8xi32>)
func.func @sort(%x: tensor<8xf32>, %y: tensor<8xi32>) -> (tensor<8xf32>, tensor<8xi32>) {
  %0:2 = "stablehlo.sort"(%x, %y) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<i32>, %d: tensor<i32>):
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %1 = stablehlo.compare EQ, %a, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %2 = stablehlo.select %1, %zero, %a : tensor<i1>, tensor<f32>
    %3 = stablehlo.compare LT, %2, %b, TOTALORDER : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %3 : tensor<i1>
  }) : (tensor<8xf32>, tensor<8xi32>) -> (tensor<8xf32>, tensor<8xi32>)
  return %0#0, %0#1 : tensor<8xf32>, tensor<8xi32>
}

// -----

// Elements of different operands have different scales.
// CHECK-LABEL: @across
// CHECK: }) : (tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
func.func @across(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  // expected-remark@+1 {{its scale rule does not cover this form}}
  %0:2 = "stablehlo.sort"(%x, %y) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
    %1 = stablehlo.compare LT, %a, %d : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  }) : (tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
  return %0#0 : tensor<8xf32>
}

// -----

// Sums: at the maximum of the exponents, in float32, then normalised.
// CHECK-LABEL: @scatter
// CHECK: %[[MAX:.+]] = scaled.exponent_max
// CHECK: %[[SUM:.+]] = "stablehlo.scatter"(%{{.+}}, %arg1, %{{.+}})
// CHECK-NEXT: ^bb0(%[[A:.+]]: tensor<f32>, %[[B:.+]]: tensor<f32>):
// CHECK-NEXT: stablehlo.add %[[A]], %[[B]] : tensor<f32>
// CHECK: (tensor<8xf32>, tensor<4x1xi32>, tensor<4xf32>) -> tensor<8xf32>
// CHECK: scaled.normalize %[[SUM]], %[[MAX]]
func.func @scatter(%x: tensor<8xbf16>, %i: tensor<4x1xi32>, %u: tensor<4xbf16>) -> tensor<8xbf16> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<bf16>, %b: tensor<bf16>):
    %1 = stablehlo.add %a, %b : tensor<bf16>
    stablehlo.return %1 : tensor<bf16>
  }) : (tensor<8xbf16>, tensor<4x1xi32>, tensor<4xbf16>) -> tensor<8xbf16>
  return %0 : tensor<8xbf16>
}

// -----

// CHECK-LABEL: @product
func.func @product(%x: tensor<8xf32>, %i: tensor<4x1xi32>, %u: tensor<4xf32>) -> tensor<8xf32> {
  // expected-remark@+1 {{its scale rule does not cover this form}}
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.multiply %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<8xf32>, tensor<4x1xi32>, tensor<4xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// An update of zeros takes the update's exponent: nothing is lost, so nothing is normalised again.
// CHECK-LABEL: @update_of_zeros
// CHECK: %{{.+}}, %[[E:.+]] = scaled.normalize %arg0
// CHECK: %[[U:.+]] = stablehlo.dynamic_update_slice
// CHECK-NOT: scaled.normalize
// CHECK: return
func.func @update_of_zeros(%u: tensor<3xf32>, %i: tensor<i32>) -> tensor<8xf32> {
  %z = stablehlo.constant dense<0.0> : tensor<8xf32>
  %0 = stablehlo.dynamic_update_slice %z, %u, %i : (tensor<8xf32>, tensor<3xf32>, tensor<i32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
