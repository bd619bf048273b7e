//===- ScalifyRewriter.h - What Scalify's rules work with -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_SCALIFYREWRITER_H
#define STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_SCALIFYREWRITER_H

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Interfaces/ScalePropagation.h"

namespace steelyard {

/// What the walk knows of a value of the function.
struct ScalifiedValue {
  /// !scaled.tensor, or null: the value has no scale. One exponent a tensor, or
  /// a slice of a stack that a loop made.
  mlir::Value scaled;
  mlir::Value plain; ///< where it has none
  AmaxRange range;
  bool isUniform = false;
  bool isZero = false;
  /// Elements too far apart for storage (Spread.h): float32, the largest at
  /// 2^60, so that those 2^128 below it are normal numbers too. Where float32
  /// lacks the mask: float64 with exponent 0, as the user has them.
  bool isSpread = false;
};

/// The format that a tensor's data is kept in. Scalars take no room worth
/// saving and hyperparameters are among them: 11 bits make 1 - β₂ᵗ of β₂ = .999
/// wrong by a quarter, and a counter stops at 2,048. They stay float32.
mlir::FloatType storageOf(mlir::RankedTensorType type, mlir::FloatType storage);

/// Where normalised data in float16 has its amax: in [2^10, 2^11). From there
/// it is 2^24 to the least normal number and 2^34 to zero; the room above is
/// for data that is left as it is. Other storage has range enough around 1.
constexpr int kMagnitudeOfFloat16 = 10;

/// How state is rounded to storage: to nearest without a key.
struct StateRounding {
  mlir::Value key; ///< tensor<i64>, or null
  int64_t stream;  ///< one for each state of a step
};

using ScalifiedValues = llvm::DenseMap<mlir::Value, ScalifiedValue>;

/// The walk's side of ScaleRewriter, for one operation.
class ScalifyRewriter : public ScaleRewriter {
public:
  /// Applies the rules to what is in a block whose arguments are known.
  using VisitBlock = llvm::function_ref<llvm::LogicalResult(mlir::Block &)>;

  ScalifyRewriter(mlir::Operation *op, mlir::FloatType storageType,
                  ScalifiedValues &values, VisitBlock visitBlock);

  mlir::OpBuilder &builder() override { return b; }
  mlir::Location location() override { return loc; }
  mlir::FloatType wideType() override;
  bool isScaled(unsigned index) override;
  mlir::Value plain(unsigned index) override;
  ScaledOperand operand(unsigned index) override;
  mlir::Value storage(unsigned index) override;
  mlir::Value exponent(unsigned index) override;
  mlir::Value scaled(unsigned index) override;
  mlir::Value real(unsigned index) override;
  std::optional<int64_t> sliceDimension(unsigned index) override;
  std::pair<mlir::Value, mlir::Value> slices(unsigned index) override;
  mlir::Value add(mlir::Value lhs, mlir::Value rhs) override;
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) override;
  mlir::Value max(mlir::Value lhs, mlir::Value rhs) override;
  mlir::Value constant(int64_t exponent) override;
  std::pair<mlir::Value, mlir::Value> half(mlir::Value exponent) override;
  mlir::Value move(mlir::Value data, mlir::Value from, mlir::Value to) override;
  void result(unsigned index, mlir::Value data, mlir::Value exponent,
              AmaxRange range) override;
  void exact(unsigned index, mlir::Value data, mlir::Value exponent,
             AmaxRange range, mlir::FloatType kept) override;
  void moved(unsigned index, mlir::Value storage, unsigned from,
             bool isUniform) override;
  void stored(unsigned index, mlir::Value storage,
              mlir::Value exponent) override;
  void sliced(unsigned index, mlir::Value storage, mlir::Value exponents,
              int64_t dimension) override;
  void accumulator(unsigned index, mlir::Value scaled) override;
  void constantResult(unsigned index, mlir::DenseElementsAttr value) override;
  void plainResult(unsigned index, mlir::Value value) override;
  mlir::Type carriedType(mlir::Type type) override;
  mlir::Value carried(unsigned index,
                      std::optional<int64_t> dimension = {}) override;
  void carriedResult(unsigned index, mlir::Value value) override;
  llvm::LogicalResult region(mlir::Region &from, mlir::Region &to,
                             mlir::TypeRange arguments) override;

  /// The operand with one exponent: where its slices have their own, these
  /// joined, with a remark.
  const ScalifiedValue &single(unsigned index);

  /// Results that stay float32 until they leave the function in another form.
  void keepWide() { keepsWide = true; }
  /// Results whose elements are too far apart for storage.
  void spread() { keepsWide = isSpread = true; }
  /// The square of a scaled tensor, in float32: how a root is read.
  ScalifiedValue square(mlir::Value scaled);
  /// The root of a value, rounded to storage: how it is kept.
  mlir::Value root(const ScalifiedValue &value, const StateRounding &rounding);
  /// The value rounded to storage, if it is not yet.
  mlir::Value keep(const ScalifiedValue &value, const StateRounding &rounding);

  /// A float tensor of the user as a scaled tensor: amax into the exponent, one
  /// rounding, or none if it stays float32.
  ScalifiedValue enter(mlir::Value value, bool isWide = false);
  /// The real value of a scaled tensor in the user's type, one rounding.
  mlir::Value leave(const ScalifiedValue &value, mlir::RankedTensorType type);

private:
  const ScalifiedValue &value(unsigned index);
  ScalifiedValue joinSlices(const ScalifiedValue &value);
  mlir::Value pack(mlir::Value data, mlir::Value exponent,
                   std::optional<int64_t> dimension = {});
  /// Data and exponent of a value as storage takes them.
  std::pair<mlir::Value, mlir::Value>
  withinStorage(const ScalifiedValue &value);
  int magnitudeOf(mlir::Value data) const;
  mlir::Value converted(mlir::Value data, mlir::FloatType element);
  mlir::Value widen(mlir::Value data);
  mlir::Value round(mlir::Value data);
  mlir::Value round(mlir::Value data, const StateRounding &rounding);
  void set(unsigned index, ScalifiedValue value);

  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Operation *op;
  mlir::FloatType storageType;
  ScalifiedValues &values;
  VisitBlock visitBlock;
  llvm::SmallDenseMap<unsigned, ScalifiedValue> joined;
  bool keepsWide = false;
  bool isSpread = false;
};

} // namespace steelyard

#endif // STEELYARD_LIB_DIALECT_SCALED_TRANSFORMS_SCALIFYREWRITER_H
