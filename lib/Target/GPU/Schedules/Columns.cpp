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

#include "llvm/Support/MathExtras.h"

#include "Phases.h"

using namespace mlir;
using namespace steelyard::cuda;

namespace {

class ColumnsWriter : PhaseWriter {
public:
  explicit ColumnsWriter(Writer &writer)
      : PhaseWriter(writer), rowDims(w.group.rows()),
        columnDims(w.group.columns()) {
    for (unsigned dim : rowDims) {
      rows *= w.group.sizes()[dim];
    }
    for (unsigned dim : columnDims) {
      columns *= w.group.sizes()[dim];
    }
    lanes = lanesAlong(w.group, rowDims.back());
    vectors = rows / lanes;
    unroll = lanes == 1 ? 8 : 4;
    warps = std::clamp<int64_t>(
        llvm::PowerOf2Ceil(llvm::divideCeilSigned(columns, unroll)), 1,
        llvm::divideCeilSigned(vectors, kWarp) < kFew &&
                w.group.ops().size() <= kFewOps
            ? kMaxWarpsOfFew
            : kMaxWarps);
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
    writePhases(warps * kWarp);
    return {llvm::divideCeilSigned(vectors, kWarp), warps * kWarp};
  }

private:
  static constexpr int64_t kWarp = 32;
  // Many small blocks end at different times, and leave none idle at the end;
  // few have to be large.
  static constexpr int64_t kMaxWarps = 8, kMaxWarpsOfFew = 16, kFew = 132;
  static constexpr size_t kFewOps = 2; // more take more registers than 128

  SmallVector<Value> pass(const Phase &phase) override {
    int64_t stride = warps * unroll;
    return addInLoop(phase, lanes, columns, stride, [&](Value start) {
      std::vector<Point> points;
      for (int64_t step = 0; step < unroll; ++step) {
        Point &point = points.emplace_back();
        point.indices = row.indices;
        point.laneDim = row.laneDim;
        point.lanes = lanes;
        point.rows = &row;
        point.isInside = row.isInside;
        Value number = w.add(w.add(start, warp), w.index(step * warps));
        w.placeVector(number, columns, columns % stride != 0, columnDims,
                      point);
      }
      return points;
    });
  }

  Value join(linalg::GenericOp op, Value sum) override {
    return w.combineWarps(op, sum, warps);
  }

  SmallVector<unsigned> rowDims, columnDims;
  int64_t rows = 1, columns = 1, lanes, vectors, warps;
  int64_t unroll; // columns of a thread at once
  Value warp;
};

struct Columns : Schedule {
  StringRef name() const override { return "columns"; }

  bool takes(const Group &group) const override {
    return group.hasReductions() &&
           elementsAlong(group, group.rows(), group.columns()) > 0 &&
           mostLiesAlong(group, group.rows(), group.columns());
  }

  LaunchShape write(Writer &writer) const override {
    return ColumnsWriter(writer).write();
  }
};

} // namespace

std::unique_ptr<Schedule> steelyard::cuda::createColumnsSchedule() {
  return std::make_unique<Columns>();
}
