// RUN: steelyard-opt %s -cuda-epilogues -split-input-file | FileCheck %s

// A bias along the last dimension, where nothing is left of what added it.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
#column = affine_map<(d0, d1) -> (d0)>

// CHECK-LABEL: func.func @bias
// CHECK: %[[C:.*]] = cuda.contraction ins(%arg0, %arg1 : {{.*}}) bias(%arg2 : tensor<48xf32>) outs({{.*}} : tensor<32x48xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return %[[C]]
func.func @bias(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>, %bias: tensor<48xf32>) -> tensor<32x48xf32> {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %bias : tensor<32x48xf32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v2 = arith.addf %x, %y : f32
    linalg.yield %v2 : f32
  } -> tensor<32x48xf32>
  return %v1 : tensor<32x48xf32>
}

// What reads the sum twice, or is no bias along it, keeps it.

// CHECK-LABEL: func.func @no_bias
// CHECK-NOT: bias(
func.func @no_bias(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>, %bias: tensor<48xf32>, %other: tensor<32xf32>, %c: tensor<32x48xf32>)
    -> (tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>) {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %bias : tensor<32x48xf32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v2 = arith.addf %x, %y : f32
    %v3 = arith.mulf %v2, %x : f32
    linalg.yield %v3 : f32
  } -> tensor<32x48xf32>
  %v4 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v5 = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v4, %other : tensor<32x48xf32>, tensor<32xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v6 = arith.addf %x, %y : f32
    linalg.yield %v6 : f32
  } -> tensor<32x48xf32>
  %v7 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v8 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v7, %c : tensor<32x48xf32>, tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v9 = arith.addf %x, %y : f32
    linalg.yield %v9 : f32
  } -> tensor<32x48xf32>
  %v10 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v11 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v10, %v10 : tensor<32x48xf32>, tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v12 = arith.addf %x, %y : f32
    linalg.yield %v12 : f32
  } -> tensor<32x48xf32>
  return %v1, %v5, %v8, %v11 : tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>
}

// So does what the caller reads too.

// CHECK-LABEL: func.func @returned
// CHECK-NOT: bias(
func.func @returned(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>, %bias: tensor<48xf32>) -> (tensor<32x48xf32>, tensor<32x48xf32>) {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %bias : tensor<32x48xf32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v2 = arith.addf %x, %y : f32
    linalg.yield %v2 : f32
  } -> tensor<32x48xf32>
  return %v0, %v1 : tensor<32x48xf32>, tensor<32x48xf32>
}

// -----

// Two that begin with the same bias read the sum with it; two that don't, the sum alone.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: func.func @two_readers
// CHECK: %[[C:.*]] = cuda.contraction {{.*}} bias(%arg2 : tensor<48xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[C]] : tensor<32x48xf32>)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: math.absf
// CHECK: linalg.generic {{.*}} ins(%[[C]], %arg4 : tensor<32x48xf32>, tensor<32x48xf32>)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.mulf
func.func @two_readers(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>, %bias: tensor<48xf32>, %other: tensor<48xf32>, %c: tensor<32x48xf32>)
    -> (tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>) {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %bias : tensor<32x48xf32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v2 = arith.addf %x, %y : f32
    %v3 = math.absf %v2 : f32
    linalg.yield %v3 : f32
  } -> tensor<32x48xf32>
  %v4 = linalg.generic {indexing_maps = [#id, #row, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %bias, %c : tensor<32x48xf32>, tensor<48xf32>, tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %out: f32):
    %v5 = arith.addf %x, %y : f32
    %v6 = arith.mulf %v5, %z : f32
    linalg.yield %v6 : f32
  } -> tensor<32x48xf32>
  // CHECK: cuda.contraction
  // CHECK-NOT: bias(
  %v7 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v8 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v7, %bias : tensor<32x48xf32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v9 = arith.addf %x, %y : f32
    linalg.yield %v9 : f32
  } -> tensor<32x48xf32>
  %v10 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v7, %other : tensor<32x48xf32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v11 = arith.addf %x, %y : f32
    linalg.yield %v11 : f32
  } -> tensor<32x48xf32>
  return %v1, %v4, %v8, %v10 : tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>
}

