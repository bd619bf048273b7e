// RUN: steelyard-opt %s -split-input-file -verify-diagnostics -o /dev/null

func.func @elementwise(%a: tensor<4xf32>, %b: tensor<4xi32>) {
  // expected-error@+1 {{'stablehlo.not' op operand #0 must be integer or boolean tensor of static shape}}
  %0 = "stablehlo.not"(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @elementwise_types(%a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error@+1 {{requires the same type for all operands and results}}
  %0 = "stablehlo.add"(%a, %b) : (tensor<4xf32>, tensor<4xf64>) -> tensor<4xf32>
  return
}

// -----

func.func @dynamic(%a: tensor<?xf32>) {
  // expected-error@+1 {{'stablehlo.abs' op operand #0 must be tensor of signed real numbers of static shape}}
  %0 = stablehlo.abs %a : tensor<?xf32>
  return
}

// -----

func.func @compare_type(%a: tensor<4xf32>) {
  // expected-error@+1 {{comparison type SIGNED is not for elements of type 'f32'}}
  %0 = stablehlo.compare LT, %a, %a, SIGNED : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return
}

// -----

func.func @compare_result(%a: tensor<4xf32>) {
  // expected-error@+1 {{all non-scalar operands/results must have the same shape and base type}}
  %0 = stablehlo.compare LT, %a, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<5xi1>
  return
}

// -----

func.func @select(%p: tensor<3xi1>, %a: tensor<4xf32>) {
  // expected-error@+1 {{the predicate has shape [3], the values [4]}}
  %0 = stablehlo.select %p, %a, %a : tensor<3xi1>, tensor<4xf32>
  return
}

// -----

func.func @clamp(%lo: tensor<3xf32>, %a: tensor<4xf32>) {
  // expected-error@+2 {{clamp: min, 'tensor<3xf32>', has neither the operand's shape nor rank 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.clamp %lo, %a, %a : (tensor<3xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @bitcast(%a: tensor<4xf32>) {
  // expected-error@+1 {{the result's shape should be [4, 2]}}
  %0 = stablehlo.bitcast_convert %a : (tensor<4xf32>) -> tensor<4x4xi16>
  return
}

// -----

func.func @reduce_precision(%a: tensor<4xf32>) {
  // expected-error@+1 {{needs at least one exponent bit, got 0}}
  %0 = stablehlo.reduce_precision %a, format = e0m3 : tensor<4xf32>
  return
}

// -----

func.func @reduce_precision_text(%a: tensor<4xf32>) {
  // expected-error@+1 {{expected a format such as e5m2, got 'f16'}}
  %0 = stablehlo.reduce_precision %a, format = f16 : tensor<4xf32>
  return
}

// -----

func.func @iota() {
  // expected-error@+1 {{dimension 1 is out of range for rank 1}}
  %0 = stablehlo.iota dim = 1 : tensor<4xi32>
  return
}

// -----

func.func @broadcast_rank(%a: tensor<4xf32>) {
  // expected-error@+1 {{names 0 dimension(s) for an operand of rank 1}}
  %0 = stablehlo.broadcast_in_dim %a, dims = [] : (tensor<4xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @broadcast_size(%a: tensor<3xf32>) {
  // expected-error@+1 {{operand dimension 0 of size 3 does not broadcast to size 4}}
  %0 = stablehlo.broadcast_in_dim %a, dims = [1] : (tensor<3xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @broadcast_twice(%a: tensor<4x4xf32>) {
  // expected-error@+1 {{broadcast_in_dim: dimension 0 is named twice}}
  %0 = stablehlo.broadcast_in_dim %a, dims = [0, 0] : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @reshape(%a: tensor<4xf32>) {
  // expected-error@+1 {{has 4 element(s) before and 6 after}}
  %0 = stablehlo.reshape %a : (tensor<4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @transpose(%a: tensor<4x2xf32>) {
  // expected-error@+2 {{transpose: dimension 2 is out of range for rank 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.transpose %a, dims = [0, 2] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @transpose_result(%a: tensor<4x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{inferred type(s) 'tensor<2x4xf32>' are incompatible with return type(s) of operation 'tensor<4x2xf32>'}}
  %0 = stablehlo.transpose %a, dims = [1, 0] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @slice(%a: tensor<4xf32>) {
  // expected-error@+2 {{slice: range 1:5 is not inside of dimension 0 of size 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.slice %a [1:5] : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @slice_stride(%a: tensor<4xf32>) {
  // expected-error@+2 {{slice: stride 0 of dimension 0 is not positive}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.slice %a [1:3:0] : (tensor<4xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @concatenate(%a: tensor<4x2xf32>, %b: tensor<4x3xf32>) {
  // expected-error@+2 {{concatenate: 'tensor<4x3xf32>' does not continue 'tensor<4x2xf32>' along dimension 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.concatenate %a, %b, dim = 0 : (tensor<4x2xf32>, tensor<4x3xf32>) -> tensor<8x2xf32>
  return
}

// -----

func.func @pad(%a: tensor<4xf32>, %v: tensor<f64>) {
  // expected-error@+2 {{pad: the padding value should be tensor<'f32'>, got 'tensor<f64>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.pad %a, %v, low = [0], high = [0], interior = [0] : (tensor<4xf32>, tensor<f64>) -> tensor<4xf32>
  return
}

// -----

func.func @reverse(%a: tensor<4xf32>) {
  // expected-error@+1 {{reverse: dimension 1 is out of range for rank 1}}
  %0 = stablehlo.reverse %a, dims = [1] : tensor<4xf32>
  return
}

// -----

func.func @dynamic_slice(%a: tensor<4xf32>, %i: tensor<i32>) {
  // expected-error@+2 {{dynamic_slice: size 5 is out of range for dimension 0 of size 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.dynamic_slice %a, %i, sizes = [5] : (tensor<4xf32>, tensor<i32>) -> tensor<5xf32>
  return
}

// -----

func.func @dynamic_update_slice(%a: tensor<4xf32>, %u: tensor<2xf64>, %i: tensor<i32>) {
  // expected-error@+2 {{dynamic_update_slice: 'tensor<2xf64>' is not a slice of 'tensor<4xf32>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.dynamic_update_slice %a, %u, %i : (tensor<4xf32>, tensor<2xf64>, tensor<i32>) -> tensor<4xf32>
  return
}

// -----

func.func @gather(%x: tensor<4x8xf32>, %n: tensor<4x1xi32>) {
  // expected-error@+2 {{gather: slice size 9 is out of range for dimension 1 of size 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = "stablehlo.gather"(%x, %n) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 9>}> : (tensor<4x8xf32>, tensor<4x1xi32>) -> tensor<4x9xf32>
  return
}

// -----

func.func @dot_general(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error@+1 {{dot_general: lhs dimension 1 of size 3 meets rhs dimension 0 of size 4}}
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @dot_general_result(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error@+1 {{the result's type should be 'tensor<2x5xf32>', got 'tensor<5x2xf32>'}}
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<5x2xf32>
  return
}

// -----

func.func @dot_general_precision(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error@+1 {{unknown precision 'BEST', expected DEFAULT, HIGH or HIGHEST}}
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [BEST] : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @reduce(%x: tensor<4x8xf32>, %z: tensor<f32>) {
  // expected-error@+2 {{reduce: dimension 2 is out of range for rank 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = stablehlo.reduce(%x init: %z) applies stablehlo.add across dimensions = [2] : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  return
}

// -----

func.func @reduce_body(%x: tensor<4xf32>, %z: tensor<f32>) {
  // expected-error@+1 {{the computation's argument 0 should be 'tensor<f32>', got 'tensor<f64>'}}
  %0 = stablehlo.reduce(%x init: %z) across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
   reducer(%a: tensor<f64>, %b: tensor<f64>) {
    stablehlo.return %a : tensor<f64>
  }
  return
}

// -----

func.func @barrier(%x: tensor<4xf32>) {
  // expected-error@+1 {{results have the operands' types}}
  %0 = "stablehlo.optimization_barrier"(%x) : (tensor<4xf32>) -> tensor<4xf64>
  return
}

// -----

func.func @composite(%x: tensor<4xf32>) {
  // expected-error@+1 {{the decomposition @nothing is not a function}}
  %0 = stablehlo.composite "my.nothing" %x {decomposition = @nothing} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// expected-error@+1 {{unknown field 'rhs_batch'}}
func.func @field() attributes {a = #stablehlo.dot<rhs_batch = [0]>} {
  return
}

// -----

// expected-error@+1 {{an algorithm has at least one component of each operand and one operation, got 0}}
func.func @algorithm() attributes {a = #stablehlo.dot_algorithm<lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 0, allow_imprecise_accumulation = false>} {
  return
}

// -----

func.func @neither(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error@+1 {{expected 'precision' or 'algorithm'}}
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], speed = fast : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return
}
