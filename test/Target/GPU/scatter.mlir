// RUN: steelyard-opt %s --split-input-file --steelyard-import --convert-stablehlo-to-linalg=work-by-destination=262144 | FileCheck %s

// Each element of the result asks all updates; what they have for others is not branched around, so that many are read at once.
// CHECK-LABEL: func.func @rows
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]}
// CHECK: %[[SUM:.*]] = scf.for %{{.*}} = %c0{{.*}} to %c16{{.*}} iter_args(%[[OLD:.*]] = %{{.*}}) -> (f32)
// CHECK-NOT: scf.if
// CHECK: %[[UPDATE:.*]] = tensor.extract %arg2
// CHECK: %[[NEW:.*]] = arith.addf %[[OLD]], %[[UPDATE]]
// CHECK: %[[CHOSEN:.*]] = arith.select %{{.*}}, %[[NEW]], %[[OLD]]
// CHECK: scf.yield %[[CHOSEN]]
// CHECK: linalg.yield %[[SUM]]
func.func @rows(%x: tensor<65x8xf32>, %i: tensor<16x1xi32>, %u: tensor<16x8xf32>) -> tensor<65x8xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) : (tensor<65x8xf32>, tensor<16x1xi32>, tensor<16x8xf32>) -> tensor<65x8xf32>
  return %0 : tensor<65x8xf32>
}

// -----

// An element of each batch: each asks the one update of its own.
// CHECK-LABEL: func.func @batched
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel"]}
// CHECK-NOT: scf.for
// CHECK: arith.select
// CHECK: linalg.yield
func.func @batched(%x: tensor<32x64x65xf32>, %i: tensor<32x64x1x1xi32>, %u: tensor<32x64x1xf32>) -> tensor<32x64x65xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [2], input_batching_dims = [0, 1], scatter_indices_batching_dims = [0, 1], scatter_dims_to_operand_dims = [2], index_vector_dim = 3>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) : (tensor<32x64x65xf32>, tensor<32x64x1x1xi32>, tensor<32x64x1xf32>) -> tensor<32x64x65xf32>
  return %0 : tensor<32x64x65xf32>
}

// -----

// Too much work that way: elements of a row in parallel, updates one after the other.
// CHECK-LABEL: func.func @many
// CHECK: scf.for %[[COLUMN:.*]] = %c0{{.*}} to %c768
// CHECK: scf.for %[[ROW:.*]] = %c0{{.*}} to %c4096
// CHECK: tensor.insert
// CHECK: {steelyard.parallel}
func.func @many(%x: tensor<512x768xf32>, %i: tensor<4096x1xi32>, %u: tensor<4096x768xf32>) -> tensor<512x768xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) : (tensor<512x768xf32>, tensor<4096x1xi32>, tensor<4096x768xf32>) -> tensor<512x768xf32>
  return %0 : tensor<512x768xf32>
}
