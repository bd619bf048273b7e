//===- Rows.cpp - Reductions along lines of memory --------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Softmax, norms, losses, sums and amax of rows. A row belongs to some warps
// of one block. Where it fits, it stays in their registers between passes;
// else every pass goes through it again, four vectors at once.
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

int64_t sizeOf(const Group &group, ArrayRef<unsigned> dims) {
  int64_t size = 1;
  for (unsigned dim : dims) {
    size *= group.sizes()[dim];
  }
  return size;
}

/// How a row is shared.
struct Plan {
  static constexpr int64_t kWarp = 32;
  static constexpr int64_t kMaxThreads = 1024;
  static constexpr int64_t kElements = 32; // that a thread keeps
  static constexpr int64_t kVectors = 4;   // at once, where it keeps none

  explicit Plan(const Group &group)
      : rowDims(group.rows()), columnDims(group.columns()),
        rows(sizeOf(group, rowDims)),
        lanes(lanesAlong(group, columnDims.back())),
        vectors(sizeOf(group, columnDims) / lanes) {
    int64_t kept = std::max<int64_t>(1, kElements / lanes);
    threads = std::clamp<int64_t>(
        llvm::PowerOf2Ceil(llvm::divideCeilSigned(vectors, kept)), kWarp,
        kMaxThreads);
    isKept = vectors <= threads * kept;
    if (!isKept) {
      threads = 512;
    }
    passes = isKept ? llvm::divideCeilSigned(vectors, threads) : kVectors;
    rowsPerBlock = threads == kWarp ? 4 : 1;
  }

  SmallVector<unsigned> rowDims, columnDims;
  int64_t rows, lanes, vectors;
  int64_t threads; // a row's
  int64_t passes;  // vectors of a thread at once
  int64_t rowsPerBlock;
  bool isKept;
};

class RowsWriter {
public:
  explicit RowsWriter(Writer &writer) : w(writer), plan(writer.group) {}

  LaunchShape write() {
    place();
    if (plan.isKept) {
      for (int64_t pass = 0; pass < plan.passes; ++pass) {
        keep.push_back(pointAt(w.add(column, w.index(pass * plan.threads)),
                               plan.vectors % plan.threads != 0 &&
                                   pass + 1 == plan.passes));
      }
    }
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
        w.storePart(part, sums.pop_back_val(),
                    plan.threads * plan.rowsPerBlock);
      }
      for (auto [op, sum] : llvm::zip(phase.reductions, sums)) {
        sum = w.combineThreads(op, w.combineLanes(op, sum), plan.threads);
        Value init = w.evaluate(*op.getDpsInitOperand(0), row);
        w.setReduced(op, w.combine(op, init, sum));
      }
    }
    return {llvm::divideCeilSigned(plan.rows, plan.rowsPerBlock),
            plan.threads * plan.rowsPerBlock};
  }

private:
  void place() {
    row.indices.resize(w.group.sizes().size());
    Value number = w.blockId();
    column = w.threadId();
    if (plan.rowsPerBlock > 1) {
      Value size = w.index(plan.threads);
      number = w.add(w.multiply(number, plan.rowsPerBlock),
                     arith::DivUIOp::create(w.b, column, size));
      column = arith::RemUIOp::create(w.b, column, size);
    }
    isLeader = w.lessThan(column, 1);
    isFirst = w.both(isLeader, w.lessThan(number, 1));
    if (!plan.rowDims.empty()) {
      w.placeVector(number, plan.rows, plan.rows % plan.rowsPerBlock != 0,
                    plan.rowDims, row);
    } else if (plan.rowsPerBlock > 1) {
      row.isInside = w.lessThan(number, 1);
    }
  }

  Point pointAt(Value vector, bool mayExceed) {
    Point point;
    point.indices = row.indices;
    point.laneDim = static_cast<int>(plan.columnDims.back());
    point.lanes = plan.lanes;
    point.rows = &row;
    point.isInside = row.isInside;
    w.placeVector(vector, plan.vectors, mayExceed, plan.columnDims, point);
    return point;
  }

  /// Once through the columns: stores, and what each thread reduces.
  SmallVector<Value> pass(Phase &phase) {
    SmallVector<linalg::GenericOp> reduced = reducedIn(phase);
    if (reduced.empty() && phase.stores.empty()) {
      return {};
    }
    SmallVector<Value> sums;
    if (plan.isKept) {
      add(phase, keep, sums);
      return sums;
    }
    for (linalg::GenericOp op : reduced) {
      sums.push_back(w.neutralOf(op, plan.lanes));
    }
    int64_t stride = plan.threads * plan.passes;
    auto loop = scf::ForOp::create(w.b, w.index(0),
                                   w.index(llvm::alignTo(plan.vectors, stride)),
                                   w.index(stride), sums);
    OpBuilder::InsertionGuard guard(w.b);
    w.b.setInsertionPointToStart(loop.getBody());
    SmallVector<Point> points;
    for (int64_t pass = 0; pass < plan.passes; ++pass) {
      Value vector = w.add(w.add(loop.getInductionVar(), column),
                           w.index(pass * plan.threads));
      points.push_back(pointAt(vector, plan.vectors % stride != 0));
    }
    sums.assign(loop.getRegionIterArgs().begin(),
                loop.getRegionIterArgs().end());
    add(phase, points, sums);
    if (!sums.empty()) { // else the loop has ended itself
      scf::YieldOp::create(w.b, sums);
    }
    return llvm::to_vector_of<Value>(loop.getResults());
  }

  void add(Phase &phase, MutableArrayRef<Point> points,
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

  Writer &w;
  Plan plan;
  Point row;
  Value column, isLeader, isFirst;
  SmallVector<Point> keep;
};

struct Rows : Schedule {
  StringRef name() const override { return "rows"; }

  /// What has columns lies along them; or, on its own, anything.
  bool takes(const Group &group) const override {
    return group.hasReductions() &&
           (group.ops().size() == 1 ||
            !liesAlong(group, group.rows(), group.columns()));
  }

  LaunchShape write(Writer &writer) const override {
    return RowsWriter(writer).write();
  }
};

} // namespace

std::unique_ptr<Schedule> steelyard::cuda::createRowsSchedule() {
  return std::make_unique<Rows>();
}
