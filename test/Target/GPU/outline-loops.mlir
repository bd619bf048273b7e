// RUN: steelyard-opt %s --cuda-outline-loops | FileCheck %s

// Independent iterations are threads', the others one thread's.

// CHECK-LABEL: gpu.func @loop_0(
// CHECK-SAME: %[[X:.*]]: memref<300x7xf32>, %[[Y:.*]]: memref<300xf32>) kernel
// CHECK: gpu.thread_id x
// CHECK: gpu.block_id x
// CHECK: scf.if
// CHECK: scf.for
// CHECK: gpu.return

// A single store.
// CHECK: gpu.func @loop_1(%{{.*}}: f32, %{{.*}}: memref<f32>)

// What no schedule takes.
// CHECK: gpu.func @loop_2(

// CHECK-LABEL: func.func @rows(%arg0: !llvm.ptr
func.func @rows(%x: memref<300x7xf32>, %y: memref<300xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %c300 = arith.constant 300 : index
  // CHECK: cuda.launch @kernels::@loop_0 grid = [3, 1, 1] block = [128, 1, 1] outs(
  scf.for %i = %c0 to %c300 step %c1 {
    scf.for %j = %c0 to %c7 step %c1 {
      %0 = memref.load %x[%i, %j] : memref<300x7xf32>
      %1 = memref.load %y[%i] : memref<300xf32>
      %2 = arith.addf %0, %1 : f32
      memref.store %2, %y[%i] : memref<300xf32>
    }
  } {steelyard.parallel}
  return
}

// CHECK-LABEL: func.func @store
func.func @store(%x: memref<f32>, %y: memref<f32>) {
  %0 = memref.load %x[] : memref<f32>
  %1 = arith.negf %0 : f32
  // CHECK: cuda.launch @kernels::@loop_1 grid = [1, 1, 1] block = [1, 1, 1] ins(%{{.*}} : f32) outs(%{{.*}} : memref<f32>)
  memref.store %1, %y[] : memref<f32>
  return
}

// CHECK-LABEL: func.func @argmax
func.func @argmax(%x: memref<40x50xf32>, %max: memref<40xf32>, %at: memref<40xindex>) {
  // CHECK: cuda.launch @kernels::@loop_2 grid = [1, 1, 1] block = [40, 1, 1]
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<40x50xf32>) outs(%max, %at : memref<40xf32>, memref<40xindex>) {
  ^bb0(%element: f32, %best: f32, %where: index):
    %j = linalg.index 1 : index
    %isMore = arith.cmpf ogt, %element, %best : f32
    %0 = arith.select %isMore, %element, %best : f32
    %1 = arith.select %isMore, %j, %where : index
    linalg.yield %0, %1 : f32, index
  }
  return
}
