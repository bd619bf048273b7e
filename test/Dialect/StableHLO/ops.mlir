// Pretty and generic form, in and out, for every operation.
// RUN: steelyard-opt %s --verify-each | FileCheck %s
// RUN: steelyard-opt %s --mlir-print-op-generic | steelyard-opt | FileCheck %s

// CHECK-LABEL: @unary
func.func @unary(%x: tensor<2x3xf32>, %n: tensor<4xui8>) {
  // CHECK: stablehlo.abs %arg0 : tensor<2x3xf32>
  %0 = stablehlo.abs %x : tensor<2x3xf32>
  // CHECK: stablehlo.negate %arg0 : tensor<2x3xf32>
  %1 = stablehlo.negate %x : tensor<2x3xf32>
  // CHECK: stablehlo.sign %arg0 : tensor<2x3xf32>
  %2 = stablehlo.sign %x : tensor<2x3xf32>
  // CHECK: stablehlo.exponential %arg0 : tensor<2x3xf32>
  %3 = stablehlo.exponential %x : tensor<2x3xf32>
  // CHECK: stablehlo.exponential_minus_one %arg0 : tensor<2x3xf32>
  %4 = stablehlo.exponential_minus_one %x : tensor<2x3xf32>
  // CHECK: stablehlo.log %arg0 : tensor<2x3xf32>
  %5 = stablehlo.log %x : tensor<2x3xf32>
  // CHECK: stablehlo.log_plus_one %arg0 : tensor<2x3xf32>
  %6 = stablehlo.log_plus_one %x : tensor<2x3xf32>
  // CHECK: stablehlo.sqrt %arg0 : tensor<2x3xf32>
  %7 = stablehlo.sqrt %x : tensor<2x3xf32>
  // CHECK: stablehlo.rsqrt %arg0 : tensor<2x3xf32>
  %8 = stablehlo.rsqrt %x : tensor<2x3xf32>
  // CHECK: stablehlo.cbrt %arg0 : tensor<2x3xf32>
  %9 = stablehlo.cbrt %x : tensor<2x3xf32>
  // CHECK: stablehlo.tanh %arg0 : tensor<2x3xf32>
  %10 = stablehlo.tanh %x : tensor<2x3xf32>
  // CHECK: stablehlo.logistic %arg0 : tensor<2x3xf32>
  %11 = stablehlo.logistic %x : tensor<2x3xf32>
  // CHECK: stablehlo.sine %arg0 : tensor<2x3xf32>
  %12 = stablehlo.sine %x : tensor<2x3xf32>
  // CHECK: stablehlo.cosine %arg0 : tensor<2x3xf32>
  %13 = stablehlo.cosine %x : tensor<2x3xf32>
  // CHECK: stablehlo.tan %arg0 : tensor<2x3xf32>
  %14 = stablehlo.tan %x : tensor<2x3xf32>
  // CHECK: stablehlo.floor %arg0 : tensor<2x3xf32>
  %15 = stablehlo.floor %x : tensor<2x3xf32>
  // CHECK: stablehlo.ceil %arg0 : tensor<2x3xf32>
  %16 = stablehlo.ceil %x : tensor<2x3xf32>
  // CHECK: stablehlo.round_nearest_even %arg0 : tensor<2x3xf32>
  %17 = stablehlo.round_nearest_even %x : tensor<2x3xf32>
  // CHECK: stablehlo.round_nearest_afz %arg0 : tensor<2x3xf32>
  %18 = stablehlo.round_nearest_afz %x : tensor<2x3xf32>
  // CHECK: stablehlo.not %arg1 : tensor<4xui8>
  %19 = stablehlo.not %n : tensor<4xui8>
  // CHECK: stablehlo.popcnt %arg1 : tensor<4xui8>
  %20 = stablehlo.popcnt %n : tensor<4xui8>
  // CHECK: stablehlo.is_finite %arg0 : (tensor<2x3xf32>) -> tensor<2x3xi1>
  %21 = stablehlo.is_finite %x : (tensor<2x3xf32>) -> tensor<2x3xi1>
  // CHECK: stablehlo.convert %arg0 : (tensor<2x3xf32>) -> tensor<2x3xf8E4M3FN>
  %22 = stablehlo.convert %x : (tensor<2x3xf32>) -> tensor<2x3xf8E4M3FN>
  // CHECK: stablehlo.convert %arg0 : tensor<2x3xf32>
  %23 = stablehlo.convert %x : tensor<2x3xf32>
  // CHECK: stablehlo.bitcast_convert %arg0 : (tensor<2x3xf32>) -> tensor<2x3x4xi8>
  %24 = stablehlo.bitcast_convert %x : (tensor<2x3xf32>) -> tensor<2x3x4xi8>
  // CHECK: stablehlo.reduce_precision %arg0, format = e5m2 : tensor<2x3xf32>
  %25 = stablehlo.reduce_precision %x, format = e5m2 : tensor<2x3xf32>
  return
}

