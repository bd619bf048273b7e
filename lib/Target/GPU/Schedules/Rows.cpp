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
#include "mlir/Dialect/Math/IR/Math.h"

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
  static constexpr int64_t kElements = 32; // that a thread keeps at most
  // Code for all of them is to stay in the instruction cache.
  static constexpr int64_t kInstructions = 8192;
  static constexpr int64_t kVectors = 4; // at once, where it keeps none

  explicit Plan(const Group &group)
      : rowDims(group.rows()), columnDims(group.columns()),
        rows(sizeOf(group, rowDims)),
        lanes(lanesAlong(group, columnDims.back())),
        vectors(sizeOf(group, columnDims) / lanes) {
    int64_t most = lanes == 1 ? kElements / 4 : kElements;
    while (most > lanes && most * instructions(group) > kInstructions) {
      most /= 2;
    }
    // More, if the row stays in registers so.
    int64_t kept = std::clamp(llvm::divideCeilSigned(vectors, kMaxThreads),
                              std::max<int64_t>(1, most / lanes),
                              std::max<int64_t>(1, kElements / lanes));
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

  /// Roughly, of an element.
  static int64_t instructions(const Group &group) {
    int64_t count = 0;
    for (linalg::GenericOp op : group.ops()) {
      if (group.extentOf(op) == Group::Extent::All) {
        op.getBody()->walk([&](Operation *inner) {
          // Arguments of any size are brought into range.
          count += isa<math::SinOp, math::CosOp, math::TanOp>(inner) ? 200
                   : isa<math::PowFOp, math::Atan2Op>(inner)         ? 100
                   : isa<math::MathDialect>(inner->getDialect())     ? 20
                                                                     : 1;
        });
      }
    }
    return count;
  }

  SmallVector<unsigned> rowDims, columnDims;
  int64_t rows, lanes, vectors;
  int64_t threads; // a row's
  int64_t passes;  // vectors of a thread at once
  int64_t rowsPerBlock;
  bool isKept;
};

class RowsWriter : PhaseWriter {
public:
  explicit RowsWriter(Writer &writer)
      : PhaseWriter(writer), plan(writer.group) {}

  LaunchShape write() {
    place();
    if (plan.isKept) {
      for (int64_t pass = 0; pass < plan.passes; ++pass) {
        keep.push_back(pointAt(w.add(column, w.index(pass * plan.threads)),
                               plan.vectors % plan.threads != 0 &&
                                   pass + 1 == plan.passes));
      }
    }
    int64_t threads = plan.threads * plan.rowsPerBlock;
    writePhases(threads);
    return {llvm::divideCeilSigned(plan.rows, plan.rowsPerBlock), threads};
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

  SmallVector<Value> pass(const Phase &phase) override {
    if (plan.isKept) {
      SmallVector<Value> sums;
      add(phase, keep, sums);
      return sums;
    }
    int64_t stride = plan.threads * plan.passes;
    return addInLoop(phase, plan.lanes, plan.vectors, stride, [&](Value start) {
      SmallVector<Point> points;
      for (int64_t pass = 0; pass < plan.passes; ++pass) {
        Value vector =
            w.add(w.add(start, column), w.index(pass * plan.threads));
        points.push_back(pointAt(vector, plan.vectors % stride != 0));
      }
      return points;
    });
  }

  Value join(linalg::GenericOp op, Value sum) override {
    return w.combineThreads(op, w.combineLanes(op, sum), plan.threads);
  }

  Plan plan;
  Value column;
  SmallVector<Point> keep;
};

struct Rows : Schedule {
  StringRef name() const override { return "rows"; }

  /// What has columns lies along them; or, on its own, anything.
  bool takes(const Group &group) const override {
    return group.hasReductions() &&
           (group.ops().size() == 1 ||
            mostLiesAlong(group, group.columns(), group.rows()));
  }

  LaunchShape write(Writer &writer) const override {
    return RowsWriter(writer).write();
  }
};

} // namespace

std::unique_ptr<Schedule> steelyard::cuda::createRowsSchedule() {
  return std::make_unique<Rows>();
}
