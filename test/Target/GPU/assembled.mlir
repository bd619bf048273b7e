// REQUIRES: ptxas
// RUN: steelyard-opt %s --steelyard-cuda-kernels --steelyard-cuda-binary > %t
// RUN: %python %S/../../support/assemble.py < %t | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX < %t

// Every schedule's code is accepted by ptxas, and none spills.
// CHECK-NOT: {{[1-9][0-9]*}} bytes of spills
// CHECK: columns_{{[0-9]}}: {{[0-9]+}} registers, 0 bytes of spills, 4096 bytes shared
// CHECK: merged_{{[0-9]}}: {{[0-9]+}} registers, 0 bytes of spills, 8192 bytes shared
// CHECK: rows_{{[0-9]}}: {{[0-9]+}} registers, 0 bytes of spills, 32 bytes shared
// CHECK-NOT: {{[1-9][0-9]*}} bytes of spills

// A kernel waits for those before it ahead of anything else.
// PTX: griddepcontrol.launch_dependents
// PTX-NOT: ld.global
// PTX: griddepcontrol.wait
// PTX-DAG: ld.global.v4.b32
// PTX-DAG: st.global.v4.b32
// PTX-DAG: shfl.sync.bfly.b32
// PTX-DAG: ex2.approx.ftz.f32
// PTX-DAG: cvt.rn.satfinite.e4m3x2.f32
// PTX-DAG: cvt.rn.bf16x2.f32
func.func @step(%x: tensor<1024x4096xbf16>, %v: tensor<333xf32>) -> (tensor<1024x4096xbf16>, tensor<1024x4096xf8E4M3FN>, tensor<4096xf32>, tensor<333xf32>) {
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
  %n = stablehlo.negate %x : tensor<1024x4096xbf16>
  %k = stablehlo.convert %n : (tensor<1024x4096xbf16>) -> tensor<1024x4096xf32>
  %f = stablehlo.convert %k : (tensor<1024x4096xf32>) -> tensor<1024x4096xf8E4M3FN>
  %c = stablehlo.reduce(%q init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<4096xf32>
  %o = stablehlo.sqrt %v : tensor<333xf32>
  return %y, %f, %c, %o : tensor<1024x4096xbf16>, tensor<1024x4096xf8E4M3FN>, tensor<4096xf32>, tensor<333xf32>
}