// CHECK-LABEL: @binary
func.func @binary(%a: tensor<4xf32>, %b: tensor<4xf32>, %i: tensor<4xui32>, %p: tensor<i1>) {
  // CHECK: stablehlo.add %arg0, %arg1 : tensor<4xf32>
  %0 = stablehlo.add %a, %b : tensor<4xf32>
  // CHECK: stablehlo.subtract %arg0, %arg1 : tensor<4xf32>
  %1 = stablehlo.subtract %a, %b : tensor<4xf32>
  // CHECK: stablehlo.multiply %arg0, %arg1 : tensor<4xf32>
  %2 = stablehlo.multiply %a, %b : tensor<4xf32>
  // CHECK: stablehlo.divide %arg0, %arg1 : tensor<4xf32>
  %3 = stablehlo.divide %a, %b : tensor<4xf32>
  // CHECK: stablehlo.maximum %arg0, %arg1 : tensor<4xf32>
  %4 = stablehlo.maximum %a, %b : tensor<4xf32>
  // CHECK: stablehlo.minimum %arg0, %arg1 : tensor<4xf32>
  %5 = stablehlo.minimum %a, %b : tensor<4xf32>
  // CHECK: stablehlo.power %arg0, %arg1 : tensor<4xf32>
  %6 = stablehlo.power %a, %b : tensor<4xf32>
  // CHECK: stablehlo.remainder %arg0, %arg1 : tensor<4xf32>
  %7 = stablehlo.remainder %a, %b : tensor<4xf32>
  // CHECK: stablehlo.atan2 %arg0, %arg1 : tensor<4xf32>
  %8 = stablehlo.atan2 %a, %b : tensor<4xf32>
  // CHECK: stablehlo.and %arg2, %arg2 : tensor<4xui32>
  %9 = stablehlo.and %i, %i : tensor<4xui32>
  // CHECK: stablehlo.or %arg2, %arg2 : tensor<4xui32>
  %10 = stablehlo.or %i, %i : tensor<4xui32>
  // CHECK: stablehlo.xor %arg2, %arg2 : tensor<4xui32>
  %11 = stablehlo.xor %i, %i : tensor<4xui32>
  // CHECK: stablehlo.shift_left %arg2, %arg2 : tensor<4xui32>
  %12 = stablehlo.shift_left %i, %i : tensor<4xui32>
  // CHECK: stablehlo.shift_right_logical %arg2, %arg2 : tensor<4xui32>
  %13 = stablehlo.shift_right_logical %i, %i : tensor<4xui32>
  // CHECK: stablehlo.shift_right_arithmetic %arg2, %arg2 : tensor<4xui32>
  %14 = stablehlo.shift_right_arithmetic %i, %i : tensor<4xui32>
  // CHECK: %[[LT:.+]] = stablehlo.compare LT, %arg0, %arg1, FLOAT : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %15 = stablehlo.compare LT, %a, %b, FLOAT : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: stablehlo.compare EQ, %arg0, %arg1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %16 = stablehlo.compare EQ, %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: stablehlo.select %[[LT]], %arg0, %arg1 : tensor<4xi1>, tensor<4xf32>
  %17 = stablehlo.select %15, %a, %b : tensor<4xi1>, tensor<4xf32>
  // CHECK: stablehlo.select %arg3, %arg0, %arg1 : tensor<i1>, tensor<4xf32>
  %18 = stablehlo.select %p, %a, %b : tensor<i1>, tensor<4xf32>
  // CHECK: stablehlo.clamp %arg0, %arg1, %arg0 : tensor<4xf32>
  %19 = stablehlo.clamp %a, %b, %a : tensor<4xf32>
  return
}

