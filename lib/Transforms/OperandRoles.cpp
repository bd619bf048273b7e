//===- OperandRoles.cpp - Which operand of a contraction is which -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "OperandRoles.h"

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace steelyard;

namespace {

/// True if JAX's transposition made the operation: its name stack says so.
bool isTransposed(Location location) {
  bool found = false;
  location->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part)) {
      found |= name.getName().getValue().contains("transpose(");
    }
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

bool movesData(Operation *op) {
  return isa<
      stablehlo::TransposeOp, stablehlo::ReshapeOp, stablehlo::BroadcastInDimOp,
      stablehlo::ConvertOp, stablehlo::SliceOp, stablehlo::DynamicSliceOp,
      stablehlo::ReverseOp, scaled::PackOp, scaled::UnpackOp, scaled::CastOp,
      scaled::NormalizeOp, scaled::RescaleOp, scaled::ObserveOp>(op);
}

} // namespace

Value steelyard::originOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!movesData(op)) {
      break;
    }
    value = op->getOperand(0);
  }
  return value;
}

namespace {

/// Which dimensions of the tensor that the value is (originOf) a contraction
/// sums over, in order; nothing where they can't be followed.
std::optional<SmallVector<int64_t>>
contractedOfOrigin(ContractionOpInterface contraction, unsigned index) {
  SmallVector<int64_t> dims = contraction.getContractedDimensions(index);
  Value value = contraction->getOperand(index);
  while (Operation *op = value.getDefiningOp()) {
    if (!movesData(op)) {
      break;
    }
    if (auto transpose = dyn_cast<stablehlo::TransposeOp>(op)) {
      for (int64_t &dim : dims) {
        dim = transpose.getPermutation()[dim];
      }
    } else if (isa<stablehlo::ReshapeOp, stablehlo::BroadcastInDimOp>(op)) {
      return std::nullopt;
    }
    value = op->getOperand(0);
  }
  llvm::sort(dims);
  return dims;
}

} // namespace

OperandRoles::OperandRoles(func::FuncOp function) : function(function) {
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    hasNameStack |= isTransposed(op->getLoc());
    if (auto contraction = dyn_cast<ContractionOpInterface>(op)) {
      contractions.push_back(contraction);
    }
  });
}

/// A primal value that backward code merely moves about stays one.
bool OperandRoles::isCotangentByName(Value value) {
  Operation *op = originOf(value).getDefiningOp();
  return op && isTransposed(op->getLoc()) &&
         !op->hasTrait<OpTrait::ConstantLike>();
}

bool OperandRoles::dependsOn(Value value, Operation *op) {
  llvm::SmallPtrSet<Operation *, 32> seen;
  SmallVector<Operation *> work;
  auto push = [&](Value from) {
    if (Operation *definition = from.getDefiningOp();
        definition && seen.insert(definition).second) {
      work.push_back(definition);
    }
  };
  push(value);
  while (!work.empty()) {
    Operation *next = work.pop_back_val();
    if (next == op) {
      return true;
    }
    llvm::for_each(next->getOperands(), push);
  }
  return false;
}

/// The product of forward's operand, which is operand `shared` too, with what
/// depends on forward's result. A forward pass that uses a weight twice sums
/// over the same dimensions of it both times; a derivative over others.
bool OperandRoles::isDerivative(ContractionOpInterface contraction,
                                unsigned shared,
                                ContractionOpInterface forward) {
  Value operand = contraction->getOperand(shared);
  if (dependsOn(operand, forward) ||
      !dependsOn(contraction->getOperand(1 - shared), forward)) {
    return false;
  }
  for (unsigned index : {0, 1}) {
    if (originOf(operand) != originOf(forward->getOperand(index))) {
      continue;
    }
    auto before = contractedOfOrigin(forward, index),
         after = contractedOfOrigin(contraction, shared);
    if (!before || !after || *before != *after) {
      return true;
    }
  }
  return false;
}

OperandRole OperandRoles::primalRole(Value value) {
  auto argument = dyn_cast<BlockArgument>(originOf(value));
  bool isUpdated =
      argument && argument.getOwner()->getParentOp() == function &&
      (function.getArgAttr(argument.getArgNumber(), "tf.aliasing_output") ||
       function.getArgAttr(argument.getArgNumber(), "jax.buffer_donor"));
  return isUpdated ? OperandRole::Weight : OperandRole::Activation;
}

FailureOr<ContractionRoles>
OperandRoles::of(ContractionOpInterface contraction) {
  Value lhs = contraction.getLhs(), rhs = contraction.getRhs();
  if (auto given = contraction->getAttrOfType<ArrayAttr>("steelyard.roles")) {
    auto parse = [](Attribute attribute) -> std::optional<OperandRole> {
      auto text = dyn_cast<StringAttr>(attribute);
      for (OperandRole role : {OperandRole::Weight, OperandRole::Activation,
                               OperandRole::Gradient}) {
        if (text && text.getValue() == stringify(role)) {
          return role;
        }
      }
      return std::nullopt;
    };
    std::optional<OperandRole> l, r;
    if (given.size() == 2) {
      l = parse(given[0]);
      r = parse(given[1]);
    }
    if (!l || !r) {
      return contraction->emitError("steelyard.roles are two of \"weight\", "
                                    "\"activation\" and \"gradient\"");
    }
    return ContractionRoles{*l, *r, "the attribute steelyard.roles"};
  }
  if (hasNameStack) {
    bool l = isCotangentByName(lhs), r = isCotangentByName(rhs);
    std::string evidence = isTransposed(contraction->getLoc())
                               ? "the name stack has transpose(...)"
                               : "the name stack has no transpose(...)";
    return ContractionRoles{l ? OperandRole::Gradient : primalRole(lhs),
                            r ? OperandRole::Gradient : primalRole(rhs),
                            evidence};
  }
  for (ContractionOpInterface forward : contractions) {
    if (forward == contraction) {
      break; // what follows is later
    }
    for (unsigned shared : {0, 1}) {
      if (!isDerivative(contraction, shared, forward)) {
        continue;
      }
      OperandRole role = primalRole(shared == 0 ? lhs : rhs);
      return ContractionRoles{shared == 0 ? role : OperandRole::Gradient,
                              shared == 0 ? OperandRole::Gradient : role,
                              "it contracts an operand of an earlier "
                              "contraction with what depends on its result"};
    }
  }
  return ContractionRoles{primalRole(lhs), primalRole(rhs),
                          "no earlier contraction has its operands"};
}
