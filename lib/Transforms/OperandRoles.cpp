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
  return isa<stablehlo::TransposeOp, stablehlo::ReshapeOp,
             stablehlo::BroadcastInDimOp, stablehlo::ConvertOp,
             stablehlo::SliceOp, stablehlo::ReverseOp, scaled::PackOp,
             scaled::UnpackOp, scaled::CastOp, scaled::NormalizeOp,
             scaled::RescaleOp, scaled::ObserveOp>(op);
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

OperandRoles::OperandRoles(func::FuncOp function) : function(function) {
  function.walk([&](Operation *op) {
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
    if (forward == contraction || !forward->isBeforeInBlock(contraction)) {
      continue;
    }
    for (auto [shared, other, sharedIsLhs] :
         {std::tuple(lhs, rhs, true), std::tuple(rhs, lhs, false)}) {
      bool sharesOperand = originOf(shared) == originOf(forward.getLhs()) ||
                           originOf(shared) == originOf(forward.getRhs());
      if (sharesOperand && !dependsOn(shared, forward) &&
          dependsOn(other, forward)) {
        OperandRole role = primalRole(shared);
        return ContractionRoles{sharedIsLhs ? role : OperandRole::Gradient,
                                sharedIsLhs ? OperandRole::Gradient : role,
                                "it contracts an operand of an earlier "
                                "contraction with what depends on its result"};
      }
    }
  }
  return ContractionRoles{primalRole(lhs), primalRole(rhs),
                          "no earlier contraction has its operands"};
}
