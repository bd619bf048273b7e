// RUN: steelyard-opt %s --scalify=state=scaled | FileCheck %s
// RUN: steelyard-opt %s --scalify=state=scaled --scaled-to-pairs | FileCheck %s --check-prefix=PAIRS
// RUN: steelyard-opt %s --scalify 2>&1 | FileCheck %s --check-prefix=USER

// A donated argument and its result stay scaled; what is never negative is kept as its root.
// CHECK-LABEL: func.func @step
// CHECK-SAME: %arg0: !scaled.tensor<4xf16, exp> {steelyard.user_type = tensor<4xf32>, tf.aliasing_output = 0 : i32}
// CHECK-SAME: %arg1: !scaled.tensor<4xf16, exp> {steelyard.state_form = "root", steelyard.user_type = tensor<4xf32>, tf.aliasing_output = 1 : i32}
// CHECK-SAME: %arg2: tensor<4xf32>
// CHECK: stablehlo.sqrt
// PAIRS-LABEL: func.func @step
// PAIRS-SAME: %arg0: tensor<4xf16> {steelyard.user_type = tensor<4xf32>, tf.aliasing_output = 0 : i32}
// PAIRS-SAME: %arg1: tensor<i32> {steelyard.scale_of = 0 : i64, tf.aliasing_output = 1 : i32}
// PAIRS-SAME: %arg2: tensor<4xf16> {{{.*}}tf.aliasing_output = 2 : i32}
// PAIRS-SAME: %arg3: tensor<i32> {steelyard.scale_of = 2 : i64, tf.aliasing_output = 3 : i32}
// In the user's types: an average of squares is read, and written, in float32.
// USER: remark: argument 1 averages squares, which spread over more powers of two than 'f16' has: it is read, and result 1 written, in float32
// USER-LABEL: func.func @step
// USER: scaled.normalize %arg0, %{{.*}} to 10
// USER-NEXT: scaled.cast
// USER: %[[V:.*]], %{{.*}} = scaled.normalize %arg1, %{{.*}} : tensor<4xf32>
// USER: scaled.rescale %[[V]],
func.func @step(%m: tensor<4xf32> {tf.aliasing_output = 0 : i32}, %v: tensor<4xf32> {tf.aliasing_output = 1 : i32},
                %g: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %m1 = stablehlo.add %m, %g : tensor<4xf32>
  %g2 = stablehlo.multiply %g, %g : tensor<4xf32>
  %v1 = stablehlo.add %v, %g2 : tensor<4xf32>
  return %m1, %v1 : tensor<4xf32>, tensor<4xf32>
}
