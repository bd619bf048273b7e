// RUN: steelyard-opt %s -split-input-file -verify-diagnostics -o /dev/null

func.func @types(%a: tensor<2xf32>, %b: tensor<3xf32>) {
  // expected-error@+1 {{requires all operands to have the same type}}
  "check.expect_eq"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> ()
  return
}

// -----

func.func @constant(%a: tensor<2xf32>) {
  // expected-error@+1 {{failed to verify that all of {value, actual} have same type}}
  "check.expect_eq_const"(%a) <{value = dense<1.0> : tensor<3xf32>}> : (tensor<2xf32>) -> ()
  return
}

// -----

func.func @tolerance(%a: tensor<2xf32>) {
  // expected-error@+1 {{is not a number from 0 on}}
  check.expect_almost_eq %a, %a, tolerance = -1.0 : tensor<2xf32>
  return
}

// -----

func.func @ulp(%a: tensor<2xf32>) {
  // expected-error@+1 {{max_ulp_difference is negative}}
  check.expect_close %a, %a, max_ulp_difference = -1 : tensor<2xf32>
  return
}

// -----

func.func @integers(%a: tensor<2xi32>) {
  // expected-error@+1 {{must be float tensor}}
  check.expect_close %a, %a : tensor<2xi32>
  return
}
