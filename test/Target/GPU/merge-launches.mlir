// RUN: steelyard-opt %s --split-input-file --cuda-merge-launches --canonicalize --cse | FileCheck %s

// Two of the same code are one part, whose buffers the block chooses; a third has code of its own, and fewer threads: it waits for
// those alone.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @merged_3(%[[X:[a-z0-9]+]]: memref<1024xf32>, %[[Y:[a-z0-9]+]]: memref<1024xf32>, %[[Z:[a-z0-9]+]]: memref<64xf32>, %[[A:[a-z0-9]+]]: memref<1024xf32>, %[[B:[a-z0-9]+]]: memref<1024xf32>, %[[C:[a-z0-9]+]]: memref<64xf32>) workgroup(%[[SHARED:.*]] : memref<4xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}) kernel
// CHECK-DAG: %[[ID:.*]] = arith.constant 0 : i32
// CHECK-DAG: %[[THREADS:.*]] = arith.constant 64 : i32
// CHECK-DAG: %[[BLOCK:.*]] = gpu.block_id x
// CHECK-DAG: %[[THREAD:.*]] = gpu.thread_id x
// CHECK: arith.cmpi ult, %[[BLOCK]], %c8
// CHECK: scf.if
// CHECK: %[[FIRST:.*]] = arith.cmpi ult, %[[BLOCK]], %c4
// CHECK: %[[FROM:.*]] = arith.select %[[FIRST]], %[[X]], %[[Y]]
// CHECK: %[[TO:.*]] = arith.select %[[FIRST]], %[[A]], %[[B]]
// CHECK: %[[LOCAL:.*]] = arith.remui %[[BLOCK]], %c4
// CHECK: arith.muli %[[LOCAL]], %c256
// CHECK: memref.load %[[FROM]]
// CHECK: memref.store %{{.*}}, %[[TO]]
// CHECK: } else {
// CHECK: arith.cmpi ult, %[[THREAD]], %c64
// CHECK: scf.if
// CHECK: memref.load %[[Z]]
// CHECK: memref.store %{{.*}}, %[[SHARED]]
// CHECK: nvvm.barrier id = %[[ID]] number_of_threads = %[[THREADS]]
// CHECK: memref.store %{{.*}}, %[[C]]
// CHECK-NOT: gpu.func
// CHECK-LABEL: func.func @independent
// CHECK: %[[ALL:.*]]:3 = cuda.launch @kernels::@merged_3 grid = [9, 1, 1] block = [256, 1, 1]
// CHECK: return %[[ALL]]#0, %[[ALL]]#1, %[[ALL]]#2
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @flat_0(%x: memref<1024xf32>, %y: memref<1024xf32>) kernel {
      %width = arith.constant 256 : index
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %start = arith.muli %block, %width : index
      %at = arith.addi %start, %thread : index
      %v = memref.load %x[%at] : memref<1024xf32>
      %w = arith.negf %v : f32
      memref.store %w, %y[%at] : memref<1024xf32>
      gpu.return
    }
    gpu.func @flat_1(%x: memref<1024xf32>, %y: memref<1024xf32>) kernel {
      %width = arith.constant 256 : index
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %start = arith.muli %block, %width : index
      %at = arith.addi %start, %thread : index
      %v = memref.load %x[%at] : memref<1024xf32>
      %w = arith.negf %v : f32
      memref.store %w, %y[%at] : memref<1024xf32>
      gpu.return
    }
    gpu.func @rows_2(%x: memref<64xf32>, %y: memref<64xf32>) workgroup(%shared : memref<4xf32, #gpu.address_space<workgroup>>) kernel {
      %c0 = arith.constant 0 : index
      %thread = gpu.thread_id x
      %v = memref.load %x[%thread] : memref<64xf32>
      memref.store %v, %shared[%c0] : memref<4xf32, #gpu.address_space<workgroup>>
      gpu.barrier
      %w = memref.load %shared[%c0] : memref<4xf32, #gpu.address_space<workgroup>>
      memref.store %w, %y[%thread] : memref<64xf32>
      gpu.return
    }
  }
  func.func @independent(%x: tensor<1024xf32>, %y: tensor<1024xf32>, %z: tensor<64xf32>) -> (tensor<1024xf32>, tensor<1024xf32>, tensor<64xf32>) {
    %to = tensor.empty() : tensor<1024xf32>
    %small = tensor.empty() : tensor<64xf32>
    %a = cuda.launch @kernels::@flat_0 grid = [4, 1, 1] block = [256, 1, 1] ins(%x : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    %c = cuda.launch @kernels::@rows_2 grid = [1, 1, 1] block = [64, 1, 1] ins(%z : tensor<64xf32>) outs(%small : tensor<64xf32>) -> tensor<64xf32>
    %b = cuda.launch @kernels::@flat_1 grid = [4, 1, 1] block = [256, 1, 1] ins(%y : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    return %a, %b, %c : tensor<1024xf32>, tensor<1024xf32>, tensor<64xf32>
  }
}

// -----

// What depends on another runs after it, with what else waits then; large ones don't wait.
// CHECK-LABEL: func.func @chain
// CHECK: %[[LARGE:.*]] = cuda.launch @kernels::@large grid = [600, 1, 1]
// CHECK: %[[A:.*]]:2 = cuda.launch @kernels::@merged_{{.*}} grid = [8, 1, 1] {{.*}} ins(%arg0, %arg1 :
// CHECK: %[[B:.*]] = cuda.launch @kernels::@small grid = [4, 1, 1] {{.*}} ins(%[[A]]#0 :
// CHECK: return %[[B]], %[[A]]#1, %[[LARGE]]
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @small(%x: memref<1024xf32>, %y: memref<1024xf32>) kernel {
      gpu.return
    }
    gpu.func @large(%x: memref<153600xf32>, %y: memref<153600xf32>) kernel {
      gpu.return
    }
  }
  func.func @chain(%x: tensor<1024xf32>, %y: tensor<1024xf32>, %z: tensor<153600xf32>) -> (tensor<1024xf32>, tensor<1024xf32>, tensor<153600xf32>) {
    %to = tensor.empty() : tensor<1024xf32>
    %wide = tensor.empty() : tensor<153600xf32>
    %a = cuda.launch @kernels::@small grid = [4, 1, 1] block = [256, 1, 1] ins(%x : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    %b = cuda.launch @kernels::@small grid = [4, 1, 1] block = [256, 1, 1] ins(%a : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    %large = cuda.launch @kernels::@large grid = [600, 1, 1] block = [256, 1, 1] ins(%z : tensor<153600xf32>) outs(%wide : tensor<153600xf32>) -> tensor<153600xf32>
    %c = cuda.launch @kernels::@small grid = [4, 1, 1] block = [256, 1, 1] ins(%y : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    return %b, %c, %large : tensor<1024xf32>, tensor<1024xf32>, tensor<153600xf32>
  }
  // CHECK-LABEL: func.func @unneeded
  // CHECK-NOT: cuda.launch
  // CHECK: return %arg0
  func.func @unneeded(%x: tensor<1024xf32>) -> tensor<1024xf32> {
    %to = tensor.empty() : tensor<1024xf32>
    %a = cuda.launch @kernels::@small grid = [4, 1, 1] block = [256, 1, 1] ins(%x : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    %b = cuda.launch @kernels::@small grid = [4, 1, 1] block = [256, 1, 1] ins(%x : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    %c = cuda.launch @kernels::@small grid = [4, 1, 1] block = [256, 1, 1] ins(%x : tensor<1024xf32>) outs(%to : tensor<1024xf32>) -> tensor<1024xf32>
    return %x : tensor<1024xf32>
  }
}

// -----

// Two that join parts by a counter each are one part, too: whose block it is decides which counter counts.
// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @merged_1(%[[ALL:[a-z0-9]+]]: memref<2xi32>, %[[C:[a-z0-9]+]]: index, %[[D:[a-z0-9]+]]: index, %{{.*}}: memref<4xi32>, %{{.*}}: memref<4xi32>)
// CHECK: %[[FIRST:.*]] = arith.cmpi ult, %{{.*}}, %c4
// CHECK: %[[NUMBER:.*]] = arith.select %[[FIRST]], %[[C]], %[[D]] : index
// CHECK: memref.store %{{.*}}, %[[ALL]][%[[NUMBER]]]
// CHECK-LABEL: func.func @counters
// CHECK: cuda.launch @kernels::@merged_1 grid = [8, 1, 1] block = [1, 1, 1] ins(%arg0, %c0, %c1 : tensor<2xi32>, index, index)
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @flat_0(%all: memref<2xi32>, %number: index, %parts: memref<4xi32>) kernel {
      %block = gpu.block_id x
      %one = arith.constant 1 : i32
      memref.store %one, %parts[%block] : memref<4xi32>
      memref.store %one, %all[%number] : memref<2xi32>
      gpu.return
    }
  }
  func.func @counters(%all: tensor<2xi32>) -> (tensor<4xi32>, tensor<4xi32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %to = tensor.empty() : tensor<4xi32>
    %a = cuda.launch @kernels::@flat_0 grid = [4, 1, 1] block = [1, 1, 1] ins(%all, %c0 : tensor<2xi32>, index) outs(%to : tensor<4xi32>) -> tensor<4xi32>
    %b = cuda.launch @kernels::@flat_0 grid = [4, 1, 1] block = [1, 1, 1] ins(%all, %c1 : tensor<2xi32>, index) outs(%to : tensor<4xi32>) -> tensor<4xi32>
    return %a, %b : tensor<4xi32>, tensor<4xi32>
  }
}
