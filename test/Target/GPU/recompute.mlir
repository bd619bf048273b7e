// RUN: steelyard-opt %s --split-input-file --steelyard-import --convert-stablehlo-to-linalg --host-fuse-elementwise --cuda-recompute --canonicalize | FileCheck %s

// What a sum of columns and the result read in float32 is computed by each of them, of bfloat16.
// CHECK-LABEL: func.func @read_twice
// CHECK-NOT: outs(%{{.*}} : tensor<8192x1024xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} ins(%arg0 : tensor<8192x1024xbf16>)
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: linalg.generic {{.*}}ins(%arg0, %{{.*}} : tensor<8192x1024xbf16>, tensor<1024xf32>) outs(%{{.*}} : tensor<8192x1024xbf16>)
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: return
func.func @read_twice(%x: tensor<8192x1024xbf16>) -> tensor<8192x1024xbf16> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<8192x1024xbf16>) -> tensor<8192x1024xf32>
  %e = stablehlo.exponential %w : tensor<8192x1024xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<8192x1024xf32>, tensor<f32>) -> tensor<1024xf32>
  %b = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<1024xf32>) -> tensor<8192x1024xf32>
  %q = stablehlo.divide %e, %b : tensor<8192x1024xf32>
  %y = stablehlo.convert %q : (tensor<8192x1024xf32>) -> tensor<8192x1024xbf16>
  return %y : tensor<8192x1024xbf16>
}

// -----

// Four functions of one element take longer than the memory that they would save.
// CHECK-LABEL: func.func @dear
// CHECK: %[[V:.*]] = linalg.generic {{.*}}ins(%arg0 : tensor<8192x1024xf32>) outs(%{{.*}} : tensor<8192x1024xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} ins(%[[V]] :
// CHECK: linalg.generic {{.*}}ins(%[[V]], %{{.*}} :
func.func @dear(%x: tensor<8192x1024xf32>) -> tensor<8192x1024xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %t = stablehlo.tanh %x : tensor<8192x1024xf32>
  %t2 = stablehlo.sine %t : tensor<8192x1024xf32>
  %t3 = stablehlo.tanh %t2 : tensor<8192x1024xf32>
  %v = stablehlo.sine %t3 : tensor<8192x1024xf32>
  %s = stablehlo.reduce(%v init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<8192x1024xf32>, tensor<f32>) -> tensor<1024xf32>
  %b = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<1024xf32>) -> tensor<8192x1024xf32>
  %q = stablehlo.multiply %v, %b : tensor<8192x1024xf32>
  return %q : tensor<8192x1024xf32>
}

// -----

// What the caller gets is in memory: all read it there.
// CHECK-LABEL: func.func @given
// CHECK: %[[E:.*]] = linalg.generic {{.*}}ins(%arg0 :
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} ins(%[[E]] :
func.func @given(%x: tensor<8192x1024xbf16>) -> (tensor<8192x1024xf32>, tensor<1024xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<8192x1024xbf16>) -> tensor<8192x1024xf32>
  %e = stablehlo.exponential %w : tensor<8192x1024xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<8192x1024xf32>, tensor<f32>) -> tensor<1024xf32>
  return %e, %s : tensor<8192x1024xf32>, tensor<1024xf32>
}

// -----

// A kernel for a vector's few elements takes longer than computing them wherever they are read.
// CHECK-LABEL: func.func @vector
// CHECK: linalg.generic
// CHECK-SAME: ins(%arg0, %arg1 : tensor<4096x1024xf32>, tensor<1024xbf16>)
// CHECK-NOT: linalg.generic
func.func @vector(%x: tensor<4096x1024xf32>, %v: tensor<1024xbf16>) -> tensor<4096x1024xf32> {
  %w = stablehlo.convert %v : (tensor<1024xbf16>) -> tensor<1024xf32>
  %a = stablehlo.abs %w : tensor<1024xf32>
  %n = stablehlo.negate %a : tensor<1024xf32>
  %d = stablehlo.add %n, %w : tensor<1024xf32>
  %b = stablehlo.broadcast_in_dim %d, dims = [1] : (tensor<1024xf32>) -> tensor<4096x1024xf32>
  %q = stablehlo.multiply %x, %b : tensor<4096x1024xf32>
  return %q : tensor<4096x1024xf32>
}
