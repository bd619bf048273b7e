// RUN: split-file %s %t
// RUN: not steelyard-run %t/empty.mlir 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: not steelyard-run %t/split.mlir 2>&1 | FileCheck %s --check-prefix=SPLIT
// RUN: not steelyard-run %t/cut.mlir 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: not steelyard-run %t/function.mlir 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not steelyard-run %t/function.mlir --input %s 2>&1 | FileCheck %s --check-prefix=NOTNPY
// RUN: not steelyard-run %t/function.mlir --scheme='scalify{storage=f9}' 2>&1 | FileCheck %s --check-prefix=STORAGE
// RUN: not steelyard-run %t/function.mlir --scheme='scalify{size=1}' 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not steelyard-run %t/constant.mlir --output-dir /proc/none 2>&1 | FileCheck %s --check-prefix=OUTPUT
// RUN: not steelyard-run %t/constant.mlir --output-dir %s 2>&1 | FileCheck %s --check-prefix=NOTAFOLDER
// RUN: not steelyard-run %t/constant.mlir --dump /proc/none 2>&1 | FileCheck %s --check-prefix=DUMP
// RUN: not steelyard-run %t/large.mlir 2>&1 | FileCheck %s --check-prefix=MEMORY
// RUN: not steelyard-run %t/array.mlir 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: not steelyard-opt %t/array.mlir 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: not steelyard-opt %t/function.mlir -o /proc/none/out.mlir 2>&1 | FileCheck %s --check-prefix=OPT
// RUN: not steelyard-opt %t/function.mlir -scalify=size=1 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not steelyard-opt %t/function.mlir -no-such-pass 2>&1 | FileCheck %s --check-prefix=PASS

// EMPTY: empty.mlir: is empty
// SPLIT: split.mlir":4:8: error: {{.*}}no_such_operation
// CUT: cut.mlir":1:{{[0-9]+}}: error: expected
// COUNT: @main takes 1 argument(s), 0 --input given
// NOTNPY: bad_input.mlir: not a .npy file
// STORAGE: error: scalify: storage is f16 or bf16, got 'f9'
// OPTION: no such option size
// OUTPUT: /proc/none: No such file or directory
// NOTAFOLDER: bad_input.mlir
// DUMP: cannot write the dump /proc/none
// MEMORY: @main: out of memory: arguments and results of 4000000000000000 bytes
// ARRAY: array.mlir{{.*}}:2:12{{.*}}: error: the elements of array<...> are integers or floats of a width; 'index' has none
// OPT: cannot open output file '/proc/none/out.mlir'
// PASS: Unknown command line argument '-no-such-pass'

//--- empty.mlir

//--- split.mlir
func.func @main() { return }
// -----
func.func @other(%a: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.no_such_operation %a : tensor<2xf32>
  return %0 : tensor<2xf32>
}
//--- cut.mlir
func.func @main(%a: tensor<2xf32>
//--- function.mlir
func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {
  return %a : tensor<2xf32>
}
//--- large.mlir
func.func @main() -> tensor<1000000x1000000x1000xf32> {
  %0 = stablehlo.iota dim = 0 : tensor<1000000x1000000x1000xf32>
  return %0 : tensor<1000000x1000000x1000xf32>
}
//--- array.mlir
"builtin.module"() ({}) {
  jax.a = [array < index : 1>]
} : () -> ()
//--- constant.mlir
func.func @main() -> tensor<2xf32> {
  %0 = stablehlo.constant dense<1.0> : tensor<2xf32>
  return %0 : tensor<2xf32>
}
