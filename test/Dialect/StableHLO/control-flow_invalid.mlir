// RUN: steelyard-opt %s -split-input-file -verify-diagnostics

func.func @condition(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{the condition returns ('tensor<i1>'), got ('tensor<4xf32>')}}
  %0 = stablehlo.while(%v = %x) : tensor<4xf32>
  cond {
    stablehlo.return %v : tensor<4xf32>
  } do {
    stablehlo.return %v : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @body(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{the body returns ('tensor<4xf32>'), got ('tensor<i1>')}}
  %0 = stablehlo.while(%v = %x) : tensor<4xf32>
  cond {
    stablehlo.return %p : tensor<i1>
  } do {
    stablehlo.return %p : tensor<i1>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @arguments(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{the condition takes ('tensor<4xf32>'), got ('tensor<i1>')}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%v: tensor<i1>):
    stablehlo.return %v : tensor<i1>
  }, {
  ^bb0(%v: tensor<4xf32>):
    stablehlo.return %v : tensor<4xf32>
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @results(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<i1> {
  // expected-error@+1 {{results have the operands' types}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%v: tensor<4xf32>):
    stablehlo.return %p : tensor<i1>
  }, {
  ^bb0(%v: tensor<4xf32>):
    stablehlo.return %v : tensor<4xf32>
  }) : (tensor<4xf32>) -> tensor<i1>
  return %0 : tensor<i1>
}

// -----

func.func @no_branches(%i: tensor<i32>) {
  // expected-error@+1 {{has no branches}}
  "stablehlo.case"(%i) : (tensor<i32>) -> ()
  return
}

// -----

func.func @branch(%i: tensor<i32>, %x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{the branch 1 returns ('tensor<f32>'), got ('tensor<i32>')}}
  %0 = "stablehlo.case"(%i) ({
    stablehlo.return %x : tensor<f32>
  }, {
    stablehlo.return %i : tensor<i32>
  }) : (tensor<i32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @index(%i: tensor<2xi32>, %x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{the index has rank 0, got 'tensor<2xi32>'}}
  %0 = "stablehlo.case"(%i) ({
    stablehlo.return %x : tensor<f32>
  }) : (tensor<2xi32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @predicate(%p: tensor<1xi1>, %x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{the predicate has rank 0, got 'tensor<1xi1>'}}
  %0 = "stablehlo.if"(%p) ({
    stablehlo.return %x : tensor<f32>
  }, {
    stablehlo.return %x : tensor<f32>
  }) : (tensor<1xi1>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @missing(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected SSA operand}}
  stablehlo.while(%v = %x, : tensor<4xf32>
}
