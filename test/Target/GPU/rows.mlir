// RUN: steelyard-opt %s --split-input-file --steelyard-cuda-kernels | FileCheck %s

// A softmax is one kernel: a block a row, the row in registers between its passes, 16 bytes an access.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @rows_0(%[[X:[a-z0-9]+]]: memref<4194304xbf16>, %[[Y:.*]]: memref<4194304xbf16>)
// CHECK-SAME: workgroup(%[[MAX:.*]] : memref<4xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[SUM:.*]] : memref<4xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}) kernel
// CHECK-COUNT-4: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<4194304xbf16>, vector<8xbf16>
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: memref.store %{{.*}}, %[[MAX]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[MAX]]
// CHECK-NOT: vector.load
// CHECK-COUNT-4: math.exp %{{.*}} : vector<8xf32>
// CHECK: memref.store %{{.*}}, %[[SUM]]
// CHECK: gpu.barrier
// CHECK-NOT: math.exp
// CHECK-COUNT-4: vector.store %{{.*}}, %[[Y]]{{.*}} {alignment = 16 : i64} : memref<4194304xbf16>, vector<8xbf16>
// CHECK: gpu.return
// CHECK-LABEL: func.func @softmax
// CHECK: cuda.launch @kernels::@rows_0 grid = [1024, 1, 1] block = [128, 1, 1] ins(%{{.*}} : tensor<1024x4096xbf16>) outs(%{{.*}} : tensor<1024x4096xbf16>)
func.func @softmax(%x: tensor<1024x4096xbf16>) -> tensor<1024x4096xbf16> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<1024x4096xbf16>) -> tensor<1024x4096xf32>
  %m = stablehlo.reduce(%w init: %low) applies stablehlo.maximum across dimensions = [1] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<1024xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<1024xf32>) -> tensor<1024x4096xf32>
  %d = stablehlo.subtract %w, %mb : tensor<1024x4096xf32>
  %e = stablehlo.exponential %d : tensor<1024x4096xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<1024xf32>
  %sb = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<1024xf32>) -> tensor<1024x4096xf32>
  %q = stablehlo.divide %e, %sb : tensor<1024x4096xf32>
  %y = stablehlo.convert %q : (tensor<1024x4096xf32>) -> tensor<1024x4096xbf16>
  return %y : tensor<1024x4096xbf16>
}

// -----

// A short row is a warp's, four a block; what is beyond the last row or its end is not stored, and adds nothing.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @rows_0(%[[X:[a-z0-9]+]]: memref<3003xf32>, %[[S:.*]]: memref<77xf32>) kernel
// CHECK: %[[ROW:.*]] = arith.cmpi ult, %{{.*}}, %c77
// CHECK: %[[COLUMN:.*]] = arith.cmpi ult, %{{.*}}, %c39
// CHECK: %[[INSIDE:.*]] = arith.andi %{{.*}}, %[[COLUMN]]
// CHECK: %[[V:.*]] = memref.load %[[X]]
// CHECK: arith.select %[[INSIDE]], %{{.*}}, %{{.*}} : f32
// CHECK-NOT: gpu.barrier
// CHECK: scf.if
// CHECK-NEXT: memref.store %{{.*}}, %[[S]]
// CHECK: cuda.launch @kernels::@rows_0 grid = [20, 1, 1] block = [128, 1, 1]
func.func @short(%x: tensor<77x39xf32>) -> tensor<77xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<77x39xf32>, tensor<f32>) -> tensor<77xf32>
  return %s : tensor<77xf32>
}

// -----

// A row that registers don't hold is read again by every pass.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @rows_0(%[[X:[a-z0-9]+]]: memref<102400000xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<4xf32>)
// CHECK: vector.load %[[X]]
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: vector.load %[[X]]
// CHECK: arith.subf
// CHECK: vector.store
// CHECK: cuda.launch @kernels::@rows_0 grid = [1024, 1, 1] block = [512, 1, 1]
func.func @long(%x: tensor<1024x100000xf32>) -> tensor<1024x100000xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %m = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [1] : (tensor<1024x100000xf32>, tensor<f32>) -> tensor<1024xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<1024xf32>) -> tensor<1024x100000xf32>
  %d = stablehlo.subtract %x, %mb : tensor<1024x100000xf32>
  return %d : tensor<1024x100000xf32>
}

// -----

// The same behind something of rows: a part a block as well.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @rows_0(%{{.*}}: memref<4194304xf32>, %{{.*}}: memref<4194304xf32>, %[[PARTS:[a-z0-9]+]]: memref<1024xf32>)
// CHECK-COUNT-2: gpu.barrier
// CHECK: memref.store %{{.*}}, %[[PARTS]]
// CHECK: gpu.func @rows_1(%{{.*}}: memref<1024xf32>, %{{.*}}: memref<1xf32>)
func.func @parts(%x: tensor<1024x4096xf32>) -> (tensor<1024x4096xf32>, tensor<f32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %m = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<1024xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<1024xf32>) -> tensor<1024x4096xf32>
  %d = stablehlo.subtract %x, %mb : tensor<1024x4096xf32>
  %a = stablehlo.abs %d : tensor<1024x4096xf32>
  %n = stablehlo.reduce(%a init: %zero) applies stablehlo.maximum across dimensions = [0, 1] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<f32>
  return %d, %n : tensor<1024x4096xf32>, tensor<f32>
}

// -----

// Lines of odd length begin anywhere: vectors are those of memory, and lanes that belong to other lines count for nothing. The block
// with the last line reads it element by element.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @rows_0(%[[X:[a-z0-9]+]]: memref<{{.*}}xbf16>
// CHECK: %[[REST:.*]] = arith.remui %{{.*}}, %c8
// CHECK: arith.subi %{{.*}}, %[[REST]]
// CHECK: %[[LANES:.*]] = arith.cmpi ult, %{{.*}} : vector<8xindex>
// CHECK: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<{{.*}}xbf16>, vector<8xbf16>
// CHECK: arith.select %[[LANES]]
// CHECK: } else {
// CHECK: memref.load %[[X]]
func.func @odd(%x: tensor<1024x513xbf16>) -> tensor<1024xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %w = stablehlo.convert %x : (tensor<1024x513xbf16>) -> tensor<1024x513xf32>
  %m = stablehlo.reduce(%w init: %low) applies stablehlo.maximum across dimensions = [1] : (tensor<1024x513xf32>, tensor<f32>) -> tensor<1024xf32>
  return %m : tensor<1024xf32>
}
