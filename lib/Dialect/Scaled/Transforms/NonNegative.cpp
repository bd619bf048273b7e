//===- NonNegative.cpp - Values proved not to be negative -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "NonNegative.h"

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace mlir::stablehlo;

namespace {

constexpr unsigned kDepth = 16;

bool prove(Value value, Value assumed, unsigned depth);

/// The factors of a product, nested products included.
void factorsOf(Value value, SmallVectorImpl<Value> &factors, unsigned depth) {
  if (auto product = value.getDefiningOp<MultiplyOp>(); product && depth > 0) {
    factorsOf(product.getLhs(), factors, depth - 1);
    factorsOf(product.getRhs(), factors, depth - 1);
    return;
  }
  factors.push_back(value);
}

/// Those that occur an odd number of times.
SmallVector<Value> oddFactors(ArrayRef<Value> factors) {
  SmallVector<Value> odd;
  for (Value factor : factors) {
    if (auto *it = llvm::find(odd, factor); it != odd.end()) {
      odd.erase(it);
    } else {
      odd.push_back(factor);
    }
  }
  return odd;
}

bool proveProduct(Value value, Value assumed, unsigned depth) {
  SmallVector<Value> factors;
  factorsOf(value, factors, depth);
  SmallVector<Value> odd = oddFactors(factors);
  return llvm::all_of(
      odd, [&](Value factor) { return prove(factor, assumed, depth - 1); });
}

bool prove(Value value, Value assumed, unsigned depth) {
  if (value == assumed) {
    return true;
  }
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0) {
    return false;
  }
  if (auto constant = dyn_cast<ConstantOp>(op)) {
    auto elements = dyn_cast<DenseFPElementsAttr>(constant.getValue());
    return elements && llvm::none_of(elements.getValues<APFloat>(),
                                     [](const APFloat &number) {
                                       return number.isNegative() ||
                                              number.isNaN();
                                     });
  }
  if (isa<MultiplyOp>(op)) {
    return proveProduct(value, assumed, depth);
  }
  if (isa<AbsOp, ExponentialOp, LogisticOp>(op)) {
    return true;
  }
  if (isa<AddOp, DivideOp, MinimumOp>(op)) {
    return prove(op->getOperand(0), assumed, depth - 1) &&
           prove(op->getOperand(1), assumed, depth - 1);
  }
  if (isa<MaximumOp>(op)) {
    return prove(op->getOperand(0), assumed, depth - 1) ||
           prove(op->getOperand(1), assumed, depth - 1);
  }
  if (isa<SqrtOp, BroadcastInDimOp, ReshapeOp, TransposeOp, ConvertOp>(op)) {
    return prove(op->getOperand(0), assumed, depth - 1);
  }
  return false;
}

bool joins(Value value, unsigned depth) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0) {
    return false;
  }
  if (isa<MultiplyOp>(op)) {
    SmallVector<Value> factors;
    factorsOf(value, factors, depth);
    SmallVector<Value> odd = oddFactors(factors);
    return odd.size() < factors.size() ||
           llvm::any_of(
               odd, [&](Value factor) { return joins(factor, depth - 1); });
  }
  return isa<AddOp, MaximumOp, MinimumOp, DivideOp, BroadcastInDimOp, ReshapeOp,
             TransposeOp, ConvertOp>(op) &&
         llvm::any_of(op->getOperands(),
                      [&](Value operand) { return joins(operand, depth - 1); });
}

} // namespace

bool steelyard::joinsSquares(Value value) { return joins(value, kDepth); }

bool steelyard::isNonNegative(Value value, Value assumed) {
  return prove(value, assumed, kDepth);
}
