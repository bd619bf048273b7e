// RUN: steelyard-opt %s | steelyard-opt | FileCheck %s
// RUN: steelyard-opt %s --canonicalize -split-input-file | FileCheck %s --check-prefix=CANON

// CHECK-LABEL: func.func @while
// CHECK: %[[R:.*]]:2 = stablehlo.while(%iterArg = %{{.*}}, %iterArg_{{[0-9]}} = %{{.*}}) : tensor<i32>, tensor<4xf32>
// CHECK-NEXT: {{^}}    cond {
// CHECK: stablehlo.return %{{.*}} : tensor<i1>
// CHECK-NEXT: } do {
// CHECK: stablehlo.return %{{.*}}, %{{.*}} : tensor<i32>, tensor<4xf32>
// CANON-LABEL: func.func @while
// CANON: stablehlo.while(%iterArg = %{{.*}}, %iterArg_{{[0-9]}} = %{{.*}}) :
func.func @while(%n: tensor<i32>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<0> : tensor<i32>
  %c_0 = stablehlo.constant dense<1> : tensor<i32>
  %0:2 = stablehlo.while(%i = %c, %v = %x) : tensor<i32>, tensor<4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %n, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.add %i, %c_0 : tensor<i32>
    %2 = stablehlo.add %v, %v : tensor<4xf32>
    stablehlo.return %1, %2 : tensor<i32>, tensor<4xf32>
  }
  return %0#1 : tensor<4xf32>
}

// Values of any type are carried.
// CHECK-LABEL: func.func @scaled
// CHECK: stablehlo.while(%iterArg = %{{.*}}) : !scaled.tensor<4xf16, exp> attributes {a = 1 : i64}
func.func @scaled(%p: tensor<i1>, %x: !scaled.tensor<4xf16, exp>) -> !scaled.tensor<4xf16, exp> {
  %0 = stablehlo.while(%v = %x) : !scaled.tensor<4xf16, exp> attributes {a = 1 : i64}
  cond {
    stablehlo.return %p : tensor<i1>
  } do {
    stablehlo.return %v : !scaled.tensor<4xf16, exp>
  }
  return %0 : !scaled.tensor<4xf16, exp>
}

// What never changes is read from outside; what nothing reads is not carried.
// CANON-LABEL: func.func @carry_less
// CANON-SAME: %[[P:.*]]: tensor<i1>, %[[X:.*]]: tensor<4xf32>, %[[W:.*]]: tensor<4xf32>
// CANON: %[[R:.*]] = stablehlo.while(%[[V:.*]] = %[[X]]) : tensor<4xf32>
// CANON: stablehlo.multiply %[[V]], %[[W]]
// CANON: return %[[R]], %[[W]]
func.func @carry_less(%p: tensor<i1>, %x: tensor<4xf32>, %w: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0:3 = stablehlo.while(%v = %x, %a = %w, %dead = %x) : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  cond {
    stablehlo.return %p : tensor<i1>
  } do {
    %1 = stablehlo.multiply %v, %a : tensor<4xf32>
    %2 = stablehlo.add %v, %a : tensor<4xf32>
    stablehlo.return %1, %a, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xf32>
}

// CANON-LABEL: func.func @never
// CANON-NEXT: return %arg0
func.func @never(%x: tensor<4xf32>) -> tensor<4xf32> {
  %p = stablehlo.constant dense<false> : tensor<i1>
  %0 = stablehlo.while(%v = %x) : tensor<4xf32>
  cond {
    stablehlo.return %p : tensor<i1>
  } do {
    %1 = stablehlo.add %v, %v : tensor<4xf32>
    stablehlo.return %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @case
// CHECK: "stablehlo.case"(%{{.*}}) ({
// CHECK: }, {
// CHECK: }) : (tensor<i32>) -> (tensor<f32>, tensor<i32>)
// CANON-LABEL: func.func @case
// CANON: stablehlo.case
func.func @case(%i: tensor<i32>, %x: tensor<f32>) -> (tensor<f32>, tensor<i32>) {
  %0:2 = "stablehlo.case"(%i) ({
    stablehlo.return %x, %i : tensor<f32>, tensor<i32>
  }, {
    %1 = stablehlo.negate %x : tensor<f32>
    stablehlo.return %1, %i : tensor<f32>, tensor<i32>
  }) : (tensor<i32>) -> (tensor<f32>, tensor<i32>)
  return %0#0, %0#1 : tensor<f32>, tensor<i32>
}

// An index out of range takes the last branch.
// CANON-LABEL: func.func @known
// CANON-DAG: %[[A:.*]] = stablehlo.negate %arg0
// CANON-DAG: %[[B:.*]] = stablehlo.abs %arg0
// CANON: return %[[A]], %[[B]]
func.func @known(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %i = stablehlo.constant dense<-1> : tensor<i32>
  %p = stablehlo.constant dense<true> : tensor<i1>
  %0 = "stablehlo.case"(%i) ({
    stablehlo.return %x : tensor<f32>
  }, {
    %1 = stablehlo.negate %x : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<i32>) -> tensor<f32>
  %2 = "stablehlo.if"(%p) ({
    %1 = stablehlo.abs %x : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }, {
    stablehlo.return %x : tensor<f32>
  }) : (tensor<i1>) -> tensor<f32>
  return %0, %2 : tensor<f32>, tensor<f32>
}
