// RUN: steelyard-opt %s -convert-scaled-cast-to-arith -canonicalize -cse | FileCheck %s
// RUN: steelyard-opt %s -convert-scaled-cast-to-arith -verify-no-arith-on-small-floats -o /dev/null

// Nearest even: subnormals by an addition, normals by the carry of one; then the bound, NaN, the sign.
// CHECK-LABEL: func @encode(
// CHECK-SAME: %[[X:.*]]: f32)
// CHECK-DAG: %[[MASK:.*]] = arith.constant 2147483647 : i32
// CHECK-DAG: %[[STEP:.*]] = arith.constant 1.638400e+04 : f32
// CHECK-DAG: %[[LARGEST:.*]] = arith.constant 126 : i32
// CHECK-DAG: %[[NAN:.*]] = arith.constant 127 : i32
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : f32 to i32
// CHECK: %[[MAGNITUDE:.*]] = arith.andi %[[BITS]], %[[MASK]]
// CHECK: %[[ABS:.*]] = arith.bitcast %[[MAGNITUDE]] : i32 to f32
// CHECK: arith.addf %[[ABS]], %[[STEP]]
// CHECK: %[[CODE:.*]] = arith.select
// CHECK: %[[ISNAN:.*]] = arith.cmpi ugt, %[[MAGNITUDE]]
// CHECK: %[[BOUNDED:.*]] = arith.minui %[[CODE]], %[[LARGEST]]
// CHECK: %[[WITHNAN:.*]] = arith.select %[[ISNAN]], %[[NAN]], %[[BOUNDED]]
// CHECK: %[[SIGNED:.*]] = arith.ori %[[WITHNAN]]
// CHECK: %[[BYTE:.*]] = arith.trunci %[[SIGNED]] : i32 to i8
// CHECK: %[[RESULT:.*]] = arith.bitcast %[[BYTE]] : i8 to f8E4M3FN
// CHECK: return %[[RESULT]]
func.func @encode(%x: f32) -> f8E4M3FN {
  %q = scaled.cast %x {saturate} : f32 -> f8E4M3FN
  return %q : f8E4M3FN
}

// A format of its own parameters is in an integer; vectors keep their shape.
// CHECK-LABEL: func @decode_parameters(
// CHECK-SAME: %[[X:.*]]: vector<8xi8>)
// CHECK-NOT: f8E
// CHECK: arith.extui %[[X]] : vector<8xi8> to vector<8xi32>
// CHECK: arith.bitcast %{{.*}} : vector<8xi32> to vector<8xf32>
// CHECK: return %{{.*}} : vector<8xf32>
func.func @decode_parameters(%x: vector<8xi8>) -> vector<8xf32> {
  %q = scaled.cast %x {source_format = #scaled.format<e = 4, t = 3, bias = 9>} : vector<8xi8> -> vector<8xf32>
  return %q : vector<8xf32>
}

// bfloat16 has float32's exponents: random bits are added below what stays.
// CHECK-LABEL: func @stochastic(
// CHECK-SAME: %[[X:.*]]: vector<4xf32>, %[[R:.*]]: vector<4xi32>)
// CHECK-DAG: %[[SIXTEEN:.*]] = arith.constant dense<16> : vector<4xi32>
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]]
// CHECK: %[[MAGNITUDE:.*]] = arith.andi %[[BITS]]
// CHECK: %[[RANDOM:.*]] = arith.shrui %[[R]], %[[SIXTEEN]]
// CHECK: %[[SUM:.*]] = arith.addi %[[MAGNITUDE]], %[[RANDOM]]
// CHECK: arith.shrui %[[SUM]], %[[SIXTEEN]]
// CHECK: arith.bitcast %{{.*}} : vector<4xi16> to vector<4xbf16>
func.func @stochastic(%x: vector<4xf32>, %bits: vector<4xi32>) -> vector<4xbf16> {
  %q = scaled.cast %x random %bits {rounding = #scaled.rounding<stochastic>} : vector<4xf32>, vector<4xi32> -> vector<4xbf16>
  return %q : vector<4xbf16>
}

// CHECK-LABEL: func @half(
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: f32) -> f16 {
  %q = scaled.cast %x : f32 -> f16
  return %q : f16
}

