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
  // CHECK-COUNT-2: llvm.call_intrinsic "llvm.nvvm.ex2.approx"
  // CHECK: llvm.call_intrinsic "llvm.sqrt"
  // CHECK: nvvm.convert.f32x2.to.bf16x2
  gpu.func @functions(%x: f32) -> bf16 {
    %e = math.exp %x : f32
    %r = math.sqrt %e : f32
    %h = arith.truncf %r : f32 to bf16
    gpu.return %h : bf16
  }
}
