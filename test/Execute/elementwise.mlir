// RUN: steelyard-run %s | FileCheck %s
// CHECK: check(s) held

func.func @arithmetic() {
  %a = stablehlo.constant dense<[1.0, -2.0, 0.5, 4.0]> : tensor<4xf32>
  %b = stablehlo.constant dense<[2.0, 4.0, -0.25, 0.5]> : tensor<4xf32>
  %sum = stablehlo.add %a, %b : tensor<4xf32>
  check.expect_eq_const %sum, dense<[3.0, 2.0, 0.25, 4.5]> : tensor<4xf32>
  %difference = stablehlo.subtract %a, %b : tensor<4xf32>
  check.expect_eq_const %difference, dense<[-1.0, -6.0, 0.75, 3.5]> : tensor<4xf32>
  %product = stablehlo.multiply %a, %b : tensor<4xf32>
  check.expect_eq_const %product, dense<[2.0, -8.0, -0.125, 2.0]> : tensor<4xf32>
  %quotient = stablehlo.divide %a, %b : tensor<4xf32>
  check.expect_eq_const %quotient, dense<[0.5, -0.5, -2.0, 8.0]> : tensor<4xf32>
  return
}

// NaN is propagated by extrema; division by zero gives all ones for integers.
func.func @corners() {
  %a = stablehlo.constant dense<[0x7FC00000, 1.0]> : tensor<2xf32>
  %b = stablehlo.constant dense<[1.0, 0x7FC00000]> : tensor<2xf32>
  %m = stablehlo.maximum %a, %b : tensor<2xf32>
  check.expect_eq_const %m, dense<0x7FC00000> : tensor<2xf32>
  %i = stablehlo.constant dense<[7, -7, -2147483648]> : tensor<3xi32>
  %j = stablehlo.constant dense<[0, 2, -1]> : tensor<3xi32>
  %q = stablehlo.divide %i, %j : tensor<3xi32>
  check.expect_eq_const %q, dense<[-1, -3, -2147483648]> : tensor<3xi32>
  %r = stablehlo.remainder %i, %j : tensor<3xi32>
  check.expect_eq_const %r, dense<[7, -1, 0]> : tensor<3xi32>
  %u = stablehlo.constant dense<[4294967295, 3]> : tensor<2xui32>
  %two = stablehlo.constant dense<2> : tensor<2xui32>
  %h = stablehlo.divide %u, %two : tensor<2xui32>
  check.expect_eq_const %h, dense<[2147483647, 1]> : tensor<2xui32>
  return
}

func.func @transcendental() {
  %x = stablehlo.constant dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf64>
  %e = stablehlo.exponential %x : tensor<4xf64>
  %l = stablehlo.log %e : tensor<4xf64>
  check.expect_almost_eq_const %l, dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf64>, tolerance = 1.0e-15
  return
}