// -----

// The columns may be several dimensions.

#all = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#last = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#third = affine_map<(d0, d1, d2, d3) -> (d2)>

// CHECK-LABEL: func.func @heads
// CHECK: %[[BIAS:.*]] = tensor.collapse_shape %arg2 {{.*}} into tensor<48xf32>
// CHECK: %[[C:.*]] = cuda.contraction {{.*}} bias(%[[BIAS]] : tensor<48xf32>)
// CHECK: tensor.expand_shape %[[C]]
// CHECK: cuda.contraction
// CHECK-NOT: bias(
func.func @heads(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>, %bias: tensor<6x8xf32>, %few: tensor<6xf32>) -> (tensor<4x8x6x8xf32>, tensor<4x8x6x8xf32>) {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [4, 8, 6, 8] : tensor<32x48xf32> into tensor<4x8x6x8xf32>
  %empty = tensor.empty() : tensor<4x8x6x8xf32>
  %v2 = linalg.generic {indexing_maps = [#all, #last, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%v1, %bias : tensor<4x8x6x8xf32>, tensor<6x8xf32>) outs(%empty : tensor<4x8x6x8xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v3 = arith.addf %y, %x : f32
    linalg.yield %v3 : f32
  } -> tensor<4x8x6x8xf32>
  %v4 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v5 = tensor.expand_shape %v4 [[0, 1], [2, 3]] output_shape [4, 8, 6, 8] : tensor<32x48xf32> into tensor<4x8x6x8xf32>
  %v6 = linalg.generic {indexing_maps = [#all, #third, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%v5, %few : tensor<4x8x6x8xf32>, tensor<6xf32>) outs(%empty : tensor<4x8x6x8xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v7 = arith.addf %x, %y : f32
    linalg.yield %v7 : f32
  } -> tensor<4x8x6x8xf32>
  return %v2, %v6 : tensor<4x8x6x8xf32>, tensor<4x8x6x8xf32>
}

// -----

// A bias of 16 bits is where the result has 16; after a rounding there is nothing more.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: func.func @sixteen_bits
// CHECK: %[[C:.*]] = cuda.contraction {{.*}} bias(%arg2 : tensor<48xbf16>) outs({{.*}} : tensor<32x48xbf16>)
// CHECK-NOT: linalg.generic
// CHECK: return %[[C]]
func.func @sixteen_bits(%a: tensor<32x64xbf16>, %b: tensor<64x48xbf16>, %bias: tensor<48xbf16>) -> tensor<32x48xbf16> {
  %half = tensor.empty() : tensor<32x48xbf16>
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xbf16>, tensor<64x48xbf16>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %bias : tensor<32x48xf32>, tensor<48xbf16>) outs(%half : tensor<32x48xbf16>) {
  ^bb0(%x: f32, %y: bf16, %out: bf16):
    %v2 = arith.extf %y : bf16 to f32
    %v3 = arith.addf %x, %v2 : f32
    %v4 = arith.truncf %v3 : f32 to bf16
    linalg.yield %v4 : bf16
  } -> tensor<32x48xbf16>
  return %v1 : tensor<32x48xbf16>
}

// CHECK-LABEL: func.func @other_types
// CHECK: cuda.contraction {{.*}} tensor<64x48xbf16>) outs({{.*}} : tensor<32x48xf32>)
// CHECK: cuda.contraction {{.*}} tensor<64x48xbf16>) bias(%arg3 : tensor<48xf32>) outs({{.*}} : tensor<32x48xf32>)
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.truncf
// CHECK: cuda.contraction {{.*}} tensor<64x48xbf16>) outs({{.*}} : tensor<32x48xbf16>)
// CHECK: linalg.generic
func.func @other_types(%a: tensor<32x64xbf16>, %b: tensor<64x48xbf16>, %half: tensor<48xbf16>, %single: tensor<48xf32>)
    -> (tensor<32x48xf32>, tensor<32x48xbf16>, tensor<32x48xbf16>) {
  %narrow = tensor.empty() : tensor<32x48xbf16>
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xbf16>, tensor<64x48xbf16>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %half : tensor<32x48xf32>, tensor<48xbf16>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: bf16, %out: f32):
    %v2 = arith.extf %y : bf16 to f32
    %v3 = arith.addf %x, %v2 : f32
    linalg.yield %v3 : f32
  } -> tensor<32x48xf32>
  %v4 = cuda.contraction ins(%a, %b : tensor<32x64xbf16>, tensor<64x48xbf16>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v5 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v4, %single : tensor<32x48xf32>, tensor<48xf32>) outs(%narrow : tensor<32x48xbf16>) {
  ^bb0(%x: f32, %y: f32, %out: bf16):
    %v6 = arith.addf %x, %y : f32
    %v7 = arith.truncf %v6 : f32 to bf16
    linalg.yield %v7 : bf16
  } -> tensor<32x48xbf16>
  %v8 = cuda.contraction ins(%a, %b : tensor<32x64xbf16>, tensor<64x48xbf16>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v9 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v8, %half : tensor<32x48xf32>, tensor<48xbf16>) outs(%narrow : tensor<32x48xbf16>) {
  ^bb0(%x: f32, %y: bf16, %out: bf16):
    %v10 = arith.truncf %x : f32 to bf16
    %v11 = arith.extf %v10 : bf16 to f32
    %v12 = arith.extf %y : bf16 to f32
    %v13 = arith.addf %v11, %v12 : f32
    %v14 = arith.truncf %v13 : f32 to bf16
    linalg.yield %v14 : bf16
  } -> tensor<32x48xbf16>
  return %v1, %v5, %v9 : tensor<32x48xf32>, tensor<32x48xbf16>, tensor<32x48xbf16>
}

