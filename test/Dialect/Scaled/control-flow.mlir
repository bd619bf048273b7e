// RUN: steelyard-opt %s --scalify -split-input-file | FileCheck %s
// RUN: steelyard-opt %s --scalify --scaled-to-pairs -split-input-file | FileCheck %s --check-prefix=PAIRS

// A loop carries scaled tensors in storage; what is outside keeps its scale inside.
// CHECK-LABEL: func.func @loop
// CHECK: stablehlo.while(%iterArg = %{{.*}}, %[[V:.*]] = %{{.*}}) : tensor<i32>, !scaled.tensor<4xf16, exp>
// CHECK: } do {
// CHECK: scaled.unpack %[[V]] : <4xf16, exp>
// CHECK: scaled.exponent_add
// CHECK: scaled.normalize
// CHECK: %[[D:.*]] = scaled.cast
// CHECK: %[[N:.*]] = scaled.pack %[[D]]
// CHECK: stablehlo.return %{{.*}}, %[[N]] : tensor<i32>, !scaled.tensor<4xf16, exp>
// PAIRS-LABEL: func.func @loop
// PAIRS: stablehlo.while(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) : tensor<i32>, tensor<4xf16>, tensor<i32>
// PAIRS: stablehlo.return %{{.*}}, %{{.*}}, %{{.*}} : tensor<i32>, tensor<4xf16>, tensor<i32>
func.func @loop(%n: tensor<i32>, %x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<0> : tensor<i32>
  %c_0 = stablehlo.constant dense<1> : tensor<i32>
  %0:2 = stablehlo.while(%i = %c, %v = %x) : tensor<i32>, tensor<4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %n, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.add %i, %c_0 : tensor<i32>
    %2 = stablehlo.multiply %v, %w : tensor<4xf32>
    stablehlo.return %1, %2 : tensor<i32>, tensor<4xf32>
  }
  return %0#1 : tensor<4xf32>
}

// -----

// Each branch gives data and its exponent; a constant that repeats is stored as the result is.
// CHECK-LABEL: func.func @branches
// CHECK: "stablehlo.case"(%arg0) ({
// CHECK: stablehlo.return %{{.*}} : !scaled.tensor<4xf16, exp>
// CHECK: }, {
// CHECK: stablehlo.return %{{.*}} : !scaled.tensor<4xf16, exp>
// CHECK: }) : (tensor<i32>) -> !scaled.tensor<4xf16, exp>
// PAIRS-LABEL: func.func @branches
// PAIRS: }) : (tensor<i32>) -> (tensor<4xf16>, tensor<i32>)
func.func @branches(%i: tensor<i32>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.case"(%i) ({
    stablehlo.return %x : tensor<4xf32>
  }, {
    %c = stablehlo.constant dense<3.0> : tensor<4xf32>
    stablehlo.return %c : tensor<4xf32>
  }) : (tensor<i32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Floats that are only inside have scales too; integers are carried as they are.
// CHECK-LABEL: func.func @inside
// CHECK: stablehlo.while(%{{.*}} = %{{.*}}) : tensor<i32>
// CHECK: stablehlo.compare LT, %{{.*}}, %{{.*}} : (tensor<f32>, tensor<f32>) -> tensor<i1>
func.func @inside(%n: tensor<i32>, %limit: tensor<f32>) -> tensor<i32> {
  %0 = stablehlo.while(%i = %n) : tensor<i32>
  cond {
    %1 = stablehlo.convert %i : (tensor<i32>) -> tensor<f32>
    %2 = stablehlo.compare LT, %1, %limit : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %2 : tensor<i1>
  } do {
    %1 = stablehlo.add %i, %n : tensor<i32>
    stablehlo.return %1 : tensor<i32>
  }
  return %0 : tensor<i32>
}

// -----

// Without floats nothing changes but what is read from outside.
// CHECK-LABEL: func.func @integers
// CHECK: stablehlo.while(%{{.*}} = %arg0) : tensor<i32>
// CHECK: stablehlo.add %{{.*}}, %arg1 : tensor<i32>
func.func @integers(%n: tensor<i32>, %m: tensor<i32>) -> tensor<i32> {
  %0 = stablehlo.while(%i = %n) : tensor<i32>
  cond {
    %2 = stablehlo.compare LT, %i, %m, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %2 : tensor<i1>
  } do {
    %1 = stablehlo.add %i, %m : tensor<i32>
    stablehlo.return %1 : tensor<i32>
  }
  return %0 : tensor<i32>
}
