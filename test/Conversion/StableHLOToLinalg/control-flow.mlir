// RUN: steelyard-opt %s --convert-stablehlo-to-linalg --canonicalize | FileCheck %s
// RUN: steelyard-opt %s --convert-stablehlo-to-linalg --canonicalize --cpu-scalars | FileCheck %s --check-prefix=SCALARS

// A loop ends when its call is cancelled, too; unsigned integers are signless; counters are scalars after cpu-scalars.
// CHECK-LABEL: func.func @while
// CHECK: scf.while (%{{.*}} = %{{.*}}, %{{.*}} = %arg1) : (tensor<i32>, tensor<4xi32>) -> (tensor<i32>, tensor<4xi32>)
// CHECK: %[[OK:.*]] = host.poll : i1
// CHECK: %[[GO:.*]] = arith.andi %[[OK]]
// CHECK: scf.condition(%[[GO]])
// SCALARS-LABEL: func.func @while
// SCALARS: scf.while (%{{.*}} = %{{.*}}, %{{.*}} = %arg1) : (i32, tensor<4xi32>) -> (i32, tensor<4xi32>)
func.func @while(%n: tensor<i32>, %x: tensor<4xui32>) -> (tensor<i32>, tensor<4xui32>) {
  %c = stablehlo.constant dense<0> : tensor<i32>
  %c_0 = stablehlo.constant dense<1> : tensor<i32>
  %0:2 = stablehlo.while(%i = %c, %v = %x) : tensor<i32>, tensor<4xui32>
  cond {
    %1 = stablehlo.compare LT, %i, %n, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.add %i, %c_0 : tensor<i32>
    %2 = stablehlo.add %v, %v : tensor<4xui32>
    stablehlo.return %1, %2 : tensor<i32>, tensor<4xui32>
  }
  return %0#0, %0#1 : tensor<i32>, tensor<4xui32>
}

// The last branch is for every index that no other has.
// CHECK-LABEL: func.func @case
// CHECK: %[[I:.*]] = tensor.extract %arg0[]
// CHECK: %[[ZERO:.*]] = arith.cmpi eq, %[[I]], %c0_i32
// CHECK: scf.if %[[ZERO]]
// CHECK: } else {
// CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[I]], %c1_i32
// CHECK: scf.if %[[ONE]]
// SCALARS-LABEL: func.func @case
// SCALARS: scf.if %{{.*}} -> (f32)
func.func @case(%i: tensor<i32>, %x: tensor<f32>) -> tensor<f32> {
  %0 = "stablehlo.case"(%i) ({
    stablehlo.return %x : tensor<f32>
  }, {
    %1 = stablehlo.negate %x : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }, {
    %1 = stablehlo.abs %x : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<i32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func.func @if
// CHECK: %[[P:.*]] = tensor.extract %arg0[]
// CHECK: scf.if %[[P]] -> (tensor<4xf32>)
// SCALARS-LABEL: func.func @if
func.func @if(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.if"(%p) ({
    %1 = stablehlo.negate %x : tensor<4xf32>
    stablehlo.return %1 : tensor<4xf32>
  }, {
    stablehlo.return %x : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
