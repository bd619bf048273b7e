// RUN: steelyard-opt %s -split-input-file -verify-diagnostics | FileCheck %s
// RUN: steelyard-opt %s -split-input-file -verify-diagnostics --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC

// CHECK-LABEL: @functions
func.func @functions(%x: tensor<4x8xf32>) {
  // CHECK: chlo.acos %arg0 : tensor<4x8xf32> -> tensor<4x8xf32>
  %0 = chlo.acos %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.acosh
  %1 = chlo.acosh %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.asin %
  %2 = chlo.asin %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.asinh
  %3 = chlo.asinh %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.atan %
  %4 = chlo.atan %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.atanh
  %5 = chlo.atanh %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.cosh
  %6 = chlo.cosh %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.erf %
  %7 = chlo.erf %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.erf_inv
  %8 = chlo.erf_inv %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.erfc
  %9 = chlo.erfc %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.lgamma
  %10 = chlo.lgamma %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.sinh
  %11 = chlo.sinh %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.square
  %12 = chlo.square %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.tan %
  %13 = chlo.tan %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: %values, %indices = chlo.top_k(%arg0, k = 2) : tensor<4x8xf32> -> (tensor<4x2xf32>, tensor<4x2xi32>)
  // GENERIC: "chlo.top_k"(%{{.+}}) <{k = 2 : i64}> : (tensor<4x8xf32>) -> (tensor<4x2xf32>, tensor<4x2xi32>)
  %14, %15 = chlo.top_k(%x, k = 2) : tensor<4x8xf32> -> (tensor<4x2xf32>, tensor<4x2xi32>)
  // CHECK: chlo.digamma %arg0 : tensor<4x8xf32> -> tensor<4x8xf32>
  %16 = chlo.digamma %x : tensor<4x8xf32> -> tensor<4x8xf32>
  // CHECK: chlo.next_after %arg0, %{{.+}} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  // GENERIC: "chlo.next_after"(%{{.+}}, %{{.+}}) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %17 = chlo.next_after %x, %16 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @next_after_types(%x: tensor<4xf32>, %y: tensor<4xf64>) {
  // expected-error@+1 {{requires the same type for all operands and results}}
  %0 = chlo.next_after %x, %y : tensor<4xf32>, tensor<4xf64> -> tensor<4xf32>
  return
}

// -----

func.func @digamma_of_integers(%x: tensor<4xi32>) {
  // expected-error@+1 {{'chlo.digamma' op operand #0 must be float tensor of static shape}}
  %0 = chlo.digamma %x : tensor<4xi32> -> tensor<4xi32>
  return
}

// -----

func.func @top_k(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{top_k: k = 9 is out of range for a last dimension of size 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %0, %1 = chlo.top_k(%x, k = 9) : tensor<4x8xf32> -> (tensor<4x9xf32>, tensor<4x9xi32>)
  return
}
