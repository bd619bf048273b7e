//===- Ordering.cpp - Scale rules of scatter and sort -----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

#include "Families.h"

using namespace mlir;
using namespace mlir::stablehlo;
using namespace steelyard;

namespace {

constexpr char kScatter[] =
    "updates that replace, sums and extrema: from amax of the result, operand "
    "and updates moved to one exponent; others computed on real values, with a "
    "remark";

/// The computation returns the update.
bool replaces(ScatterOp op) {
  Block &body = op.getUpdateComputation().front();
  return body.getOperations().size() == 1 &&
         body.getTerminator()->getOperand(0) == body.getArgument(1);
}

LogicalResult scatter(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<ScatterOp>(operation);
  if (op.getInputs().size() != 1 || !rw.isScaled(0)) {
    return failure();
  }
  Operation *joined = getReducerOp(op.getUpdateComputation());
  bool isSum = isa_and_nonnull<AddOp>(joined);
  bool isExtremum = isa_and_nonnull<MaximumOp, MinimumOp>(joined);
  if (!isSum && !isExtremum && !replaces(op)) {
    return failure();
  }
  ScaledOperand x = rw.operand(0), updates = rw.operand(2);
  auto create = [&](Value data, Value update) {
    return againInFloat32(op, rw, {data, rw.plain(1), update})->getResult(0);
  };
  if (!isSum) {
    return chooseBetween(rw, x, updates, create);
  }
  Value e = rw.max(x.exponent, updates.exponent);
  rw.result(0,
            create(rw.move(x.data, x.exponent, e),
                   rw.move(updates.data, updates.exponent, e)),
            e);
  return success();
}

constexpr char kSort[] =
    "kept: elements are moved in their storage type; where the comparator "
    "depends on a scale, on real values, with a remark";

/// Which operand a float of a comparator is an element of, up to a positive
/// factor that both of its elements have; -1: zero, an infinity or NaN, which
/// have every factor.
class ComparatorClasses {
public:
  /// False if a comparison may depend on the factor.
  bool analyse(SortOp op) {
    Block &body = op.getComparator().front();
    for (BlockArgument argument : body.getArguments()) {
      if (isFloat(argument)) {
        classes[argument] = argument.getArgNumber() / 2;
      }
    }
    return llvm::all_of(body.without_terminator(),
                        [&](Operation &inner) { return add(&inner); });
  }

  static bool isFloat(Value value) {
    return isa<FloatType>(getElementTypeOrSelf(value.getType()));
  }

  /// -1 also for constants outside of the body.
  int lookup(Value value) const {
    auto found = classes.find(value);
    return found == classes.end() ? -1 : found->second;
  }

private:
  static bool isConstantOfAnyScale(Value value) {
    APFloat number(0.0);
    return matchPattern(value, m_ConstantFloat(&number)) &&
           (number.isZero() || !number.isFinite());
  }

  bool add(Operation *op) {
    SmallVector<Value> floats(
        llvm::make_filter_range(op->getOperands(), isFloat));
    bool toFloat = op->getNumResults() == 1 && isFloat(op->getResult(0));
    if (isa<ConstantOp>(op) || (floats.empty() && !toFloat)) {
      return true; // constants are looked at where they are used
    }
    int common = -1;
    for (Value value : floats) {
      int known = lookup(value);
      if (known < 0 && !isConstantOfAnyScale(value)) {
        return false;
      }
      if (known >= 0 && common >= 0 && known != common) {
        return false;
      }
      common = std::max(common, known);
    }
    if (common < 0) {
      return false;
    }
    if (toFloat) {
      classes[op->getResult(0)] = common;
    }
    return isa<CompareOp, SelectOp, AbsOp, NegateOp, MaximumOp, MinimumOp,
               IsFiniteOp>(op);
  }

  DenseMap<Value, int> classes;
};

/// The comparator with the operands' element types, constants of any scale in
/// those of what they are compared with.
void rewriteComparator(SortOp from, SortOp to,
                       const ComparatorClasses &classes) {
  OpBuilder b(to.getContext());
  SmallVector<Type> types;
  for (Value input : to.getInputs()) {
    auto type =
        RankedTensorType::get({}, getElementTypeOrSelf(input.getType()));
    types.append(2, type);
  }
  Block &body = from.getComparator().front();
  Block *block =
      b.createBlock(&to.getComparator(), {}, types,
                    SmallVector<Location>(types.size(), from.getLoc()));
  IRMapping mapping;
  mapping.map(body.getArguments(), block->getArguments());
  auto typeOf = [&](int operand) {
    return cast<RankedTensorType>(types[2 * operand]);
  };
  auto constant = [&](Value value, RankedTensorType type) -> Value {
    DenseElementsAttr elements;
    matchPattern(value, m_Constant(&elements));
    auto number = elements.getSplatValue<APFloat>();
    bool losesInfo;
    number.convert(cast<FloatType>(type.getElementType()).getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &losesInfo);
    return ConstantOp::create(b, value.getLoc(),
                              DenseElementsAttr::get(type, number));
  };
  for (Operation &op : body.without_terminator()) {
    bool isFloatConstant =
        isa<ConstantOp>(op) && ComparatorClasses::isFloat(op.getResult(0));
    if (isFloatConstant) {
      continue;
    }
    int common = -1;
    for (Value operand : op.getOperands()) {
      common = std::max(common, classes.lookup(operand));
    }
    Operation *created = b.clone(op, mapping);
    for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
      if (ComparatorClasses::isFloat(operand) && classes.lookup(operand) < 0) {
        b.setInsertionPoint(created);
        created->setOperand(index, constant(operand, typeOf(common)));
        b.setInsertionPointAfter(created);
      }
    }
    if (op.getNumResults() == 1 &&
        ComparatorClasses::isFloat(op.getResult(0))) {
      created->getResult(0).setType(typeOf(common));
    }
  }
  b.clone(*body.getTerminator(), mapping);
}

LogicalResult sort(Operation *operation, ScaleRewriter &rw) {
  auto op = cast<SortOp>(operation);
  ComparatorClasses classes;
  if (!classes.analyse(op)) {
    return failure();
  }
  SmallVector<Value> operands;
  for (unsigned index = 0; index < op.getInputs().size(); ++index) {
    operands.push_back(rw.isScaled(index) ? rw.storage(index)
                                          : rw.plain(index));
  }
  OperationState state(op.getLoc(), SortOp::getOperationName());
  state.addOperands(operands);
  state.addTypes(ValueRange(operands).getTypes());
  state.addAttributes(op->getAttrs());
  state.addRegion();
  auto created = cast<SortOp>(rw.builder().create(state));
  rewriteComparator(op, created, classes);
  for (auto [index, result] : llvm::enumerate(created.getResults())) {
    if (rw.isScaled(index)) {
      rw.moved(index, result, index);
    } else {
      rw.plainResult(index, result);
    }
  }
  return success();
}

} // namespace

void steelyard::attachOrderingRules(MLIRContext &context) {
  ScatterOp::attachInterface<ScaleModel<ScatterOp, scatter, kScatter>>(context);
  SortOp::attachInterface<ScaleModel<SortOp, sort, kSort>>(context);
}
