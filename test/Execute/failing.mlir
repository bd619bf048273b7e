// RUN: not steelyard-run %s 2>&1 | FileCheck %s
// RUN: not steelyard-run %s --entry missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not steelyard-run %s --scheme=nothing 2>&1 | FileCheck %s --check-prefix=SCHEME
// RUN: not steelyard-run %s --entry takes 2>&1 | FileCheck %s --check-prefix=INPUT
// RUN: not steelyard-run %t.missing 2>&1 | FileCheck %s --check-prefix=FILE

// CHECK: @wrong: 1 of 1 check(s) failed
// MISSING: there is no public function @missing
// SCHEME: 'nothing' does not refer to a registered pass or pass pipeline
// INPUT: @takes takes 1 argument(s), 0 --input given
// FILE: No such file or directory
func.func @wrong() {
  %a = stablehlo.constant dense<1.0> : tensor<2xf32>
  check.expect_eq_const %a, dense<2.0> : tensor<2xf32>
  return
}

func.func @takes(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
