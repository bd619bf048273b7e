// RUN: steelyard-opt %s -split-input-file -verify-diagnostics -o /dev/null

func.func @shape(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<2x5xf32>) -> tensor<2x5xf32> {
  // expected-error @+1 {{the destination has another shape}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%c : tensor<2x5xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}

// -----

func.func @types(%a: tensor<2x3xf16>, %b: tensor<3x4xf16>, %c: tensor<2x4xbf16>) -> tensor<2x4xbf16> {
  // expected-error @+1 {{of 'f16' by 'f16' into 'bf16' is none of cuBLASLt's}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf16>, tensor<3x4xf16>) outs(%c : tensor<2x4xbf16>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xbf16>
  return %0 : tensor<2x4xbf16>
}

// -----

func.func @twice_e5m2(%a: tensor<2x3xf8E5M2>, %b: tensor<3x4xf8E5M2>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{of 'f8E5M2' by 'f8E5M2' into 'f32' is none}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf8E5M2>, tensor<3x4xf8E5M2>) outs(%c : tensor<2x4xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @three_scales(%a: tensor<2x3xf8E5M2>, %b: tensor<3x4xf8E4M3FN>, %s: tensor<f32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes two scales at most, one for each operand}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf8E5M2>, tensor<3x4xf8E4M3FN>) scales(%s, %s, %s : tensor<f32>, tensor<f32>, tensor<f32>)
    outs(%c : tensor<2x4xf32>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @scale_type(%a: tensor<2x3xf8E5M2>, %b: tensor<3x4xf8E4M3FN>, %s: tensor<bf16>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes scales of one float32 value, got 'tensor<bf16>'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf8E5M2>, tensor<3x4xf8E4M3FN>) scales(%s : tensor<bf16>)
    outs(%c : tensor<2x4xf32>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @scale_shape(%a: tensor<2x3xf8E5M2>, %b: tensor<3x4xf8E4M3FN>, %s: tensor<1xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes scales of one float32 value, got 'tensor<1xf32>'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf8E5M2>, tensor<3x4xf8E4M3FN>) scales(%s : tensor<1xf32>)
    outs(%c : tensor<2x4xf32>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @scale_of_16_bits(%a: tensor<2x3xf16>, %b: tensor<3x4xf16>, %s: tensor<f32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes scales of operands of 8 bits only}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf16>, tensor<3x4xf16>) scales(%s : tensor<f32>)
    outs(%c : tensor<2x4xf32>) lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @bias_size(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %bias: tensor<2xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes a bias along n, got 'tensor<2xf32>'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) bias(%bias : tensor<2xf32>) outs(%c : tensor<2x4xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @no_n(%a: tensor<2x3xf32>, %b: tensor<3xf32>, %bias: tensor<2xf32>, %c: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{takes a bias along n, got 'tensor<2xf32>'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf32>, tensor<3xf32>) bias(%bias : tensor<2xf32>) outs(%c : tensor<2xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, -1, 0] -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @bias_type(%a: tensor<2x3xf8E5M2>, %b: tensor<3x4xf8E4M3FN>, %bias: tensor<4xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{takes a bias of 'bf16', got 'tensor<4xf32>'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf8E5M2>, tensor<3x4xf8E4M3FN>) bias(%bias : tensor<4xf32>) outs(%c : tensor<2x4xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @bias_of_doubles(%a: tensor<2x3xf64>, %b: tensor<3x4xf64>, %bias: tensor<4xf64>, %c: tensor<2x4xf64>) -> tensor<2x4xf64> {
  // expected-error @+1 {{has no bias in 'f64'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf64>, tensor<3x4xf64>) bias(%bias : tensor<4xf64>) outs(%c : tensor<2x4xf64>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf64>
  return %0 : tensor<2x4xf64>
}

// -----

func.func @epilogue_of_doubles(%a: tensor<2x3xf64>, %b: tensor<3x4xf64>, %c: tensor<2x4xf64>) -> tensor<2x4xf64> {
  // expected-error @+1 {{has no epilogue in 'f64'}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf64>, tensor<3x4xf64>) outs(%c : tensor<2x4xf64>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] epilogue = relu -> tensor<2x4xf64>
  return %0 : tensor<2x4xf64>
}

// -----

func.func @nothing(%a: tensor<2x0xf32>, %b: tensor<0x4xf32>, %bias: tensor<4xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{has no products to which it adds a bias}}
  %0 = cuda.contraction ins(%a, %b : tensor<2x0xf32>, tensor<0x4xf32>) bias(%bias : tensor<4xf32>) outs(%c : tensor<2x4xf32>)
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @unknown(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = cuda.contraction ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%c : tensor<2x4xf32>)
    // expected-error @+2 {{expected ::steelyard::cuda::Epilogue to be one of: none, relu, gelu}}
    // expected-error @+1 {{failed to parse}}
    lhs_dims = [-1, 0, 1] rhs_dims = [-1, 1, 0] epilogue = sigmoid -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
