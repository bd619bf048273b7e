// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -split-input-file -verify-diagnostics | FileCheck %s
// RUN: steelyard-opt %s -split-input-file --steelyard-cpu --verify-diagnostics -o /dev/null

// What a program says of precision asks for no less than there is.

// CHECK-LABEL: func.func @precision
func.func @precision(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  // CHECK: host.gemm {{.*}} rhs_dims = [-1, 1, 0] -> tensor<4x6xf32>
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  // CHECK: host.gemm {{.*}} rhs_dims = [-1, 1, 0] -> tensor<4x6xf32>
  %1 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [HIGHEST, HIGH] : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// TF32_TF32_F32, which one product of rounded operands will do for; not with three (TF32_TF32_F32_X3).

// CHECK-LABEL: func.func @tf32
func.func @tf32(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  // CHECK: host.gemm {{.*}} rhs_dims = [-1, 1, 0] tf32 -> tensor<4x6xf32>
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = tf32, rhs_precision_type = tf32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  // CHECK: host.gemm {{.*}} rhs_dims = [-1, 1, 0] -> tensor<4x6xf32>
  %1 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = tf32, rhs_precision_type = tf32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 3, allow_imprecise_accumulation = false> : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// ANY_F8_ANY_F8_F32_FAST_ACCUM, and without FAST_ACCUM.

// CHECK-LABEL: func.func @fast
func.func @fast(%a: tensor<4x8xf8E4M3FN>, %b: tensor<8x6xf8E5M2>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  // CHECK: host.gemm {{.*}} rhs_dims = [-1, 1, 0] fast_accumulate -> tensor<4x6xf32>
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E5M2, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<4x8xf8E4M3FN>, tensor<8x6xf8E5M2>) -> tensor<4x6xf32>
  // CHECK: host.gemm {{.*}} rhs_dims = [-1, 1, 0] -> tensor<4x6xf32>
  %1 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E5M2, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<4x8xf8E4M3FN>, tensor<8x6xf8E5M2>) -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// Narrower types are computed in float32, float64 in float64.

// CHECK-LABEL: func.func @others
func.func @others(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  // CHECK: host.gemm ins({{.*}} : tensor<4x8xf32>, tensor<8x6xf32>) {{.*}} rhs_dims = [-1, 1, 0] -> tensor<4x6xf32>
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = bf16, rhs_precision_type = bf16, accumulation_type = f32, lhs_component_count = 3, rhs_component_count = 3, num_primitive_operations = 6, allow_imprecise_accumulation = false> : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  // CHECK: host.gemm ins({{.*}} : tensor<4x8xf64>, tensor<8x6xf64>) {{.*}} -> tensor<4x6xf64>
  %1 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f64, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}
