//===- Phases.cpp - What waits for which reduction --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Phases.h"

using namespace mlir;
using namespace steelyard::cuda;

SmallVector<linalg::GenericOp> steelyard::cuda::reducedIn(const Phase &phase) {
  SmallVector<linalg::GenericOp> all(phase.reductions);
  llvm::append_range(all, phase.parts);
  return all;
}

std::vector<Phase> steelyard::cuda::phasesOf(const Group &group) {
  std::vector<Phase> phases(1);
  llvm::DenseMap<Operation *, unsigned> ready; // the phase where results are
  auto phaseAt = [&](unsigned number) -> Phase & {
    if (phases.size() <= number) {
      phases.resize(number + 1);
    }
    return phases[number];
  };
  SmallVector<OpResult> outputs = group.outputs();
  for (linalg::GenericOp op : group.ops()) {
    unsigned phase = 0;
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (producer && group.contains(producer)) {
        phase = std::max(phase, ready[producer]);
      }
    }
    bool isReduction = op.getNumReductionLoops() != 0;
    bool isOfRows = group.extentOf(op) != Group::Extent::All;
    if (isReducedInParts(op)) {
      phaseAt(phase).parts.push_back(op);
    } else if (isReduction) {
      phaseAt(phase++).reductions.push_back(op);
    } else if (isOfRows) {
      phaseAt(phase).rowOps.push_back(op);
    }
    ready[op] = phase;
    for (OpResult result : op->getResults()) {
      if (llvm::is_contained(outputs, result)) {
        Phase &at = phaseAt(phase);
        (isReduction || isOfRows ? at.rowStores : at.stores).push_back(result);
      }
    }
  }
  return phases;
}
