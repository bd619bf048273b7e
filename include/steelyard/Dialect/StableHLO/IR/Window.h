//===- Window.h - Windows of convolutions and reductions --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_DIALECT_STABLEHLO_IR_WINDOW_H
#define STEELYARD_DIALECT_STABLEHLO_IR_WINDOW_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

#include <optional>

namespace mlir::stablehlo {

/// What an operation says of its window, one entry a dimension; what is absent
/// has no effect.
struct WindowAttributes {
  std::optional<ArrayRef<int64_t>> strides;
  std::optional<DenseIntElementsAttr> padding; ///< [dimension, low and high]
  std::optional<ArrayRef<int64_t>> baseDilations, dilations;
  std::optional<ArrayRef<bool>> reversal;
};

/// A window along one dimension.
struct WindowDimension {
  int64_t size = 1, stride = 1, low = 0, high = 0;
  int64_t baseDilation = 1, dilation = 1;
  bool isReversed = false;

  /// The size of an input after dilation and padding.
  int64_t paddedSize(int64_t inputSize) const;
  /// How many windows there are in an input.
  int64_t count(int64_t inputSize) const;
  /// True if padding and dilation leave the input as it is.
  bool keepsInput() const { return low == 0 && high == 0 && baseDilation == 1; }
};

/// A window of `sizes`. Fails, after an error of `op` at the location if there
/// is one, if the attributes have another rank or strides and dilations are not
/// positive.
FailureOr<SmallVector<WindowDimension>>
makeWindow(std::optional<Location> location, StringRef op,
           ArrayRef<int64_t> sizes, const WindowAttributes &attributes);

} // namespace mlir::stablehlo

#endif // STEELYARD_DIALECT_STABLEHLO_IR_WINDOW_H
