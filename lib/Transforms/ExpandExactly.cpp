//===- ExpandExactly.cpp - Operations in terms of others --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ExpandExactly.h"

#include "steelyard/Dialect/CHLO/IR/CHLO.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::stablehlo;

namespace {

/// The first k of elements and their indices, sorted from the largest on, equal
/// ones in order; floats in IEEE 754's total order, as XLA does: NaN is larger
/// than infinity.
SmallVector<Value> expandTopK(OpBuilder &b, chlo::TopKOp op) {
  Location loc = op.getLoc();
  Value operand = op.getOperand();
  auto type = cast<RankedTensorType>(operand.getType());
  auto indexType = type.clone(b.getI32Type());
  int64_t last = type.getRank() - 1;
  Value indices = IotaOp::create(b, loc, indexType, last);
  OperationState state(loc, SortOp::getOperationName());
  state.addOperands({operand, indices});
  state.addTypes({type, indexType});
  state.addAttribute("dimension", b.getI64IntegerAttr(last));
  state.addAttribute("is_stable", b.getBoolAttr(true));
  state.addRegion();
  auto sort = cast<SortOp>(b.create(state));
  {
    OpBuilder::InsertionGuard guard(b);
    Type element = RankedTensorType::get({}, type.getElementType()),
         index = RankedTensorType::get({}, b.getI32Type());
    Block *block = b.createBlock(&sort.getComparator(), {},
                                 {element, element, index, index},
                                 SmallVector<Location>(4, loc));
    ComparisonType order = isa<FloatType>(type.getElementType())
                               ? ComparisonType::TOTALORDER
                               : ComparisonType::NOTYPE;
    Value larger = CompareOp::create(
        b, loc, block->getArgument(0), block->getArgument(1),
        ComparisonDirectionAttr::get(b.getContext(), ComparisonDirection::GT),
        ComparisonTypeAttr::get(b.getContext(), order));
    ReturnOp::create(b, loc, larger);
  }
  SmallVector<int64_t> start(type.getRank(), 0), step(type.getRank(), 1);
  ArrayRef<int64_t> limit =
      cast<RankedTensorType>(op.getValues().getType()).getShape();
  return llvm::map_to_vector(sort.getResults(), [&](Value sorted) -> Value {
    return SliceOp::create(b, loc, sorted, start, limit, step);
  });
}

/// The computation on whole tensors. Fails if that is not what its operations
/// do.
FailureOr<Value> expandMap(OpBuilder &b, MapOp op) {
  auto shape = cast<RankedTensorType>(op.getType()).getShape();
  Block &body = op.getComputation().front();
  IRMapping mapping;
  mapping.map(body.getArguments(), op.getInputs());
  auto spread = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value)) {
      return known;
    }
    Value whole = BroadcastInDimOp::create(
        b, op.getLoc(), cast<RankedTensorType>(value.getType()).clone(shape),
        value, ArrayRef<int64_t>());
    mapping.map(value, whole);
    return whole;
  };
  for (Operation &inner : body.without_terminator()) {
    bool isElementwise =
        inner.hasTrait<OpTrait::Elementwise>() || isa<SelectOp, ClampOp>(inner);
    if (isa<ConstantOp>(inner)) {
      IRMapping none;
      Operation *constant = b.clone(inner, none);
      mapping.map(inner.getResult(0), spread(constant->getResult(0)));
      continue;
    }
    if (!isElementwise || inner.getNumResults() != 1) {
      return inner.emitError()
             << "'" << inner.getName()
             << "' in the computation of a map is not elementwise";
    }
    llvm::for_each(inner.getOperands(), spread);
    Operation *whole = b.clone(inner, mapping);
    Value result = whole->getResult(0);
    result.setType(cast<RankedTensorType>(result.getType()).clone(shape));
    mapping.map(inner.getResult(0), result);
  }
  return spread(body.getTerminator()->getOperand(0));
}

/// Nothing for operations that stay.
FailureOr<SmallVector<Value>> expand(OpBuilder &b, Operation *op) {
  using Result = FailureOr<SmallVector<Value>>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](chlo::SquareOp square) -> Result {
        Value x = square.getOperand();
        return SmallVector<Value>{MultiplyOp::create(b, op->getLoc(), x, x)};
      })
      .Case([&](chlo::TanOp tan) -> Result {
        return SmallVector<Value>{
            TanOp::create(b, op->getLoc(), tan.getOperand())};
      })
      .Case([&](chlo::TopKOp topK) -> Result { return expandTopK(b, topK); })
      .Case([&](RngBitGeneratorOp bits) -> Result {
        return steelyard::expandRandomBits(b, bits);
      })
      .Case([&](MapOp map) -> Result {
        FailureOr<Value> value = expandMap(b, map);
        return failed(value) ? Result(failure())
                             : Result(SmallVector<Value>{*value});
      })
      .Default([](Operation *) -> Result { return SmallVector<Value>(); });
}

} // namespace

LogicalResult steelyard::expandExactly(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    OpBuilder builder(op);
    FailureOr<SmallVector<Value>> values = expand(builder, op);
    if (failed(values)) {
      return WalkResult::interrupt();
    }
    if (!values->empty()) {
      op->replaceAllUsesWith(*values);
      op->erase();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}