// -----

// A scale: a caller's is copied, one that is computed is a kernel of one value. Biases of 8-bit products are bfloat16.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
#none = affine_map<(d0, d1) -> ()>

// CHECK-LABEL: func.func @scale
// CHECK: %[[S:.*]] = bufferization.alloc_tensor() copy(%arg2) : tensor<f32>
// CHECK: %[[BIAS:.*]] = bufferization.alloc_tensor() copy(%arg3) : tensor<48xbf16>
// CHECK: %[[C:.*]] = cuda.contraction {{.*}} scales(%[[S]] : tensor<f32>) bias(%[[BIAS]] : tensor<48xbf16>) outs({{.*}} : tensor<32x48xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return %[[C]]
func.func @scale(%a: tensor<32x64xf8E4M3FN>, %b: tensor<64x48xf8E4M3FN>, %s: tensor<f32>, %bias: tensor<48xbf16>) -> tensor<32x48xf32> {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #none, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %s, %bias : tensor<32x48xf32>, tensor<f32>, tensor<48xbf16>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %z: bf16, %out: f32):
    %v2 = arith.mulf %x, %y : f32
    %v3 = arith.extf %z : bf16 to f32
    %v4 = arith.addf %v2, %v3 : f32
    linalg.yield %v4 : f32
  } -> tensor<32x48xf32>
  return %v1 : tensor<32x48xf32>
}

// CHECK-LABEL: func.func @computed_scale
// CHECK: %[[T:.*]] = tensor.collapse_shape %arg3 [] : tensor<1x1xf32> into tensor<f32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%arg2, %[[T]] : tensor<f32>, tensor<f32>) outs({{.*}} : tensor<f32>)
// CHECK: arith.mulf
// CHECK: cuda.contraction {{.*}} scales(%[[S]] : tensor<f32>) outs({{.*}} : tensor<32x48xf16>)
// CHECK: cuda.contraction {{.*}} scales(%[[HALF:.*]] : tensor<f32>) outs({{.*}} : tensor<32x48xf32>)
func.func @computed_scale(%a: tensor<32x64xf8E4M3FN>, %b: tensor<64x48xf8E5M2>, %s: tensor<f32>, %t: tensor<1x1xf32>)
    -> (tensor<32x48xf16>, tensor<32x48xf32>) {
  %narrow = tensor.empty() : tensor<32x48xf16>
  %half = arith.constant 0.5 : f32
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E5M2>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #none, affine_map<(d0, d1) -> (0, 0)>, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %s, %t : tensor<32x48xf32>, tensor<f32>, tensor<1x1xf32>) outs(%narrow : tensor<32x48xf16>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %out: f16):
    %v2 = arith.mulf %y, %z : f32
    %v3 = arith.mulf %v2, %x : f32
    %v4 = scaled.cast %v3 : f32 -> f16
    linalg.yield %v4 : f16
  } -> tensor<32x48xf16>
  %v5 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E5M2>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v6 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v5 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v7 = arith.mulf %x, %half : f32
    linalg.yield %v7 : f32
  } -> tensor<32x48xf32>
  return %v1, %v6 : tensor<32x48xf16>, tensor<32x48xf32>
}

