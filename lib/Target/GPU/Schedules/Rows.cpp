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
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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
  static constexpr int64_t kVectors = 4;        // at once, where it keeps none
  static constexpr int64_t kLeastShifted = 128; // rows, and columns
  // Of an element; with more, it is not memory that takes the time.
  static constexpr int64_t kMostShifted = 48;

  explicit Plan(const Group &group)
      : rowDims(group.rows()), columnDims(group.columns()),
        rows(sizeOf(group, rowDims)),
        lanes(lanesAlong(group, columnDims.back())),
        vectors(sizeOf(group, columnDims) / lanes) {
    if (lanes == 1 && columnDims.size() == 1 && vectors >= kLeastShifted &&
        rows >= kLeastShifted && instructions(group) <= kMostShifted) {
      shifted = shiftedLinesOf(group, columnDims.back());
    }
    if (shifted) {
      lanes = shifted->lanes;
      vectors = llvm::divideCeilSigned(vectors + lanes - 1, lanes);
    }
    // Without vectors, and with lines' edges, an element takes more registers.
    int64_t most = lanes == 1 || shifted ? kElements / 4 : kElements;
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

  int64_t blocks() const { return llvm::divideCeilSigned(rows, rowsPerBlock); }

  /// The same blocks and threads, element by element.
  Plan byElement(const Group &group) const {
    Plan plan = *this;
    plan.shifted.reset();
    plan.lanes = 1;
    plan.vectors = sizeOf(group, columnDims);
    plan.isKept = false;
    plan.passes = kVectors;
    return plan;
  }

  /// Roughly, of an element.
  static int64_t instructions(const Group &group) {
    int64_t count = 0;
    for (linalg::GenericOp op : group.ops()) {
      if (group.extentOf(op) == Group::Extent::All) {
        op.getBody()->walk([&](Operation *inner) {
          // An argument of any size is brought into range.
          count += isa<math::TanOp>(inner)                       ? 200
                   : isa<math::PowFOp, math::Atan2Op>(inner)     ? 100
                   : isa<math::MathDialect>(inner->getDialect()) ? 20
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
  std::optional<ShiftedLines> shifted;
};

class RowsWriter : PhaseWriter {
public:
  explicit RowsWriter(Writer &writer)
      : PhaseWriter(writer), plan(writer.group) {}

  LaunchShape write() {
    LaunchShape shape = {plan.blocks(), plan.threads * plan.rowsPerBlock};
    if (!plan.shifted) {
      writeRows();
      return shape;
    }
    // Behind the last line there may be nothing to read.
    Plan shifted = plan;
    auto branch =
        scf::IfOp::create(w.b, w.lessThan(w.blockId(), shape.blocks - 1),
                          /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(w.b);
    w.b.setInsertionPointToStart(branch.thenBlock());
    writeRows();
    plan = shifted.byElement(w.group);
    row = Point();
    keep.clear();
    w.forgetReduced();
    w.b.setInsertionPointToStart(branch.elseBlock());
    writeRows();
    w.forgetReduced();
    return shape;
  }

private:
  void writeRows() {
    place();
    if (plan.isKept) {
      for (int64_t pass = 0; pass < plan.passes; ++pass) {
        keep.push_back(pointAt(w.add(column, w.index(pass * plan.threads)),
                               plan.vectors % plan.threads != 0 &&
                                   pass + 1 == plan.passes));
      }
    }
    writePhases(plan.threads * plan.rowsPerBlock);
  }

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
    if (plan.shifted) {
      shift(point);
    }
    return point;
  }

  /// To where the vector begins in memory.
  void shift(Point &point) {
    Value &index = point.indices[point.laneDim];
    int64_t size = w.group.sizes()[point.laneDim];
    Access start = plan.shifted->like;
    start.strides[point.laneDim] = 0;
    index = arith::SubIOp::create(
        w.b, index,
        arith::RemUIOp::create(w.b, w.offset(start, row), w.index(plan.lanes)));
    auto type = VectorType::get(plan.lanes, w.b.getIndexType());
    Value lanes = arith::AddIOp::create(w.b, w.spread(index, plan.lanes),
                                        vector::StepOp::create(w.b, type));
    Value inside = arith::CmpIOp::create(w.b, arith::CmpIPredicate::ult, lanes,
                                         w.spread(w.index(size), plan.lanes));
    // A negative index is a large number.
    Value isWhole = w.lessThan(index, size - plan.lanes + 1);
    point.edges = {inside, isWhole, plan.shifted->like};
  }

  SmallVector<Value> pass(const Phase &phase) override {
    if (plan.isKept) {
      SmallVector<Value> sums;
      add(phase, keep, sums);
      return sums;
    }
    int64_t stride = plan.threads * plan.passes;
    return addInLoop(phase, plan.lanes, plan.vectors, stride, [&](Value start) {
      std::vector<Point> points;
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
  std::vector<Point> keep;
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
