//===- Phases.cpp - What waits for which reduction --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Phases.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include "llvm/Support/MathExtras.h"

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

void PhaseWriter::writePhases(int64_t threads) {
  for (Phase &phase : phasesOf(w.group)) {
    for (linalg::GenericOp op : phase.rowOps) {
      w.evaluate(op->getResult(0), row);
    }
    for (OpResult result : phase.rowStores) {
      bool isScalar =
          w.group.extentOf(cast<linalg::GenericOp>(result.getOwner())) ==
          Group::Extent::None;
      w.store(result, row, isScalar ? isFirst : isLeader);
    }
    SmallVector<Value> sums;
    if (!phase.stores.empty() || !reducedIn(phase).empty()) {
      sums = pass(phase);
    }
    for (linalg::GenericOp part : llvm::reverse(phase.parts)) {
      w.storePart(part, sums.pop_back_val(), threads);
    }
    for (auto [op, sum] : llvm::zip(phase.reductions, sums)) {
      sum = join(op, sum);
      Value init =
          w.spread(w.evaluate(*op.getDpsInitOperand(0), row), row.lanes);
      w.setReduced(op, w.combine(op, init, sum));
    }
  }
}

void PhaseWriter::add(const Phase &phase, MutableArrayRef<Point> points,
                      SmallVector<Value> &sums) {
  for (auto [index, op] : llvm::enumerate(reducedIn(phase))) {
    for (Point &point : points) {
      Value element = w.elementOf(op, point);
      if (sums.size() <= index) {
        sums.push_back(element);
      } else {
        sums[index] = w.combine(op, sums[index], element);
      }
    }
  }
  for (OpResult result : phase.stores) {
    for (Point &point : points) {
      w.store(result, point);
    }
  }
}

SmallVector<Value>
PhaseWriter::addInLoop(const Phase &phase, int64_t lanes, int64_t count,
                       int64_t stride,
                       llvm::function_ref<std::vector<Point>(Value)> pointsAt) {
  SmallVector<Value> sums;
  for (linalg::GenericOp op : reducedIn(phase)) {
    sums.push_back(w.neutralOf(op, lanes));
  }
  auto loop =
      scf::ForOp::create(w.b, w.index(0), w.index(llvm::alignTo(count, stride)),
                         w.index(stride), sums);
  OpBuilder::InsertionGuard guard(w.b);
  w.b.setInsertionPointToStart(loop.getBody());
  std::vector<Point> points = pointsAt(loop.getInductionVar());
  sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  add(phase, points, sums);
  if (!sums.empty()) { // else the loop has ended itself
    scf::YieldOp::create(w.b, sums);
  }
  return llvm::to_vector_of<Value>(loop.getResults());
}
