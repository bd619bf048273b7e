// RUN: steelyard-opt %s | steelyard-opt | FileCheck %s
// RUN: steelyard-opt %s -mlir-print-op-generic | steelyard-opt | FileCheck %s

// CHECK-LABEL: @scatter
// CHECK: "stablehlo.scatter"(%arg0, %arg1, %arg2) <{indices_are_sorted = true, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [3, 4], inserted_window_dims = [1], input_batching_dims = [0], scatter_indices_batching_dims = [1], scatter_dims_to_operand_dims = [2, 1], index_vector_dim = 3>, unique_indices = false}>
func.func @scatter(%x: tensor<2x3x4x2xi64>, %i: tensor<2x2x3x2xi64>, %u: tensor<2x2x3x2x2xi64>) -> tensor<2x3x4x2xi64> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{
    scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [3, 4], inserted_window_dims = [1],
      input_batching_dims = [0], scatter_indices_batching_dims = [1], scatter_dims_to_operand_dims = [2, 1],
      index_vector_dim = 3>,
    indices_are_sorted = true, unique_indices = false}> ({
  ^bb0(%a: tensor<i64>, %b: tensor<i64>):
    %1 = stablehlo.add %a, %b : tensor<i64>
    stablehlo.return %1 : tensor<i64>
  }) : (tensor<2x3x4x2xi64>, tensor<2x2x3x2xi64>, tensor<2x2x3x2x2xi64>) -> tensor<2x3x4x2xi64>
  return %0 : tensor<2x3x4x2xi64>
}

// A dimension of 0 is not printed.
// CHECK-LABEL: @index_vector_dim
// CHECK: #stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0]>
func.func @index_vector_dim(%x: tensor<4xf32>, %i: tensor<1xi32>, %u: tensor<f32>) -> tensor<4xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<
    inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    stablehlo.return %b : tensor<f32>
  }) : (tensor<4xf32>, tensor<1xi32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: @sort
// CHECK: %{{.+}}:2 = "stablehlo.sort"(%arg0, %arg1) <{dimension = -1 : i64, is_stable = true}> ({
// CHECK-NEXT: ^bb0(%{{.+}}: tensor<f32>, %{{.+}}: tensor<f32>, %{{.+}}: tensor<i8>, %{{.+}}: tensor<i8>):
func.func @sort(%x: tensor<4x3xf32>, %y: tensor<4x3xi8>) -> tensor<4x3xi8> {
  %0:2 = "stablehlo.sort"(%x, %y) <{is_stable = true, dimension = -1 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<i8>, %d: tensor<i8>):
    %1 = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  }) : (tensor<4x3xf32>, tensor<4x3xi8>) -> (tensor<4x3xf32>, tensor<4x3xi8>)
  return %0#1 : tensor<4x3xi8>
}

// CHECK-LABEL: @others
func.func @others(%s: tensor<2xui64>, %x: tensor<4xi32>) -> tensor<3xui8> {
  // CHECK: %output_state, %output = stablehlo.rng_bit_generator %arg0, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui8>)
  %0, %1 = stablehlo.rng_bit_generator %s, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui8>)
  // CHECK: stablehlo.count_leading_zeros %arg1 : tensor<4xi32>
  %2 = stablehlo.count_leading_zeros %x : tensor<4xi32>
  // CHECK: stablehlo.get_dimension_size %arg1, dim = 0 : (tensor<4xi32>) -> tensor<i32>
  %3 = stablehlo.get_dimension_size %x, dim = 0 : (tensor<4xi32>) -> tensor<i32>
  // CHECK: "stablehlo.map"(%arg1) <{dimensions = array<i64: 0>}>
  %4 = "stablehlo.map"(%x) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<i32>):
    %5 = stablehlo.negate %a : tensor<i32>
    stablehlo.return %5 : tensor<i32>
  }) : (tensor<4xi32>) -> tensor<4xi32>
  return %1 : tensor<3xui8>
}