// CHECK-LABEL: func @half_toward_zero(
// CHECK-NOT: arith.truncf
func.func @half_toward_zero(%x: f32) -> f16 {
  %q = scaled.cast %x {rounding = #scaled.rounding<toward_zero>} : f32 -> f16
  return %q : f16
}

// One rounding from float64: no float32 on the way.
// CHECK-LABEL: func @from_f64(
// CHECK-NOT: f32
// CHECK: arith.bitcast %{{.*}} : f64 to i64
// CHECK: arith.trunci %{{.*}} : i64 to i8
// CHECK-LABEL: func @from_f16(
func.func @from_f64(%x: f64) -> f8E5M2 {
  %q = scaled.cast %x : f64 -> f8E5M2
  return %q : f8E5M2
}

// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.bitcast %{{.*}} : i4 to f4E2M1FN
func.func @from_f16(%x: f16) -> f4E2M1FN {
  %q = scaled.cast %x {saturate} : f16 -> f4E2M1FN
  return %q : f4E2M1FN
}

// CHECK-LABEL: func @e8m0(
// CHECK: arith.bitcast %{{.*}} : i8 to f8E8M0FNU
func.func @e8m0(%x: f32) -> f8E8M0FNU {
  %q = scaled.cast %x : f32 -> f8E8M0FNU
  return %q : f8E8M0FNU
}

// CHECK-LABEL: func @same(
// CHECK-NEXT: return
func.func @same(%x: f8E4M3FN) -> f8E4M3FN {
  %q = scaled.cast %x : f8E4M3FN -> f8E4M3FN
  return %q : f8E4M3FN
}

// Conversions of arith that nothing below does, or not to the bit.
// CHECK-LABEL: func @arith(
// CHECK-NOT: arith.extf %{{.*}} : f8
// CHECK-NOT: arith.truncf
// CHECK: return
func.func @arith(%x: f8E4M3FN, %y: f32, %z: f64) -> (f32, f64, f8E5M2, f8E4M3FNUZ, bf16, f16) {
  %0 = arith.extf %x : f8E4M3FN to f32
  %1 = arith.extf %x : f8E4M3FN to f64
  %2 = arith.truncf %y : f32 to f8E5M2
  %3 = arith.truncf %z toward_zero : f64 to f8E4M3FNUZ
  %4 = arith.truncf %y : f32 to bf16
  %5 = arith.truncf %z : f64 to f16
  return %0, %1, %2, %3, %4, %5 : f32, f64, f8E5M2, f8E4M3FNUZ, bf16, f16
}

// The processor's own stay, and tensors are not this pass's.
// CHECK-LABEL: func @kept(
// CHECK-SAME: %[[X:.*]]: f16, %[[Y:.*]]: f32, %[[T:.*]]: tensor<4xf32>)
// CHECK-NEXT: arith.extf %[[X]] : f16 to f32
// CHECK-NEXT: arith.truncf %[[Y]] : f32 to f16
// CHECK-NEXT: scaled.cast %[[T]] {saturate} : tensor<4xf32> -> tensor<4xf8E5M2>
// CHECK-NEXT: return
func.func @kept(%x: f16, %y: f32, %t: tensor<4xf32>) -> (f32, f16, tensor<4xf8E5M2>) {
  %0 = arith.extf %x : f16 to f32
  %1 = arith.truncf %y : f32 to f16
  %2 = scaled.cast %t {saturate} : tensor<4xf32> -> tensor<4xf8E5M2>
  return %0, %1, %2 : f32, f16, tensor<4xf8E5M2>
}
