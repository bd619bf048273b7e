//===- Recipe.cpp - The table of recipes ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"

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
    list.push_back(createFP8Delayed());
    list.push_back(createFP8Fixed());
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

llvm::Expected<std::vector<int64_t>>
steelyard::parseRecipeOptions(const Recipe &recipe,
                              llvm::ArrayRef<std::string> given) {
  auto error = [&](const llvm::Twine &what) {
    return llvm::createStringError("recipe '" + recipe.name() + "': " + what);
  };
  std::vector<int64_t> values;
  for (const RecipeOption &option : recipe.options()) {
    values.push_back(option.value);
  }
  for (llvm::StringRef text : given) {
    auto [name, number] = text.split('=');
    const RecipeOption *option =
        llvm::find_if(recipe.options(), [&](const RecipeOption &known) {
          return name == known.name;
        });
    if (option == recipe.options().end()) {
      std::string known =
          llvm::join(llvm::map_range(recipe.options(),
                                     [](const RecipeOption &o) {
                                       return llvm::StringRef(o.name);
                                     }),
                     ", ");
      return error("there is no option '" + name + "'; it has " +
                   (known.empty() ? "none" : known));
    }
    int64_t value = 0;
    if (number.getAsInteger(10, value) || value < option->least ||
        value > option->greatest) {
      return error("option '" + name + "' is an integer from " +
                   llvm::Twine(option->least) + " to " +
                   llvm::Twine(option->greatest) + ", got '" + number + "'");
    }
    values[option - recipe.options().begin()] = value;
  }
  return values;
}
