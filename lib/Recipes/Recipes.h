//===- Recipes.h - The recipes there are ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_RECIPES_RECIPES_H
#define STEELYARD_LIB_RECIPES_RECIPES_H

#include "steelyard/Recipes/Recipe.h"

namespace steelyard {

std::unique_ptr<Recipe> createFP8Current();
std::unique_ptr<Recipe> createFP8Delayed();
std::unique_ptr<Recipe> createFP8Fixed();

} // namespace steelyard

#endif // STEELYARD_LIB_RECIPES_RECIPES_H
