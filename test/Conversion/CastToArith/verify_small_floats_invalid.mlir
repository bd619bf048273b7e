// RUN: steelyard-opt %s -verify-no-arith-on-small-floats -split-input-file -verify-diagnostics

func.func @extf(%x: f8E4M3FN) -> f32 {
  // expected-error@+1 {{'arith.extf' op computes on a float of fewer than 16 bits}}
  %0 = arith.extf %x : f8E4M3FN to f32
  return %0 : f32
}

// -----

func.func @every_one(%x: vector<4xf32>) -> vector<4xf8E5M2> {
  // expected-error@+1 {{'arith.truncf' op computes on a float of fewer than 16 bits}}
  %0 = arith.truncf %x : vector<4xf32> to vector<4xf8E5M2>
  // expected-error@+1 {{'arith.addf' op computes on a float of fewer than 16 bits}}
  %1 = arith.addf %0, %0 : vector<4xf8E5M2>
  return %1 : vector<4xf8E5M2>
}

// -----

func.func @compare(%x: f4E2M1FN) -> i1 {
  // expected-error@+1 {{'arith.cmpf' op computes on a float of fewer than 16 bits}}
  %0 = arith.cmpf olt, %x, %x : f4E2M1FN
  return %0 : i1
}

// -----

func.func @math(%x: f8E4M3FNUZ) -> f8E4M3FNUZ {
  // expected-error@+1 {{'math.sqrt' op computes on a float of fewer than 16 bits}}
  %0 = math.sqrt %x : f8E4M3FNUZ
  return %0 : f8E4M3FNUZ
}

// -----

func.func @vector(%x: vector<4xf8E4M3FN>) -> f8E4M3FN {
  // expected-error@+1 {{'vector.reduction' op computes on a float of fewer than 16 bits}}
  %0 = vector.reduction <add>, %x : vector<4xf8E4M3FN> into f8E4M3FN
  return %0 : f8E4M3FN
}
