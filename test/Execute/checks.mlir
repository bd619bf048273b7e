// The checks hold where they should, fail where they should, and the exit status says so.
// RUN: split-file %s %t
// RUN: steelyard-run %t/holds.mlir | FileCheck %s --check-prefix=HOLDS
// RUN: not steelyard-run %t/fails.mlir 2>&1 | FileCheck %s --check-prefix=FAILS

// HOLDS: @holds: 9 check(s) held
// FAILS: check.expect_eq failed: at [2] got 9
// FAILS: @fails: 1 of 2 check(s) failed

//--- holds.mlir
func.func @holds() {
  %a = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %b = chlo.square %a : tensor<3xf32> -> tensor<3xf32>
  check.expect_eq_const %b, dense<[1.0, 4.0, 9.0]> : tensor<3xf32>
  // erf(1), erf(2), erf(3), Abramowitz and Stegun, table 7.1
  %e = chlo.erf %a : tensor<3xf32> -> tensor<3xf32>
  check.expect_almost_eq_const %e, dense<[0.8427007929, 0.9953222650, 0.9999779095]> : tensor<3xf32>, tolerance = 1.0e-6
  stablehlo.custom_call @check.expect_close(%b, %b) {has_side_effect = true} : (tensor<3xf32>, tensor<3xf32>) -> ()
  %next = stablehlo.constant dense<[0x3F800001, 0x40000001, 0x40400001]> : tensor<3xf32>
  check.expect_close %a, %next : tensor<3xf32>
  check.expect_almost_eq %a, %next : tensor<3xf32>
  %n = stablehlo.constant dense<[1, 2, 4294967295]> : tensor<3xui32>
  check.expect_eq_const %n, dense<[1, 2, 4294967295]> : tensor<3xui32>
  %nan = stablehlo.constant dense<[0x7FC00000, 0x7F800000]> : tensor<2xf32>
  check.expect_eq %nan, %nan : tensor<2xf32>
  %none = stablehlo.constant dense<> : tensor<2x0xui8>
  check.expect_eq_const %none, dense<> : tensor<2x0xui8>
  check.expect_eq %none, %none : tensor<2x0xui8>
  return
}

//--- fails.mlir
func.func @fails() {
  %a = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %b = stablehlo.multiply %a, %a : tensor<3xf32>
  check.expect_eq_const %b, dense<[1.0, 4.0, 8.0]> : tensor<3xf32>
  check.expect_eq_const %a, dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  return
}
