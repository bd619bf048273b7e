//===- ControlFlow.cpp - Scale rules of loops and branches ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kCarried[] =
    "carried with the data: each trip's own; of stacks that are written a "
    "slice a trip, one exponent a slice";
constexpr char kBranch[] = "the chosen branch's";

/// The operation with these operands, its regions rewritten. The arguments of
/// their blocks have the operands' types, if there are any.
LogicalResult rewriteRegions(Operation *op, ScaleRewriter &rw,
                             ValueRange operands, TypeRange arguments,
                             TypeRange results) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addAttributes(op->getAttrs());
  state.addTypes(results);
  for (unsigned index = 0; index < op->getNumRegions(); ++index) {
    state.addRegion();
  }
  Operation *created = rw.builder().create(state);
  for (auto [from, to] : llvm::zip(op->getRegions(), created->getRegions())) {
    if (failed(rw.region(from, to, arguments))) {
      return failure();
    }
  }
  for (OpResult result : created->getResults()) {
    rw.carriedResult(result.getResultNumber(), result);
  }
  return success();
}

/// Every reader of the value, but for `writer`, reads single slices of it.
bool isReadBySlices(Value value, int64_t dimension, Operation *writer) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    return user == writer ||
           (isa<DynamicSliceOp, SliceOp>(user) &&
            cast<RankedTensorType>(user->getResult(0).getType())
                    .getDimSize(dimension) == 1);
  });
}

/// The dimension along which a loop writes what it carries as scan does what it
/// stacks: by updates of one whole slice, each reader reading one slice.
std::optional<int64_t> stackDimension(WhileOp loop, unsigned index) {
  BlockArgument before = loop.getBody().getArgument(index);
  Operation *writer = loop.getBody().front().getTerminator();
  Value after = writer->getOperand(index);
  if (after == before || llvm::count(writer->getOperands(), after) != 1) {
    return std::nullopt;
  }
  std::optional<int64_t> dimension;
  while (after != before) {
    auto update = after.getDefiningOp<DynamicUpdateSliceOp>();
    if (!update) {
      return std::nullopt;
    }
    std::optional<int64_t> own = updatedSlice(update);
    if (!own || (dimension && own != dimension) ||
        !isReadBySlices(after, *own, writer)) {
      return std::nullopt;
    }
    dimension = own;
    writer = update;
    after = update.getOperand();
  }
  // Also the condition reads it.
  bool isStack = llvm::is_contained(writer->getOperands().drop_front(), before)
                     ? false
                     : isReadBySlices(before, *dimension, writer) &&
                           isReadBySlices(loop.getCond().getArgument(index),
                                          *dimension, nullptr);
  return isStack ? dimension : std::nullopt;
}

LogicalResult loop(Operation *op, ScaleRewriter &rw) {
  SmallVector<Value> operands;
  for (unsigned index = 0; index < op->getNumOperands(); ++index) {
    operands.push_back(
        rw.carried(index, stackDimension(cast<WhileOp>(op), index)));
  }
  TypeRange types = ValueRange(operands).getTypes();
  return rewriteRegions(op, rw, operands, types, types);
}

LogicalResult branches(Operation *op, ScaleRewriter &rw) {
  SmallVector<Type> results = llvm::map_to_vector(
      op->getResultTypes(), [&](Type type) { return rw.carriedType(type); });
  return rewriteRegions(op, rw, rw.plain(0), {}, results);
}

} // namespace

void steelyard::attachControlFlowRules(MLIRContext &context) {
  WhileOp::attachInterface<ScaleModel<WhileOp, loop, kCarried>>(context);
  CaseOp::attachInterface<ScaleModel<CaseOp, branches, kBranch>>(context);
  IfOp::attachInterface<ScaleModel<IfOp, branches, kBranch>>(context);
}
