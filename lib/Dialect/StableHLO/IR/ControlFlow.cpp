//===- ControlFlow.cpp - while, case, if ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::stablehlo;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// (%arg = %operand, ...) : types cond { ... } do { ... }; both regions name
/// their arguments alike.
ParseResult WhileOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<OpAsmParser::Argument> arguments;
  SMLoc location = parser.getCurrentLocation();
  auto parsePair = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parsePair)) {
    return failure();
  }
  if (!operands.empty() && parser.parseColonTypeList(result.types)) {
    return failure();
  }
  if (parser.resolveOperands(operands, result.types, location,
                             result.operands)) {
    return failure();
  }
  for (auto [argument, type] : llvm::zip_equal(arguments, result.types)) {
    argument.type = type;
  }
  return failure(parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
                 parser.parseKeyword("cond") ||
                 parser.parseRegion(*result.addRegion(), arguments) ||
                 parser.parseKeyword("do") ||
                 parser.parseRegion(*result.addRegion(), arguments));
}

void WhileOp::print(OpAsmPrinter &printer) {
  printer << '(';
  llvm::interleaveComma(
      llvm::zip_equal(getBody().getArguments(), getOperands()), printer,
      [&](auto pair) {
        printer.printOperand(std::get<0>(pair));
        printer << " = ";
        printer.printOperand(std::get<1>(pair));
      });
  printer << ')';
  if (getNumOperands() > 0) {
    printer << " : ";
    llvm::interleaveComma(getOperandTypes(), printer);
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer.printNewline();
  printer << "cond ";
  printer.printRegion(getCond(), /*printEntryBlockArgs=*/false);
  printer << " do ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void WhileOp::getAsmBlockArgumentNames(Region &region,
                                       OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments()) {
    setName(argument, "iterArg");
  }
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

/// The region takes and returns values of these types.
static LogicalResult verifyRegion(Operation *op, Region &region,
                                  const Twine &name, TypeRange arguments,
                                  TypeRange results) {
  if (region.getArgumentTypes() != arguments) {
    return op->emitOpError()
           << "the " << name << " takes (" << arguments << "), got ("
           << TypeRange(region.getArgumentTypes()) << ")";
  }
  TypeRange returned = region.front().getTerminator()->getOperandTypes();
  if (returned != results) {
    return op->emitOpError() << "the " << name << " returns (" << results
                             << "), got (" << returned << ")";
  }
  return success();
}

LogicalResult WhileOp::verifyRegions() {
  if (getOperandTypes() != getResultTypes()) { // (C3)
    return emitOpError("results have the operands' types");
  }
  auto pred =
      RankedTensorType::get({}, IntegerType::get(getContext(), /*width=*/1));
  if (failed(verifyRegion(*this, getCond(), "condition", getOperandTypes(),
                          Type(pred)))) { // (C1)
    return failure();
  }
  return verifyRegion(*this, getBody(), "body", getOperandTypes(),
                      getOperandTypes()); // (C2)
}

LogicalResult CaseOp::verify() {
  if (getBranches().empty()) { // (C1)
    return emitOpError("has no branches");
  }
  if (cast<ShapedType>(getIndex().getType()).getRank() != 0) { // (I1)
    return emitOpError() << "the index has rank 0, got "
                         << getIndex().getType();
  }
  return success();
}

LogicalResult CaseOp::verifyRegions() {
  for (auto [index, branch] : llvm::enumerate(getBranches())) { // (C2) - (C4)
    if (failed(verifyRegion(*this, branch, "branch " + Twine(index),
                            TypeRange(), getResultTypes()))) {
      return failure();
    }
  }
  return success();
}

LogicalResult IfOp::verify() {
  if (cast<ShapedType>(getPred().getType()).getRank() != 0) { // (I1)
    return emitOpError() << "the predicate has rank 0, got "
                         << getPred().getType();
  }
  return success();
}

LogicalResult IfOp::verifyRegions() {
  if (failed(verifyRegion(*this, getTrueBranch(), "true branch", TypeRange(),
                          getResultTypes()))) { // (C1) - (C3)
    return failure();
  }
  return verifyRegion(*this, getFalseBranch(), "false branch", TypeRange(),
                      getResultTypes());
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

namespace {

/// The region's operations in place of the operation.
void inlineRegion(PatternRewriter &rewriter, Operation *op, Region &region) {
  Block *block = &region.front();
  auto leave = cast<ReturnOp>(block->getTerminator());
  SmallVector<Value> results(leave.getResults());
  rewriter.eraseOp(leave);
  rewriter.inlineBlockBefore(block, op);
  rewriter.replaceOp(op, results);
}

struct InlineCase : OpRewritePattern<CaseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CaseOp op,
                                PatternRewriter &rewriter) const override {
    APInt index;
    int64_t last = op.getBranches().size() - 1, chosen = last;
    if (matchPattern(op.getIndex(), m_ConstantInt(&index))) {
      int64_t value = index.getSExtValue();
      chosen = value < 0 || value > last ? last : value;
    } else if (last > 0) {
      return failure();
    }
    inlineRegion(rewriter, op, op.getBranches()[chosen]);
    return success();
  }
};

struct InlineIf : OpRewritePattern<IfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IfOp op,
                                PatternRewriter &rewriter) const override {
    APInt pred;
    if (!matchPattern(op.getPred(), m_ConstantInt(&pred))) {
      return failure();
    }
    inlineRegion(rewriter, op,
                 pred.isZero() ? op.getFalseBranch() : op.getTrueBranch());
    return success();
  }
};

