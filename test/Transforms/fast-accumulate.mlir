// RUN: steelyard-opt %s --quantize="fast-accumulate=true" 2>/dev/null | FileCheck %s --check-prefixes=SCALED,ASKED
// RUN: steelyard-opt %s --quantize 2>/dev/null | FileCheck %s --check-prefixes=SCALED,ACCURATE
// RUN: steelyard-opt %s --scalify --quantize 2>/dev/null | FileCheck %s --check-prefixes=SCALED,ACCURATE
// RUN: steelyard-opt %s --scalify 2>/dev/null | FileCheck %s --check-prefixes=HALF
// RUN: steelyard-opt %s --quantize="fast-accumulate=true" --scaled-to-pairs 2>/dev/null | FileCheck %s --check-prefix=PAIRS
// RUN: steelyard-opt %s --steelyard-import --quantize="fast-accumulate=true" --steelyard-cuda-kernels 2>/dev/null | FileCheck %s --check-prefix=CUDA

// A recipe's own contractions sum in float32 unless it is asked for.
// SCALED-LABEL: func.func @product
// ASKED: scaled.dot_general {{.*}} {fast_accumulate}
// ACCURATE: scaled.dot_general
// ACCURATE-NOT: fast_accumulate
// SCALED: return
// PAIRS-LABEL: func.func @product
// PAIRS: stablehlo.dot_general {{.*}}algorithm = <lhs_precision_type = f8E4M3FN, rhs_precision_type = f8E4M3FN, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true>
// CUDA-LABEL: func.func @product
// CUDA: cuda.contraction {{.*}}fast_accumulate
func.func @product(%x: tensor<16x32xf32>, %w: tensor<32x16xf32>) -> tensor<16x16xf32> {
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<16x32xf32>, tensor<32x16xf32>) -> tensor<16x16xf32>
  return %y : tensor<16x16xf32>
}

// What the program allows stays with the contraction, in whatever types a scheme has it done.
// SCALED-LABEL: func.func @allowed
// SCALED: scaled.dot_general {{.*}} {fast_accumulate}
// HALF-LABEL: func.func @allowed
// HALF: scaled.dot_general {{.*}} {fast_accumulate}
func.func @allowed(%x: tensor<16x32xf32>, %w: tensor<32x16xf32>) -> tensor<16x16xf32> {
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = true> : (tensor<16x32xf32>, tensor<32x16xf32>) -> tensor<16x16xf32>
  return %y : tensor<16x16xf32>
}

// TF32 is a choice of operands' types: the scheme's.
// SCALED-LABEL: func.func @types
// ACCURATE: scaled.dot_general
// ACCURATE-NOT: fast_accumulate
// SCALED: return
func.func @types(%x: tensor<16x32xf32>, %w: tensor<32x16xf32>) -> tensor<16x16xf32> {
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = tf32, rhs_precision_type = tf32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<16x32xf32>, tensor<32x16xf32>) -> tensor<16x16xf32>
  return %y : tensor<16x16xf32>
}

// Convolutions are contractions too.
// SCALED-LABEL: func.func @convolution
// ASKED: scaled.convolution {{.*}}fast_accumulate
// PAIRS-LABEL: func.func @convolution
// PAIRS: stablehlo.convolution{{.*}}steelyard.fast_accumulate
// CUDA-LABEL: func.func @convolution
// CUDA: cuda.contraction {{.*}}fast_accumulate
func.func @convolution(%x: tensor<16x8x8x16xf32>, %w: tensor<1x1x16x32xf32>) -> tensor<16x8x8x32xf32> {
  %y = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<16x8x8x16xf32>, tensor<1x1x16x32xf32>) -> tensor<16x8x8x32xf32>
  return %y : tensor<16x8x8x32xf32>
}
