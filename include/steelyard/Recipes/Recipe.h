//===- Recipe.h - How contractions are quantised ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_RECIPES_RECIPE_H
#define STEELYARD_RECIPES_RECIPE_H

#include "steelyard/Dialect/Scaled/IR/Scaled.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <vector>

namespace steelyard {

/// What an operand of a contraction is to the training step.
enum class OperandRole { Weight, Activation, Gradient };

llvm::StringRef stringify(OperandRole role);

/// A number that a recipe takes.
struct RecipeOption {
  const char *name;
  const char *description;
  int64_t value; ///< unless told otherwise
  int64_t least, greatest;
};

/// An operand that a recipe quantises.
struct QuantizeSite {
  mlir::OpBuilder &builder;
  mlir::Location location;
  /// The function of the step: where a recipe keeps state (StepState.h).
  mlir::func::FuncOp function;
  /// A float tensor or a scaled tensor.
  mlir::Value operand;
  OperandRole role;
  /// Unique in the function: a name for state.
  std::string name;
  /// Values of the recipe's options, in their order.
  llvm::ArrayRef<int64_t> options;
};

/// One way to quantise the operands of contractions. Registered by name; one
/// file each in lib/Recipes.
class Recipe {
public:
  virtual ~Recipe() = default;

  virtual llvm::StringRef name() const = 0;
  virtual llvm::StringRef description() const = 0;
  virtual llvm::ArrayRef<RecipeOption> options() const { return {}; }
  /// True for a recipe that keeps something of an operand between steps: what
  /// runs any number of times a step has no such state.
  virtual bool keepsState() const { return false; }

  /// A reason to leave a contraction of such operands alone, or an empty
  /// string.
  virtual std::string reasonToLeave(OperandRole lhs, OperandRole rhs) const = 0;

  /// The operand in the recipe's format for its role: a scaled tensor.
  virtual mlir::Value quantize(const QuantizeSite &site) const = 0;
};

/// The recipe of a name, or null.
const Recipe *findRecipe(llvm::StringRef name);

/// All recipes, in the order of their names.
llvm::ArrayRef<std::unique_ptr<Recipe>> allRecipes();

/// The values of a recipe's options given as "name=value" each, the others'
/// defaults; or what is wrong with them.
llvm::Expected<std::vector<int64_t>>
parseRecipeOptions(const Recipe &recipe, llvm::ArrayRef<std::string> given);

} // namespace steelyard

#endif // STEELYARD_RECIPES_RECIPE_H
