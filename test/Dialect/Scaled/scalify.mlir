// RUN: steelyard-opt %s --scalify -split-input-file | FileCheck %s

// A product adds exponents; its range is not known, so it is normalised and rounded once.
// CHECK-LABEL: func.func @multiply
// CHECK: %[[N:.*]], %[[E:.*]] = scaled.normalize %arg0, %{{.*}} : tensor<4xf32>
// CHECK: %[[D:.*]] = scaled.cast %[[N]] : tensor<4xf32> -> tensor<4xf16>
// CHECK: %[[W:.*]] = stablehlo.convert %[[D]]
// CHECK: %[[P:.*]] = stablehlo.multiply %[[W]], %[[W]] : tensor<4xf32>
// CHECK: %[[PE:.*]] = scaled.exponent_add %[[E]], %[[E]]
// CHECK: %{{.*}}, %{{.*}} = scaled.normalize %[[P]], %[[PE]]
func.func @multiply(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.multiply %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A factor that is one number needs no new exponent from the data.
// CHECK-LABEL: func.func @uniform
// CHECK: scaled.normalize %arg0
// CHECK-NOT: scaled.normalize
func.func @uniform(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<3.0> : tensor<4xf32>
  %0 = stablehlo.multiply %x, %c : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Constants are scaled at compile time: 3 = 1.5 × 2^1; zero has the least exponent.
// CHECK-LABEL: func.func @constants
// CHECK-DAG: dense<1.500000e+00> : tensor<4xf32>
// CHECK-DAG: scaled.constant_exponent 1 :
func.func @constants(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<3.0> : tensor<4xf32>
  %0 = stablehlo.add %x, %c : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// The square root halves the exponent, the odd bit goes into the data; no amax is needed.
// CHECK-LABEL: func.func @sqrt
// CHECK: scaled.normalize %arg0
// CHECK: %[[HALF:.*]], %[[ODD:.*]] = scaled.exponent_half
// CHECK: scaled.rescale %{{.*}}, %{{.*}}
// CHECK: stablehlo.sqrt
// CHECK-NOT: scaled.normalize
func.func @sqrt(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sqrt %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Elements are moved in their storage type.
// CHECK-LABEL: func.func @move
// CHECK: stablehlo.transpose %{{.*}}, dims = [1, 0] : (tensor<4x2xf16>) -> tensor<2x4xf16>
func.func @move(%x: tensor<4x2xf32>) -> tensor<2x4xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// CHECK-LABEL: func.func @dot
// CHECK: scaled.dot_general {{.*}} -> !scaled.tensor<4x4xf32, exp>
func.func @dot(%x: tensor<4x2xf32>, %y: tensor<2x4xf32>) -> tensor<4x4xf32> {
  %0 = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0] : (tensor<4x2xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// CHECK-LABEL: func.func @integers
// CHECK-NOT: scaled
// CHECK: stablehlo.add %arg0, %arg0 : tensor<4xi32>
func.func @integers(%x: tensor<4xi32>) -> tensor<4xi32> {
  %0 = stablehlo.add %x, %x : tensor<4xi32>
  return %0 : tensor<4xi32>
}

// -----

// One number is float32, alone or repeated, until a contraction reads it.
// CHECK-LABEL: func.func @one_number
// CHECK: %[[C:.*]] = stablehlo.constant dense<1.998{{.*}}> : tensor<4x4xf32>
// CHECK: stablehlo.multiply %{{.*}}, %[[C]] : tensor<4x4xf32>
// CHECK: %[[N:.*]] = scaled.cast %[[C]] : tensor<4x4xf32> -> tensor<4x4xf16>
// CHECK: scaled.pack %[[N]]
// CHECK: scaled.dot_general
func.func @one_number(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %c = stablehlo.constant dense<0.999> : tensor<4x4xf32>
  %0 = stablehlo.multiply %c, %x : tensor<4x4xf32>
  %1 = stablehlo.dot_general %0, %c, contracting_dims = [1] x [0] : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// So are elements that are chosen of it: rounded, the difference would not be zero. Elements of others are in storage.
// CHECK-LABEL: func.func @chosen_of_one_number
// CHECK: %[[S:.*]] = stablehlo.broadcast_in_dim %{{.*}}, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
// CHECK: %[[M:.*]] = stablehlo.reduce(%[[S]] init: %{{.*}}) applies stablehlo.maximum across dimensions = [1]
// CHECK-NOT: scaled.cast
// CHECK: %[[R:.*]] = stablehlo.broadcast_in_dim %[[M]], dims = [0] : (tensor<2xf32>) -> tensor<2x3xf32>
// CHECK-NOT: scaled.cast
// CHECK: stablehlo.subtract %[[S]], %[[R]] : tensor<2x3xf32>
// CHECK: stablehlo.reduce(%{{.*}} init: %{{.*}}) applies stablehlo.maximum across dimensions = [1]
// CHECK-NEXT: scaled.cast %{{.*}} : tensor<2xf32> -> tensor<2xf16>
func.func @chosen_of_one_number(%s: tensor<f32>, %x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>) {
  %i = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
  %1 = stablehlo.reduce(%0 init: %i) applies stablehlo.maximum across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
  %2 = stablehlo.broadcast_in_dim %1, dims = [0] : (tensor<2xf32>) -> tensor<2x3xf32>
  %3 = stablehlo.subtract %0, %2 : tensor<2x3xf32>
  %4 = stablehlo.reduce(%x init: %i) applies stablehlo.maximum across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
  return %3, %4 : tensor<2x3xf32>, tensor<2xf32>
}
