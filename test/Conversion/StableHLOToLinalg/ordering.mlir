// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -canonicalize -cse -split-input-file | FileCheck %s

// CHECK-LABEL: @dynamic
// CHECK-SAME: (%[[X:.+]]: tensor<8x4xf32>, %[[I:.+]]: tensor<i32>)
// CHECK: %[[START:.+]] = tensor.extract %[[I]][] : tensor<i32>
// CHECK: %[[INDEX:.+]] = arith.index_cast %[[START]]
// CHECK: %[[LOW:.+]] = arith.maxsi %[[INDEX]], %c0
// CHECK: %[[AT:.+]] = arith.minsi %[[LOW]], %c6
// CHECK: %[[S:.+]] = tensor.extract_slice %[[X]][%[[AT]], 0] [2, 4] [1, 1]
// CHECK: tensor.insert_slice %[[S]] into %[[X]][%[[AT]], 0] [2, 4] [1, 1]
func.func @dynamic(%x: tensor<8x4xf32>, %i: tensor<i32>) -> (tensor<8x4xf32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %0 = stablehlo.dynamic_slice %x, %i, %i, sizes = [2, 4] : (tensor<8x4xf32>, tensor<i32>, tensor<i32>) -> tensor<2x4xf32>
  %1 = stablehlo.dynamic_update_slice %x, %0, %i, %zero : (tensor<8x4xf32>, tensor<2x4xf32>, tensor<i32>, tensor<i32>) -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}

// -----

// The window of an index outside has no elements.
// CHECK-LABEL: @scatter
// CHECK-SAME: (%[[X:.+]]: tensor<4x6xf32>, %[[I:.+]]: tensor<3x1xi32>, %[[U:.+]]: tensor<3x6xf32>)
// CHECK: scf.for %[[K:.+]] = %c0 to %c3 step %c1 iter_args(%[[R:.+]] = %[[X]])
// CHECK:   %[[ROW:.+]] = arith.index_cast
// CHECK:   %[[INSIDE:.+]] = arith.cmpi ult, %[[ROW]], %c4
// CHECK:   %[[SIZE:.+]] = arith.select %[[INSIDE]], %c6, %c0
// CHECK:   scf.for %[[J:.+]] = %c0 to %[[SIZE]] step %c1 iter_args(%[[V:.+]] = %[[R]])
// CHECK:     %[[OLD:.+]] = tensor.extract %[[V]][%[[ROW]], %[[J]]]
// CHECK:     %[[NEW:.+]] = tensor.extract %[[U]][%[[K]], %[[J]]]
// CHECK:     %[[SUM:.+]] = arith.addf %[[OLD]], %[[NEW]]
// CHECK:     tensor.insert %[[SUM]] into %[[V]][%[[ROW]], %[[J]]]
func.func @scatter(%x: tensor<4x6xf32>, %i: tensor<3x1xi32>, %u: tensor<3x6xf32>) -> tensor<4x6xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) : (tensor<4x6xf32>, tensor<3x1xi32>, tensor<3x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// Five elements are sorted in three passes over a scratch of two rows.
// CHECK-LABEL: @sort
// CHECK: %[[OUT:.+]] = bufferization.alloc_tensor() : tensor<5xi8>
// CHECK: %[[SCRATCH:.+]] = bufferization.alloc_tensor() : tensor<2x5xi8>
// CHECK: scf.for {{.*}} iter_args({{.*}} = %[[SCRATCH]])
// CHECK: scf.for {{.*}} to %c3
// CHECK: arith.cmpi ult
func.func @sort(%x: tensor<5xui8>) -> tensor<5xui8> {
  %0 = "stablehlo.sort"(%x) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<ui8>, %b: tensor<ui8>):
    %c = stablehlo.compare LT, %a, %b : (tensor<ui8>, tensor<ui8>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  }) : (tensor<5xui8>) -> tensor<5xui8>
  return %0 : tensor<5xui8>
}

// -----

// Two of nine are read: a row of the scratch holds the two that come first so far, and two that may.
// CHECK-LABEL: @first
// CHECK: %[[SCRATCH:.+]] = bufferization.alloc_tensor() : tensor<2x4xi32>
// CHECK: scf.for {{.*}} = %c0 to %c4 {{.*}} iter_args({{.*}} = %[[SCRATCH]])
// CHECK: scf.for {{.*}} = %c4 to %c9 {{.*}} iter_args({{.*}}, %[[SIZE:.+]] = %c2)
// CHECK: %[[ENTERS:.+]] = arith.cmpi sgt
// CHECK: scf.if %[[ENTERS]]
// CHECK: tensor.insert {{.*}}[%c0, %[[SIZE]]]
// CHECK: scf.if
func.func @first(%x: tensor<9xi32>) -> tensor<2xi32> {
  %0 = "stablehlo.sort"(%x) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %c = stablehlo.compare GT, %a, %b : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  }) : (tensor<9xi32>) -> tensor<9xi32>
  %1 = stablehlo.slice %0 [0:2] : (tensor<9xi32>) -> tensor<2xi32>
  return %1 : tensor<2xi32>
}