// A scale that the caller gets too lies where the caller wants it.

// CHECK-LABEL: func.func @returned_scale
// CHECK: %[[T:.*]] = linalg.generic
// CHECK: %[[S:.*]] = bufferization.alloc_tensor() copy(%[[T]]) : tensor<f32>
// CHECK: cuda.contraction {{.*}} scales(%[[S]] : tensor<f32>)
func.func @returned_scale(%a: tensor<32x64xf8E4M3FN>, %b: tensor<64x48xf8E5M2>, %s: tensor<f32>) -> (tensor<32x48xf32>, tensor<f32>) {
  %empty = tensor.empty() : tensor<f32>
  %t = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
    ins(%s : tensor<f32>) outs(%empty : tensor<f32>) {
  ^bb0(%x: f32, %out: f32):
    %v8 = arith.mulf %x, %x : f32
    linalg.yield %v8 : f32
  } -> tensor<f32>
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E5M2>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %t : tensor<32x48xf32>, tensor<f32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v2 = arith.mulf %x, %y : f32
    linalg.yield %v2 : f32
  } -> tensor<32x48xf32>
  return %v1, %t : tensor<32x48xf32>, tensor<f32>
}

// Not of 16 bits; not where the kernel stays and reads as much; not a second one, since their product may overflow.

// CHECK-LABEL: func.func @no_scale
// CHECK: cuda.contraction
// CHECK-NOT: scales(
func.func @no_scale(%a: tensor<32x64xf16>, %b: tensor<64x48xf16>, %c: tensor<32x64xf8E4M3FN>, %d: tensor<64x48xf8E4M3FN>, %s: tensor<f32>, %bias: tensor<48xf32>)
    -> (tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>) {
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf16>, tensor<64x48xf16>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %s : tensor<32x48xf32>, tensor<f32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v2 = arith.mulf %x, %y : f32
    linalg.yield %v2 : f32
  } -> tensor<32x48xf32>
  %v3 = cuda.contraction ins(%c, %d : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v4 = linalg.generic {indexing_maps = [#id, #none, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v3, %s, %bias : tensor<32x48xf32>, tensor<f32>, tensor<48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %out: f32):
    %v5 = arith.mulf %x, %y : f32
    %v6 = arith.addf %v5, %z : f32
    linalg.yield %v6 : f32
  } -> tensor<32x48xf32>
  %v7 = cuda.contraction ins(%c, %d : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v8 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v7, %s : tensor<32x48xf32>, tensor<f32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v9 = arith.mulf %x, %y : f32
    %v10 = arith.mulf %v9, %y : f32
    linalg.yield %v10 : f32
  } -> tensor<32x48xf32>
  return %v1, %v4, %v8 : tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>
}

// -----

// What is not done bit for bit is done where the program allows it.

#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>

// CHECK-LABEL: func.func @relu
// CHECK: cuda.contraction {{.*}} epilogue = relu tf32 ->
// CHECK: cuda.contraction {{.*}} rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
// CHECK: arith.maximumf
// CHECK: cuda.contraction {{.*}} rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
// CHECK: arith.maximumf
func.func @relu(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>) -> (tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v2 = arith.maximumf %x, %zero : f32
    linalg.yield %v2 : f32
  } -> tensor<32x48xf32>
  %v3 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v4 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v3 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v5 = arith.maximumf %x, %zero : f32
    linalg.yield %v5 : f32
  } -> tensor<32x48xf32>
  %v6 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
  %v7 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v6 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v8 = arith.maximumf %x, %one : f32
    linalg.yield %v8 : f32
  } -> tensor<32x48xf32>
  return %v1, %v4, %v7 : tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>
}

