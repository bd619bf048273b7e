// RUN: steelyard-opt %s -steelyard-cpu | FileCheck %s

// Regions are internal and optimised; the code that calls them runs once and is not.
// CHECK: llvm.func @steelyard_entry_main(
// CHECK: llvm.func internal @main(
// CHECK-SAME: no_inline
// CHECK-SAME: optimize_none
// CHECK: llvm.func internal @main_region_0(
// CHECK-NOT: optimize_none
// CHECK: llvm.return
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = stablehlo.add %x, %x : tensor<8xf32>
  return %0 : tensor<8xf32>
}
