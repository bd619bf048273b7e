// RUN: steelyard-opt %s --scalify=state=scaled -split-input-file -verify-diagnostics | FileCheck %s --enable-var-scope
// RUN: steelyard-opt %s --scalify=state=scaled --scaled-to-pairs -split-input-file 2>/dev/null | FileCheck %s --check-prefix=PAIRS

// What a loop writes one slice a trip has one exponent a slice; what else it carries has one exponent.
// CHECK-LABEL: func.func @stack
// CHECK: stablehlo.while(%[[I:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %[[S:.*]] = %{{.*}}) : tensor<i32>, !scaled.tensor<4xf16, exp>, !scaled.tensor<3x4xf16, exp[1, *]>
// CHECK: } do {
// CHECK: %{{.*}}, %[[E:.*]] = scaled.normalize
// CHECK: %[[D:.*]] = scaled.cast
// CHECK: %[[NEW:.*]] = stablehlo.reshape %[[D]]
// CHECK: %[[DATA:.*]], %[[SCALES:.*]] = scaled.unpack %[[S]] : <3x4xf16, exp[1, *]> -> tensor<3x4xf16>, tensor<3x1xi32>
// CHECK: %[[ONE:.*]] = stablehlo.reshape %[[E]] : (tensor<i32>) -> tensor<1x1xi32>
// CHECK: %[[NEXTE:.*]] = stablehlo.dynamic_update_slice %[[SCALES]], %[[ONE]], %[[I]], %{{.*}} : (tensor<3x1xi32>
// CHECK: %[[NEXT:.*]] = stablehlo.dynamic_update_slice %[[DATA]], %[[NEW]], %[[I]], %{{.*}} : (tensor<3x4xf16>
// CHECK: %[[P:.*]] = scaled.pack %[[NEXT]], %[[NEXTE]]
// CHECK: stablehlo.return %{{.*}}, %{{.*}}, %[[P]]
// Each slice leaves by its own exponent.
// CHECK: scaled.exponent_delta %{{.*}}, %{{.*}} : tensor<3x1xi32>
// CHECK: scaled.rescale %{{.*}}, %{{.*}} : tensor<3x4xf32>, tensor<3x1xi32>
// PAIRS-LABEL: func.func @stack
// PAIRS: stablehlo.while({{.*}}) : tensor<i32>, tensor<4xf16>, tensor<i32>, tensor<3x4xf16>, tensor<3x1xi32>
func.func @stack(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<3x4xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<3x4xf32>
  %c0 = stablehlo.constant dense<0> : tensor<i32>
  %c1 = stablehlo.constant dense<1> : tensor<i32>
  %c3 = stablehlo.constant dense<3> : tensor<i32>
  %0:3 = stablehlo.while(%i = %c0, %v = %x, %s = %zero) : tensor<i32>, tensor<4xf32>, tensor<3x4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.multiply %v, %w : tensor<4xf32>
    %2 = stablehlo.reshape %1 : (tensor<4xf32>) -> tensor<1x4xf32>
    %3 = stablehlo.dynamic_update_slice %s, %2, %i, %c0 : (tensor<3x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<3x4xf32>
    %4 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %4, %1, %3 : tensor<i32>, tensor<4xf32>, tensor<3x4xf32>
  }
  return %0#2 : tensor<3x4xf32>
}

// -----

// Along any dimension, and with readers of single slices inside and outside of the loop.
// CHECK-LABEL: func.func @columns
// CHECK: stablehlo.while({{.*}}) : tensor<i32>, !scaled.tensor<4x3xf16, exp[*, 1]>
// CHECK: stablehlo.dynamic_slice %{{.*}}, %{{.*}}, %{{.*}}, sizes = [1, 1] : (tensor<1x3xi32>, tensor<i32>, tensor<i32>) -> tensor<1x1xi32>
// CHECK: stablehlo.dynamic_slice %{{.*}}, %{{.*}}, %{{.*}}, sizes = [4, 1] : (tensor<4x3xf16>
// CHECK: stablehlo.dynamic_update_slice %{{.*}} : (tensor<1x3xi32>
// CHECK: stablehlo.dynamic_update_slice %{{.*}} : (tensor<4x3xf16>
// CHECK: stablehlo.slice %{{.*}} [0:1, 1:2] : (tensor<1x3xi32>) -> tensor<1x1xi32>
// CHECK: stablehlo.slice %{{.*}} [0:4, 1:2] : (tensor<4x3xf16>) -> tensor<4x1xf16>
func.func @columns(%x: tensor<4x3xf32>) -> tensor<4x1xf32> {
  %c0 = stablehlo.constant dense<0> : tensor<i32>
  %c1 = stablehlo.constant dense<1> : tensor<i32>
  %c3 = stablehlo.constant dense<3> : tensor<i32>
  %0:2 = stablehlo.while(%i = %c1, %s = %x) : tensor<i32>, tensor<4x3xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.subtract %i, %c1 : tensor<i32>
    %2 = stablehlo.dynamic_slice %s, %c0, %1, sizes = [4, 1] : (tensor<4x3xf32>, tensor<i32>, tensor<i32>) -> tensor<4x1xf32>
    %3 = stablehlo.add %2, %2 : tensor<4x1xf32>
    %4 = stablehlo.dynamic_update_slice %s, %3, %c0, %i : (tensor<4x3xf32>, tensor<4x1xf32>, tensor<i32>, tensor<i32>) -> tensor<4x3xf32>
    %5 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %5, %4 : tensor<i32>, tensor<4x3xf32>
  }
  %1 = stablehlo.slice %0#1 [0:4, 1:2] : (tensor<4x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}

