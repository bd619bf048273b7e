// RUN: steelyard-opt %s --cpu-outline-regions --host-plan-arena | FileCheck %s

// The first and the third buffer do not live together: they share memory.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %arg0: !llvm.ptr, %[[ARENA:.*]]: memref<512xi8>
// CHECK-SAME: steelyard.arena_size = 512
// CHECK-SAME: steelyard.arena_tensors = [{offset = 0 : i64, type = memref<64xf32>}, {offset = 256 : i64, type = memref<64xf32>}, {offset = 0 : i64, type = memref<64xf32>}]
// CHECK-DAG: memref.view %[[ARENA]][%c0{{(_[0-9]+)?}}][]
// CHECK-DAG: memref.view %[[ARENA]][%c256{{(_[0-9]+)?}}][]
// CHECK-DAG: memref.view %[[ARENA]][%c0{{(_[0-9]+)?}}][]
func.func @chain(%x: memref<64xf32>, %y: memref<64xf32>) {
  %a = memref.alloc() : memref<64xf32>
  %b = memref.alloc() : memref<64xf32>
  %c = memref.alloc() : memref<64xf32>
  linalg.exp ins(%x : memref<64xf32>) outs(%a : memref<64xf32>)
  linalg.exp ins(%a : memref<64xf32>) outs(%b : memref<64xf32>)
  linalg.exp ins(%b : memref<64xf32>) outs(%c : memref<64xf32>)
  linalg.exp ins(%c : memref<64xf32>) outs(%y : memref<64xf32>)
  return
}

// A float8 tensor takes a byte an element.
// CHECK-LABEL: func.func @bytes
// CHECK-SAME: steelyard.arena_size = 128
// CHECK-SAME: steelyard.arena_tensors = [{offset = 0 : i64, type = memref<100xf8E4M3FN>}]
func.func @bytes(%y: memref<100xf8E4M3FN>) {
  %a = memref.alloc() : memref<100xf8E4M3FN>
  memref.copy %a, %y : memref<100xf8E4M3FN> to memref<100xf8E4M3FN>
  return
}

// A buffer from before a loop lives all along it; those of one trip share memory when they don't meet.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: steelyard.arena_size = 768
// CHECK-SAME: {offset = 0 : i64, type = memref<64xf32>}, {offset = 256 : i64, type = memref<64xf32>}, {offset = 512 : i64, type = memref<64xf32>}, {offset = 256 : i64, type = memref<64xf32>}]
// CHECK: scf.for
// CHECK-COUNT-3: memref.view
func.func @loop(%x: memref<64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : memref<64xf32>
  linalg.exp ins(%x : memref<64xf32>) outs(%a : memref<64xf32>)
  scf.for %i = %c0 to %n step %c1 {
    %b = memref.alloc() : memref<64xf32>
    %c = memref.alloc() : memref<64xf32>
    %d = memref.alloc() : memref<64xf32>
    linalg.exp ins(%a : memref<64xf32>) outs(%b : memref<64xf32>)
    linalg.exp ins(%b : memref<64xf32>) outs(%c : memref<64xf32>)
    linalg.exp ins(%c : memref<64xf32>) outs(%d : memref<64xf32>)
    linalg.exp ins(%d : memref<64xf32>) outs(%x : memref<64xf32>)
  }
  return
}

// Both buffers live until what is chosen of them has been read.
// CHECK-LABEL: func.func @chosen
// CHECK-SAME: steelyard.arena_size = 768
func.func @chosen(%x: memref<64xf32>, %y: memref<64xf32>, %z: memref<64xf32>, %p: i1) {
  %a = memref.alloc() : memref<64xf32>
  %b = memref.alloc() : memref<64xf32>
  linalg.exp ins(%x : memref<64xf32>) outs(%a : memref<64xf32>)
  linalg.log ins(%x : memref<64xf32>) outs(%b : memref<64xf32>)
  %chosen = arith.select %p, %a, %b : memref<64xf32>
  %c = memref.alloc() : memref<64xf32>
  linalg.exp ins(%x : memref<64xf32>) outs(%c : memref<64xf32>)
  memref.copy %c, %y : memref<64xf32> to memref<64xf32>
  memref.copy %chosen, %z : memref<64xf32> to memref<64xf32>
  return
}
