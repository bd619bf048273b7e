// RUN: steelyard-opt %s -split-input-file -verify-diagnostics -o /dev/null

// The specification's constraints by their numbers. (C13), (C18) and (C20) follow from the text and (C12), (C17), (C19).

// (C1)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<6x8xf32>) {
  // expected-error@+1 {{the input has rank 3, the kernel 2}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C2)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 2 stride(s) for a window of rank 1}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {stride = [1, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C3)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{stride 0 of dimension 0 is not positive}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {stride = [0]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C4)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{the padding has type 'tensor<2x2xi64>', not tensor<1x2xi64>}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {pad = [[0, 0], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C5)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 0 base dilation(s) for a window of rank 1}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {lhs_dilate = []} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C6)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{base dilation -1 of dimension 0 is not positive}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {lhs_dilate = [-1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C7)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 2 window dilation(s) for a window of rank 1}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {rhs_dilate = [1, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C8)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{window dilation 0 of dimension 0 is not positive}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {rhs_dilate = [0]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C9)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 2 reversal(s) for a window of rank 1}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {reverse = [true, false]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C10)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{the input batch dimension's size 4 is not a multiple of 3 group(s)}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 3 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C11)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{the input feature dimension's size 6 is not a multiple of 4 group(s)}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 4 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C12)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{names 2 dimension(s) of the input, whose rank is 3}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C14)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{the kernel's input feature dimension has size 6 where a group of the input has 3 feature(s)}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C15)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x7xf32>) {
  // expected-error@+1 {{the kernel output feature dimension's size 7 is not a multiple of 2 group(s)}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 2 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x7xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C16)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x3x7xf32>) {
  // expected-error@+1 {{the kernel output feature dimension's size 7 is not a multiple of 2 group(s)}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<4x8x6xf32>, tensor<3x3x7xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C17)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{names 4 dimension(s) of the kernel, whose rank is 3}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, 1, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C19)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{names 4 dimension(s) of the output, whose rank is 3}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, 1, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C21)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 0 feature group(s) and 1 batch group(s), both should be positive}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 0 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C22)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 1 feature group(s) and -1 batch group(s), both should be positive}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = -1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C23)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has feature groups and batch groups}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 2 : i64, feature_group_count = 2 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C24)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{has 1 precision(s) for two operands}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision DEFAULT>]} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// (C25)
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{the result's type should be 'tensor<4x6x8xf32>', got 'tensor<4x8x8xf32>'}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x8x8xf32>
  return
}

// -----

// Text
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{expected b and f once each, and numbers of spatial dimensions, got 'o'}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, o]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{expected b and f once each, and numbers of spatial dimensions, got 'b'}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, b, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{expected the dimensions b and f}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{spatial dimensions are numbered from 0, each once}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 1, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{spatial dimensions are numbered from 0, each once}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{expected stride, pad, lhs_dilate, rhs_dilate or reverse, each at most once, got 'padding'}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {padding = [[0, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{expected stride, pad, lhs_dilate, rhs_dilate or reverse, each at most once, got 'stride'}}
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {stride = [1], stride = [1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}

// -----

// The generic form.
func.func @f(%x: tensor<4x8x6xf32>, %w: tensor<3x6x8xf32>) {
  // expected-error@+1 {{names 4 dimension(s) of the input, whose rank is 3}}
  %0 = "stablehlo.convolution"(%x, %w) <{batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, i, o]->[b, 0, f]>, feature_group_count = 1 : i64}> : (tensor<4x8x6xf32>, tensor<3x6x8xf32>) -> tensor<4x6x8xf32>
  return
}
