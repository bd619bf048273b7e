//===- Recipe.h - How contractions are quantised ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_RECIPES_RECIPE_H
#define STEELYARD_RECIPES_RECIPE_H

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/IR/Builders.h"

#include <memory>
#include <vector>

namespace steelyard {

/// What an operand of a contraction is to the training step.
enum class OperandRole { Weight, Activation, Gradient };

llvm::StringRef stringify(OperandRole role);

/// One way to quantise the operands of contractions. Registered by name; one
/// file each in lib/Recipes.
class Recipe {
public:
  virtual ~Recipe() = default;

  virtual llvm::StringRef name() const = 0;
  virtual llvm::StringRef description() const = 0;

  /// A reason to leave a contraction of such operands alone, or an empty
  /// string.
  virtual std::string reasonToLeave(OperandRole lhs, OperandRole rhs) const = 0;

  /// The operand (a float tensor or a scaled tensor) in the recipe's format for
  /// its role: a scaled tensor.
  virtual mlir::Value quantize(mlir::OpBuilder &builder,
                               mlir::Location location, mlir::Value operand,
                               OperandRole role) const = 0;
};

/// The recipe of a name, or null.
const Recipe *findRecipe(llvm::StringRef name);

/// All recipes, in the order of their names.
llvm::ArrayRef<std::unique_ptr<Recipe>> allRecipes();

} // namespace steelyard

#endif // STEELYARD_RECIPES_RECIPE_H
