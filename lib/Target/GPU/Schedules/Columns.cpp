//===- Columns.cpp - Reductions across lines of memory ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Sums over a batch: gradients of biases and of norms' weights, batch norms. A
// warp reads neighbouring vectors of rows, that is results; the warps of a
// block share the columns, and meet in shared memory.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Target/GPU/Schedules/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include "llvm/Support/MathExtras.h"

#include "Phases.h"

using namespace mlir;
using namespace steelyard::cuda;

namespace {

class ColumnsWriter {
public:
  explicit ColumnsWriter(Writer &writer)
      : w(writer), rowDims(w.group.rows()), columnDims(w.group.columns()) {
    for (unsigned dim : rowDims) {
      rows *= w.group.sizes()[dim];
    }
    for (unsigned dim : columnDims) {
      columns *= w.group.sizes()[dim];
    }
    lanes = lanesAlong(w.group, rowDims.back());
    vectors = rows / lanes;
    warps = std::clamp<int64_t>(
        llvm::PowerOf2Ceil(llvm::divideCeilSigned(columns, kUnroll)), 1,
        kMaxWarps);
  }

  LaunchShape write() {
    Value thread = w.threadId(), width = w.index(kWarp);
    Value lane = arith::RemUIOp::create(w.b, thread, width);
    warp = arith::DivUIOp::create(w.b, thread, width);
    Value number = w.add(w.multiply(w.blockId(), kWarp), lane);
    isLeader = w.lessThan(warp, 1);
    isFirst = w.both(isLeader, w.lessThan(number, 1));
    row.indices.resize(w.group.sizes().size());
    row.laneDim = static_cast<int>(rowDims.back());
    row.lanes = lanes;
    w.placeVector(number, vectors, vectors % kWarp != 0, rowDims, row);
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
      SmallVector<Value> sums = pass(phase);
      for (linalg::GenericOp part : llvm::reverse(phase.parts)) {
        w.storePart(part, sums.pop_back_val(), warps * kWarp);
      }
      for (auto [op, sum] : llvm::zip(phase.reductions, sums)) {
        sum = w.combineWarps(op, sum, warps);
        Value init = w.spread(w.evaluate(*op.getDpsInitOperand(0), row), lanes);
        w.setReduced(op, w.combine(op, init, sum));
      }
    }
    return {llvm::divideCeilSigned(vectors, kWarp), warps * kWarp};
  }

private:
  static constexpr int64_t kWarp = 32;
  static constexpr int64_t kMaxWarps = 16;
  static constexpr int64_t kUnroll = 4; // columns of a thread at once

  SmallVector<Value> pass(Phase &phase) {
    SmallVector<Value> sums;
    SmallVector<linalg::GenericOp> reduced = reducedIn(phase);
    if (reduced.empty() && phase.stores.empty()) {
      return sums;
    }
    for (linalg::GenericOp op : reduced) {
      sums.push_back(w.neutralOf(op, lanes));
    }
    int64_t stride = warps * kUnroll;
    auto loop = scf::ForOp::create(w.b, w.index(0),
                                   w.index(llvm::alignTo(columns, stride)),
                                   w.index(stride), sums);
    OpBuilder::InsertionGuard guard(w.b);
    w.b.setInsertionPointToStart(loop.getBody());
    SmallVector<Point> points;
    for (int64_t step = 0; step < kUnroll; ++step) {
      Point &point = points.emplace_back();
      point.indices = row.indices;
      point.laneDim = row.laneDim;
      point.lanes = lanes;
      point.rows = &row;
      point.isInside = row.isInside;
      Value number =
          w.add(w.add(loop.getInductionVar(), warp), w.index(step * warps));
      w.placeVector(number, columns, columns % stride != 0, columnDims, point);
    }
    sums.assign(loop.getRegionIterArgs().begin(),
                loop.getRegionIterArgs().end());
    for (auto [op, sum] : llvm::zip(reduced, sums)) {
      for (Point &point : points) {
        sum = w.combine(op, sum, w.elementOf(op, point));
      }
    }
    for (OpResult result : phase.stores) {
      for (Point &point : points) {
        w.store(result, point);
      }
    }
    if (!sums.empty()) { // else the loop has ended itself
      scf::YieldOp::create(w.b, sums);
    }
    return llvm::to_vector_of<Value>(loop.getResults());
  }

  Writer &w;
  SmallVector<unsigned> rowDims, columnDims;
  int64_t rows = 1, columns = 1, lanes, vectors, warps;
  Point row;
  Value warp, isLeader, isFirst;
};

struct Columns : Schedule {
  StringRef name() const override { return "columns"; }

  bool takes(const Group &group) const override {
    return group.hasReductions() && !group.rows().empty() &&
           liesAlong(group, group.rows(), group.columns()) &&
           !liesAlong(group, group.columns(), group.rows());
  }

  LaunchShape write(Writer &writer) const override {
    return ColumnsWriter(writer).write();
  }
};

} // namespace

std::unique_ptr<Schedule> steelyard::cuda::createColumnsSchedule() {
  return std::make_unique<Columns>();
}
