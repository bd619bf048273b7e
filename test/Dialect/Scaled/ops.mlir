// RUN: steelyard-opt %s | steelyard-opt | FileCheck %s
// RUN: steelyard-opt %s --mlir-print-op-generic | steelyard-opt | FileCheck %s

// Types: kinds, granularities, levels, formats; exp[*, *] is written exp.
// CHECK-LABEL: func.func @types
// CHECK-SAME: !scaled.tensor<4x8xf16, exp>
// CHECK-SAME: !scaled.tensor<4x8xf16, exp[1, *]>
// CHECK-SAME: !scaled.tensor<4x40xf8E4M3FN, f8E8M0FNU[1, 32]>
// CHECK-SAME: !scaled.tensor<4x64xf4E2M1FN, f8E4M3FN[1, 16], f32>
// CHECK-SAME: !scaled.tensor<4x8xi8, #scaled.format<e = 4, t = 3, bias = 9>, exp>
// CHECK-SAME: !scaled.tensor<f16, exp>
func.func @types(%a: !scaled.tensor<4x8xf16, exp[*, *]>, %b: !scaled.tensor<4x8xf16, exp[1, *]>,
                 %c: !scaled.tensor<4x40xf8E4M3FN, f8E8M0FNU[1, 32]>,
                 %d: !scaled.tensor<4x64xf4E2M1FN, f8E4M3FN[1, 16], f32>,
                 %e: !scaled.tensor<4x8xi8, #scaled.format<e = 4, t = 3, bias = 9>, exp>,
                 %f: !scaled.tensor<f16, exp>) {
  return
}

// The scales of a ragged last block: 40 = 32 + 8.
// CHECK-LABEL: func.func @unpack_blocks
// CHECK: scaled.unpack %{{.*}} -> tensor<4x40xf8E4M3FN>, tensor<4x2xf8E8M0FNU>
func.func @unpack_blocks(%x: !scaled.tensor<4x40xf8E4M3FN, f8E8M0FNU[1, 32]>) -> tensor<4x2xf8E8M0FNU> {
  %d, %s = scaled.unpack %x : !scaled.tensor<4x40xf8E4M3FN, f8E8M0FNU[1, 32]> -> tensor<4x40xf8E4M3FN>, tensor<4x2xf8E8M0FNU>
  return %s : tensor<4x2xf8E8M0FNU>
}

// CHECK-LABEL: func.func @ops
// CHECK: scaled.normalize
// CHECK: scaled.cast %{{.*}} {saturate} : tensor<4x8xf32> -> tensor<4x8xf8E4M3FN>
// CHECK: scaled.random_bits %{{.*}} stream 3
// CHECK: scaled.cast %{{.*}} random %{{.*}} {rounding = #scaled.rounding<stochastic>}
// CHECK: scaled.quantize
// CHECK: scaled.dequantize
// CHECK: scaled.dot_general
// CHECK: scaled.observe %{{.*}} "tap"
// CHECK: scaled.rescale %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<i32>
// CHECK: scaled.rescale %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x1xi32>
// CHECK: scaled.rescale_factors %{{.*}} : f64
// CHECK: scaled.edge %{{.*}} forward 5.000000e-01 backward 2.000000e+00
func.func @ops(%x: tensor<4x8xf32>, %e: tensor<i32>, %key: tensor<i64>) -> tensor<4x8xf32> {
  %n, %e1 = scaled.normalize %x, %e : tensor<4x8xf32>
  %q = scaled.cast %n {saturate} : tensor<4x8xf32> -> tensor<4x8xf8E4M3FN>
  %p = scaled.pack %q, %e1 : tensor<4x8xf8E4M3FN>, tensor<i32> -> !scaled.tensor<4x8xf8E4M3FN, exp>
  %bits = scaled.random_bits %key stream 3 : tensor<i64> -> tensor<4x8xi32>
  %s = scaled.cast %n random %bits {rounding = #scaled.rounding<stochastic>} : tensor<4x8xf32>, tensor<4x8xi32> -> tensor<4x8xf16>
  %z = scaled.quantize %x : tensor<4x8xf32> -> !scaled.tensor<4x8xf8E5M2, exp>
  %v = scaled.dequantize %z : !scaled.tensor<4x8xf8E5M2, exp> -> tensor<4x8xf32>
  %r = scaled.dot_general %p, %z batching_dims = [] x [] contracting_dims = [1] x [1] : (!scaled.tensor<4x8xf8E4M3FN, exp>, !scaled.tensor<4x8xf8E5M2, exp>) -> !scaled.tensor<4x4xf32, exp>
  %o = scaled.observe %v "tap" : tensor<4x8xf32>
  %w = scaled.rescale %o, %e : tensor<4x8xf32>, tensor<i32>
  %es = stablehlo.constant dense<3> : tensor<4x1xi32>
  %ws = scaled.rescale %w, %es : tensor<4x8xf32>, tensor<4x1xi32>
  %c1 = arith.constant 1 : i32
  %f:3 = scaled.rescale_factors %c1 : f64
  %g = scaled.edge %w forward 0.5 backward 2.0 : tensor<4x8xf32>
  return %g : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @convolution
// CHECK: scaled.convolution %arg0, %arg1 {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>} : (!scaled.tensor<2x8x3xf8E4M3FN, exp>, !scaled.tensor<3x3x4xf8E5M2, exp>) -> !scaled.tensor<2x6x4xf32, exp>
// CHECK: scaled.convolution %arg0, %arg1 {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, padding = dense<1> : tensor<1x2xi64>, window_strides = array<i64: 2>}
func.func @convolution(%x: !scaled.tensor<2x8x3xf8E4M3FN, exp>, %w: !scaled.tensor<3x3x4xf8E5M2, exp>) {
  %0 = scaled.convolution %x, %w {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>} : (!scaled.tensor<2x8x3xf8E4M3FN, exp>, !scaled.tensor<3x3x4xf8E5M2, exp>) -> !scaled.tensor<2x6x4xf32, exp>
  %1 = scaled.convolution %x, %w {dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, padding = dense<1> : tensor<1x2xi64>, window_strides = array<i64: 2>} : (!scaled.tensor<2x8x3xf8E4M3FN, exp>, !scaled.tensor<3x3x4xf8E5M2, exp>) -> !scaled.tensor<2x4x4xf32, exp>
  return
}
