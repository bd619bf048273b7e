// RUN: steelyard-opt %s --cpu-scalars | FileCheck %s

// An exponent is computed on scalars, and the loop takes it by value.
// CHECK-LABEL: func.func @exponent
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>, %[[E:.*]]: tensor<i32>
// CHECK: %[[S:.*]] = tensor.extract %[[E]][] : tensor<i32>
// CHECK: %[[SUM:.*]] = arith.addi %[[S]], %[[S]] : i32
// CHECK: %[[OUT:.*]] = tensor.from_elements %[[SUM]] : tensor<i32>
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[X]], %[[SUM]] : tensor<8xf32>, i32)
// CHECK: return %{{.*}}, %[[OUT]]
#scalar = affine_map<() -> ()>
#broadcast = affine_map<(d0) -> ()>
#identity = affine_map<(d0) -> (d0)>
func.func @exponent(%x: tensor<8xf32>, %e: tensor<i32>) -> (tensor<8xf32>, tensor<i32>) {
  %0 = tensor.empty() : tensor<i32>
  %sum = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []}
      ins(%e : tensor<i32>) outs(%0 : tensor<i32>) {
  ^bb0(%a: i32, %out: i32):
    %1 = arith.addi %a, %a : i32
    linalg.yield %1 : i32
  } -> tensor<i32>
  %2 = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#identity, #broadcast, #identity], iterator_types = ["parallel"]}
      ins(%x, %sum : tensor<8xf32>, tensor<i32>) outs(%2 : tensor<8xf32>) {
  ^bb0(%a: f32, %b: i32, %out: f32):
    %3 = scaled.rescale %a, %b : f32, i32
    linalg.yield %3 : f32
  } -> tensor<8xf32>
  return %y, %sum : tensor<8xf32>, tensor<i32>
}

// The destination of a reduction stays a tensor.
// CHECK-LABEL: func.func @sum
// CHECK: linalg.fill
// CHECK: linalg.generic
// CHECK: -> tensor<f32>
func.func @sum(%x: tensor<8xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %0 = tensor.empty() : tensor<f32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<f32>) -> tensor<f32>
  %2 = linalg.generic {indexing_maps = [#identity, #broadcast], iterator_types = ["reduction"]}
      ins(%x : tensor<8xf32>) outs(%1 : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %3 = arith.addf %a, %acc : f32
    linalg.yield %3 : f32
  } -> tensor<f32>
  return %2 : tensor<f32>
}
