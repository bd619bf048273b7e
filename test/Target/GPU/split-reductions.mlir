// RUN: steelyard-opt %s --split-input-file --steelyard-import --convert-stablehlo-to-linalg --cuda-split-reductions | FileCheck %s

// Over the outer of two dimensions first.
// CHECK-LABEL: func.func @outer
// CHECK: %[[PARTS:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%{{.*}} : tensor<4x1024x4096xf32>) outs(%{{.*}} : tensor<1024x4xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} ins(%[[PARTS]] : tensor<1024x4xf32>) outs(%{{.*}} : tensor<4xf32>)
func.func @outer(%x: tensor<4x1024x4096xf32>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1, 2] : (tensor<4x1024x4096xf32>, tensor<f32>) -> tensor<4xf32>
  return %s : tensor<4xf32>
}

// -----

// One loop in pieces; the initial value counts once.
// CHECK-LABEL: func.func @line
// CHECK-DAG: %[[NEUTRAL:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[PIECES:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2]] output_shape [2, 128, 256] : tensor<2x32768xf32> into tensor<2x128x256xf32>
// CHECK: linalg.fill ins(%[[NEUTRAL]] : f32)
// CHECK: %[[PARTS:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[PIECES]] : tensor<2x128x256xf32>) outs(%{{.*}} : tensor<128x2xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} ins(%[[PARTS]] : tensor<128x2xf32>)
func.func @line(%x: tensor<2x32768xf32>) -> tensor<2xf32> {
  %one = stablehlo.constant dense<1.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %one) applies stablehlo.maximum across dimensions = [1] : (tensor<2x32768xf32>, tensor<f32>) -> tensor<2xf32>
  return %s : tensor<2xf32>
}

// -----

// Across memory: 4096 sums are 32 blocks' work, and a piece of 64 columns is enough for one.
// CHECK-LABEL: func.func @columns
// CHECK: tensor.expand_shape {{.*}} output_shape [128, 64, 4096]
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]} {{.*}} outs(%{{.*}} : tensor<128x4096xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} {{.*}} outs(%{{.*}} : tensor<4096xf32>)
func.func @columns(%x: tensor<8192x4096xf32>) -> tensor<4096xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<8192x4096xf32>, tensor<f32>) -> tensor<4096xf32>
  return %s : tensor<4096xf32>
}

// -----

// Enough rows, one result, which schedules reduce in parts, and a prime number of elements stay as they are.
// CHECK-LABEL: func.func @stay
// CHECK-COUNT-4: "reduction"]}
// CHECK-NOT: "reduction"
func.func @stay(%x: tensor<1024x4096xf32>, %y: tensor<1000xf32>, %z: tensor<1000003xf32>) -> (tensor<1024xf32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %a = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<1024xf32>
  %b = stablehlo.reduce(%y init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<1000xf32>, tensor<f32>) -> tensor<f32>
  %c = stablehlo.reduce(%z init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<1000003xf32>, tensor<f32>) -> tensor<f32>
  %d = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0, 1] : (tensor<1024x4096xf32>, tensor<f32>) -> tensor<f32>
  return %a, %b, %c, %d : tensor<1024xf32>, tensor<f32>, tensor<f32>, tensor<f32>
}

// -----

// A prime number of rows: pieces of 33, the last of which ends early. Rows are read at indices that the body computes.
// CHECK-LABEL: func.func @prime
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]} ins(%{{.*}} : tensor<249x33xi1>) outs(%{{.*}} : tensor<249x513xf32>)
// CHECK: %[[START:.*]] = arith.muli %{{.*}}, %c33
// CHECK: %[[ROW:.*]] = arith.addi %[[START]]
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[ROW]], %c8191
// CHECK: %[[AT:.*]] = arith.select %[[INSIDE]], %[[ROW]]
// CHECK: %[[X:.*]] = tensor.extract %arg0[%[[AT]], %{{.*}}] : tensor<8191x513xf32>
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[ADDED:.*]] = arith.select %[[INSIDE]], %[[X]], %[[ZERO]]
// CHECK: arith.addf %{{.*}}, %[[ADDED]]
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]} ins(%{{.*}} : tensor<249x513xf32>)
func.func @prime(%x: tensor<8191x513xf32>) -> tensor<513xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<8191x513xf32>, tensor<f32>) -> tensor<513xf32>
  return %s : tensor<513xf32>
}

// -----

// The other reduced dimension keeps its length where nothing else has it.
// CHECK-LABEL: func.func @prime_of_two
// CHECK: tensor.extract %arg0
func.func @prime_of_two(%x: tensor<1021x7x64xf32>) -> tensor<64xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0, 1] : (tensor<1021x7x64xf32>, tensor<f32>) -> tensor<64xf32>
  return %s : tensor<64xf32>
}
