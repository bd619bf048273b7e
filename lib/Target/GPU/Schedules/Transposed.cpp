//===- Transposed.cpp - Elementwise kernels across memory -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Groups without reductions in which some tensors lie along one dimension and
// some along another: transposes, and casts that are written in both layouts.
// A block computes a square tile along the dimension of most; the others go
// through shared memory, so that all of them are read and written in lines.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Target/GPU/Schedules/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace steelyard::cuda;

namespace {

constexpr int64_t kTile = 64; // elements along each of the two dimensions
constexpr int64_t kThreads = 256;
constexpr int64_t kPadding = 1; // neighbours across lie in different banks
constexpr int64_t kSharedBytes = 48 * 1024;

/// A tensor that lies across, with what it is to the group.
struct Crossed {
  Value input;     // or
  OpResult output; // one of the two
  Access access;

  Type elementType() const {
    Type type =
        getElementTypeOrSelf(input ? input.getType() : Value(output).getType());
    return type.isInteger(1) ? IntegerType::get(type.getContext(), 8) : type;
  }
};

/// The two dimensions, and what lies along the second while most lie along the
/// first.
struct Plan {
  unsigned along = 0, across = 0;
  SmallVector<Crossed> inputs, outputs;

  static std::optional<Plan> of(const Group &group) {
    if (group.hasReductions() || group.sizes().size() < 2) {
      return std::nullopt;
    }
    SmallVector<Crossed> tensors;
    for (linalg::GenericOp op : group.ops()) {
      for (OpOperand *operand : op.getDpsInputOperands()) {
        if (llvm::is_contained(group.inputs(), operand->get())) {
          tensors.push_back(
              {operand->get(), OpResult(), group.access(*operand)});
        }
      }
    }
    for (OpResult output : group.outputs()) {
      auto op = cast<linalg::GenericOp>(output.getOwner());
      tensors.push_back(
          {Value(), output,
           group.access(*op.getDpsInitOperand(output.getResultNumber()))});
    }
    // The dimension along which most lie, what is written first.
    SmallVector<int64_t> votes(group.sizes().size(), 0);
    for (const Crossed &tensor : tensors) {
      if (int dim = lineOf(tensor.access); dim >= 0) {
        votes[dim] += tensor.output ? 3 : 2;
      }
    }
    Plan plan;
    plan.along = std::max_element(votes.begin(), votes.end()) - votes.begin();
    votes[plan.along] = 0;
    plan.across = std::max_element(votes.begin(), votes.end()) - votes.begin();
    if (votes[plan.across] == 0) {
      return std::nullopt;
    }
    int64_t bytes = 0;
    for (const Crossed &tensor : tensors) {
      bool isCrossed = lineOf(tensor.access) == static_cast<int>(plan.across) &&
                       tensor.access.strides[plan.along] != 0;
      if (isCrossed) {
        (tensor.input ? plan.inputs : plan.outputs).push_back(tensor);
        bytes += kTile * (kTile + kPadding) *
                 std::max<int64_t>(
                     1, tensor.elementType().getIntOrFloatBitWidth() / 8);
      }
    }
    bool fits = bytes > 0 && bytes <= kSharedBytes;
    bool isLarge = group.sizes()[plan.along] >= kTile / 2 &&
                   group.sizes()[plan.across] >= kTile / 2;
    return fits && isLarge ? std::optional(plan) : std::nullopt;
  }

  /// The dimension along which neighbours lie.
  static int lineOf(const Access &access) {
    for (auto [dim, stride] : llvm::enumerate(access.strides)) {
      if (stride == 1) {
        return static_cast<int>(dim);
      }
    }
    return -1;
  }
};

class TransposedWriter {
public:
  explicit TransposedWriter(Writer &writer)
      : w(writer), plan(*Plan::of(writer.group)) {}

