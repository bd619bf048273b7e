// Folds change no bit: shapes, splats and integers, never a rounding.
// RUN: steelyard-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @reshape_of_reshape
// CHECK-NEXT: %[[R:.+]] = stablehlo.reshape %arg0 : (tensor<4x2xf32>) -> tensor<2x4xf32>
// CHECK-NEXT: return %[[R]]
func.func @reshape_of_reshape(%x: tensor<4x2xf32>) -> tensor<2x4xf32> {
  %0 = stablehlo.reshape %x : (tensor<4x2xf32>) -> tensor<8xf32>
  %1 = stablehlo.reshape %0 : (tensor<8xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: @identities
// CHECK-NEXT: return %arg0
func.func @identities(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = stablehlo.transpose %x, dims = [0, 1] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = stablehlo.convert %0 : tensor<4x2xf32>
  %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = stablehlo.reshape %2 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %4 = stablehlo.slice %3 [0:4, 0:2] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// CHECK-LABEL: @splats
// CHECK-NEXT: %[[C:.+]] = stablehlo.constant dense<2.500000e-01> : tensor<2x4xf32>
// CHECK-NEXT: return %[[C]]
func.func @splats() -> tensor<2x4xf32> {
  %0 = stablehlo.constant dense<0.25> : tensor<f32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<4x2xf32>
  %2 = stablehlo.transpose %1, dims = [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// x + 0 is not x where x is -0, and a float sum rounds.
// CHECK-LABEL: @floats
// CHECK: stablehlo.add
func.func @floats(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.constant dense<0.0> : tensor<4xf32>
  %1 = stablehlo.add %x, %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: @integers
// CHECK-DAG: %[[SUM:.+]] = stablehlo.constant dense<[4, 6, 0]> : tensor<3xui8>
// CHECK-DAG: %[[LT:.+]] = stablehlo.constant dense<[true, true, false]> : tensor<3xi1>
// CHECK-DAG: %[[MAX:.+]] = stablehlo.constant dense<3> : tensor<2xi32>
// CHECK: return %[[SUM]], %[[LT]], %[[MAX]]
func.func @integers() -> (tensor<3xui8>, tensor<3xi1>, tensor<2xi32>) {
  %a = stablehlo.constant dense<[1, 2, 253]> : tensor<3xui8>
  %b = stablehlo.constant dense<[3, 4, 3]> : tensor<3xui8>
  %0 = stablehlo.add %a, %b : tensor<3xui8>
  %1 = stablehlo.compare LT, %a, %b, UNSIGNED : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xi1>
  %m = stablehlo.constant dense<-5> : tensor<2xi32>
  %n = stablehlo.constant dense<3> : tensor<2xi32>
  %2 = stablehlo.maximum %m, %n : tensor<2xi32>
  return %0, %1, %2 : tensor<3xui8>, tensor<3xi1>, tensor<2xi32>
}

// CHECK-LABEL: @exact_conversions
// CHECK-DAG: stablehlo.constant dense<-7.000000e+00> : tensor<4xf16>
// CHECK-DAG: stablehlo.constant dense<5.000000e-01> : tensor<2xf8E4M3FN>
// CHECK-DAG: stablehlo.constant dense<255> : tensor<2xi32>
// CHECK: return
func.func @exact_conversions() -> (tensor<4xf16>, tensor<2xf8E4M3FN>, tensor<2xi32>) {
  %a = stablehlo.constant dense<-7> : tensor<4xi32>
  %0 = stablehlo.convert %a : (tensor<4xi32>) -> tensor<4xf16>
  %b = stablehlo.constant dense<0.5> : tensor<2xf32>
  %1 = stablehlo.convert %b : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
  %c = stablehlo.constant dense<255> : tensor<2xui8>
  %2 = stablehlo.convert %c : (tensor<2xui8>) -> tensor<2xi32>
  return %0, %1, %2 : tensor<4xf16>, tensor<2xf8E4M3FN>, tensor<2xi32>
}

// 16777217 has no float32, 0.1 no float16, 1000 no float8, -0 no E4M3FNUZ; float to integer is left to the lowering.
// CHECK-LABEL: @conversions
// CHECK: stablehlo.convert %{{.+}} : (tensor<i32>) -> tensor<f32>
// CHECK: stablehlo.convert %{{.+}} : (tensor<f32>) -> tensor<f16>
// CHECK: stablehlo.convert %{{.+}} : (tensor<f32>) -> tensor<i32>
// CHECK: stablehlo.convert %{{.+}} : (tensor<i32>) -> tensor<f8E4M3FN>
// CHECK: stablehlo.convert %{{.+}} : (tensor<f32>) -> tensor<f8E4M3FNUZ>
func.func @conversions() -> (tensor<f32>, tensor<f16>, tensor<i32>, tensor<f8E4M3FN>, tensor<f8E4M3FNUZ>) {
  %a = stablehlo.constant dense<16777217> : tensor<i32>
  %0 = stablehlo.convert %a : (tensor<i32>) -> tensor<f32>
  %b = stablehlo.constant dense<0.1> : tensor<f32>
  %1 = stablehlo.convert %b : (tensor<f32>) -> tensor<f16>
  %2 = stablehlo.convert %b : (tensor<f32>) -> tensor<i32>
  %c = stablehlo.constant dense<1000> : tensor<i32>
  %3 = stablehlo.convert %c : (tensor<i32>) -> tensor<f8E4M3FN>
  %d = stablehlo.constant dense<-0.0> : tensor<f32>
  %4 = stablehlo.convert %d : (tensor<f32>) -> tensor<f8E4M3FNUZ>
  return %0, %1, %2, %3, %4 : tensor<f32>, tensor<f16>, tensor<i32>, tensor<f8E4M3FN>, tensor<f8E4M3FNUZ>
}

// Start indices are clamped.
// CHECK-LABEL: @dynamic_slice
// CHECK-NEXT: %[[S:.+]] = stablehlo.slice %arg0 [2:4, 0:3] : (tensor<4x5xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: return %[[S]], %arg0
func.func @dynamic_slice(%x: tensor<4x5xf32>, %i: tensor<i8>) -> (tensor<2x3xf32>, tensor<4x5xf32>) {
  %far = stablehlo.constant dense<100> : tensor<i8>
  %before = stablehlo.constant dense<-1> : tensor<i8>
  %0 = stablehlo.dynamic_slice %x, %far, %before, sizes = [2, 3] : (tensor<4x5xf32>, tensor<i8>, tensor<i8>) -> tensor<2x3xf32>
  %1 = stablehlo.dynamic_slice %x, %i, %i, sizes = [4, 5] : (tensor<4x5xf32>, tensor<i8>, tensor<i8>) -> tensor<4x5xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<4x5xf32>
}

// CHECK-LABEL: @unsigned_start
// CHECK-NEXT: stablehlo.slice %arg0 [3:4]
func.func @unsigned_start(%x: tensor<4xf32>) -> tensor<1xf32> {
  %i = stablehlo.constant dense<255> : tensor<ui8>
  %0 = stablehlo.dynamic_slice %x, %i, sizes = [1] : (tensor<4xf32>, tensor<ui8>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// CHECK-LABEL: @whole_update
// CHECK-NEXT: return %arg1
func.func @whole_update(%x: tensor<4xf32>, %u: tensor<4xf32>, %i: tensor<i32>) -> tensor<4xf32> {
  %0 = stablehlo.dynamic_update_slice %x, %u, %i : (tensor<4xf32>, tensor<4xf32>, tensor<i32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: @nothing_to_order
// CHECK-NEXT: return %arg0, %arg1
func.func @nothing_to_order(%x: tensor<4x1xf32>, %y: tensor<4xf32>, %i: tensor<0x1xi32>, %u: tensor<0xf32>) -> (tensor<4x1xf32>, tensor<4xf32>) {
  %0 = "stablehlo.sort"(%x) <{dimension = 1 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  }) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %1 = "stablehlo.scatter"(%y, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    stablehlo.return %b : tensor<f32>
  }) : (tensor<4xf32>, tensor<0x1xi32>, tensor<0xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4x1xf32>, tensor<4xf32>
}

// CHECK-LABEL: @bits
// CHECK-DAG: stablehlo.constant dense<[24, 0]> : tensor<2xi8>
// CHECK-DAG: stablehlo.constant dense<[0, 8]> : tensor<2xi8>
// CHECK-DAG: stablehlo.constant dense<[0, -128]> : tensor<2xi8>
// CHECK-DAG: stablehlo.constant dense<1065353216> : tensor<2xi32>
// CHECK-DAG: stablehlo.constant dense<5> : tensor<i32>
// CHECK: return {{.*}}, %arg0,
func.func @bits(%x: tensor<4x5xf32>) -> (tensor<2xi32>, tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<4x5xf32>, tensor<i32>) {
  %f = stablehlo.constant dense<1.0> : tensor<2xf32>
  %0 = stablehlo.bitcast_convert %f : (tensor<2xf32>) -> tensor<2xi32>
  %a = stablehlo.constant dense<[3, 0]> : tensor<2xi8>
  %b = stablehlo.constant dense<[3, 7]> : tensor<2xi8>
  %c = stablehlo.constant dense<[0, -1]> : tensor<2xi8>
  %n = stablehlo.constant dense<[9, 7]> : tensor<2xi8>
  %three = stablehlo.constant dense<3> : tensor<2xi8>
  %1 = stablehlo.shift_left %a, %three : tensor<2xi8>
  %2 = stablehlo.popcnt %c : tensor<2xi8>
  %3 = stablehlo.shift_left %c, %n : tensor<2xi8>
  %4 = stablehlo.bitcast_convert %x : (tensor<4x5xf32>) -> tensor<4x5x4xi8>
  %5 = stablehlo.bitcast_convert %4 : (tensor<4x5x4xi8>) -> tensor<4x5xf32>
  %6 = stablehlo.get_dimension_size %x, dim = 1 : (tensor<4x5xf32>) -> tensor<i32>
  return %0, %1, %2, %3, %5, %6 : tensor<2xi32>, tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<4x5xf32>, tensor<i32>
}

// Not by zero, and not the least number by -1.
// CHECK-LABEL: @divisions
func.func @divisions() -> (tensor<3xi32>, tensor<3xi32>, tensor<2xui8>, tensor<2xui8>, tensor<2xi32>, tensor<2xi8>) {
  %a = stablehlo.constant dense<[7, -7, 8]> : tensor<3xi32>
  %b = stablehlo.constant dense<[2, 2, -3]> : tensor<3xi32>
  // CHECK-DAG: dense<[3, -3, -2]> : tensor<3xi32>
  %0 = stablehlo.divide %a, %b : tensor<3xi32>
  // CHECK-DAG: dense<[1, -1, 2]> : tensor<3xi32>
  %1 = stablehlo.remainder %a, %b : tensor<3xi32>
  %c = stablehlo.constant dense<[200, 9]> : tensor<2xui8>
  %d = stablehlo.constant dense<255> : tensor<2xui8>
  // CHECK-DAG: dense<0> : tensor<2xui8>
  %2 = stablehlo.divide %c, %d : tensor<2xui8>
  // CHECK-DAG: dense<[200, 9]> : tensor<2xui8>
  %3 = stablehlo.remainder %c, %d : tensor<2xui8>
  %e = stablehlo.constant dense<[1, 4]> : tensor<2xi32>
  %z = stablehlo.constant dense<[0, 2]> : tensor<2xi32>
  // CHECK-DAG: stablehlo.divide %{{.*}} : tensor<2xi32>
  %4 = stablehlo.divide %e, %z : tensor<2xi32>
  %f = stablehlo.constant dense<-128> : tensor<2xi8>
  %g = stablehlo.constant dense<-1> : tensor<2xi8>
  // CHECK-DAG: stablehlo.remainder %{{.*}} : tensor<2xi8>
  %5 = stablehlo.remainder %f, %g : tensor<2xi8>
  return %0, %1, %2, %3, %4, %5 : tensor<3xi32>, tensor<3xi32>, tensor<2xui8>, tensor<2xui8>, tensor<2xi32>, tensor<2xi8>
}
