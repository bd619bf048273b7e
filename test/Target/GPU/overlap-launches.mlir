// RUN: steelyard-opt %s --pass-pipeline="builtin.module(gpu.module(cuda-overlap-launches))" | FileCheck %s

// Kernels say first that the next may come, and wait for those before them; functions that they call do not.
// CHECK-LABEL: gpu.func @kernel
// CHECK-NEXT: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: nvvm.griddepcontrol wait
// CHECK-NEXT: memref.load
// CHECK-LABEL: gpu.func @called
// CHECK-NOT: griddepcontrol
gpu.module @kernels {
  gpu.func @kernel(%x: memref<4xf32>, %i: index) kernel {
    %v = memref.load %x[%i] : memref<4xf32>
    memref.store %v, %x[%i] : memref<4xf32>
    gpu.return
  }
  gpu.func @called(%x: f32) -> f32 {
    gpu.return %x : f32
  }
}
