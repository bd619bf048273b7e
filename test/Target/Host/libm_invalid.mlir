// RUN: steelyard-opt %s -verify-diagnostics

func.func @f(%x: f64) -> f64 {
  // expected-error@+1 {{does not know 'gets'}}
  %0 = host.libm "gets" %x : f64
  return %0 : f64
}
