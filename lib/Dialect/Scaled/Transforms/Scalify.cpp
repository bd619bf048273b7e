//===- Scalify.cpp - A scale for every float tensor -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Dialect/Scaled/Utils/StepState.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mlir/Transforms/RegionUtils.h"

#include "NonNegative.h"
#include "ScalifyRewriter.h"
#include "Spread.h"

namespace steelyard {
#define GEN_PASS_DEF_SCALIFY
#include "steelyard/Dialect/Scaled/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::scaled;
using namespace steelyard;

namespace {

constexpr StringLiteral kUserType = "steelyard.user_type";
constexpr StringLiteral kForm = "steelyard.state_form";

bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

bool touchesFloats(Operation *op) {
  WalkResult result = op->walk([](Operation *inside) {
    return llvm::any_of(inside->getOperandTypes(), isFloatTensor) ||
                   llvm::any_of(inside->getResultTypes(), isFloatTensor)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return result.wasInterrupted();
}

struct Options {
  FloatType storage;
  bool scaledState;
  bool rootsOfSecondMoments;
  /// The first key of stochastic rounding; none: to nearest.
  std::optional<int64_t> seed;
};

/// One function.
class Walk {
public:
  Walk(func::FuncOp function, const Options &options)
      : function(function), options(options), storage(options.storage),
        blockVisitor([this](Block &block) { return visitBlock(block); }) {}
  Walk(const Walk &) = delete;
  Walk &operator=(const Walk &) = delete;

  LogicalResult run() {
    Block &block = function.getBody().front();
    SmallVector<Operation *> operations =
        llvm::map_to_vector(block, [](Operation &op) { return &op; });
    findState();
    bool rounds = llvm::any_of(stateArguments, [&](unsigned index) {
      return isRounded(function.getArgumentTypes()[index]);
    });
    if (options.seed && rounds) {
      addRoundingKey();
    }
    enterArguments(block, operations.front());
    if (failed(visitAll(operations))) {
      return failure();
    }
    for (Operation *op : llvm::reverse(replaced)) {
      if (op->use_empty()) {
        op->erase();
      }
    }
    function.setFunctionType(
        FunctionType::get(function.getContext(), block.getArgumentTypes(),
                          block.getTerminator()->getOperandTypes()));
    return success();
  }

private:
  LogicalResult visitAll(ArrayRef<Operation *> operations) {
    for (Operation *op : operations) {
      if (auto leave = dyn_cast<func::ReturnOp>(op)) {
        returnValues(leave);
        continue;
      }
      // Before what is inside of it: it is erased after that.
      replaced.push_back(op);
      if (auto leave = dyn_cast<stablehlo::ReturnOp>(op)) {
        passOn(leave);
      } else if (failed(visit(op))) {
        return failure();
      }
    }
    return success();
  }

  LogicalResult visitBlock(Block &block) {
    return visitAll(
        llvm::map_to_vector(block, [](Operation &op) { return &op; }));
  }

  ScalifyRewriter rewriterAt(Operation *op) {
    return {op, storage, values, blockVisitor};
  }

  /// The end of a region.
  void passOn(stablehlo::ReturnOp leave) {
    ScalifyRewriter rewriter = rewriterAt(leave);
    // A condition's truth is all that it passes on, and no result.
    Operation *around = leave->getParentOp();
    auto dimensionOf = [&](unsigned index) -> std::optional<int64_t> {
      auto type =
          index < around->getNumResults()
              ? dyn_cast<ScaledTensorType>(around->getResult(index).getType())
              : ScaledTensorType();
      return type ? type.getSliceDimension() : std::nullopt;
    };
    SmallVector<Value> passed;
    for (unsigned index = 0; index < leave->getNumOperands(); ++index) {
      passed.push_back(rewriter.carried(index, dimensionOf(index)));
    }
    stablehlo::ReturnOp::create(rewriter.builder(), leave.getLoc(), passed);
  }

  bool isRounded(Type type) const {
    return storageOf(cast<RankedTensorType>(type), storage) == storage;
  }

  void findState() {
    stateResults.assign(function.getNumResults(), false);
    for (unsigned index = 0;
         options.scaledState && index < function.getNumArguments(); ++index) {
      auto alias =
          function.getArgAttrOfType<IntegerAttr>(index, "tf.aliasing_output");
      bool isState =
          alias && alias.getInt() < static_cast<int64_t>(stateResults.size()) &&
          isFloatTensor(function.getArgumentTypes()[index]) &&
          isFloatTensor(function.getResultTypes()[alias.getInt()]);
      if (isState) {
        stateArguments.insert(index);
        stateResults[alias.getInt()] = true;
        auto leave =
            cast<func::ReturnOp>(function.getBody().front().getTerminator());
        Value next = leave.getOperand(alias.getInt());
        stateValues.insert(next);
        BlockArgument argument = function.getArgument(index);
        // Scalars keep their bits and don't need the room.
        if (options.rootsOfSecondMoments && isRounded(argument.getType()) &&
            next != argument && !isa<BlockArgument>(next) &&
            joinsSquares(next) && isNonNegative(next, argument)) {
          next.getDefiningOp()->emitRemark()
              << "argument " << index
              << " is kept as its square root: it averages squares, and is "
                 "never negative if it is not to begin with";
          rootArguments.insert(index);
          rootResults.insert(next);
        }
      }
    }
    findSecondMomentsOfUser();
  }

  /// Averages of squares that stay in the user's type between calls: twice as
  /// many powers of two apart as storage is made for, and in memory anyway.
  void findSecondMomentsOfUser() {
    auto leave =
        cast<func::ReturnOp>(function.getBody().front().getTerminator());
    for (auto [index, next] : llvm::enumerate(leave.getOperands())) {
      if (stateResults[index] || isa<BlockArgument>(next) ||
          !isFloatTensor(next.getType()) || !isRounded(next.getType()) ||
          !joinsSquares(next) || isNonNegative(next, {})) {
        continue;
      }
      for (BlockArgument argument : function.getArguments()) {
        if (argument.getType() == next.getType() &&
            !stateArguments.contains(argument.getArgNumber()) &&
            isNonNegative(next, argument)) {
          next.getDefiningOp()->emitRemark()
              << "argument " << argument.getArgNumber()
              << " averages squares, which spread over more powers of two than "
              << storage << " has: it is read, and result " << index
              << " written, in float32";
          wideArguments.insert(argument.getArgNumber());
          wideResults.insert(next);
        }
      }
    }
  }

  void addRoundingKey() {
    Builder builder(function.getContext());
    auto initial =
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()),
                               APInt(64, *options.seed, /*isSigned=*/true));
    roundingKey = addStepState(function, "scalify.rounding_key", initial);
    stateResults.push_back(false);
  }

  void enterArguments(Block &block, Operation *first) {
    ScalifyRewriter rewriter = rewriterAt(first);
    for (BlockArgument argument : block.getArguments()) {
      if (!isFloatTensor(argument.getType())) {
        values[argument] = {{}, argument, {}, false, false};
        continue;
      }
      unsigned index = argument.getArgNumber();
      if (!stateArguments.contains(index)) {
        values[argument] =
            rewriter.enter(argument, wideArguments.contains(index));
        continue;
      }
      auto type = cast<RankedTensorType>(argument.getType());
      function.setArgAttr(index, kUserType, TypeAttr::get(type));
      // Uses keep seeing the user's type until they are visited.
      OpBuilder builder(first);
      auto user = UnrealizedConversionCastOp::create(builder, function.getLoc(),
                                                     type, argument);
      argument.replaceAllUsesExcept(user.getResult(0), user);
      argument.setType(
          ScaledTensorType::get(type.getShape(), storageOf(type, storage)));
      replaced.push_back(user);
      // State comes back as it left, so nothing but storage bounds it.
      if (rootArguments.contains(index)) {
        function.setArgAttr(index, kForm, builder.getStringAttr("root"));
        values[user.getResult(0)] = rewriter.square(argument);
        continue;
      }
      values[user.getResult(0)] = {argument,
                                   {},
                                   AmaxRange::unknown(),
                                   type.getNumElements() == 1,
                                   false};
    }
  }

  /// Says what rounding to nearest does to slow averages.
  void remarkOnRounding(func::ReturnOp leave) {
    SmallVector<Value> rounded;
    for (auto [value, isState] :
         llvm::zip_equal(leave.getOperands(), stateResults)) {
      if (isState && !isa<BlockArgument>(value) && isRounded(value.getType())) {
        rounded.push_back(value);
      }
    }
    if (rounded.empty() || roundingKey) {
      return;
    }
    unsigned bits = storage.getFPMantissaWidth();
    rounded.front().getDefiningOp()->emitRemark()
        << rounded.size() << " donated tensor(s), this the first, are kept in "
        << storage << " and rounded to nearest: updates of less than 2^-"
        << bits
        << " of an element are lost, and slow averages stand still; "
           "state-rounding=stochastic keeps their mean";
  }

  void returnValues(func::ReturnOp leave) {
    remarkOnRounding(leave);
    ScalifyRewriter rewriter = rewriterAt(leave);
    for (OpOperand &operand : leave->getOpOperands()) {
      const ScalifiedValue value = values.lookup(operand.get());
      if (!value.scaled) {
        operand.set(value.plain);
        continue;
      }
      auto type = cast<RankedTensorType>(operand.get().getType());
      if (stateResults[operand.getOperandNumber()]) {
        const ScalifiedValue &state =
            rewriter.single(operand.getOperandNumber());
        function.setResultAttr(operand.getOperandNumber(), kUserType,
                               TypeAttr::get(type));
        bool isRoot = rootResults.contains(operand.get());
        if (isRoot) {
          function.setResultAttr(
              operand.getOperandNumber(), kForm,
              StringAttr::get(function.getContext(), "root"));
        }
        StateRounding rounding{roundingKey, operand.getOperandNumber()};
        operand.set(isRoot ? rewriter.root(state, rounding)
                           : rewriter.keep(state, rounding));
      } else {
        operand.set(rewriter.leave(value, type));
      }
    }
    if (roundingKey) {
      OpBuilder builder(leave);
      Location location = function.getLoc();
      auto type = cast<RankedTensorType>(roundingKey.getType());
      Value one = stablehlo::ConstantOp::create(
          builder, location, DenseElementsAttr::get(type, APInt(64, 1)));
      setNextStepState(
          roundingKey,
          stablehlo::AddOp::create(builder, location, type, roundingKey, one));
    }
  }

  LogicalResult visit(Operation *op) {
    if (!touchesFloats(op)) {
      Operation *kept =
          rebuild(op, [&](Value value) { return values.lookup(value).plain; });
      for (auto [from, to] : llvm::zip(op->getResults(), kept->getResults())) {
        values[from] = {{}, to, {}, false, false};
      }
      return success();
    }
    auto rule = dyn_cast<ScalePropagationOpInterface>(op);
    ScalifyRewriter rewriter = rewriterAt(op);
    if (llvm::any_of(op->getResults(), [&](Value result) {
          return rootResults.contains(result) || wideResults.contains(result) ||
                 (roundingKey && stateValues.contains(result));
        })) {
      rewriter.keepWide();
    }
    if (spreads(op,
                [&](Value value) { return values.lookup(value).isSpread; })) {
      rewriter.spread();
    }
    if (rule && succeeded(rule.propagateScale(rewriter))) {
      return success();
    }
    return computeOnRealValues(op, rewriter,
                               rule && rule.hasScaleRule()
                                   ? "its scale rule does not cover this form"
                                   : "it has no scale rule");
  }

  /// The operation with other operands, its regions copied: what these read
  /// from outside is replaced as well.
  static Operation *rebuild(Operation *op,
                            llvm::function_ref<Value(Value)> replacementOf) {
    llvm::SetVector<Value> read(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), read);
    IRMapping mapping;
    for (Value value : read) {
      mapping.map(value, replacementOf(value));
    }
    OpBuilder builder(op);
    return builder.clone(*op, mapping);
  }

