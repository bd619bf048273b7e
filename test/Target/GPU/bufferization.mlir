// RUN: steelyard-opt %s --steelyard-import --steelyard-cuda --mlir-print-ir-after=host-plan-arena 2>&1 >/dev/null | FileCheck %s

// The parts of two reductions, which their kernel joins itself and nobody else reads, are of one type, but not one buffer.
// CHECK-LABEL: func.func @twice
// CHECK: cuda.launch {{.*}} outs(%[[PARTS:[a-z0-9_]+]], %[[OTHERS:[a-z0-9_]+]], %{{.*}} : memref<512xf32>, memref<512xf32>,
// CHECK-NOT: outs(%[[PARTS]], %[[PARTS]],
func.func @twice(%x: tensor<524288xf32>) -> (tensor<f32>, tensor<f32>) {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %n = stablehlo.negate %x : tensor<524288xf32>
  %a = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [0] : (tensor<524288xf32>, tensor<f32>) -> tensor<f32>
  %b = stablehlo.reduce(%n init: %low) applies stablehlo.maximum across dimensions = [0] : (tensor<524288xf32>, tensor<f32>) -> tensor<f32>
  return %a, %b : tensor<f32>, tensor<f32>
}
