//===- ScaledToPairs.cpp - Scaled tensors as data and exponent --*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Dialect/Scaled/Transforms/Passes.h"
#include "steelyard/Dialect/Scaled/Utils/FastAccumulate.h"
#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"

#include "llvm/ADT/TypeSwitch.h"

namespace steelyard {
#define GEN_PASS_DEF_SCALEDTOPAIRS
#include "steelyard/Dialect/Scaled/Transforms/Passes.h.inc"
} // namespace steelyard

using namespace mlir;
using namespace mlir::scaled;

namespace {

constexpr StringLiteral kScaleOf = "steelyard.scale_of",
                        kAlias = "tf.aliasing_output";

struct Pair {
  Value data, exponent;
};

class Expansion {
public:
  explicit Expansion(func::FuncOp function) : function(function) {}

  LogicalResult run() {
    if (failed(splitArguments())) {
      return failure();
    }
    if (failed(expandBlock(function.getBody().front()))) {
      return failure();
    }
    for (Operation *op : llvm::reverse(done)) {
      op->erase();
    }
    return success();
  }

private:
  LogicalResult expandBlock(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      // Before what is inside of it: it is erased after that.
      size_t position = done.size();
      FailureOr<bool> replaced = expand(&op);
      if (failed(replaced)) {
        return failure();
      }
      if (*replaced) {
        done.insert(done.begin() + position, &op);
      }
    }
    return success();
  }

  /// `allowsSlices`: where slices with exponents of their own may stand, in
  /// what only joins, splits and carries.
  static LogicalResult check(Location location, Type type,
                             bool allowsSlices = false) {
    auto scaled = dyn_cast<ScaledTensorType>(type);
    if (!scaled || scaled.isPerTensorExponent() ||
        (allowsSlices && scaled.getSliceDimension())) {
      return success();
    }
    return emitError(location)
           << type << " has no lowering "
           << (scaled.getSliceDimension()
                   ? "here: one exponent a slice is for what loops carry"
                   : "yet: one exponent a tensor, or a slice of what loops "
                     "carry, is what computes");
  }

