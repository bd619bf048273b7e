//===- Reductions.cpp - Scale rules of reductions ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

bool isFloat(Type type) { return isa<FloatType>(getElementTypeOrSelf(type)); }

/// True for constants of zeros, infinities and NaN: any scale leaves them.
bool isScaleFree(Value value) {
  DenseFPElementsAttr constant;
  return matchPattern(value, m_Constant(&constant)) &&
         llvm::all_of(constant, [](const APFloat &number) {
           return number.isZero() || !number.isFinite();
         });
}

/// How a region that joins elements treats their scale: every float in it has
/// the scale of one of the inputs, and comparisons are between such.
class ScaledRegion {
public:
  /// Arguments are accumulators of `count` inputs, then their elements.
  ScaledRegion(Region &region, size_t count) {
    Block &block = region.front();
    for (BlockArgument argument : block.getArguments()) {
      if (isFloat(argument.getType())) {
        inputOf[argument] = argument.getArgNumber() % count;
      }
    }
    isHomogeneous =
        llvm::all_of(block.without_terminator(),
                     [&](Operation &op) { return visit(&op); }) &&
        llvm::all_of(
            block.getTerminator()->getOpOperands(), [&](OpOperand &result) {
              return keepsInput(result.get(), result.getOperandNumber());
            });
  }

  /// f(a × s, b × s) = f(a, b) × s, for each input its own s.
  bool isHomogeneous;
  /// Results are sums, not elements as they were.
  bool sums = false;

private:
  static constexpr int kAny = -1;

  bool keepsInput(Value value, int input) {
    auto found = inputOf.find(value);
    return !isFloat(value.getType()) ||
           (found != inputOf.end() &&
            (found->second == input || found->second == kAny));
  }

  bool visit(Operation *op) {
    if (op->getNumRegions() != 0 || op->getNumResults() != 1) {
      return false;
    }
    Value result = op->getResult(0);
    if (isa<ConstantOp>(op)) {
      inputOf[result] = kAny;
      return !isFloat(result.getType()) || isScaleFree(result);
    }
    int input = kAny;
    bool hasFloats = isFloat(result.getType());
    for (Value operand : op->getOperands()) {
      if (!isFloat(operand.getType())) {
        continue;
      }
      hasFloats = true;
      auto found = inputOf.find(operand);
      if (found == inputOf.end() ||
          (input != kAny && found->second != kAny && found->second != input)) {
        return false;
      }
      input = found->second == kAny ? input : found->second;
    }
    if (!hasFloats) {
      return true;
    }
    inputOf[result] = input;
    sums |= isa<AddOp, SubtractOp>(op);
    return isa<CompareOp, SelectOp, MaximumOp, MinimumOp, AddOp, SubtractOp,
               NegateOp, AbsOp, BroadcastInDimOp, ReshapeOp>(op);
  }

  llvm::DenseMap<Value, int> inputOf;
};

Type inFloat32(Type type) {
  return isFloat(type) ? cast<RankedTensorType>(type).clone(
                             Float32Type::get(type.getContext()))
                       : type;
}

/// The region, its floats in float32.
void copyInFloat32(OpBuilder &b, Region &from, Region &to) {
  OpBuilder::InsertionGuard guard(b);
  Block &body = from.front();
  IRMapping mapping;
  Block *block = b.createBlock(&to);
  for (BlockArgument argument : body.getArguments()) {
    mapping.map(argument, block->addArgument(inFloat32(argument.getType()),
                                             argument.getLoc()));
  }
  for (Operation &op : body) {
    auto constant = dyn_cast<ConstantOp>(op);
    if (constant && isFloat(constant.getType())) {
      auto value = cast<DenseFPElementsAttr>(constant.getValue());
      auto wide = value.mapValues(b.getF32Type(), [](const APFloat &number) {
        bool loses;
        APFloat single = number;
        single.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                       &loses);
        return single.bitcastToAPInt();
      });
      mapping.map(constant.getResult(),
                  ConstantOp::create(b, op.getLoc(), wide).getResult());
      continue;
    }
    Operation *copy = b.clone(op, mapping);
    for (Value result : copy->getResults()) {
      result.setType(inFloat32(result.getType()));
    }
  }
}

} // namespace

