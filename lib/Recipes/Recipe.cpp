//===- Recipe.cpp - The table of recipes ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Recipes.h"

using namespace steelyard;

llvm::StringRef steelyard::stringify(OperandRole role) {
  switch (role) {
  case OperandRole::Weight:
    return "weight";
  case OperandRole::Activation:
    return "activation";
  case OperandRole::Gradient:
    return "gradient";
  }
  llvm_unreachable("all roles are handled");
}

llvm::ArrayRef<std::unique_ptr<Recipe>> steelyard::allRecipes() {
  static const std::vector<std::unique_ptr<Recipe>> recipes = [] {
    std::vector<std::unique_ptr<Recipe>> list;
    list.push_back(createFP8Current());
    return list;
  }();
  return recipes;
}

const Recipe *steelyard::findRecipe(llvm::StringRef name) {
  for (const std::unique_ptr<Recipe> &recipe : allRecipes()) {
    if (recipe->name() == name) {
      return recipe.get();
    }
  }
  return nullptr;
}