// -----

// Moves of whole slices move their exponents; what takes slices apart, or has one scale, joins them where the stack was
// made, and says so.
// CHECK-LABEL: func.func @moves
// CHECK: stablehlo.return %{{.*}}, %{{.*}} : tensor<i32>, !scaled.tensor<3x4xf16, exp[1, *]>
// CHECK: %[[DATA:.*]], %[[SCALES:.*]] = scaled.unpack %{{.*}} : <3x4xf16, exp[1, *]>
// CHECK: %[[E:.*]] = stablehlo.reduce(%[[SCALES]] init: %{{.*}}) applies stablehlo.maximum across dimensions = [0, 1]
// CHECK: %[[JOINED:.*]] = scaled.rescale %{{.*}}, %{{.*}} : tensor<3x4xf32>, tensor<3x1xi32>
// CHECK: stablehlo.transpose %[[SCALES]], dims = [1, 0] : (tensor<3x1xi32>) -> tensor<1x3xi32>
// CHECK: stablehlo.transpose %[[DATA]], dims = [1, 0] : (tensor<3x4xf16>)
// CHECK: stablehlo.reverse %{{.*}}, dims = [1] : tensor<1x3xi32>
// CHECK: stablehlo.reverse %{{.*}}, dims = [1] : tensor<4x3xf16>
// CHECK: stablehlo.reshape %{{.*}} : (tensor<1x3xi32>) -> tensor<1x1x3xi32>
// CHECK: stablehlo.broadcast_in_dim %{{.*}}, dims = [1, 2, 3] : (tensor<1x1x3xi32>) -> tensor<1x1x1x3xi32>
// CHECK: stablehlo.slice %{{.*}} [0:1, 0:1, 0:1, 0:3:2] : (tensor<1x1x1x3xi32>) -> tensor<1x1x1x2xi32>
// CHECK: stablehlo.slice %{{.*}} [0:1, 0:2, 0:1, 0:3:2] : (tensor<5x2x2x3xf16>)
// CHECK: stablehlo.reshape %[[JOINED]] : (tensor<3x4xf32>) -> tensor<12xf32>
// CHECK: stablehlo.negate %[[JOINED]]
func.func @moves(%x: tensor<3x4xf32>, %slice: tensor<1x4xf32>) -> (tensor<1x2x1x2xf32>, tensor<12xf32>, tensor<3x4xf32>) {
  %c0 = stablehlo.constant dense<0> : tensor<i32>
  %c1 = stablehlo.constant dense<1> : tensor<i32>
  %c3 = stablehlo.constant dense<3> : tensor<i32>
  %0:2 = stablehlo.while(%i = %c0, %s = %x) : tensor<i32>, tensor<3x4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.dynamic_update_slice %s, %slice, %i, %c0 : (tensor<3x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<3x4xf32>
    %2 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %2, %1 : tensor<i32>, tensor<3x4xf32>
  }
  %1 = stablehlo.transpose %0#1, dims = [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
  %2 = stablehlo.reverse %1, dims = [1] : tensor<4x3xf32>
  %3 = stablehlo.reshape %2 : (tensor<4x3xf32>) -> tensor<2x2x3xf32>
  %4 = stablehlo.broadcast_in_dim %3, dims = [1, 2, 3] : (tensor<2x2x3xf32>) -> tensor<5x2x2x3xf32>
  %5 = stablehlo.slice %4 [0:1, 0:2, 0:1, 0:3:2] : (tensor<5x2x2x3xf32>) -> tensor<1x2x1x2xf32>
  // expected-remark@+1 {{'stablehlo.reshape' has one scale a tensor: those of the 3 slices that a loop stacked in operand 0 are joined}}
  %6 = stablehlo.reshape %0#1 : (tensor<3x4xf32>) -> tensor<12xf32>
  // expected-remark@+1 {{'stablehlo.negate' has one scale a tensor}}
  %7 = stablehlo.negate %0#1 : tensor<3x4xf32>
  return %5, %6, %7 : tensor<1x2x1x2xf32>, tensor<12xf32>, tensor<3x4xf32>
}

// -----