Operation *steelyard::againInFloat32(Operation *op, ScaleRewriter &rw,
                                     ValueRange operands) {
  OpBuilder &b = rw.builder();
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(llvm::map_to_vector(op->getResultTypes(), inFloat32));
  state.addAttributes(op->getAttrs());
  for (unsigned index = 0; index < op->getNumRegions(); ++index) {
    state.addRegion();
  }
  Operation *created = b.create(state);
  for (auto [from, to] : llvm::zip(op->getRegions(), created->getRegions())) {
    copyInFloat32(b, from, to);
  }
  return created;
}

namespace {

constexpr char kReduce[] =
    "from amax of sums of data moved to the maximum of input's and initial "
    "value's; kept where elements are chosen; products and others computed on "
    "real values, with a remark";

/// reduce and reduce_window, whose padding is the initial value.
LogicalResult reduce(Operation *op, ScaleRewriter &rw) {
  unsigned count = op->getNumResults();
  ScaledRegion region(op->getRegion(0), count);
  if (!region.isHomogeneous) {
    return failure();
  }
  SmallVector<Value> data(2 * count), exponents(count);
  SmallVector<bool> areKept(count, false);
  for (unsigned index = 0; index < count; ++index) {
    unsigned initial = index + count;
    if (rw.isScaled(index) != rw.isScaled(initial)) {
      return failure();
    }
    if (!rw.isScaled(index)) {
      data[index] = rw.plain(index);
      data[initial] = rw.plain(initial);
      continue;
    }
    ScaledOperand x = rw.operand(index), init = rw.operand(initial);
    if (isScaleFree(op->getOperand(initial))) {
      exponents[index] = x.exponent;
      data[index] = x.data;
      data[initial] = init.data;
      areKept[index] = !region.sums;
      continue;
    }
    Value e =
        region.sums ? rw.max(x.exponent, init.exponent) : meet(rw, {x, init});
    exponents[index] = e;
    data[index] = rw.move(x.data, x.exponent, e);
    data[initial] = rw.move(init.data, init.exponent, e);
  }
  Operation *created = againInFloat32(op, rw, data);
  for (unsigned index = 0; index < count; ++index) {
    Value result = created->getResult(index);
    if (!rw.isScaled(index)) {
      rw.plainResult(index, result);
    } else if (areKept[index]) {
      rw.exact(index, result, exponents[index],
               {std::nullopt, rw.operand(index).range.high});
    } else {
      rw.result(index, result, exponents[index]);
    }
  }
  return success();
}

constexpr char kSelectAndScatter[] =
    "from amax of sums of data moved to the maximum of source's and initial "
    "value's; the operand's has no part in it";

LogicalResult selectAndScatter(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<SelectAndScatterOp>(operation);
  if (!rw.isScaled(0) || !ScaledRegion(op.getSelect(), 1).isHomogeneous ||
      !ScaledRegion(op.getScatter(), 1).isHomogeneous) {
    return failure();
  }
  ScaledOperand x = rw.operand(0), source = rw.operand(1), init = rw.operand(2);
  Value e = source.exponent, initial = init.data;
  if (!isScaleFree(op.getInitValue())) {
    e = rw.max(source.exponent, init.exponent);
    initial = rw.move(init.data, init.exponent, e);
  }
  Value data = rw.move(source.data, source.exponent, e);
  rw.result(0, againInFloat32(op, rw, {x.data, data, initial})->getResult(0),
            e);
  return success();
}

} // namespace

void steelyard::attachReductionRules(MLIRContext &context) {
  ReduceOp::attachInterface<ScaleModel<ReduceOp, reduce, kReduce>>(context);
  ReduceWindowOp::attachInterface<ScaleModel<ReduceWindowOp, reduce, kReduce>>(
      context);
  SelectAndScatterOp::attachInterface<
      ScaleModel<SelectAndScatterOp, selectAndScatter, kSelectAndScatter>>(
      context);
}