  LaunchShape write() {
    int64_t blocks = placeTile();
    for (Crossed &tensor : llvm::concat<Crossed>(plan.inputs, plan.outputs)) {
      buffers.push_back(
          w.shared(kTile * (kTile + kPadding), tensor.elementType()));
    }
    // Along their own lines into shared memory.
    SmallVector<Place, 1> lines = points(plan.across, plan.along);
    for (auto [index, tensor] : llvm::enumerate(plan.inputs)) {
      for (Place &point : lines) {
        put(buffers[index], w.read(tensor.input, tensor.access, point), point);
      }
    }
    SmallVector<Place, 1> here = points(plan.along, plan.across);
    if (!plan.inputs.empty()) {
      // What lies along is under way meanwhile.
      for (Place &point : here) {
        readAhead(point);
      }
      gpu::BarrierOp::create(w.b);
    }
    for (Place &point : here) {
      for (auto [index, tensor] : llvm::enumerate(plan.inputs)) {
        point.loaded.push_back(
            {tensor.input, tensor.access,
             get(buffers[index], point, getElementTypeOrSelf(tensor.input))});
      }
    }
    for (OpResult output : w.group.outputs()) {
      auto crossed = llvm::find_if(plan.outputs, [&](const Crossed &tensor) {
        return tensor.output == output;
      });
      for (Place &point : here) {
        if (crossed == plan.outputs.end()) {
          w.store(output, point, isScalar(output) ? isFirst : Value());
        } else {
          put(bufferOf(crossed - plan.outputs.begin()),
              w.spread(w.evaluate(output, point), point.lanes), point);
        }
      }
    }
    for (linalg::GenericOp part : w.group.parts()) {
      SmallVector<Point *> all;
      for (Place &point : here) {
        all.push_back(&point);
      }
      w.storePart(part, w.elementsOf(part, all), kThreads);
    }
    if (!plan.outputs.empty()) {
      gpu::BarrierOp::create(w.b);
      SmallVector<Place, 1> ends = points(plan.across, plan.along);
      for (auto [index, tensor] : llvm::enumerate(plan.outputs)) {
        for (Place &point : ends) {
          w.write(tensor.output,
                  get(bufferOf(index), point,
                      getElementTypeOrSelf(Value(tensor.output))),
                  point);
        }
      }
    }
    return {blocks, kThreads};
  }

private:
  Value bufferOf(size_t output) { return buffers[plan.inputs.size() + output]; }

  bool isScalar(OpResult result) {
    return w.group.extentOf(cast<linalg::GenericOp>(result.getOwner())) ==
           Group::Extent::None;
  }

  /// The block's tile: starts along both dimensions, and the others' indices.
  int64_t placeTile() {
    ArrayRef<int64_t> sizes = w.group.sizes();
    int64_t tilesAlong = llvm::divideCeilSigned(sizes[plan.along], kTile),
            tilesAcross = llvm::divideCeilSigned(sizes[plan.across], kTile);
    int64_t blocks = tilesAlong * tilesAcross;
    Value number = w.blockId();
    isFirst = w.both(w.lessThan(number, 1), w.lessThan(w.threadId(), 1));
    auto next = [&](int64_t count) {
      Value index = arith::RemUIOp::create(w.b, number, w.index(count));
      number = arith::DivUIOp::create(w.b, number, w.index(count));
      return index;
    };
    tile.indices.resize(sizes.size());
    tile.indices[plan.along] = w.multiply(next(tilesAlong), kTile);
    tile.indices[plan.across] = w.multiply(next(tilesAcross), kTile);
    for (unsigned dim = 0; dim < sizes.size(); ++dim) {
      if (dim != plan.along && dim != plan.across) {
        tile.indices[dim] = next(sizes[dim]);
        blocks *= sizes[dim];
      }
    }
    scalars.indices.assign(sizes.size(), w.index(0));
    return blocks;
  }

  /// A vector of the tile, and where it begins in it.
  struct Place : Point {
    Value inTileAlong, inTileAcross;
  };

  /// Loads what lies along, before it is needed.
  void readAhead(Place &point) {
    for (linalg::GenericOp op : w.group.ops()) {
      for (OpOperand *operand : op.getDpsInputOperands()) {
        const Access &access = w.group.access(*operand);
        bool isCrossed = llvm::any_of(plan.inputs, [&](const Crossed &input) {
          return input.input == operand->get() && input.access == access;
        });
        bool isKnown =
            llvm::any_of(point.loaded, [&](const Point::Loaded &known) {
              return known.tensor == operand->get() && known.access == access;
            });
        if (!isCrossed && !isKnown && access.strides[plan.along] != 0 &&
            access.strides[plan.across] != 0 &&
            w.group.inputs().contains(operand->get())) {
          point.loaded.push_back(
              {operand->get(), access, w.read(operand->get(), access, point)});
        }
      }
    }
  }

