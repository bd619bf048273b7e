// RUN: steelyard-opt %s --host-carry-buffers | FileCheck %s

// The initial value is copied, since the caller owns it; the next value too.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32>
// CHECK: %[[B:.*]] = memref.alloc() : memref<4xf32>
// CHECK: memref.copy %[[X]], %[[B]]
// CHECK: scf.while : () -> () {
// CHECK: scf.condition
// CHECK: %[[N:.*]] = memref.alloc()
// CHECK: linalg.exp ins(%[[B]] : memref<4xf32>) outs(%[[N]] : memref<4xf32>)
// CHECK: memref.copy %[[N]], %[[B]]
// CHECK: scf.yield
// CHECK: memref.copy %[[B]], %[[Y]]
func.func @loop(%x: memref<4xf32>, %y: memref<4xf32>) {
  %0 = scf.while (%a = %x) : (memref<4xf32>) -> memref<4xf32> {
    %go = host.poll : i1
    scf.condition(%go) %a : memref<4xf32>
  } do {
  ^bb0(%a: memref<4xf32>):
    %n = memref.alloc() : memref<4xf32>
    linalg.exp ins(%a : memref<4xf32>) outs(%n : memref<4xf32>)
    scf.yield %n : memref<4xf32>
  }
  memref.copy %0, %y : memref<4xf32> to memref<4xf32>
  return
}

// An initial value that nothing else needs is where the loop works; what is there already is not copied.
// CHECK-LABEL: func.func @in_place
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK-NOT: memref.alloc
// CHECK: scf.while
// CHECK: linalg.exp ins(%[[A]] : memref<4xf32>) outs(%[[A]] : memref<4xf32>)
// CHECK-NEXT: scf.yield
func.func @in_place(%x: memref<4xf32>, %y: memref<4xf32>) {
  %i = memref.alloc() : memref<4xf32>
  linalg.exp ins(%x : memref<4xf32>) outs(%i : memref<4xf32>)
  %0 = scf.while (%a = %i) : (memref<4xf32>) -> memref<4xf32> {
    %go = host.poll : i1
    scf.condition(%go) %a : memref<4xf32>
  } do {
  ^bb0(%a: memref<4xf32>):
    linalg.exp ins(%a : memref<4xf32>) outs(%a : memref<4xf32>)
    scf.yield %a : memref<4xf32>
  }
  memref.copy %0, %y : memref<4xf32> to memref<4xf32>
  return
}

// Two that change places go by way of others: both are read before one is written.
// CHECK-LABEL: func.func @swap
// CHECK: scf.while
// CHECK: } do {
// CHECK: %[[T:.*]] = memref.alloc()
// CHECK: memref.copy %[[A:.*]], %[[T]]
// CHECK: %[[U:.*]] = memref.alloc()
// CHECK: memref.copy %[[B:.*]], %[[U]]
// CHECK: memref.copy %[[T]], %[[B]]
// CHECK: memref.copy %[[U]], %[[A]]
// CHECK: scf.yield
func.func @swap(%x: memref<4xf32>, %y: memref<4xf32>) {
  %0:2 = scf.while (%a = %x, %b = %y) : (memref<4xf32>, memref<4xf32>) -> (memref<4xf32>, memref<4xf32>) {
    %go = host.poll : i1
    scf.condition(%go) %a, %b : memref<4xf32>, memref<4xf32>
  } do {
  ^bb0(%a: memref<4xf32>, %b: memref<4xf32>):
    scf.yield %b, %a : memref<4xf32>, memref<4xf32>
  }
  memref.copy %0#0, %y : memref<4xf32> to memref<4xf32>
  return
}

// A branch's own buffer becomes the result's; scalars stay results.
// CHECK-LABEL: func.func @choice
// CHECK-SAME: %{{.*}}: i1, %[[X:.*]]: memref<4xf32>, %{{.*}}: memref<4xf32>
// CHECK: %[[R:.*]] = memref.alloc()
// CHECK: %[[S:.*]] = scf.if %{{.*}} -> (f32) {
// CHECK-NEXT: linalg.exp ins(%[[X]] : memref<4xf32>) outs(%[[R]] : memref<4xf32>)
// CHECK-NEXT: scf.yield
// CHECK: } else {
// CHECK-NEXT: memref.copy %[[X]], %[[R]]
// CHECK-NEXT: scf.yield
// CHECK: memref.copy %[[R]],
// CHECK: return %[[S]]
func.func @choice(%p: i1, %x: memref<4xf32>, %y: memref<4xf32>, %s: f32) -> f32 {
  %0:2 = scf.if %p -> (memref<4xf32>, f32) {
    %n = memref.alloc() : memref<4xf32>
    linalg.exp ins(%x : memref<4xf32>) outs(%n : memref<4xf32>)
    scf.yield %n, %s : memref<4xf32>, f32
  } else {
    scf.yield %x, %s : memref<4xf32>, f32
  }
  memref.copy %0#0, %y : memref<4xf32> to memref<4xf32>
  return %0#1 : f32
}
