// RUN: steelyard-opt %s -normalise -split-input-file -verify-diagnostics -o /dev/null

// expected-error@+1 {{'tensor<?xf32>' has a dynamic shape; give every dimension a size}}
func.func @dynamic(%x: tensor<?xf32>) {
  return
}

// -----

func.func @loop(%x: tensor<f32>) -> tensor<f32> {
  %0 = call @again(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @again(%x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{@loop calls itself; recursion is not supported}}
  %0 = call @loop(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @composite(%x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{@composite calls itself; recursion is not supported}}
  %0 = stablehlo.composite "my.own" %x {decomposition = @composite} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @other(%x: f32) -> f32 {
  // expected-error@+1 {{'arith.addf' is not an operation of stablehlo, chlo, scaled, check or func}}
  %0 = arith.addf %x, %x : f32
  return %0 : f32
}

// -----

func.func @custom(%x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{custom call @lapack_spotrf_ffi is not supported yet}}
  %0 = stablehlo.custom_call @lapack_spotrf_ffi(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @check(%x: tensor<f32>) {
  // expected-error@+1 {{custom call @check.expect_all is not known; the checks are expect_eq, expect_close and expect_almost_eq}}
  stablehlo.custom_call @check.expect_all(%x, %x) : (tensor<f32>, tensor<f32>) -> ()
  return
}

// -----

func.func @check_types(%x: tensor<f32>, %y: tensor<2xf32>) {
  // expected-error@+1 {{@check.expect_eq takes two tensors of one type and has no results}}
  stablehlo.custom_call @check.expect_eq(%x, %y) : (tensor<f32>, tensor<2xf32>) -> ()
  return
}

// -----

func.func @check_integers(%x: tensor<i32>) {
  // expected-error@+1 {{@check.expect_close takes tensors of floats}}
  stablehlo.custom_call @check.expect_close(%x, %x) : (tensor<i32>, tensor<i32>) -> ()
  return
}

// -----

func.func private @external(tensor<f32>) -> tensor<f32>
func.func @body(%x: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{the call of @external was not inlined: it has no body}}
  %0 = call @external(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// expected-error@+1 {{'tensor<*xf32>' has a dynamic shape; give every dimension a size}}
func.func @unranked(%x: tensor<*xf32>) {
  return
}

// -----

func.func @huge(%x: tensor<f32>) {
  // expected-error@+1 {{'tensor<4294967296x4294967296xf32>' has more elements than memory can hold}}
  %0 = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<4294967296x4294967296xf32>
  return
}

// -----

func.func @complex(%x: tensor<2xcomplex<f32>>) {
  // expected-error@+1 {{'tensor<2xcomplex<f32>>' has complex elements; they are not supported}}
  %0 = stablehlo.add %x, %x : tensor<2xcomplex<f32>>
  return
}

// -----

// expected-error@+1 {{a mesh of several devices; the function is compiled for one: export it without shardings}}
sdy.mesh @mesh = <["x"=1, "y"=2]>
func.func @main() { return }

// -----

func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{a sharding gives the values that it takes}}
  %0 = "sdy.sharding_constraint"(%x, %y) {sharding = #sdy.sharding<@mesh, [{}]>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'sdy.reshard' is not an operation of stablehlo, chlo, scaled, check or func}}
  %0 = "sdy.reshard"(%x) {sharding = #sdy.sharding<@mesh, [{}]>} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{expected ']' at the end of a sharding}}
  %0 = sdy.sharding_constraint %x <@mesh, [{}> : tensor<4xf32>
  return %0 : tensor<4xf32>
}
