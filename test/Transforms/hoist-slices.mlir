// RUN: steelyard-opt %s --hoist-slices --split-input-file | FileCheck %s

// The gradients of two gates, joined for one contraction, cut apart behind a transpose.
// CHECK-LABEL: @contraction
// CHECK-SAME: %[[X:.*]]: tensor<2x5xf32>, %[[I:.*]]: tensor<2x8xf32>, %[[F:.*]]: tensor<2x4xf32>
// CHECK-NOT: concatenate
// CHECK-DAG: %[[WI:.*]] = stablehlo.dot_general %[[I]], %[[X]], {{.*}} -> tensor<8x5xf32>
// CHECK-DAG: %[[TI:.*]] = stablehlo.transpose %[[WI]], {{.*}} -> tensor<5x8xf32>
// CHECK-DAG: %[[WF:.*]] = stablehlo.dot_general %[[F]], %[[X]], {{.*}} -> tensor<4x5xf32>
// CHECK-DAG: %[[TF:.*]] = stablehlo.transpose %[[WF]], {{.*}} -> tensor<5x4xf32>
// CHECK: return %[[TI]], %[[TF]]
func.func @contraction(%x: tensor<2x5xf32>, %i: tensor<2x8xf32>, %f: tensor<2x4xf32>) -> (tensor<5x8xf32>, tensor<5x4xf32>) {
  %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<2x12xf32>
  %w = stablehlo.dot_general %g, %x, contracting_dims = [0] x [0] : (tensor<2x12xf32>, tensor<2x5xf32>) -> tensor<12x5xf32>
  %t = stablehlo.transpose %w, dims = [1, 0] : (tensor<12x5xf32>) -> tensor<5x12xf32>
  %wi = stablehlo.slice %t [0:5, 0:8] : (tensor<5x12xf32>) -> tensor<5x8xf32>
  %wf = stablehlo.slice %t [0:5, 8:12] : (tensor<5x12xf32>) -> tensor<5x4xf32>
  return %wi, %wf : tensor<5x8xf32>, tensor<5x4xf32>
}

// -----

// A batch in front, the second operand, part of a piece, rows of it and steps.
// CHECK-LABEL: @batched
// CHECK-SAME: %[[X:.*]]: tensor<3x2x5xf32>, %[[I:.*]]: tensor<3x2x8xf32>
// CHECK: %[[P:.*]] = stablehlo.slice %[[I]] [0:3, 0:2, 2:6]
// CHECK: %[[W:.*]] = stablehlo.dot_general %[[X]], %[[P]], batching_dims = [0] x [0], {{.*}} -> tensor<3x5x4xf32>
// CHECK: %[[R:.*]] = stablehlo.slice %[[W]] [0:3, 1:5:2, 0:4]
// CHECK: return %[[R]]
func.func @batched(%x: tensor<3x2x5xf32>, %i: tensor<3x2x8xf32>, %f: tensor<3x2x4xf32>) -> tensor<3x2x4xf32> {
  %g = stablehlo.concatenate %f, %i, dim = 2 : (tensor<3x2x4xf32>, tensor<3x2x8xf32>) -> tensor<3x2x12xf32>
  %w = stablehlo.dot_general %x, %g, batching_dims = [0] x [0], contracting_dims = [1] x [1] : (tensor<3x2x5xf32>, tensor<3x2x12xf32>) -> tensor<3x5x12xf32>
  %r = stablehlo.slice %w [0:3, 1:5:2, 6:10] : (tensor<3x5x12xf32>) -> tensor<3x2x4xf32>
  return %r : tensor<3x2x4xf32>
}

// -----

// Sums over the other dimension, reshapes, a bias that is joined as well, a constant and a broadcast.
// CHECK-LABEL: @sums
// CHECK-SAME: %[[I:.*]]: tensor<2x8xf32>, %[[F:.*]]: tensor<2x4xf32>, %[[BI:.*]]: tensor<8xf32>, %[[BF:.*]]: tensor<4xf32>
// CHECK-NOT: concatenate
// CHECK-DAG: stablehlo.reduce(%[[I]] init: %{{.*}}) applies stablehlo.add across dimensions = [0] : (tensor<2x8xf32>
// CHECK-DAG: stablehlo.reduce(%[[F]] init: %{{.*}}) applies stablehlo.add across dimensions = [0] : (tensor<2x4xf32>
// CHECK-DAG: stablehlo.reshape %{{.*}} : (tensor<8xf32>) -> tensor<1x8xf32>
// CHECK-DAG: stablehlo.broadcast_in_dim %[[BF]], dims = [1] : (tensor<4xf32>) -> tensor<1x4xf32>
// CHECK-NOT: concatenate
func.func @sums(%i: tensor<2x8xf32>, %f: tensor<2x4xf32>, %bi: tensor<8xf32>, %bf: tensor<4xf32>) -> (tensor<1x8xf32>, tensor<1x4xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %two = stablehlo.constant dense<2.0> : tensor<1x12xf32>
  %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<2x12xf32>
  %b = stablehlo.concatenate %bi, %bf, dim = 0 : (tensor<8xf32>, tensor<4xf32>) -> tensor<12xf32>
  %s = stablehlo.reduce(%g init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<2x12xf32>, tensor<f32>) -> tensor<12xf32>
  %r = stablehlo.reshape %s : (tensor<12xf32>) -> tensor<1x12xf32>
  %d = stablehlo.multiply %r, %two : tensor<1x12xf32>
  %w = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<12xf32>) -> tensor<1x12xf32>
  %a = stablehlo.add %d, %w : tensor<1x12xf32>
  %si = stablehlo.slice %a [0:1, 0:8] : (tensor<1x12xf32>) -> tensor<1x8xf32>
  %sf = stablehlo.slice %a [0:1, 8:12] : (tensor<1x12xf32>) -> tensor<1x4xf32>
  return %si, %sf : tensor<1x8xf32>, tensor<1x4xf32>
}

