// RUN: steelyard-opt %s --steelyard-import --convert-stablehlo-to-linalg --canonicalize --cse --cuda-count-loops | FileCheck %s

// The host counts to 5: 1, 3, 5, 7, 9.

// CHECK-LABEL: func.func @known
func.func @known(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %two = stablehlo.constant dense<2> : tensor<i32>
  %ten = stablehlo.constant dense<10> : tensor<i32>
  // CHECK: scf.while
  // CHECK-NOT: tensor.extract
  // CHECK: %[[TRIPS:.*]] = arith.constant 5 : index
  // CHECK: %[[LESS:.*]] = arith.cmpi ult, %{{.*}}, %[[TRIPS]] : index
  // CHECK: %[[GOES_ON:.*]] = host.poll
  // CHECK: %[[BOTH:.*]] = arith.andi %[[GOES_ON]], %[[LESS]]
  // CHECK: scf.condition(%[[BOTH]])
  %0:2 = stablehlo.while(%i = %one, %y = %x) : tensor<i32>, tensor<4xf32>
    cond {
      %c = stablehlo.compare LT, %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %j = stablehlo.add %i, %two : tensor<i32>
      %z = stablehlo.add %y, %y : tensor<4xf32>
      stablehlo.return %j, %z : tensor<i32>, tensor<4xf32>
    }
  return %0#1 : tensor<4xf32>
}

// What the data decide is asked for.

// CHECK-LABEL: func.func @unknown
func.func @unknown(%x: tensor<i32>) -> tensor<i32> {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %ten = stablehlo.constant dense<10> : tensor<i32>
  // CHECK: scf.while
  // CHECK: tensor.extract
  %0 = stablehlo.while(%i = %x) : tensor<i32>
    cond {
      %c = stablehlo.compare LT, %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %j = stablehlo.add %i, %one : tensor<i32>
      stablehlo.return %j : tensor<i32>
    }
  return %0 : tensor<i32>
}

// A loop without an end is left as it is.

// CHECK-LABEL: func.func @endless
func.func @endless() -> tensor<i32> {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %true = stablehlo.constant dense<true> : tensor<i1>
  // CHECK: scf.while
  // CHECK-NOT: arith.cmpi ult
  // CHECK: return
  %0 = stablehlo.while(%i = %one) : tensor<i32>
    cond {
      stablehlo.return %true : tensor<i1>
    } do {
      %j = stablehlo.add %i, %one : tensor<i32>
      stablehlo.return %j : tensor<i32>
    }
  return %0 : tensor<i32>
}