  LogicalResult computeOnRealValues(Operation *op, ScalifyRewriter &rewriter,
                                    StringRef reason) {
    // What it stands for may be read from constants' types: the clone has the
    // user's own types.
    Operation *kept = rebuild(op, [&](Value read) -> Value {
      const ScalifiedValue value = values.lookup(read);
      return value.scaled
                 ? rewriter.leave(value, cast<RankedTensorType>(read.getType()))
                 : value.plain;
    });
    op->emitRemark() << "'" << op->getName()
                     << "' is computed on real values: " << reason;
    for (auto [from, to] : llvm::zip(op->getResults(), kept->getResults())) {
      values[from] = isFloatTensor(from.getType())
                         ? rewriter.enter(to)
                         : ScalifiedValue{{}, to, {}, false, false};
    }
    return success();
  }

  func::FuncOp function;
  Options options;
  FloatType storage;
  std::function<LogicalResult(Block &)> blockVisitor;
  ScalifiedValues values;
  llvm::SmallDenseSet<unsigned> stateArguments;
  SmallVector<bool> stateResults;
  llvm::SmallDenseSet<Value> stateValues;
  /// Null where state is rounded to nearest.
  BlockArgument roundingKey;
  /// State that is kept as its square root, and the values that become it.
  llvm::SmallDenseSet<unsigned> rootArguments;
  llvm::SmallDenseSet<Value> rootResults;
  /// The same in the user's types.
  llvm::SmallDenseSet<unsigned> wideArguments;
  llvm::SmallDenseSet<Value> wideResults;
  SmallVector<Operation *> replaced;
};

struct Scalify : steelyard::impl::ScalifyBase<Scalify> {
  using ScalifyBase::ScalifyBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    FloatType type = storage == "f16"    ? FloatType(builder.getF16Type())
                     : storage == "bf16" ? FloatType(builder.getBF16Type())
                                         : FloatType();
    if (!type) {
      module.emitError() << "scalify: storage is f16 or bf16, got '" << storage
                         << "'";
      return signalPassFailure();
    }
    if (state != "user" && state != "scaled") {
      module.emitError() << "scalify: state is user or scaled, got '" << state
                         << "'";
      return signalPassFailure();
    }
    if (stateRounding != "nearest" && stateRounding != "stochastic") {
      module.emitError()
          << "scalify: state-rounding is nearest or stochastic, got '"
          << stateRounding << "'";
      return signalPassFailure();
    }
    if (secondMoments != "root" && secondMoments != "value") {
      module.emitError() << "scalify: second-moments is root or value, got '"
                         << secondMoments << "'";
      return signalPassFailure();
    }
    Options options{type, state == "scaled", secondMoments == "root",
                    std::nullopt};
    if (stateRounding == "stochastic") {
      options.seed = seed;
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal()) {
        continue;
      }
      if (!function.getBody().hasOneBlock()) {
        function.emitError(
            "scalify works on functions of one block; run -normalise first");
        return signalPassFailure();
      }
      if (failed(Walk(function, options).run())) {
        return signalPassFailure();
      }
    }
    OpPassManager cleanup(ModuleOp::getOperationName());
    cleanup.addPass(createCanonicalizerPass());
    cleanup.addPass(createCSEPass());
    if (failed(runPipeline(cleanup, module))) {
      signalPassFailure();
    }
  }
};

} // namespace
