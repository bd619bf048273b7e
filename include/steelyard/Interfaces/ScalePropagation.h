//===- ScalePropagation.h - How an operation treats scales ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_INTERFACES_SCALEPROPAGATION_H
#define STEELYARD_INTERFACES_SCALEPROPAGATION_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"

#include <optional>

namespace steelyard {

/// Proved bounds of floor(log2 amax) of a tensor's data, where it is not all
/// zero.
struct AmaxRange {
  std::optional<int> low;  ///< nothing: may be arbitrarily small
  std::optional<int> high; ///< nothing: may be arbitrarily large

  static AmaxRange exactly(int magnitude) { return {magnitude, magnitude}; }
  static AmaxRange unknown() { return {}; }
};

/// An operand: value = data × 2^exponent.
struct ScaledOperand {
  mlir::Value data;     ///< tensor<... x wideType>
  mlir::Value exponent; ///< tensor<i32>
  mlir::FloatType kept; ///< what its data are kept in
  AmaxRange range;
  bool isUniform; ///< all elements are equal: a broadcast scalar
  bool isZero;    ///< known to be all zero
};

/// What a rule works with. Everything is built at the operation, with its
/// location.
class ScaleRewriter {
public:
  virtual ~ScaleRewriter() = default;

  virtual mlir::OpBuilder &builder() = 0;
  virtual mlir::Location location() = 0;
  /// The type that rules compute in: float32, and float64 beside a number of
  /// the user's that float32 lacks, as float64's least.
  virtual mlir::FloatType wideType() = 0;

  /// False for operands of integers and booleans, which have no scale.
  virtual bool isScaled(unsigned index) = 0;
  /// An operand that has no scale, as it is.
  virtual mlir::Value plain(unsigned index) = 0;
  virtual ScaledOperand operand(unsigned index) = 0;
  /// The operand's data in its storage type: for rules that only move elements.
  virtual mlir::Value storage(unsigned index) = 0;
  virtual mlir::Value exponent(unsigned index) = 0;
  /// The scaled tensor itself: for rules that hand it to a scaled operation.
  virtual mlir::Value scaled(unsigned index) = 0;
  /// The operand's real value in float32 (infinite where that does not hold
  /// it).
  virtual mlir::Value real(unsigned index) = 0;

  /// The dimension along which each slice of the operand has an exponent of its
  /// own, if it has one: a stack that a loop made. What is above joins the
  /// slices at the largest of their exponents, in float32, with a remark, but
  /// for `real`, which needs no one exponent.
  virtual std::optional<int64_t> sliceDimension(unsigned index) = 0;
  /// The operand's data in storage type, and the exponents of its slices: of
  /// the data's rank, the other dimensions 1.
  virtual std::pair<mlir::Value, mlir::Value> slices(unsigned index) = 0;

  /// Exponent arithmetic: of a product, a quotient, where scales are joined;
  /// and constants.
  virtual mlir::Value add(mlir::Value lhs, mlir::Value rhs) = 0;
  virtual mlir::Value sub(mlir::Value lhs, mlir::Value rhs) = 0;
  virtual mlir::Value max(mlir::Value lhs, mlir::Value rhs) = 0;
  virtual mlir::Value constant(int64_t exponent) = 0;
  /// (floor(e / 2), e - 2 × floor(e / 2))
  virtual std::pair<mlir::Value, mlir::Value> half(mlir::Value exponent) = 0;
  /// data × 2^(from - to)
  virtual mlir::Value move(mlir::Value data, mlir::Value from,
                           mlir::Value to) = 0;

  /// A result: wide data, normalised (its amax moved into the exponent)
  /// unless the range shows that storage holds it well, then rounded to
  /// storage.
  virtual void result(unsigned index, mlir::Value data, mlir::Value exponent,
                      AmaxRange range = {}) = 0;
  /// A result whose wide data are values of `kept` already, the format of the
  /// operand that they come from, wider than storage where that is a broadcast
  /// scalar; null where every format holds them. Nothing is rounded.
  virtual void exact(unsigned index, mlir::Value data, mlir::Value exponent,
                     AmaxRange range, mlir::FloatType kept) = 0;
  /// A result in storage type, moved from operand `from`, whose range it keeps
  /// from above.
  virtual void moved(unsigned index, mlir::Value storage, unsigned from,
                     bool isUniform = false) = 0;
  /// A result in storage type, of which nothing but its exponent is known.
  virtual void stored(unsigned index, mlir::Value storage,
                      mlir::Value exponent) = 0;
  /// A result in storage type whose slices along a dimension have these
  /// exponents.
  virtual void sliced(unsigned index, mlir::Value storage,
                      mlir::Value exponents, int64_t dimension) = 0;
  /// A scaled tensor that a scaled operation made (a float32 accumulator).
  virtual void accumulator(unsigned index, mlir::Value scaled) = 0;
  /// A constant, at compile time.
  virtual void constantResult(unsigned index,
                              mlir::DenseElementsAttr value) = 0;
  /// A result without a scale.
  virtual void plainResult(unsigned index, mlir::Value value) = 0;

  /// What crosses the boundary of a region: float tensors as scaled tensors in
  /// storage, the rest as it is. The type, an operand, a result. Slices along
  /// `dimension` have their own exponents.
  virtual mlir::Type carriedType(mlir::Type type) = 0;
  virtual mlir::Value carried(unsigned index,
                              std::optional<int64_t> dimension = {}) = 0;
  virtual void carriedResult(unsigned index, mlir::Value value) = 0;
  /// Moves a region of the operation to `to`, where its block has arguments of
  /// these carried types, and applies the rules inside. Failure after an error.
  virtual llvm::LogicalResult region(mlir::Region &from, mlir::Region &to,
                                     mlir::TypeRange arguments) = 0;
};

} // namespace steelyard

#include "steelyard/Interfaces/ScalePropagation.h.inc"

#endif // STEELYARD_INTERFACES_SCALEPROPAGATION_H