// -----

// Left as it is: the contraction is also read whole, a slice crosses the pieces, the joined dimension is contracted,
// and there is no joined tensor.
// CHECK-LABEL: @whole
// CHECK: concatenate
// CHECK: dot_general {{.*}} -> tensor<5x12xf32>
func.func @whole(%x: tensor<2x5xf32>, %i: tensor<2x8xf32>, %f: tensor<2x4xf32>) -> (tensor<5x8xf32>, tensor<5x12xf32>) {
  %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<2x12xf32>
  %w = stablehlo.dot_general %x, %g, contracting_dims = [0] x [0] : (tensor<2x5xf32>, tensor<2x12xf32>) -> tensor<5x12xf32>
  %n = stablehlo.negate %w : tensor<5x12xf32>
  %wi = stablehlo.slice %n [0:5, 0:8] : (tensor<5x12xf32>) -> tensor<5x8xf32>
  return %wi, %w : tensor<5x8xf32>, tensor<5x12xf32>
}

// -----

// CHECK-LABEL: @crosses
// CHECK: stablehlo.negate {{.*}} : tensor<2x12xf32>
func.func @crosses(%i: tensor<2x8xf32>, %f: tensor<2x4xf32>) -> (tensor<2x8xf32>, tensor<2x4xf32>) {
  %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<2x12xf32>
  %n = stablehlo.negate %g : tensor<2x12xf32>
  %a = stablehlo.slice %n [0:2, 1:9] : (tensor<2x12xf32>) -> tensor<2x8xf32>
  %b = stablehlo.slice %n [0:2, 8:12] : (tensor<2x12xf32>) -> tensor<2x4xf32>
  return %a, %b : tensor<2x8xf32>, tensor<2x4xf32>
}

// -----

// CHECK-LABEL: @contracted
// CHECK: concatenate
// CHECK: dot_general {{.*}} -> tensor<2x12xf32>
func.func @contracted(%x: tensor<12x5xf32>, %i: tensor<2x3xf32>, %f: tensor<2x2xf32>) -> (tensor<2x8xf32>, tensor<2x4xf32>) {
  %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x3xf32>, tensor<2x2xf32>) -> tensor<2x5xf32>
  %w = stablehlo.dot_general %g, %x, contracting_dims = [1] x [1] : (tensor<2x5xf32>, tensor<12x5xf32>) -> tensor<2x12xf32>
  %a = stablehlo.slice %w [0:2, 0:8] : (tensor<2x12xf32>) -> tensor<2x8xf32>
  %b = stablehlo.slice %w [0:2, 8:12] : (tensor<2x12xf32>) -> tensor<2x4xf32>
  return %a, %b : tensor<2x8xf32>, tensor<2x4xf32>
}

// -----

// One operand of both, of which one is cut.
// CHECK-LABEL: @square
// CHECK-SAME: %[[I:.*]]: tensor<2x8xf32>, %[[F:.*]]: tensor<2x4xf32>
// CHECK: %[[G:.*]] = stablehlo.concatenate %[[I]], %[[F]]
// CHECK: stablehlo.dot_general %[[G]], %[[F]], {{.*}} -> tensor<12x4xf32>
func.func @square(%i: tensor<2x8xf32>, %f: tensor<2x4xf32>) -> tensor<12x4xf32> {
  %g = stablehlo.concatenate %i, %f, dim = 1 : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<2x12xf32>
  %w = stablehlo.dot_general %g, %g, contracting_dims = [0] x [0] : (tensor<2x12xf32>, tensor<2x12xf32>) -> tensor<12x12xf32>
  %b = stablehlo.slice %w [0:12, 8:12] : (tensor<12x12xf32>) -> tensor<12x4xf32>
  return %b : tensor<12x4xf32>
}