// A cache that each trip reads as a whole keeps one exponent, which only grows.
// CHECK-LABEL: func.func @cache
// CHECK: stablehlo.while({{.*}}) : tensor<i32>, !scaled.tensor<3x4xf16, exp>, !scaled.tensor<3xf16, exp>
// CHECK: scaled.rescale %{{.*}}, %{{.*}} {scaled.in_place}
func.func @cache(%x: tensor<3x4xf32>, %y: tensor<3xf32>, %slice: tensor<1x4xf32>) -> tensor<3xf32> {
  %c0 = stablehlo.constant dense<0> : tensor<i32>
  %c1 = stablehlo.constant dense<1> : tensor<i32>
  %c3 = stablehlo.constant dense<3> : tensor<i32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0:3 = stablehlo.while(%i = %c0, %s = %x, %r = %y) : tensor<i32>, tensor<3x4xf32>, tensor<3xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.dynamic_update_slice %s, %slice, %i, %c0 : (tensor<3x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<3x4xf32>
    %2 = stablehlo.reduce(%1 init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<3x4xf32>, tensor<f32>) -> tensor<3xf32>
    %3 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %3, %1, %2 : tensor<i32>, tensor<3x4xf32>, tensor<3xf32>
  }
  return %0#2 : tensor<3xf32>
}

// -----

// One loop's stack is another's slices, one trip each; and its initial stack.
// CHECK-LABEL: func.func @two_loops
// CHECK: %[[FIRST:.*]]:2 = stablehlo.while({{.*}}) : tensor<i32>, !scaled.tensor<3x4xf16, exp[1, *]>
// CHECK: stablehlo.while(%{{.*}} = %{{.*}}, %{{.*}} = %[[FIRST]]#1) : tensor<i32>, !scaled.tensor<3x4xf16, exp[1, *]>
// CHECK: scaled.unpack %[[FIRST]]#1
// CHECK: stablehlo.dynamic_slice %{{.*}} : (tensor<3x1xi32>, tensor<i32>, tensor<i32>) -> tensor<1x1xi32>
func.func @two_loops(%x: tensor<3x4xf32>, %slice: tensor<1x4xf32>) -> tensor<3x4xf32> {
  %c0 = stablehlo.constant dense<0> : tensor<i32>
  %c1 = stablehlo.constant dense<1> : tensor<i32>
  %c3 = stablehlo.constant dense<3> : tensor<i32>
  %0:2 = stablehlo.while(%i = %c0, %s = %x) : tensor<i32>, tensor<3x4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.dynamic_update_slice %s, %slice, %i, %c0 : (tensor<3x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<3x4xf32>
    %2 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %2, %1 : tensor<i32>, tensor<3x4xf32>
  }
  %3:2 = stablehlo.while(%i = %c0, %s = %0#1) : tensor<i32>, tensor<3x4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.dynamic_slice %0#1, %i, %c0, sizes = [1, 4] : (tensor<3x4xf32>, tensor<i32>, tensor<i32>) -> tensor<1x4xf32>
    %2 = stablehlo.multiply %1, %1 : tensor<1x4xf32>
    %4 = stablehlo.dynamic_update_slice %s, %2, %i, %c0 : (tensor<3x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<3x4xf32>
    %5 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %5, %4 : tensor<i32>, tensor<3x4xf32>
  }
  return %3#1 : tensor<3x4xf32>
}

// -----

// State has one exponent, also where a loop stacked it.
// CHECK-LABEL: func.func @state
// CHECK: stablehlo.while({{.*}}) : tensor<i32>, !scaled.tensor<3x4xf16, exp[1, *]>
// CHECK: %[[J:.*]] = scaled.rescale %{{.*}}, %{{.*}} : tensor<3x4xf32>, tensor<3x1xi32>
// CHECK: %[[D:.*]] = scaled.cast %[[J]]
// CHECK: %[[S:.*]] = scaled.pack %[[D]], %{{.*}} : tensor<3x4xf16>, tensor<i32> -> <3x4xf16, exp>
// CHECK: return %[[S]]
func.func @state(%x: tensor<3x4xf32> {tf.aliasing_output = 0 : i32}, %slice: tensor<1x4xf32>) -> tensor<3x4xf32> {
  %c0 = stablehlo.constant dense<0> : tensor<i32>
  %c1 = stablehlo.constant dense<1> : tensor<i32>
  %c3 = stablehlo.constant dense<3> : tensor<i32>
  // expected-remark@+1 {{1 donated tensor(s), this the first, are kept in 'f16' and rounded to nearest}}
  %0:2 = stablehlo.while(%i = %c0, %s = %x) : tensor<i32>, tensor<3x4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %c3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.dynamic_update_slice %s, %slice, %i, %c0 : (tensor<3x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<3x4xf32>
    %2 = stablehlo.add %i, %c1 : tensor<i32>
    stablehlo.return %2, %1 : tensor<i32>, tensor<3x4xf32>
  }
  // expected-remark@+1 {{'func.return' has one scale a tensor: those of the 3 slices that a loop stacked in operand 0 are joined}}
  return %0#1 : tensor<3x4xf32>
}
