// RUN: steelyard-opt %s --quantize -split-input-file -verify-diagnostics | FileCheck %s

// Without a name stack: what contracts an operand of an earlier product with something computed from its result is a
// derivative of it.
// CHECK-LABEL: func.func @structure
// CHECK-DAG: scaled.quantize %arg0 : {{.*}} -> <4x8xf8E4M3FN, exp>
// CHECK-DAG: scaled.quantize %arg1 : {{.*}} -> <8x2xf8E4M3FN, exp>
// CHECK: scaled.dot_general
// CHECK: scaled.quantize %{{.*}} -> <4x2xf8E5M2, exp>
func.func @structure(%x: tensor<4x8xf32>, %w: tensor<8x2xf32> {tf.aliasing_output = 0 : i32}) -> tensor<8x2xf32> {
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E4M3FN' (weight): no earlier contraction has its operands}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %g = stablehlo.tanh %y : tensor<4x2xf32>
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E5M2' (gradient): it contracts an operand of an earlier contraction}}
  %d = stablehlo.dot_general %x, %g, contracting_dims = [0] x [0] : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<8x2xf32>
  return %d : tensor<8x2xf32>
}

// -----

// CHECK-LABEL: func.func @attribute
func.func @attribute(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  // expected-remark@+1 {{contraction in 'f8E5M2' (gradient) x 'f8E4M3FN' (weight): the attribute steelyard.roles}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] {steelyard.roles = ["gradient", "weight"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func.func @both_gradients
// CHECK-NOT: scaled
func.func @both_gradients(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  // expected-remark@+1 {{contraction left alone: both operands are gradients, and E5M2 x E5M2 is not formed}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] {steelyard.roles = ["gradient", "gradient"]} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func.func @left_alone
func.func @left_alone(%x: tensor<4x8xi32>, %w: tensor<8x2xi32>, %a: tensor<4x8xf64>, %b: tensor<8x2xf64>) -> (tensor<4x2xi32>, tensor<4x2xf64>) {
  // expected-remark@+1 {{contraction left alone: its operands are i32, not floats}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<4x8xi32>, tensor<8x2xi32>) -> tensor<4x2xi32>
  // expected-remark@+1 {{contraction left alone: its operands are f64}}
  %z = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<4x8xf64>, tensor<8x2xf64>) -> tensor<4x2xf64>
  return %y, %z : tensor<4x2xi32>, tensor<4x2xf64>
}

// -----

// A weight that the forward pass uses twice, over the same dimension of it, directly and transposed.
// CHECK-LABEL: func.func @shared_weight
func.func @shared_weight(%x: tensor<4x8xf32>, %w: tensor<8x8xf32> {tf.aliasing_output = 0 : i32}) -> tensor<8x8xf32> {
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E4M3FN' (weight): no earlier contraction has its operands}}
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %h = stablehlo.tanh %y : tensor<4x8xf32>
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E4M3FN' (weight): no earlier contraction has its operands}}
  %z = stablehlo.dot_general %h, %w, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %g = stablehlo.tanh %z : tensor<4x8xf32>
  %t = stablehlo.transpose %w, dims = [1, 0] : (tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-remark@+1 {{contraction in 'f8E4M3FN' (activation) x 'f8E4M3FN' (weight): no earlier contraction has its operands}}
  %a = stablehlo.dot_general %g, %t, contracting_dims = [1] x [1] : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  // expected-remark@+1 {{contraction in 'f8E5M2' (gradient) x 'f8E4M3FN' (weight): it contracts an operand of an earlier contraction}}
  %b = stablehlo.dot_general %a, %t, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %c = stablehlo.dot_general %b, %b, contracting_dims = [0] x [0] {steelyard.roles = ["activation", "activation"]} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32> // expected-remark {{the attribute steelyard.roles}}
  return %c : tensor<8x8xf32>
}