// CHECK-LABEL: @movement
func.func @movement(%x: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<i32>, %n: tensor<4x1xi32>) {
  // CHECK: %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.constant dense<0xFF800000> : tensor<f32>
  // CHECK: %c = stablehlo.constant dense<[1, 255]> : tensor<2xui8>
  %1 = stablehlo.constant dense<[1, 255]> : tensor<2xui8>
  // CHECK: stablehlo.iota dim = 1 : tensor<4x8xi32>
  %2 = stablehlo.iota dim = 1 : tensor<4x8xi32>
  // CHECK: stablehlo.broadcast_in_dim %arg1, dims = [] : (tensor<f32>) -> tensor<4x8xf32>
  %3 = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> tensor<4x8xf32>
  // CHECK: stablehlo.reshape %arg0 : (tensor<4x8xf32>) -> tensor<32xf32>
  %4 = stablehlo.reshape %x : (tensor<4x8xf32>) -> tensor<32xf32>
  // CHECK: stablehlo.transpose %arg0, dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %5 = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
  // CHECK: stablehlo.slice %arg0 [0:1, 0:8:2] : (tensor<4x8xf32>) -> tensor<1x4xf32>
  %6 = stablehlo.slice %x [0:1, 0:8:2] : (tensor<4x8xf32>) -> tensor<1x4xf32>
  // CHECK: stablehlo.concatenate %arg0, %arg0, dim = 0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %7 = stablehlo.concatenate %x, %x, dim = 0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  // CHECK: stablehlo.pad %arg0, %arg1, low = [1, 0], high = [-1, 0], interior = [0, 1] : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x15xf32>
  %8 = stablehlo.pad %x, %s, low = [1, 0], high = [-1, 0], interior = [0, 1] : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x15xf32>
  // CHECK: stablehlo.reverse %arg0, dims = [1] : tensor<4x8xf32>
  %9 = stablehlo.reverse %x, dims = [1] : tensor<4x8xf32>
  // CHECK: stablehlo.dynamic_slice %arg0, %arg2, %arg2, sizes = [1, 4] : (tensor<4x8xf32>, tensor<i32>, tensor<i32>) -> tensor<1x4xf32>
  %10 = stablehlo.dynamic_slice %x, %i, %i, sizes = [1, 4] : (tensor<4x8xf32>, tensor<i32>, tensor<i32>) -> tensor<1x4xf32>
  // CHECK: stablehlo.dynamic_update_slice %arg0, %{{.+}}, %arg2, %arg2 : (tensor<4x8xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
  %11 = stablehlo.dynamic_update_slice %x, %10, %i, %i : (tensor<4x8xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
  // CHECK: "stablehlo.gather"(%arg0, %arg3) <{dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0], start_index_map = [1], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1, 1>}> : (tensor<4x8xf32>, tensor<4x1xi32>) -> tensor<4xf32>
  %12 = "stablehlo.gather"(%x, %n) <{dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0], start_index_map = [1], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1, 1>}> : (tensor<4x8xf32>, tensor<4x1xi32>) -> tensor<4xf32>
  return
}

