// RUN: steelyard-opt %s --quantize=observe=true --observe-to-results 2>/dev/null | FileCheck %s
// RUN: steelyard-opt %s --quantize=observe=true --scaled-to-pairs 2>/dev/null | FileCheck %s --check-prefix=IDENTITY

// An exponent of each quantised operand, and the user's own tap as it is.
// CHECK-LABEL: func.func @step
// CHECK-SAME: -> (tensor<4x2xf32>, tensor<4x8xf32> {steelyard.observed = "x"}, tensor<i32> {steelyard.observed = "0.activation"}, tensor<i32> {steelyard.observed = "1.weight"})
// CHECK-NOT: scaled.observe
// CHECK-DAG: %[[X:.*]] = scaled.quantize %arg0
// CHECK-DAG: %[[W:.*]] = scaled.quantize %arg1
// CHECK-DAG: %{{.*}}, %[[EX:.*]] = scaled.unpack %[[X]]
// CHECK-DAG: %{{.*}}, %[[EW:.*]] = scaled.unpack %[[W]]
// CHECK: scaled.dot_general %[[X]], %[[W]]
// CHECK: return %{{.*}}, %arg0, %[[EX]], %[[EW]]
// IDENTITY-LABEL: func.func @step
// IDENTITY-SAME: -> tensor<4x2xf32>
// IDENTITY-NOT: scaled.observe
func.func @step(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %o = scaled.observe %x "x" : tensor<4x8xf32>
  %y = stablehlo.dot_general %o, %w, contracting_dims = [1] x [0] {steelyard.roles = ["activation", "weight"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