  LogicalResult splitArguments() {
    Block &block = function.getBody().front();
    OpBuilder builder(function.getContext());
    builder.setInsertionPointToStart(&block);
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      auto type =
          dyn_cast<ScaledTensorType>(function.getArgumentTypes()[index]);
      if (!type) {
        continue;
      }
      if (failed(check(function.getLoc(), type))) {
        return failure();
      }
      auto exponentType = RankedTensorType::get({}, builder.getI32Type());
      auto attributes = builder.getDictionaryAttr(
          builder.getNamedAttr(kScaleOf, builder.getI64IntegerAttr(index)));
      if (failed(function.insertArgument(index + 1, exponentType, attributes,
                                         function.getLoc()))) {
        return failure();
      }
      BlockArgument argument = block.getArgument(index);
      // Uses keep the old type until they are visited.
      auto pack = PackOp::create(builder, function.getLoc(), type,
                                 block.getArgument(index),
                                 block.getArgument(index + 1));
      argument.replaceAllUsesExcept(pack.getResult(), pack);
      argument.setType(type.getDataType());
    }
    function.setFunctionType(FunctionType::get(function.getContext(),
                                               block.getArgumentTypes(),
                                               function.getResultTypes()));
    return success();
  }

  Pair parts(Value value) {
    if (auto it = pairs.find(value); it != pairs.end()) {
      return it->second;
    }
    return {};
  }

  Value widen(OpBuilder &b, Location loc, Value data) {
    auto type = cast<RankedTensorType>(data.getType()).clone(b.getF32Type());
    return data.getType() == type
               ? data
               : stablehlo::ConvertOp::create(b, loc, type, data).getResult();
  }

  FailureOr<bool> expand(Operation *op) {
    bool allowsSlices =
        isa<PackOp, UnpackOp, stablehlo::WhileOp, stablehlo::CaseOp,
            stablehlo::IfOp, stablehlo::ReturnOp>(op);
    for (Type type : llvm::concat<const Type>(op->getOperandTypes(),
                                              op->getResultTypes())) {
      if (failed(check(op->getLoc(), type, allowsSlices))) {
        return failure();
      }
    }
    OpBuilder b(op);
    return TypeSwitch<Operation *, FailureOr<bool>>(op)
        .Case<PackOp>([&](PackOp pack) {
          pairs[pack.getResult()] = {pack.getData(), pack.getScales().front()};
          return true;
        })
        .Case<UnpackOp>([&](UnpackOp unpack) {
          Pair pair = parts(unpack.getInput());
          unpack.getData().replaceAllUsesWith(pair.data);
          unpack.getScales().front().replaceAllUsesWith(pair.exponent);
          return true;
        })
        .Case<NormalizeOp>([&](NormalizeOp normalize) {
          Location loc = op->getLoc();
          Value k = AmaxExponentOp::create(b, loc, normalize.getData());
          Value magnitude =
              ConstantExponentOp::create(b, loc, normalize.getMagnitude());
          normalize.getResult().replaceAllUsesWith(
              moved(b, loc, normalize.getData(), magnitude, k));
          Value e = b.createOrFold<ExponentSubOp>(
              loc, k.getType(), normalize.getExponent(), magnitude);
          normalize.getResultExponent().replaceAllUsesWith(
              ExponentAddOp::create(b, loc, k.getType(), e, k));
          return true;
        })
        .Case<QuantizeOp>(
            [&](QuantizeOp quantize) { return expandQuantize(b, quantize); })
        .Case<DequantizeOp>([&](DequantizeOp dequantize) {
          Location loc = op->getLoc();
          Pair pair = parts(dequantize.getInput());
          Value zero = ConstantExponentOp::create(b, loc, 0);
          Value delta = ExponentDeltaOp::create(b, loc, zero.getType(),
                                                pair.exponent, zero);
          Value real =
              RescaleOp::create(b, loc, widen(b, loc, pair.data), delta);
          if (real.getType() != dequantize.getType()) {
            real = stablehlo::ConvertOp::create(b, loc, dequantize.getType(),
                                                real);
          }
          dequantize.getResult().replaceAllUsesWith(real);
          return true;
        })
        .Case<DotGeneralOp, ConvolutionOp>([&](auto contraction) {
          Pair l = parts(contraction.getLhs()), r = parts(contraction.getRhs());
          pairs[contraction.getResult()] = {
              contract(b, contraction, l.data, r.data),
              ExponentAddOp::create(b, op->getLoc(), l.exponent.getType(),
                                    l.exponent, r.exponent)};
          return true;
        })
        .Case<ObserveOp>([&](ObserveOp observe) {
          forward(observe.getInput(), observe.getResult());
          return true;
        })
        .Case<EdgeOp>([&](EdgeOp edge) { return expandEdge(b, edge); })
        .Case<func::ReturnOp>(
            [&](func::ReturnOp leave) { return splitResults(leave); })
        .Case<stablehlo::ReturnOp>([&](stablehlo::ReturnOp leave) {
          leave->setOperands(splitValues(leave->getOperands()));
          return false;
        })
        .Case<stablehlo::WhileOp, stablehlo::CaseOp, stablehlo::IfOp>(
            [&](Operation *op) { return expandRegions(b, op); })
        .Default([&](Operation *) -> FailureOr<bool> {
          auto isScaled = [](Type type) { return isa<ScaledTensorType>(type); };
          if (llvm::any_of(op->getOperandTypes(), isScaled) ||
              llvm::any_of(op->getResultTypes(), isScaled)) {
            return op->emitError() << "'" << op->getName()
                                   << "' on scaled tensors has no lowering";
          }
          return false;
        });
  }

  SmallVector<Value> splitValues(ValueRange values) {
    SmallVector<Value> split;
    for (Value value : values) {
      if (!isa<ScaledTensorType>(value.getType())) {
        split.push_back(value);
        continue;
      }
      Pair pair = parts(value);
      split.push_back(pair.data);
      split.push_back(pair.exponent);
    }
    return split;
  }

  static SmallVector<Type> splitTypes(TypeRange types) {
    SmallVector<Type> split;
    for (Type type : types) {
      auto scaled = dyn_cast<ScaledTensorType>(type);
      split.push_back(scaled ? Type(scaled.getDataType()) : type);
      if (scaled) {
        split.push_back(scaled.getScaleTypes().front());
      }
    }
    return split;
  }

  /// Each of the values has one or two others in its place.
  void joinValues(ValueRange values, ValueRange split) {
    for (Value value : values) {
      if (isa<ScaledTensorType>(value.getType())) {
        pairs[value] = {split[0], split[1]};
        split = split.drop_front(2);
      } else {
        value.replaceAllUsesWith(split[0]);
        split = split.drop_front();
      }
    }
  }

  FailureOr<bool> expandRegions(OpBuilder &b, Operation *op) {
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(splitValues(op->getOperands()));
    state.addTypes(splitTypes(op->getResultTypes()));
    state.addAttributes(op->getAttrs());
    for (unsigned index = 0; index < op->getNumRegions(); ++index) {
      state.addRegion();
    }
    Operation *created = b.create(state);
    for (auto [from, to] : llvm::zip(op->getRegions(), created->getRegions())) {
      Block &old = from.front();
      SmallVector<Type> types = splitTypes(old.getArgumentTypes());
      Block *block = b.createBlock(
          &to, {}, types, SmallVector<Location>(types.size(), op->getLoc()));
      block->getOperations().splice(block->end(), old.getOperations());
      joinValues(old.getArguments(), block->getArguments());
      if (failed(expandBlock(*block))) {
        return failure();
      }
    }
    joinValues(op->getResults(), created->getResults());
    return true;
  }

  void forward(Value from, Value to) {
    if (isa<ScaledTensorType>(to.getType())) {
      pairs[to] = parts(from);
    } else {
      to.replaceAllUsesWith(from);
    }
  }

  static Value contract(OpBuilder &b, DotGeneralOp dot, Value lhs, Value rhs) {
    auto numbers = stablehlo::DotDimensionNumbersAttr::get(
        dot.getContext(), dot.getLhsBatching(), dot.getRhsBatching(),
        dot.getLhsContracting(), dot.getRhsContracting());
    stablehlo::DotAlgorithmAttr algorithm;
    if (dot.getFastAccumulate()) {
      algorithm =
          fastAlgorithm(getElementTypeOrSelf(lhs), getElementTypeOrSelf(rhs));
    }
    return stablehlo::DotGeneralOp::create(
        b, dot.getLoc(), dot.getType().getDataType(), lhs, rhs, numbers,
        ArrayAttr(), algorithm);
  }

  static Value contract(OpBuilder &b, ConvolutionOp op, Value lhs, Value rhs) {
    auto convolution = stablehlo::ConvolutionOp::create(
        b, op.getLoc(), op.getType().getDataType(), lhs, rhs,
        op.getWindowStridesAttr(), op.getPaddingAttr(), op.getLhsDilationAttr(),
        op.getRhsDilationAttr(), op.getWindowReversalAttr(),
        op.getDimensionNumbers(), op.getFeatureGroupCountAttr(),
        op.getBatchGroupCountAttr(), /*precision_config=*/ArrayAttr());
    if (op.getFastAccumulate()) {
      convolution->setAttr(kFastAccumulateAttrName, b.getUnitAttr());
    }
    return convolution;
  }

  /// data × 2^-k
  static Value moved(OpBuilder &b, Location loc, Value data, Value from,
                     Value to) {
    Value delta = ExponentDeltaOp::create(b, loc, to.getType(), from, to);
    return RescaleOp::create(b, loc, data, delta);
  }

  static Value down(OpBuilder &b, Location loc, Value data, Value k) {
    return moved(b, loc, data, ConstantExponentOp::create(b, loc, 0), k);
  }

  static bool isDouble(Value value) {
    return getElementTypeOrSelf(value).isF64();
  }

  /// What is finite in `data` is at most `largest` in `scaled`, also where the
  /// rescale or the conversion to float32 overflowed; infinities and NaN stay.
  static Value saturateFinite(OpBuilder &b, Location loc, Value data,
                              Value scaled, double largest) {
    auto type = cast<RankedTensorType>(scaled.getType());
    auto bound = [&](double value) -> Value {
      auto single = RankedTensorType::get({}, type.getElementType());
      return stablehlo::ConstantOp::create(
          b, loc,
          DenseElementsAttr::get(single,
                                 b.getFloatAttr(type.getElementType(), value)));
    };
    Value clamped = stablehlo::ClampOp::create(b, loc, type, bound(-largest),
                                               scaled, bound(largest));
    Value isFinite =
        stablehlo::IsFiniteOp::create(b, loc, type.clone(b.getI1Type()), data);
    return stablehlo::SelectOp::create(b, loc, type, isFinite, clamped, scaled);
  }

  FailureOr<bool> expandQuantize(OpBuilder &b, QuantizeOp quantize) {
    Location loc = quantize.getLoc();
    ScaledTensorType type = quantize.getType();
    FormatAttr format = type.getFormat();
    if (auto element = dyn_cast<FloatType>(type.getElementType())) {
      format = getFormatOf(element);
    }
    if (!format) {
      return quantize.emitError()
             << "quantize to " << type.getElementType() << " has no lowering";
    }
    Value data = quantize.getInput(), exponent;
    if (isa<ScaledTensorType>(data.getType())) {
      Pair pair = parts(data);
      data = pair.data;
      exponent = pair.exponent;
    }
    Value given = data;
    data = widen(b, loc, data);
    auto cast = [&](Value scaled) -> Value {
      if (quantize.getSaturate()) {
        scaled = saturateFinite(
            b, loc, isDouble(given) ? given : data, scaled,
            std::ldexp(getLargest(format).first, getLargest(format).second));
      }
      return CastOp::create(b, loc, type.getDataType(), scaled,
                            quantize.getRandom(), quantize.getRounding(),
                            /*saturate=*/false, FormatAttr(), type.getFormat());
    };
    if (Value chosen = quantize.getExponent()) {
      if (!exponent) {
        exponent = ConstantExponentOp::create(b, loc, 0);
      }
      Value delta =
          ExponentDeltaOp::create(b, loc, chosen.getType(), exponent, chosen);
      pairs[quantize.getResult()] = {
          cast(RescaleOp::create(b, loc, data, delta)), chosen};
      return true;
    }
    auto [significand, largest] = getLargest(format);
    auto k = AmaxExponentOp::create(b, loc, data);
    k.setSignificandLimitAttr(b.getF64FloatAttr(significand));
    Value offset =
        ConstantExponentOp::create(b, loc, largest - quantize.getMargin());
    Value e = ExponentSubOp::create(b, loc, k.getType(), k, offset);
    pairs[quantize.getResult()] = {
        cast(down(b, loc, data, e)),
        exponent ? ExponentAddOp::create(b, loc, e.getType(), exponent, e)
                       .getResult()
                 : e};
    return true;
  }

  FailureOr<bool> expandEdge(OpBuilder &b, EdgeOp edge) {
    if (isa<ScaledTensorType>(edge.getType())) {
      return edge.emitError("an edge on scaled tensors has no lowering; run "
                            "-scalify after unit scaling");
    }
    Location loc = edge.getLoc();
    auto type = cast<RankedTensorType>(edge.getType());
    auto factor = DenseElementsAttr::get(
        type, b.getFloatAttr(type.getElementType(),
                             edge.getForward().convertToDouble()));
    Value constant = stablehlo::ConstantOp::create(b, loc, factor);
    edge.getResult().replaceAllUsesWith(
        stablehlo::MultiplyOp::create(b, loc, type, edge.getInput(), constant));
    return true;
  }

  FailureOr<bool> splitResults(func::ReturnOp leave) {
    Builder builder(function.getContext());
    SmallVector<Value> operands;
    SmallVector<Attribute> attributes;
    SmallVector<int64_t> newIndex;
    for (auto [index, value] : llvm::enumerate(leave.getOperands())) {
      newIndex.push_back(operands.size());
      DictionaryAttr own = function.getResultAttrDict(index);
      attributes.push_back(own ? own : builder.getDictionaryAttr({}));
      if (!isa<ScaledTensorType>(value.getType())) {
        operands.push_back(value);
        continue;
      }
      Pair pair = parts(value);
      attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
          kScaleOf, builder.getI64IntegerAttr(operands.size()))));
      operands.push_back(pair.data);
      operands.push_back(pair.exponent);
    }
    leave->setOperands(operands);
    SmallVector<Type> types = llvm::map_to_vector(
        operands, [](Value value) { return value.getType(); });
    function.setFunctionType(FunctionType::get(
        function.getContext(), function.getArgumentTypes(), types));
    function.setResAttrsAttr(builder.getArrayAttr(attributes));
    // Aliases follow their results; an exponent goes with its data.
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      auto alias = function.getArgAttrOfType<IntegerAttr>(index, kAlias);
      if (!alias || alias.getInt() >= static_cast<int64_t>(newIndex.size())) {
        continue;
      }
      int64_t target = newIndex[alias.getInt()];
      function.setArgAttr(index, kAlias, builder.getI32IntegerAttr(target));
      bool pairedArgument = index + 1 < function.getNumArguments() &&
                            function.getArgAttr(index + 1, kScaleOf);
      bool pairedResult = target + 1 < static_cast<int64_t>(types.size()) &&
                          function.getResultAttr(target + 1, kScaleOf);
      if (pairedArgument && pairedResult) {
        function.setArgAttr(index + 1, kAlias,
                            builder.getI32IntegerAttr(target + 1));
        ++index;
      }
    }
    return false;
  }

  func::FuncOp function;
  DenseMap<Value, Pair> pairs;
  SmallVector<Operation *> done;
};

