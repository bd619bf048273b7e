//===- Flat.cpp - Elementwise kernels ---------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Groups without reductions: a thread computes a few vectors, a block's width
// apart, so that as many loads are under way before the first is needed.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Target/GPU/Schedules/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace steelyard::cuda;

namespace {

struct Flat : Schedule {
  static constexpr int64_t kThreads = 256;
  static constexpr int64_t kVectors = 4;   // a thread's, at most
  static constexpr int64_t kElements = 32; // in these

  StringRef name() const override { return "flat"; }

  bool takes(const Group &group) const override {
    return !group.hasReductions();
  }

  LaunchShape write(Writer &writer) const override {
    const Group &group = writer.group;
    SmallVector<unsigned> dims = group.columns();
    if (dims.empty()) {
      return writeScalars(writer);
    }
    unsigned lane = dims.back();
    int64_t lanes = lanesAlong(group, lane);
    int64_t vectors =
        std::accumulate(group.sizes().begin(), group.sizes().end(), int64_t(1),
                        std::multiplies<>()) /
        lanes;
    // Enough blocks to fill a GPU come before work for each thread.
    int64_t most = std::clamp<int64_t>(kElements / lanes, 1, kVectors);
    int64_t each = vectors >= kThreads * most * 1024 ? most : 1;
    int64_t threads = std::min<int64_t>(
        kThreads, llvm::PowerOf2Ceil(std::max<int64_t>(
                      32, llvm::divideCeilSigned(vectors, each))));
    int64_t blocks = llvm::divideCeilSigned(vectors, threads * each);
    Value first = writer.add(writer.multiply(writer.blockId(), threads * each),
                             writer.threadId());
    Point scalars;
    scalars.indices.assign(group.sizes().size(), writer.index(0));
    for (OpResult result : group.outputs()) {
      if (isScalar(group, result)) {
        writer.store(result, scalars, writer.lessThan(first, 1));
      }
    }
    std::vector<Point> points;
    for (int64_t vector = 0; vector < each; ++vector) {
      Point &point = points.emplace_back();
      point.indices.resize(group.sizes().size());
      point.laneDim = static_cast<int>(lane);
      point.lanes = lanes;
      point.rows = &scalars;
      Value number = writer.add(first, writer.index(vector * threads));
      writer.placeVector(number, vectors, vectors % (threads * each) != 0, dims,
                         point);
    }
    for (OpResult result : group.outputs()) {
      if (!isScalar(group, result)) {
        for (Point &point : points) { // loads before stores
          writer.evaluate(result, point);
        }
      }
    }
    for (OpResult result : group.outputs()) {
      if (!isScalar(group, result)) {
        for (Point &point : points) {
          writer.store(result, point);
        }
      }
    }
    for (linalg::GenericOp part : group.parts()) {
      auto all = llvm::map_to_vector(points, [](Point &p) { return &p; });
      writer.storePart(part, writer.elementsOf(part, all), threads);
    }
    return {blocks, threads};
  }

private:
  static bool isScalar(const Group &group, OpResult result) {
    return group.extentOf(cast<linalg::GenericOp>(result.getOwner())) ==
           Group::Extent::None;
  }

  /// One thread.
  static LaunchShape writeScalars(Writer &writer) {
    Point point;
    for (OpResult result : writer.group.outputs()) {
      writer.store(result, point);
    }
    return {1, 1};
  }
};

} // namespace

std::unique_ptr<Schedule> steelyard::cuda::createFlatSchedule() {
  return std::make_unique<Flat>();
}