// CHECK-LABEL: func.func @fast_sums
// CHECK: cuda.contraction {{.*}} scales(%{{.*}}, %{{.*}} : tensor<f32>, tensor<f32>) outs({{.*}} : tensor<32x48xbf16>) {{.*}} epilogue = relu fast_accumulate ->
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @fast_sums(%a: tensor<32x64xf8E4M3FN>, %b: tensor<64x48xf8E4M3FN>, %s: tensor<f32>, %t: tensor<f32>) -> tensor<32x48xbf16> {
  %zero = arith.constant 0.0 : f32
  %half = tensor.empty() : tensor<32x48xbf16>
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] fast_accumulate -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #none, #none, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0, %s, %t : tensor<32x48xf32>, tensor<f32>, tensor<f32>) outs(%half : tensor<32x48xbf16>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %out: bf16):
    %v2 = arith.mulf %x, %y : f32
    %v3 = arith.mulf %v2, %z : f32
    %v4 = arith.maximumf %v3, %zero : f32
    %v5 = arith.truncf %v4 : f32 to bf16
    linalg.yield %v5 : bf16
  } -> tensor<32x48xbf16>
  return %v1 : tensor<32x48xbf16>
}

// ReLU of what is rounded is what ReLU is rounded to.

// CHECK-LABEL: func.func @rounded_relu
// CHECK: cuda.contraction {{.*}} outs({{.*}} : tensor<32x48xf16>) {{.*}} epilogue = relu fast_accumulate ->
// CHECK-NOT: linalg.generic
// CHECK: cuda.contraction {{.*}} outs({{.*}} : tensor<32x48xf16>) {{.*}} rhs_dims = [-1, 1, 0] ->
// CHECK: arith.maximumf
func.func @rounded_relu(%a: tensor<32x64xf8E4M3FN>, %b: tensor<64x48xf8E4M3FN>) -> (tensor<32x48xf16>, tensor<32x48xf16>) {
  %zero = arith.constant 0.0 : f32
  %half = tensor.empty() : tensor<32x48xf16>
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] fast_accumulate -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0 : tensor<32x48xf32>) outs(%half : tensor<32x48xf16>) {
  ^bb0(%x: f32, %out: f16):
    %v2 = arith.truncf %x : f32 to f16
    %v3 = arith.extf %v2 : f16 to f32
    %v4 = arith.maximumf %v3, %zero : f32
    %v5 = arith.truncf %v4 : f32 to f16
    linalg.yield %v5 : f16
  } -> tensor<32x48xf16>
  %v6 = cuda.contraction ins(%a, %b : tensor<32x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v7 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v6 : tensor<32x48xf32>) outs(%half : tensor<32x48xf16>) {
  ^bb0(%x: f32, %out: f16):
    %v8 = arith.truncf %x : f32 to f16
    %v9 = arith.extf %v8 : f16 to f32
    %v10 = arith.maximumf %v9, %zero : f32
    %v11 = arith.truncf %v10 : f32 to f16
    linalg.yield %v11 : f16
  } -> tensor<32x48xf16>
  return %v1, %v7 : tensor<32x48xf16>, tensor<32x48xf16>
}

// GELU by its constants; where they are others, or x is read besides, it is another function.