  /// The tile's vectors along a dimension that this thread has.
  SmallVector<Place, 1> points(unsigned lane, unsigned other) {
    ArrayRef<int64_t> sizes = w.group.sizes();
    int64_t lanes = std::min(lanesAlong(w.group, lane), kTile / 4);
    int64_t perLine = kTile / lanes;
    SmallVector<Place, 1> result;
    for (int64_t first = 0; first < kTile * perLine; first += kThreads) {
      Value number = w.add(w.threadId(), w.index(first));
      Value inLine = w.multiply(
          arith::RemUIOp::create(w.b, number, w.index(perLine)), lanes);
      Value line = arith::DivUIOp::create(w.b, number, w.index(perLine));
      Place &point = result.emplace_back();
      point.indices = tile.indices;
      point.laneDim = static_cast<int>(lane);
      point.lanes = lanes;
      point.rows = &scalars;
      for (auto [dim, offset] :
           {std::pair(lane, inLine), std::pair(other, line)}) {
        Value index = w.add(tile.indices[dim], offset);
        if (sizes[dim] % kTile != 0) {
          Value isInside = w.lessThan(index, sizes[dim]);
          index = arith::SelectOp::create(w.b, isInside, index, w.index(0));
          point.isInside = w.both(point.isInside, isInside);
        }
        point.indices[dim] = index;
      }
      bool isAlong = lane == plan.along;
      point.inTileAlong = isAlong ? inLine : line;
      point.inTileAcross = isAlong ? line : inLine;
    }
    return result;
  }

  /// Where lane `lane` of a point lies in shared memory.
  Value placeOf(const Place &point, int64_t lane) {
    bool isAlong = point.laneDim == static_cast<int>(plan.along);
    Value at = w.add(w.multiply(point.inTileAcross, kTile + kPadding),
                     point.inTileAlong);
    return w.add(at, w.index(lane * (isAlong ? 1 : kTile + kPadding)));
  }

  void put(Value buffer, Value value, Place &point) {
    if (getElementTypeOrSelf(value.getType()).isInteger(1)) {
      Type byte = w.b.getI8Type();
      auto vector = dyn_cast<VectorType>(value.getType());
      value = arith::ExtUIOp::create(
          w.b, vector ? Type(vector.clone(byte)) : byte, value);
    }
    for (int64_t lane = 0; lane < point.lanes; ++lane) {
      Value element = isa<VectorType>(value.getType())
                          ? vector::ExtractOp::create(w.b, value, lane)
                          : value;
      memref::StoreOp::create(w.b, element, buffer, placeOf(point, lane));
    }
  }

  Value get(Value buffer, Place &point, Type element) {
    SmallVector<Value> lanes;
    for (int64_t lane = 0; lane < point.lanes; ++lane) {
      Value value = memref::LoadOp::create(w.b, buffer, placeOf(point, lane));
      lanes.push_back(element.isInteger(1)
                          ? arith::TruncIOp::create(w.b, element, value)
                          : value);
    }
    return point.lanes == 1
               ? lanes.front()
               : vector::FromElementsOp::create(
                     w.b, VectorType::get(point.lanes, element), lanes);
  }

  Writer &w;
  Plan plan;
  Point tile, scalars;
  Value isFirst;
  SmallVector<Value> buffers; // of the crossed inputs, then outputs
};

struct Transposed : Schedule {
  StringRef name() const override { return "transposed"; }

  bool takes(const Group &group) const override {
    return Plan::of(group).has_value();
  }

  LaunchShape write(Writer &writer) const override {
    return TransposedWriter(writer).write();
  }
};

} // namespace

std::unique_ptr<Schedule> steelyard::cuda::createTransposedSchedule() {
  return std::make_unique<Transposed>();
}
