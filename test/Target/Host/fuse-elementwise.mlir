// RUN: steelyard-opt %s --host-fuse-elementwise -split-input-file | FileCheck %s
// RUN: steelyard-opt %s --host-fuse-elementwise=keep-crossed -split-input-file | FileCheck %s --check-prefixes=CHECK,CROSSED

#identity = affine_map<(d0) -> (d0)>
#rows = affine_map<(d0, d1) -> (d1)>
#elements = affine_map<(d0, d1) -> (d0, d1)>

// What costs little is computed where it is read, for each copy of a broadcast.
// CHECK-LABEL: func.func @broadcast
// CHECK: linalg.generic
// CHECK: arith.negf
// CHECK-NEXT: linalg.yield
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @broadcast(%x: tensor<4xf32>) -> tensor<3x4xf32> {
  %0 = tensor.empty() : tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %4 = arith.negf %a : f32
    linalg.yield %4 : f32
  } -> tensor<4xf32>
  %2 = tensor.empty() : tensor<3x4xf32>
  %3 = linalg.generic {indexing_maps = [#rows, #elements], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<4xf32>) outs(%2 : tensor<3x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<3x4xf32>
  return %3 : tensor<3x4xf32>
}

// -----

#identity = affine_map<(d0) -> (d0)>
#rows = affine_map<(d0, d1) -> (d1)>
#elements = affine_map<(d0, d1) -> (d0, d1)>

// What adds to its output would add once for each copy.
// CHECK-LABEL: func.func @accumulates
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[SUM:.*]]: tensor<4xf32>
// CHECK: %[[ADDED:.*]] = linalg.generic
// CHECK-SAME: iterator_types = ["parallel"]
// CHECK-SAME: ins(%[[X]] : tensor<4xf32>) outs(%[[SUM]] : tensor<4xf32>)
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[ADDED]] : tensor<4xf32>)
// CHECK-NOT: arith.addf
// CHECK: return
func.func @accumulates(%x: tensor<4xf32>, %sum: tensor<4xf32>) -> tensor<3x4xf32> {
  %0 = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%sum : tensor<4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %3 = arith.addf %out, %a : f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  %1 = tensor.empty() : tensor<3x4xf32>
  %2 = linalg.generic {indexing_maps = [#rows, #elements], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<4xf32>) outs(%1 : tensor<3x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<3x4xf32>
  return %2 : tensor<3x4xf32>
}

// -----

// What reads lines along two loops is one's part by default, and a kernel of its own on a GPU.
#along = affine_map<(d0, d1) -> (d0, d1)>
#across = affine_map<(d0, d1) -> (d1, d0)>
#first = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @crossed
// CROSSED: linalg.generic {{.*}}ins(%arg0, %arg1 :
// CROSSED: arith.maximumf
// CROSSED: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]}
func.func @crossed(%x: tensor<4x8xf32>, %y: tensor<8x4xf32>, %start: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tensor.empty() : tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#along, #across, #along], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<4x8xf32>, tensor<8x4xf32>) outs(%0 : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %3 = arith.maximumf %a, %b : f32
    linalg.yield %3 : f32
  } -> tensor<4x8xf32>
  %2 = linalg.generic {indexing_maps = [#along, #first], iterator_types = ["parallel", "reduction"]}
      ins(%1 : tensor<4x8xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %3 = arith.addf %out, %a : f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
