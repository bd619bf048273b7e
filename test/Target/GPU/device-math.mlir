// RUN: steelyard-opt %s --pass-pipeline='builtin.module(gpu.module(cuda-device-math))' | FileCheck %s

gpu.module @kernels {
  // Pairs by the hardware; a vector with NaN, or what is too large for a cast that does not saturate, by selects.
  // CHECK-LABEL: gpu.func @e4m3
  // CHECK-COUNT-2: nvvm.convert.f32x2.to.f8x2 %{{.*}}, %{{.*}} {rnd = #nvvm.fp_rnd_mode<rn>, sat = #nvvm.sat_mode<satfinite>} : i16(f8E4M3FN)
  // CHECK: arith.constant dense<33686018> : vector<1xi32>
  // CHECK: arith.addi
  // CHECK: scf.if
  // CHECK: arith.select
  // CHECK: scf.yield %{{.*}} : vector<1xi32>
  // CHECK: arith.bitcast %{{.*}} : vector<4xi8> to vector<4xf8E4M3FN>
  gpu.func @e4m3(%x: vector<4xf32>) -> vector<4xf8E4M3FN> {
    %q = scaled.cast %x : vector<4xf32> -> vector<4xf8E4M3FN>
    gpu.return %q : vector<4xf8E4M3FN>
  }

  // CHECK-LABEL: gpu.func @saturating
  // CHECK: nvvm.convert.f32x2.to.f8x2 {{.*}}(f8E4M3FN)
  // CHECK: arith.constant 1 : i8
  // CHECK: arith.addi
  gpu.func @saturating(%x: f32) -> f8E4M3FN {
    %q = scaled.cast %x {saturate} : f32 -> f8E4M3FN
    gpu.return %q : f8E4M3FN
  }

  // CHECK-LABEL: gpu.func @e5m2
  // CHECK: nvvm.convert.f32x2.to.f8x2 {{.*}}(f8E5M2)
  // CHECK: arith.constant dense<124> : vector<3xi8>
  // CHECK: arith.constant dense<126> : vector<3xi8>
  gpu.func @e5m2(%x: vector<3xf32>) -> vector<3xf8E5M2> {
    %q = scaled.cast %x : vector<3xf32> -> vector<3xf8E5M2>
    gpu.return %q : vector<3xf8E5M2>
  }

  // CHECK-LABEL: gpu.func @widen
  // CHECK: nvvm.convert.f8x2.to.f16x2
  // CHECK: arith.extf %{{.*}} : vector<2xf16> to vector<2xf32>
  gpu.func @widen(%x: vector<2xf8E4M3FN>) -> vector<2xf32> {
    %w = scaled.cast %x : vector<2xf8E4M3FN> -> vector<2xf32>
    gpu.return %w : vector<2xf32>
  }

  // Left to integer code: other formats, other roundings.
  // CHECK-LABEL: gpu.func @others
  // CHECK-COUNT-2: scaled.cast
  gpu.func @others(%x: f32, %bits: i32) -> (f8E3M4, f8E4M3FN) {
    %a = scaled.cast %x : f32 -> f8E3M4
    %b = scaled.cast %x random %bits {rounding = #scaled.rounding<stochastic>} : f32, i32 -> f8E4M3FN
    gpu.return %a, %b : f8E3M4, f8E4M3FN
  }

  // CHECK-LABEL: gpu.func @functions
  // CHECK: llvm.call_intrinsic "llvm.sqrt"
  // CHECK: nvvm.convert.f32x2.to.bf16x2
  gpu.func @functions(%x: f32) -> bf16 {
    %r = math.sqrt %x : f32
    %h = arith.truncf %r : f32 to bf16
    gpu.return %h : bf16
  }

  // 2^n from the bits of n + 127 + 1.5 × 2^23.
  // CHECK-LABEL: gpu.func @exp
  // CHECK-SAME: (%[[X:.*]]: vector<2xf32>)
  // CHECK: %[[SUM:.*]] = llvm.call_intrinsic "llvm.fma"(%[[X]],
  // CHECK: %[[BOUND:.*]] = llvm.call_intrinsic "llvm.maxnum"
  // CHECK: arith.subf %{{.*}}, %[[BOUND]]
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[BOUND]] : vector<2xf32> to vector<2xi32>
  // CHECK: %[[SHIFTED:.*]] = arith.shli %[[BITS]]
  // CHECK: %[[POWER:.*]] = arith.bitcast %[[SHIFTED]] : vector<2xi32> to vector<2xf32>
  // CHECK-COUNT-2: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"({{.*}}) : (f32) -> f32
  // CHECK: arith.mulf %{{.*}}, %[[POWER]]
  gpu.func @exp(%x: vector<2xf32>) -> vector<2xf32> {
    %e = math.exp %x : vector<2xf32>
    gpu.return %e : vector<2xf32>
  }

  // Both ways, without a branch; the sign of zero is kept.
  // CHECK-LABEL: gpu.func @tanh
  // CHECK-SAME: (%[[X:.*]]: f32)
  // CHECK: %[[SIZE:.*]] = llvm.call_intrinsic "llvm.fabs"(%[[X]])
  // CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
  // CHECK: nvvm.rcp.approx.ftz.f
  // CHECK: %[[LARGE:.*]] = llvm.call_intrinsic "llvm.fma"
  // CHECK: %[[SMALL:.*]] = llvm.call_intrinsic "llvm.fma"(%{{.*}}, %[[SIZE]], %[[SIZE]])
  // CHECK: %[[IS_SMALL:.*]] = arith.cmpf olt, %[[SIZE]]
  // CHECK-NOT: scf.if
  // CHECK: arith.andi
  // CHECK: arith.select %[[IS_SMALL]], %[[SMALL]], %[[LARGE]]
  // CHECK: arith.ori
  gpu.func @tanh(%x: f32) -> f32 {
    %t = math.tanh %x : f32
    gpu.return %t : f32
  }

  // Up to 2^16 by a polynomial; a vector with a larger element, or NaN, goes to libdevice, element by element.
  // CHECK-LABEL: gpu.func @sine
  // CHECK-SAME: (%[[X:.*]]: vector<2xf32>)
  // CHECK-COUNT-2: arith.cmpf ugt
  // CHECK: scf.if
  // CHECK-COUNT-2: math.sin %{{.*}} {steelyard.any_size} : f32
  // CHECK: } else {
  // CHECK-NOT: math.sin
  // CHECK: arith.xori
  // CHECK: gpu.return
  gpu.func @sine(%x: vector<2xf32>) -> vector<2xf32> {
    %s = math.sin %x : vector<2xf32>
    gpu.return %s : vector<2xf32>
  }

  // A cosine is a quarter ahead.
  // CHECK-LABEL: gpu.func @cosine
  // CHECK: math.cos %{{.*}} {steelyard.any_size} : f32
  // CHECK: } else {
  // CHECK: arith.addi %{{.*}}, %{{.*}} : i32
  gpu.func @cosine(%x: f32) -> f32 {
    %c = math.cos %x : f32
    gpu.return %c : f32
  }

  // CHECK-LABEL: gpu.func @divide
  // CHECK-SAME: (%[[X:.*]]: f32, %[[Y:.*]]: f32, %{{.*}}: f64)
  // CHECK: %[[R:.*]] = nvvm.rcp.approx.ftz.f %[[Y]]
  // CHECK: arith.mulf %[[X]], %[[R]]
  // CHECK: nvvm.rcp.approx.ftz.f %[[Y]]
  // CHECK-NOT: arith.mulf
  // Nobody said so.
  // CHECK: arith.divf %[[X]], %[[Y]]
  // CHECK-NEXT: arith.divf %{{.*}} : f64
  gpu.func @divide(%x: f32, %y: f32, %z: f64) -> (f32, f32, f32, f64) {
    %one = arith.constant 1.0 : f32
    %a = arith.divf %x, %y fastmath<arcp> : f32
    %b = arith.divf %one, %y fastmath<arcp> : f32
    %c = arith.divf %x, %y : f32
    %d = arith.divf %z, %z fastmath<arcp> : f64
    gpu.return %a, %b, %c, %d : f32, f32, f32, f64
  }

  // Libdevice's.
  // CHECK-LABEL: gpu.func @double
  // CHECK: math.tanh %{{.*}} : f64
  // CHECK: math.exp %{{.*}} : f64
  gpu.func @double(%x: f64) -> f64 {
    %t = math.tanh %x : f64
    %e = math.exp %t : f64
    gpu.return %e : f64
  }
}

// The C library's functions are libdevice's.
// CHECK: gpu.module @libm
// CHECK-DAG: llvm.func @__nv_lgamma(f64) -> f64
// CHECK-DAG: llvm.func @__nv_exp(f64) -> f64
// CHECK-LABEL: func @libm
gpu.module @libm {
  func.func @libm(%x: f64) -> f64 {
    // CHECK: %[[GAMMA:.*]] = llvm.call @__nv_lgamma(%{{.*}}) : (f64) -> f64
    // CHECK: %[[GROWN:.*]] = llvm.call @__nv_exp(%[[GAMMA]]) : (f64) -> f64
    // CHECK: llvm.call @__nv_exp(%[[GROWN]]) : (f64) -> f64
    %0 = host.libm "lgamma" %x : f64
    %1 = host.libm "exp" %0 : f64
    %2 = host.libm "exp" %1 : f64
    return %2 : f64
  }
}
