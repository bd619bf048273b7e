// RUN: steelyard-opt %s --verify-each | FileCheck %s
// RUN: steelyard-opt %s --mlir-print-op-generic | steelyard-opt | FileCheck %s

// CHECK-LABEL: @checks
func.func @checks(%a: tensor<2xf32>, %b: tensor<2xf32>, %n: tensor<2xui8>) {
  // CHECK: check.expect_eq %arg0, %arg1 : tensor<2xf32>
  check.expect_eq %a, %b : tensor<2xf32>
  // CHECK: check.expect_eq_const %arg2, dense<[1, 255]> : tensor<2xui8>
  check.expect_eq_const %n, dense<[1, 255]> : tensor<2xui8>
  // CHECK: check.expect_almost_eq %arg0, %arg1 : tensor<2xf32>
  check.expect_almost_eq %a, %b : tensor<2xf32>
  // CHECK: check.expect_almost_eq %arg0, %arg1, tolerance = 1.250000e-01 : tensor<2xf32>
  check.expect_almost_eq %a, %b, tolerance = 0.125 : tensor<2xf32>
  // CHECK: check.expect_almost_eq_const %arg0, dense<1.000000e+00> : tensor<2xf32>, tolerance = 1.250000e-01
  check.expect_almost_eq_const %a, dense<1.0> : tensor<2xf32>, tolerance = 0.125
  // CHECK: check.expect_close %arg0, %arg1 : tensor<2xf32>
  check.expect_close %a, %b : tensor<2xf32>
  // CHECK: check.expect_close %arg0, %arg1, max_ulp_difference = 3 : tensor<2xf32>
  check.expect_close %a, %b, max_ulp_difference = 3 : tensor<2xf32>
  return
}
