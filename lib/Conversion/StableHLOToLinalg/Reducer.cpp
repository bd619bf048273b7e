//===- Reducer.cpp - Computations of reductions on scalars ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Reducer.h"

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include "Patterns.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

ScalarRegion::ScalarRegion(ConversionPatternRewriter &rewriter,
                           const TypeConverter &converter, Region &region)
    : converter(converter), region(region) {
  for (Operation &op : region.front()) {
    for (Value operand : op.getOperands()) {
      Operation *definition = operand.getDefiningOp();
      if (operand.getParentRegion() == &region || captured.contains(operand) ||
          isa_and_nonnull<ConstantOp>(definition)) {
        continue;
      }
      captured.map(operand,
                   tensor::ExtractOp::create(rewriter, op.getLoc(),
                                             rewriter.getRemappedValue(operand),
                                             ValueRange()));
    }
  }
}

SmallVector<Value> ScalarRegion::emit(OpBuilder &builder,
                                      ValueRange arguments) {
  return emitComputation(builder, converter, region, arguments, captured);
}

Value ScalarRegion::emit(OpBuilder &builder, Operation *op, ValueRange operands,
                         Type result) {
  return emitScalar(builder, converter, op, operands, result);
}

Reducer::Reducer(ConversionPatternRewriter &rewriter,
                 const TypeConverter &converter, Region &region)
    : rewriter(rewriter), location(region.getLoc()),
      scalars(rewriter, converter, region), single(getReducerOp(region)) {
  for (Value value : region.front().getTerminator()->getOperands()) {
    elements.push_back(converter.convertType<RankedTensorType>(value.getType())
                           .getElementType());
  }
  types = elements;
  auto narrow = dyn_cast<FloatType>(types.front());
  if (single && narrow && narrow.getWidth() < 32) {
    widened = single;
    types.front() = rewriter.getF32Type();
  }
}

SmallVector<Value> Reducer::join(OpBuilder &builder, ValueRange accumulators,
                                 ValueRange values) {
  SmallVector<Value> operands(accumulators);
  llvm::append_range(operands, widen(builder, values));
  if (!widened) {
    return scalars.emit(builder, operands);
  }
  if (cast<BlockArgument>(widened->getOperand(0)).getArgNumber() != 0) {
    std::swap(operands[0], operands[1]);
  }
  Value joined = scalars.emit(builder, widened, operands, types.front());
  return joined ? SmallVector<Value>{joined} : SmallVector<Value>();
}

SmallVector<Value> Reducer::widen(OpBuilder &builder, ValueRange values) {
  SmallVector<Value> wide;
  for (auto [value, type] : llvm::zip_equal(values, types)) {
    wide.push_back(convertScalar(builder, location, value, type, false, false));
  }
  return wide;
}

Value Reducer::start(size_t index, ArrayRef<int64_t> shape, Value init) {
  return elementwise(
      rewriter, location, RankedTensorType::get(shape, types[index]), init,
      [&](OpBuilder &b, Location loc, ValueRange values) {
        return convertScalar(b, loc, values[0], types[index], false, false);
      });
}

Value Reducer::finish(size_t index, Value accumulators) {
  auto type = cast<RankedTensorType>(accumulators.getType());
  Type element = elements[index];
  if (type.getElementType() == element) {
    return accumulators;
  }
  return elementwise(rewriter, location, type.clone(element), accumulators,
                     [&](OpBuilder &b, Location loc, ValueRange values) {
                       return convertScalar(b, loc, values[0], element, false,
                                            false);
                     });
}

bool Reducer::absorbs(ValueRange initValues) const {
  if (!single) {
    return false;
  }
  if (isa<MaximumOp, MinimumOp, AndOp, OrOp>(single)) {
    return true;
  }
  // Booleans are added by or, multiplied by and.
  if (isa<AddOp>(single)) {
    return matchPattern(initValues.front(), m_AnyZeroFloat()) ||
           matchPattern(initValues.front(), m_Zero());
  }
  return isa<MultiplyOp>(single) &&
         (matchPattern(initValues.front(), m_OneFloat()) ||
          matchPattern(initValues.front(), m_One()));
}
