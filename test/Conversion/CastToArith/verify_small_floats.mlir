// RUN: steelyard-opt %s -verify-no-arith-on-small-floats | FileCheck %s

// What moves codes may stay.
// CHECK-LABEL: func @moves(
// CHECK: arith.select
func.func @moves(%m: memref<4xf8E4M3FN>, %c: i1, %i: index, %b: vector<4xi8>) -> vector<4xf8E4M3FN> {
  %0 = arith.constant 1.0 : f8E4M3FN
  %1 = memref.load %m[%i] : memref<4xf8E4M3FN>
  %2 = arith.select %c, %0, %1 : f8E4M3FN
  memref.store %2, %m[%i] : memref<4xf8E4M3FN>
  %3 = arith.bitcast %b : vector<4xi8> to vector<4xf8E4M3FN>
  return %3 : vector<4xf8E4M3FN>
}

// 16 bits are the processor's affair.
// CHECK-LABEL: func @wider(
// CHECK: arith.addf
func.func @wider(%x: f16, %y: bf16) -> (f16, f32) {
  %0 = arith.addf %x, %x : f16
  %1 = arith.extf %y : bf16 to f32
  return %0, %1 : f16, f32
}