// CHECK-LABEL: @contraction
func.func @contraction(%a: tensor<2x3x4xf8E4M3FN>, %b: tensor<2x4x5xf8E5M2>) {
  // CHECK: stablehlo.dot_general %arg0, %arg1, batching_dims = [0] x [0], contracting_dims = [2] x [1], precision = [DEFAULT, HIGHEST] : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<2x3x5xf32>
  %0 = stablehlo.dot_general %a, %b, batching_dims = [0] x [0], contracting_dims = [2] x [1], precision = [DEFAULT, HIGHEST] : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<2x3x5xf32>
  // CHECK: stablehlo.dot_general %arg0, %arg1, contracting_dims = [0, 2] x [0, 1] : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<3x5xf32>
  %1 = stablehlo.dot_general %a, %b, contracting_dims = [0, 2] x [0, 1] : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<3x5xf32>
  // CHECK: stablehlo.dot_general %arg0, %arg1, contracting_dims = [0, 2] x [0, 1], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E5M2, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<3x5xf32>
  %fast = stablehlo.dot_general %a, %b, contracting_dims = [0, 2] x [0, 1], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E5M2, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<3x5xf32>
  // CHECK: stablehlo.dot_general %arg0, %arg1, contracting_dims = [0, 2] x [0, 1], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E5M2, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<3x5xf32>
  %fast_with_precision = stablehlo.dot_general %a, %b, contracting_dims = [0, 2] x [0, 1], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E5M2, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<2x3x4xf8E4M3FN>, tensor<2x4x5xf8E5M2>) -> tensor<3x5xf32>
  return
}

// CHECK-LABEL: @reduction
func.func @reduction(%x: tensor<4x8xf32>, %z: tensor<f32>, %n: tensor<4x8xi32>, %i: tensor<i32>) {
  // CHECK: stablehlo.reduce(%arg0 init: %arg1) applies stablehlo.add across dimensions = [0, 1] : (tensor<4x8xf32>, tensor<f32>) -> tensor<f32>
  %0 = stablehlo.reduce(%x init: %z) applies stablehlo.add across dimensions = [0, 1] : (tensor<4x8xf32>, tensor<f32>) -> tensor<f32>
  // CHECK: stablehlo.reduce(%arg0 init: %arg1), (%arg2 init: %arg3) across dimensions = [1] : (tensor<4x8xf32>, tensor<4x8xi32>, tensor<f32>, tensor<i32>) -> (tensor<4xf32>, tensor<4xi32>)
  // CHECK-NEXT: reducer(%[[A:.+]]: tensor<f32>, %[[C:.+]]: tensor<f32>) (%[[B:.+]]: tensor<i32>, %[[D:.+]]: tensor<i32>) {
  // CHECK-NEXT: %[[GT:.+]] = stablehlo.compare GT, %[[A]], %[[C]], FLOAT
  %1:2 = stablehlo.reduce(%x init: %z), (%n init: %i) across dimensions = [1] : (tensor<4x8xf32>, tensor<4x8xi32>, tensor<f32>, tensor<i32>) -> (tensor<4xf32>, tensor<4xi32>)
   reducer(%a: tensor<f32>, %c: tensor<f32>) (%b: tensor<i32>, %d: tensor<i32>) {
    %2 = stablehlo.compare GT, %a, %c, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %3 = stablehlo.select %2, %a, %c : tensor<i1>, tensor<f32>
    %4 = stablehlo.select %2, %b, %d : tensor<i1>, tensor<i32>
    // CHECK: stablehlo.return %{{.+}}, %{{.+}} : tensor<f32>, tensor<i32>
    stablehlo.return %3, %4 : tensor<f32>, tensor<i32>
  }
  return
}

// CHECK-LABEL: @control
func.func @control(%x: tensor<4xf32>) {
  // CHECK: stablehlo.optimization_barrier %arg0, %arg0 : tensor<4xf32>, tensor<4xf32>
  %0:2 = stablehlo.optimization_barrier %x, %x : tensor<4xf32>, tensor<4xf32>
  // CHECK: stablehlo.custom_call @Sharding(%arg0) {backend_config = "", mhlo.sharding = "{replicated}"} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = stablehlo.custom_call @Sharding(%x) {backend_config = "", mhlo.sharding = "{replicated}"} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: stablehlo.composite "my.double" %arg0 {composite_attributes = {factor = 2 : i64}, decomposition = @double, version = 1 : i32} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = stablehlo.composite "my.double" %x {composite_attributes = {factor = 2 : i64}, decomposition = @double, version = 1 : i32} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

func.func private @double(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
