// RUN: steelyard-opt %s -normalise | FileCheck %s
// RUN: steelyard-opt %s | FileCheck %s --check-prefix=GENERIC
// RUN: steelyard-opt %s | steelyard-opt -normalise | FileCheck %s

// Shardings on one device, as JAX prints them, and what they are in the generic form.

// CHECK-NOT: sdy.mesh
// GENERIC: "sdy.mesh"() {mesh = #sdy.mesh<[]>, sym_name = "empty_mesh"} : () -> ()
sdy.mesh @empty_mesh = <[]>
// GENERIC: "sdy.mesh"() {a = 1 : i32, mesh = #sdy.mesh<["x"=1, "y"=1], device_ids=[0]>, sym_name = "one"} : () -> ()
sdy.mesh @one = <["x"=1, "y"=1], device_ids=[0]> {a = 1 : i32}
// What lies between tokens is not part of it.
// GENERIC: "sdy.mesh"() {mesh = #sdy.mesh<["x"=1, "y\22"=1]>, sym_name = "commented"} : () -> ()
sdy.mesh @commented = <["x"=1, // ]>
                        "y\22" = 1]>

// CHECK-LABEL: func.func @shardings
func.func @shardings(%x: tensor<8x4xf32> {sdy.sharding = #sdy.sharding<@one, [{"x"}, {?}]>}) -> tensor<8x4xf32> {
  // CHECK: stablehlo.add %arg0, %arg0
  // GENERIC: "sdy.sharding_constraint"(%{{.*}}) {sharding = #sdy.sharding<@one, [{"x", "y", ?}, {"y":(1)2}p1], replicated={"x"}>} : (tensor<8x4xf32>) -> tensor<8x4xf32>
  %0 = sdy.sharding_constraint %x <@one, [{"x", "y", ?}, {"y":(1)2}p1], replicated={"x"}> : tensor<8x4xf32>
  %1 = call @inner(%0) : (tensor<8x4xf32>) -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}

func.func private @inner(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = sdy.sharding_constraint %x <@empty_mesh, [{}, {}]> : tensor<8x4xf32>
  %1 = stablehlo.add %0, %x {sdy.sharding = #sdy.sharding_per_value<[<@one, [{}, {}]>]>} : tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}
