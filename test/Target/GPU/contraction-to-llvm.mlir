// RUN: steelyard-opt %s --steelyard-import --steelyard-cuda="format=isa" | FileCheck %s

// The descriptor that the runtime is given: scales, the bias and its type, then what is done last and what is allowed.

// CHECK-LABEL: llvm.func internal @eight_bits(
func.func @eight_bits(%a: tensor<32x64xf8E4M3FN>, %b: tensor<48x64xf8E4M3FN>, %s: tensor<f32>, %bias: tensor<48xbf16>) -> tensor<32x48xbf16> {
  // A caller's scale and bias are copied to where addresses are multiples of 16.
  // CHECK-COUNT-2: llvm.call @steelyard_gpu_copy(
  // CHECK: %[[SCALE:.*]] = llvm.extractvalue %{{.*}}[1] : !llvm.struct<(ptr, ptr, i64)>
  // CHECK-NEXT: %[[A_SCALE:.*]] = llvm.getelementptr %[[DESC:.*]][152]
  // CHECK-NEXT: llvm.store %[[SCALE]], %[[A_SCALE]]
  // CHECK-NEXT: %[[VECTOR:.*]] = llvm.extractvalue
  // CHECK-NEXT: %[[BIAS:.*]] = llvm.getelementptr %[[DESC]][168]
  // CHECK-NEXT: llvm.store %[[VECTOR]], %[[BIAS]]
  // CHECK-NEXT: %[[BF16:.*]] = llvm.mlir.constant(23 : i64)
  // CHECK-NEXT: %[[BIAS_TYPE:.*]] = llvm.getelementptr %[[DESC]][176]
  // CHECK-NEXT: llvm.store %[[BF16]], %[[BIAS_TYPE]]
  // CHECK-NEXT: %[[RELU:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK-NEXT: %[[EPILOGUE:.*]] = llvm.getelementptr %[[DESC]][188]
  // CHECK-NEXT: llvm.store %[[RELU]], %[[EPILOGUE]]
  // CHECK-NEXT: %[[FAST:.*]] = llvm.mlir.constant(2 : i32)
  // CHECK-NEXT: %[[COMPUTE:.*]] = llvm.getelementptr %[[DESC]][192]
  // CHECK-NEXT: llvm.store %[[FAST]], %[[COMPUTE]]
  // CHECK: llvm.call @steelyard_gpu_gemm(%{{.*}}, %[[DESC]])
  // CHECK-NOT: llvm.call @steelyard_gpu_launch
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [1], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E4M3FN, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<32x64xf8E4M3FN>, tensor<48x64xf8E4M3FN>) -> tensor<32x48xf32>
  %1 = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> tensor<32x48xf32>
  %2 = stablehlo.multiply %0, %1 : tensor<32x48xf32>
  %3 = stablehlo.convert %bias : (tensor<48xbf16>) -> tensor<48xf32>
  %4 = stablehlo.broadcast_in_dim %3, dims = [1] : (tensor<48xf32>) -> tensor<32x48xf32>
  %5 = stablehlo.add %2, %4 : tensor<32x48xf32>
  %zero = stablehlo.constant dense<0.0> : tensor<32x48xf32>
  %6 = stablehlo.maximum %5, %zero : tensor<32x48xf32>
  %7 = stablehlo.convert %6 : (tensor<32x48xf32>) -> tensor<32x48xbf16>
  return %7 : tensor<32x48xbf16>
}

// CHECK-LABEL: llvm.func internal @tf32(
func.func @tf32(%a: tensor<32x64xf32>, %b: tensor<64x48xf32>) -> tensor<32x48xf32> {
  // CHECK: %[[NONE:.*]] = llvm.mlir.constant(0 : i32)
  // CHECK-NEXT: %[[EPILOGUE:.*]] = llvm.getelementptr %[[DESC:.*]][188]
  // CHECK-NEXT: llvm.store %[[NONE]], %[[EPILOGUE]]
  // CHECK-NEXT: %[[TF32:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK-NEXT: %[[COMPUTE:.*]] = llvm.getelementptr %[[DESC]][192]
  // CHECK-NEXT: llvm.store %[[TF32]], %[[COMPUTE]]
  // CHECK: llvm.call @steelyard_gpu_gemm(%{{.*}}, %[[DESC]])
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = tf32, rhs_precision_type = tf32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<32x64xf32>, tensor<64x48xf32>) -> tensor<32x48xf32>
  return %0 : tensor<32x48xf32>
}