// CHECK-LABEL: func.func @gelu
// CHECK: cuda.contraction {{.*}} epilogue = gelu tf32 ->
// CHECK-NOT: epilogue
// CHECK: math.tanh
// CHECK-NOT: epilogue
// CHECK: math.tanh
// CHECK-NOT: epilogue
// CHECK: math.tanh
func.func @gelu(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>) -> (tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>) {
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %k = arith.constant 4.471500e-02 : f32
  %c = arith.constant 0.797884583 : f32
  %other = arith.constant 0.7978 : f32
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
  %v1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v2 = arith.mulf %x, %x : f32
    %v3 = arith.mulf %v2, %x : f32
    %v4 = arith.mulf %v3, %k : f32
    %v5 = arith.addf %x, %v4 : f32
    %v6 = arith.mulf %v5, %c : f32
    %v7 = math.tanh %v6 : f32
    %v8 = arith.addf %v7, %one : f32
    %v9 = arith.mulf %v8, %half : f32
    %v10 = arith.mulf %x, %v9 : f32
    linalg.yield %v10 : f32
  } -> tensor<32x48xf32>
  %v20 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<32x48xf32>
  %v21 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v20 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v22 = arith.mulf %x, %x : f32
    %v23 = arith.mulf %v22, %x : f32
    %v24 = arith.mulf %v23, %k : f32
    %v25 = arith.addf %x, %v24 : f32
    %v26 = arith.mulf %v25, %c : f32
    %v27 = math.tanh %v26 : f32
    %v28 = arith.addf %v27, %one : f32
    %v29 = arith.mulf %v28, %half : f32
    %v30 = arith.mulf %x, %v29 : f32
    linalg.yield %v30 : f32
  } -> tensor<32x48xf32>
  %v40 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
  %v41 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v40 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v42 = arith.mulf %x, %x : f32
    %v43 = arith.mulf %v42, %x : f32
    %v44 = arith.mulf %v43, %k : f32
    %v45 = arith.addf %x, %v44 : f32
    %v46 = arith.mulf %v45, %other : f32
    %v47 = math.tanh %v46 : f32
    %v48 = arith.addf %v47, %one : f32
    %v49 = arith.mulf %v48, %half : f32
    %v50 = arith.mulf %x, %v49 : f32
    linalg.yield %v50 : f32
  } -> tensor<32x48xf32>
  %v60 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
  %v61 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v60 : tensor<32x48xf32>) outs(%init : tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32):
    %v62 = arith.mulf %x, %x : f32
    %v63 = arith.mulf %v62, %x : f32
    %v64 = arith.mulf %v63, %k : f32
    %v65 = arith.addf %x, %v64 : f32
    %v66 = arith.mulf %v65, %c : f32
    %v67 = math.tanh %v66 : f32
    %v68 = arith.addf %v67, %one : f32
    %v69 = arith.mulf %v68, %half : f32
    %v70 = arith.mulf %x, %v69 : f32
    %v71 = arith.addf %v70, %x : f32
    linalg.yield %v71 : f32
  } -> tensor<32x48xf32>
  return %v1, %v21, %v41, %v61 : tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>, tensor<32x48xf32>
}

// What another result is computed of stays.

// CHECK-LABEL: func.func @gelu_and_tanh
// CHECK-NOT: epilogue
func.func @gelu_and_tanh(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>) -> (tensor<32x48xf32>, tensor<32x48xf32>) {
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %k = arith.constant 4.471500e-02 : f32
  %c = arith.constant 0.797884583 : f32
  %init = tensor.empty() : tensor<32x48xf32>
  %v0 = cuda.contraction ins(%a, %b : tensor<32x64xf32>, tensor<64x48xf32>) outs(%init : tensor<32x48xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] tf32 -> tensor<32x48xf32>
  %v1:2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%v0 : tensor<32x48xf32>) outs(%init, %init : tensor<32x48xf32>, tensor<32x48xf32>) {
  ^bb0(%x: f32, %out: f32, %other: f32):
    %v2 = arith.mulf %x, %x : f32
    %v3 = arith.mulf %v2, %x : f32
    %v4 = arith.mulf %v3, %k : f32
    %v5 = arith.addf %x, %v4 : f32
    %v6 = arith.mulf %v5, %c : f32
    %v7 = math.tanh %v6 : f32
    %v8 = arith.addf %v7, %one : f32
    %v9 = arith.mulf %v8, %half : f32
    %v10 = arith.mulf %x, %v9 : f32
    linalg.yield %v10, %v7 : f32, f32
  } -> (tensor<32x48xf32>, tensor<32x48xf32>)
  return %v1#0, %v1#1 : tensor<32x48xf32>, tensor<32x48xf32>
}
