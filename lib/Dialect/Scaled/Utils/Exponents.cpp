//===- Exponents.cpp - Exponents of several slices or steps -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/Utils/Exponents.h"

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

using namespace mlir;

Value steelyard::largestExponent(OpBuilder &builder, Location location,
                                 Value exponents) {
  auto type = RankedTensorType::get({}, builder.getI32Type());
  Value least = stablehlo::ConstantOp::create(
      builder, location, DenseElementsAttr::get(type, scaled::kLeastExponent));
  int64_t rank = cast<RankedTensorType>(exponents.getType()).getRank();
  auto reduce = stablehlo::ReduceOp::create(
      builder, location, TypeRange(type), ValueRange(exponents),
      ValueRange(least),
      builder.getDenseI64ArrayAttr(llvm::to_vector(llvm::seq<int64_t>(rank))));
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&reduce.getBody(), {}, {type, type},
                                    {location, location});
  Value larger = stablehlo::MaximumOp::create(
      builder, location, type, body->getArgument(0), body->getArgument(1));
  stablehlo::ReturnOp::create(builder, location, larger);
  return reduce.getResult(0);
}
