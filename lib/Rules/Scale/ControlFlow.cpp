//===- ControlFlow.cpp - Scale rules of loops and branches ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kCarried[] = "carried with the data: each trip's own";
constexpr char kBranch[] = "the chosen branch's";

/// The operation with these operands, its regions rewritten. The arguments of
/// their blocks have the operands' types, if there are any.
LogicalResult rewriteRegions(Operation *op, ScaleRewriter &rw,
                             ValueRange operands, TypeRange arguments) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addAttributes(op->getAttrs());
  for (Type type : op->getResultTypes()) {
    state.addTypes(rw.carriedType(type));
  }
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

LogicalResult loop(Operation *op, ScaleRewriter &rw) {
  SmallVector<Value> operands;
  for (unsigned index = 0; index < op->getNumOperands(); ++index) {
    operands.push_back(rw.carried(index));
  }
  return rewriteRegions(op, rw, operands, ValueRange(operands).getTypes());
}

LogicalResult branches(Operation *op, ScaleRewriter &rw) {
  return rewriteRegions(op, rw, rw.plain(0), {});
}

} // namespace

void steelyard::attachControlFlowRules(MLIRContext &context) {
  WhileOp::attachInterface<ScaleModel<WhileOp, loop, kCarried>>(context);
  CaseOp::attachInterface<ScaleModel<CaseOp, branches, kBranch>>(context);
  IfOp::attachInterface<ScaleModel<IfOp, branches, kBranch>>(context);
}