/// Attributes that only a user writes.
bool isUsers(Operation *op, StringRef name) {
  return op->getDiscardableAttr(name) || name == "arg_attrs" ||
         name == "res_attrs";
}

/// No scaled type in operands, results, block arguments or attributes.
LogicalResult verifyNone(ModuleOp module) {
  AttrTypeWalker walker;
  walker.addWalk([](ScaledTensorType) { return WalkResult::interrupt(); });
  WalkResult result = module.walk([&](Operation *op) {
    bool found = false;
    for (NamedAttribute attribute : op->getAttrs()) {
      if (!walker.walk(attribute.getValue()).wasInterrupted()) {
        continue;
      }
      if (isUsers(op, attribute.getName())) {
        op->emitError() << "attribute '" << attribute.getName().getValue()
                        << "' holds a scaled type, which has no meaning to "
                           "what runs; remove it";
        return WalkResult::interrupt();
      }
      found = true;
    }
    for (Type type : llvm::concat<const Type>(op->getOperandTypes(),
                                              op->getResultTypes())) {
      found |= walker.walk(type).wasInterrupted();
    }
    if (found) {
      op->emitError("a scaled tensor is left; this is a fault of the compiler");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

struct ScaledToPairs : steelyard::impl::ScaledToPairsBase<ScaledToPairs> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isExternal() && failed(Expansion(function).run())) {
        return signalPassFailure();
      }
    }
    if (failed(verifyNone(getOperation()))) {
      signalPassFailure();
    }
  }
};

} // namespace
