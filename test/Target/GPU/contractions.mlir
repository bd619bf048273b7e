// RUN: steelyard-opt %s -cuda-contractions -split-input-file -verify-diagnostics | FileCheck %s

// Float32 as it is.

// CHECK-LABEL: func.func @float32
func.func @float32(%a: tensor<3x5xf32>, %b: tensor<5x7xf32>) -> tensor<3x7xf32> {
  %empty = tensor.empty() : tensor<3x7xf32>
  // CHECK-NOT: linalg.generic
  // CHECK: cuda.contraction ins(%arg0, %arg1 : tensor<3x5xf32>, tensor<5x7xf32>)
  %0 = host.gemm ins(%a, %b : tensor<3x5xf32>, tensor<5x7xf32>) outs(%empty : tensor<3x7xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<3x7xf32>
  return %0 : tensor<3x7xf32>
}

// -----

// The contracted dimension of 8-bit operands is the last one.

// CHECK: #[[$ACROSS:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func @eight_bits
func.func @eight_bits(%a: tensor<32x64xf8E4M3FN>, %b: tensor<64x16xf8E5M2>) -> tensor<32x16xf32> {
  %empty = tensor.empty() : tensor<32x16xf32>
  // CHECK: %[[B:.*]] = linalg.generic {indexing_maps = [#[[$ACROSS]], {{.*}}ins(%arg1 : tensor<64x16xf8E5M2>){{.*}}outs({{.*}}tensor<16x64xf8E5M2>)
  // CHECK: cuda.contraction ins(%arg0, %[[B]] : {{.*}}rhs_dims = [-1, 0, 1]
  %0 = host.gemm ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x16xf8E5M2>) outs(%empty : tensor<32x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x16xf32>
  return %0 : tensor<32x16xf32>
}

// -----

// Zeros behind lines make them multiples of 16 bytes; what is small goes by float16.

// CHECK-LABEL: func.func @padded
func.func @padded(%a: tensor<128x130xf8E4M3FN>, %b: tensor<130x127xf8E4M3FN>) -> tensor<128x127xf32> {
  %empty = tensor.empty() : tensor<128x127xf32>
  // CHECK: tensor.insert_slice %arg0 into {{.*}} : tensor<128x130xf8E4M3FN> into tensor<128x144xf8E4M3FN>
  // CHECK: %[[WIDE:.*]] = cuda.contraction ins({{.*}} : tensor<128x144xf8E4M3FN>, tensor<128x144xf8E4M3FN>) outs({{.*}} : tensor<128x128xf32>)
  // CHECK: tensor.extract_slice %[[WIDE]][0, 0] [128, 127] [1, 1]
  %0 = host.gemm ins(%a, %b : tensor<128x130xf8E4M3FN>, tensor<130x127xf8E4M3FN>) outs(%empty : tensor<128x127xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<128x127xf32>
  return %0 : tensor<128x127xf32>
}

// Lines of 16-bit operands and results, the contracted ones where an operand lies along them.

// CHECK-LABEL: func.func @lines
func.func @lines(%a: tensor<129x131xbf16>, %b: tensor<131x127xbf16>) -> tensor<129x127xf32> {
  %empty = tensor.empty() : tensor<129x127xf32>
  // CHECK-DAG: %[[A:.*]] = tensor.insert_slice %arg0 into {{.*}} : tensor<129x131xbf16> into tensor<129x136xbf16>
  // CHECK-DAG: %[[B:.*]] = tensor.insert_slice %arg1 into {{.*}} : tensor<131x127xbf16> into tensor<136x128xbf16>
  // CHECK: %[[WIDE:.*]] = cuda.contraction ins(%[[A]], %[[B]] : {{.*}}) outs({{.*}} : tensor<129x128xf32>)
  // CHECK: tensor.extract_slice %[[WIDE]][0, 0] [129, 127] [1, 1]
  %0 = host.gemm ins(%a, %b : tensor<129x131xbf16>, tensor<131x127xbf16>) outs(%empty : tensor<129x127xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<129x127xf32>
  return %0 : tensor<129x127xf32>
}

// CHECK-LABEL: func.func @across
func.func @across(%a: tensor<131x129xbf16>, %b: tensor<131x127xbf16>) -> tensor<129x127xf32> {
  %empty = tensor.empty() : tensor<129x127xf32>
  // CHECK-DAG: %[[A:.*]] = tensor.insert_slice %arg0 into {{.*}} : tensor<131x129xbf16> into tensor<131x136xbf16>
  // CHECK-DAG: %[[B:.*]] = tensor.insert_slice %arg1 into {{.*}} : tensor<131x127xbf16> into tensor<131x128xbf16>
  // CHECK: %[[WIDE:.*]] = cuda.contraction ins(%[[A]], %[[B]] : {{.*}}) outs({{.*}} : tensor<136x128xf32>)
  // CHECK: tensor.extract_slice %[[WIDE]][0, 0] [129, 127] [1, 1]
  %0 = host.gemm ins(%a, %b : tensor<131x129xbf16>, tensor<131x127xbf16>) outs(%empty : tensor<129x127xf32>)
    lhs_dims = [-1, 1, 0] rhs_dims = [-1, 1, 0] -> tensor<129x127xf32>
  return %0 : tensor<129x127xf32>
}

// CHECK-LABEL: func.func @small
func.func @small(%a: tensor<4x5xf8E4M3FN>, %b: tensor<5x4xf8E4M3FN>) -> tensor<4x4xf32> {
  %empty = tensor.empty() : tensor<4x4xf32>
  // CHECK: cuda.contraction ins({{.*}} : tensor<4x5xf16>, tensor<5x4xf16>)
  // expected-remark @+1 {{not contracted in 8 bits: its sizes, m = 4, n = 4 and k = 5, would have to be padded, to multiples of 8 and 16, which is not worth it}}
  %0 = host.gemm ins(%a, %b : tensor<4x5xf8E4M3FN>, tensor<5x4xf8E4M3FN>) outs(%empty : tensor<4x4xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// What the GPU has no products of; types that differ.

// CHECK-LABEL: func.func @others
func.func @others(%a: tensor<16x16xf8E5M2>, %b: tensor<16x16xf8E4M3>, %c: tensor<16x16xbf16>, %d: tensor<16x16xf16>)
    -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) {
  %empty = tensor.empty() : tensor<16x16xf32>
  // CHECK: cuda.contraction ins({{.*}} : tensor<16x16xf16>, tensor<16x16xf16>)
  // expected-remark @+1 {{both operands are f8E5M2, of which cuBLASLt takes one}}
  %0 = host.gemm ins(%a, %a : tensor<16x16xf8E5M2>, tensor<16x16xf8E5M2>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  // CHECK: cuda.contraction ins({{.*}} : tensor<16x16xf16>, tensor<16x16xf16>)
  // expected-remark @+1 {{the GPU has no products of f8E4M3}}
  %1 = host.gemm ins(%b, %a : tensor<16x16xf8E4M3>, tensor<16x16xf8E5M2>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  // CHECK: cuda.contraction ins({{.*}} : tensor<16x16xf32>, tensor<16x16xf32>)
  %2 = host.gemm ins(%c, %d : tensor<16x16xbf16>, tensor<16x16xf16>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  return %0, %1, %2 : tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>
}

// -----

// A result that is rounded to 16 bits is the contraction's own.

// CHECK-LABEL: func.func @rounded
func.func @rounded(%a: tensor<16x16xbf16>, %b: tensor<16x16xbf16>) -> tensor<16x16xbf16> {
  %empty = tensor.empty() : tensor<16x16xf32>
  // CHECK: %[[PRODUCT:.*]] = cuda.contraction {{.*}} outs({{.*}} : tensor<16x16xbf16>)
  %0 = host.gemm ins(%a, %b : tensor<16x16xbf16>, tensor<16x16xbf16>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  %init = tensor.empty() : tensor<16x16xbf16>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%0 : tensor<16x16xf32>) outs(%init : tensor<16x16xbf16>) {
  ^bb0(%element: f32, %out: bf16):
    %2 = arith.truncf %element : f32 to bf16
    linalg.yield %2 : bf16
  } -> tensor<16x16xbf16>
  // CHECK: return %[[PRODUCT]]
  return %1 : tensor<16x16xbf16>
}

// CHECK-LABEL: func.func @cast
func.func @cast(%a: tensor<16x16xf16>, %b: tensor<16x16xf16>) -> tensor<16x16xf16> {
  %empty = tensor.empty() : tensor<16x16xf32>
  // CHECK: %[[PRODUCT:.*]] = cuda.contraction {{.*}} outs({{.*}} : tensor<16x16xf16>)
  %0 = host.gemm ins(%a, %b : tensor<16x16xf16>, tensor<16x16xf16>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  %init = tensor.empty() : tensor<16x16xf16>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%0 : tensor<16x16xf32>) outs(%init : tensor<16x16xf16>) {
  ^bb0(%element: f32, %out: f16):
    %2 = scaled.cast %element : f32 -> f16
    linalg.yield %2 : f16
  } -> tensor<16x16xf16>
  // CHECK: return %[[PRODUCT]]
  return %1 : tensor<16x16xf16>
}

// cuBLASLt gives infinity for what is too large, and rounds to nearest.

// CHECK-LABEL: func.func @other_casts
func.func @other_casts(%a: tensor<16x16xf16>, %b: tensor<16x16xf16>) -> (tensor<16x16xf16>, tensor<16x16xf16>) {
  %empty = tensor.empty() : tensor<16x16xf32>
  // CHECK-COUNT-2: cuda.contraction {{.*}} outs({{.*}} : tensor<16x16xf32>)
  %0 = host.gemm ins(%a, %b : tensor<16x16xf16>, tensor<16x16xf16>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  %1 = host.gemm ins(%b, %a : tensor<16x16xf16>, tensor<16x16xf16>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<16x16xf32>
  %init = tensor.empty() : tensor<16x16xf16>
  %2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%0 : tensor<16x16xf32>) outs(%init : tensor<16x16xf16>) {
  ^bb0(%element: f32, %out: f16):
    %4 = scaled.cast %element {saturate} : f32 -> f16
    linalg.yield %4 : f16
  } -> tensor<16x16xf16>
  %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%1 : tensor<16x16xf32>) outs(%init : tensor<16x16xf16>) {
  ^bb0(%element: f32, %out: f16):
    %4 = scaled.cast %element {rounding = #scaled.rounding<toward_zero>} : f32 -> f16
    linalg.yield %4 : f16
  } -> tensor<16x16xf16>
  return %2, %3 : tensor<16x16xf16>, tensor<16x16xf16>
}

// -----

// What the program allows stays.

// CHECK-LABEL: func.func @allowed
func.func @allowed(%a: tensor<16x16xf32>, %b: tensor<16x127xf8E4M3FN>, %c: tensor<16x16xf8E4M3FN>) -> (tensor<16x16xf32>, tensor<16x127xf32>) {
  %empty = tensor.empty() : tensor<16x16xf32>
  // CHECK: cuda.contraction {{.*}} rhs_dims = [-1, 1, 0] tf32 -> tensor<16x16xf32>
  %0 = host.gemm ins(%a, %a : tensor<16x16xf32>, tensor<16x16xf32>) outs(%empty : tensor<16x16xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<16x16xf32>
  %wide = tensor.empty() : tensor<16x127xf32>
  // CHECK: cuda.contraction {{.*}} fast_accumulate -> tensor<16x127xf32>
  // expected-remark @+1 {{not contracted in 8 bits}}
  %1 = host.gemm ins(%c, %b : tensor<16x16xf8E4M3FN>, tensor<16x127xf8E4M3FN>) outs(%wide : tensor<16x127xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] fast_accumulate -> tensor<16x127xf32>
  return %0, %1 : tensor<16x16xf32>, tensor<16x127xf32>
}

// -----

// Neighbours along the batch are laid out anew.

// CHECK-LABEL: func.func @batch
func.func @batch(%a: tensor<5x3x2xf32>, %b: tensor<2x5x7xf32>) -> tensor<2x3x7xf32> {
  %empty = tensor.empty() : tensor<2x3x7xf32>
  // CHECK: %[[A:.*]] = linalg.generic {{.*}}ins(%arg0 : {{.*}}outs({{.*}} : tensor<2x3x5xf32>)
  // CHECK: cuda.contraction ins(%[[A]], %arg1 : {{.*}} lhs_dims = [0, 1, 2] rhs_dims = [0, 2, 1]
  %0 = host.gemm ins(%a, %b : tensor<5x3x2xf32>, tensor<2x5x7xf32>) outs(%empty : tensor<2x3x7xf32>)
    lhs_dims = [2, 1, 0] rhs_dims = [0, 2, 1] -> tensor<2x3x7xf32>
  return %0 : tensor<2x3x7xf32>
}
