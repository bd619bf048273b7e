// RUN: steelyard-opt %s -convert-stablehlo-to-linalg -split-input-file -verify-diagnostics -o /dev/null

func.func @top_k(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error@+1 {{'chlo.top_k' is not supported on the CPU}}
  %0, %1 = chlo.top_k(%x, k = 2) : tensor<4xf32> -> (tensor<2xf32>, tensor<2xi32>)
  return %0 : tensor<2xf32>
}

// -----

// An unsigned operand, whose type has changed by then.
func.func @unsigned(%x: tensor<4xui8>) -> (tensor<2xui8>, tensor<2xi32>) {
  %0 = stablehlo.add %x, %x : tensor<4xui8>
  // expected-error@+1 {{'chlo.top_k' is not supported on the CPU for 'tensor<4xui8>'}}
  %1, %2 = chlo.top_k(%0, k = 2) : tensor<4xui8> -> (tensor<2xui8>, tensor<2xi32>)
  return %1, %2 : tensor<2xui8>, tensor<2xi32>
}

// -----

func.func @rescale_scales(%x: tensor<4xf8E8M0FNU>, %e: tensor<i32>) -> tensor<4xf8E8M0FNU> {
  // expected-error@+1 {{failed to legalize operation 'scaled.rescale'}}
  %0 = scaled.rescale %x, %e : tensor<4xf8E8M0FNU>, tensor<i32>
  return %0 : tensor<4xf8E8M0FNU>
}

// -----

func.func @quadruple(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> tensor<4x6xf32> {
  // expected-error@+2 {{its algorithm computes in types of which no target has products: #stablehlo.dot_algorithm<lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f128}}
  // expected-error@+1 {{'stablehlo.dot_general' is not supported on the CPU}}
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f128, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

func.func @integers(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> tensor<4x6xf32> {
  // expected-error@+2 {{its algorithm computes in types of which no target has products}}
  // expected-error@+1 {{'stablehlo.dot_general' is not supported on the CPU}}
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = i8, rhs_precision_type = i8, accumulation_type = i32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}
