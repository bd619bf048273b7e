// RUN: steelyard-opt %s -normalise -split-input-file -verify-diagnostics -o /dev/null

func.func @negative(%x: tensor<4xf32>) {
  // expected-error@+1 {{a tolerance is not negative, got ulps = -1}}
  %0 = stablehlo.log %x {result_accuracy = #stablehlo.result_accuracy<ulps = -1, mode = #stablehlo.result_accuracy_mode<TOLERANCE>>} : tensor<4xf32>
  return
}

// -----

func.func @negative_relative(%x: tensor<4xf32>) {
  // expected-error@+1 {{a tolerance is a finite number, not negative}}
  %0 = stablehlo.log %x {result_accuracy = #stablehlo.result_accuracy<rtol = -1.0, mode = #stablehlo.result_accuracy_mode<TOLERANCE>>} : tensor<4xf32>
  return
}

// -----

func.func @mode(%x: tensor<4xf32>) {
  // expected-error@+1 {{tolerances are for mode TOLERANCE, not HIGHEST}}
  %0 = stablehlo.log %x {result_accuracy = #stablehlo.result_accuracy<ulps = 3, mode = #stablehlo.result_accuracy_mode<HIGHEST>>} : tensor<4xf32>
  return
}

// -----

func.func @without_a_mode(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected 'mode'}}
  %0 = stablehlo.log %x {result_accuracy = #stablehlo.result_accuracy<ulps = 3, atol = 1.0>} : tensor<4xf32>
  return
}

// -----

func.func @another_attribute(%x: tensor<4xf32>) {
  // expected-error@+1 {{attribute 'result_accuracy' failed to satisfy constraint}}
  %0 = stablehlo.log %x {result_accuracy = 3 : i64} : tensor<4xf32>
  return
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'stablehlo.log' is within 3 ulp of the exact result in 'f32', which does not meet the tolerance of its result_accuracy}}
  %0 = stablehlo.log %x {result_accuracy = #stablehlo.result_accuracy<atol = 1.0, ulps = 1, mode = #stablehlo.result_accuracy_mode<TOLERANCE>>} : tensor<4xf32>
  return %0 : tensor<4xf32>
}