/// Carried values that never change are what they were before the loop; those
/// that nothing reads are not carried.
struct CarryLess : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op,
                                PatternRewriter &rewriter) const override {
    Block &cond = op.getCond().front(), &body = op.getBody().front();
    auto next = cast<ReturnOp>(body.getTerminator());
    llvm::BitVector dropped(op.getNumOperands());
    for (unsigned index = 0; index < op.getNumOperands(); ++index) {
      BlockArgument argument = body.getArgument(index);
      bool isInvariant = next.getOperand(index) == argument;
      bool isDead = op.getResult(index).use_empty() &&
                    cond.getArgument(index).use_empty() && argument.use_empty();
      if (!isInvariant && !isDead) {
        continue;
      }
      Value before = op->getOperand(index);
      rewriter.replaceAllUsesWith(cond.getArgument(index), before);
      rewriter.replaceAllUsesWith(argument, before);
      if (isInvariant) {
        rewriter.replaceAllUsesWith(op.getResult(index), before);
      }
      dropped.set(index);
    }
    if (dropped.none()) {
      return failure();
    }
    SmallVector<Value> operands, results;
    for (unsigned index = 0; index < op.getNumOperands(); ++index) {
      if (!dropped.test(index)) {
        operands.push_back(op->getOperand(index));
      }
    }
    rewriter.modifyOpInPlace(next, [&] { next->eraseOperands(dropped); });
    auto smaller =
        WhileOp::create(rewriter, op.getLoc(), ValueRange(operands).getTypes(),
                        operands, op->getAttrs());
    for (auto [from, to] : llvm::zip(op->getRegions(), smaller->getRegions())) {
      rewriter.modifyOpInPlace(
          op, [&, &from = from] { from.front().eraseArguments(dropped); });
      rewriter.inlineRegionBefore(from, to, to.end());
    }
    for (unsigned index = 0, kept = 0; index < op.getNumResults(); ++index) {
      results.push_back(dropped.test(index) ? op->getOperand(index)
                                            : smaller.getResult(kept++));
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// A loop whose condition is constantly false.
struct NeverEntered : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op,
                                PatternRewriter &rewriter) const override {
    APInt again;
    if (!matchPattern(op.getCond().front().getTerminator()->getOperand(0),
                      m_ConstantInt(&again)) ||
        !again.isZero()) {
      return failure();
    }
    rewriter.replaceOp(op, op.getOperands());
    return success();
  }
};

} // namespace

void CaseOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<InlineCase>(context);
}

void IfOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                       MLIRContext *context) {
  patterns.add<InlineIf>(context);
}

void WhileOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *context) {
  patterns.add<CarryLess, NeverEntered>(context);
}
