// RUN: steelyard-opt %s -host-protect-arguments | FileCheck %s

// CHECK: func.func @main(%arg0: tensor<4xf32> {bufferization.writable = false}, %arg1: i32)
func.func @main(%x: tensor<4xf32>, %i: i32) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// CHECK: func.func private @other(%arg0: tensor<4xf32>)
func.func private @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
