//===- Writer.h - The code of a kernel --------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_TARGET_GPU_SCHEDULES_WRITER_H
#define STEELYARD_TARGET_GPU_SCHEDULES_WRITER_H

#include "steelyard/Target/GPU/Schedules/Group.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace steelyard::cuda {

/// Where a thread is in the group's space: an index along each dimension, and
/// how many elements along one of them it computes at once. Values are computed
/// once a point, where they are first asked for; what does not depend on the
/// columns is computed at the enclosing point.
struct Point {
  llvm::SmallVector<mlir::Value> indices; // type index
  int laneDim = -1;
  int64_t lanes = 1;
  /// i1: this point is none of the space's; null: it always is. Nothing is
  /// stored then, and indices are those of some element.
  mlir::Value isInside;
  /// Where lines begin at any address, vectors are those of memory, and a
  /// line's first and last reach beyond it.
  struct Edges {
    /// One a lane, i1: it is in the line; and i1, whether all are.
    mlir::Value lanesInside, isWhole;
    /// Tensors that lie in memory as this does, up to multiples of a vector,
    /// are read at once, also beyond the line.
    Access like;
  };
  std::optional<Edges> edges;
  Point *rows = nullptr;
  llvm::DenseMap<mlir::Value, mlir::Value> values;
  struct Loaded {
    mlir::Value tensor;
    Access access;
    mlir::Value value;
  };
  llvm::SmallVector<Loaded> loaded;
};

/// Another buffer of a kernel in shared memory, where vectors may be accessed.
mlir::Value addShared(mlir::gpu::GPUFuncOp kernel, mlir::MemRefType type,
                      mlir::Location loc);

/// Writes the body of a kernel, for schedules: they say who computes what in
/// which order, the writer what that is.
class Writer {
public:
  Writer(mlir::OpBuilder &builder, const Group &group,
         mlir::gpu::GPUFuncOp kernel);

  mlir::ImplicitLocOpBuilder b;
  const Group &group;
  mlir::gpu::GPUFuncOp kernel;

  /// The value of a tensor's element, or elements, at a point: loaded or
  /// computed. A vector where it differs between lanes, else a scalar.
  mlir::Value evaluate(mlir::OpOperand &operand, Point &point);
  mlir::Value evaluate(mlir::OpResult result, Point &point);

  /// What a reduction adds of one point: its element, or the neutral one
  /// outside of the space; one a lane where `lanes` > 1.
  mlir::Value elementOf(mlir::linalg::GenericOp reduction, Point &point);
  /// The same of several points, joined.
  mlir::Value elementsOf(mlir::linalg::GenericOp reduction,
                         llvm::ArrayRef<Point *> points);
  mlir::Value neutralOf(mlir::linalg::GenericOp reduction, int64_t lanes);
  mlir::Value combine(mlir::linalg::GenericOp reduction, mlir::Value a,
                      mlir::Value b);
  /// Joins the lanes of a vector, pairs first.
  mlir::Value combineLanes(mlir::linalg::GenericOp reduction,
                           mlir::Value vector);
  /// Joins over `threads` neighbouring threads of a block (a power of two),
  /// which all get the result. `all` is the block's size; with more than 32
  /// threads it waits for the block.
  mlir::Value combineThreads(mlir::linalg::GenericOp reduction,
                             mlir::Value value, int64_t threads);
  /// Joins what the warps of a block have, lane by lane of the warp; each gets
  /// the result.
  mlir::Value combineWarps(mlir::linalg::GenericOp reduction, mlir::Value value,
                           int64_t warps);
  /// Ends a reduction in parts: `value` is what a thread has of it, `threads`
  /// are all of the block.
  void storePart(mlir::linalg::GenericOp reduction, mlir::Value value,
                 int64_t threads);
  /// Ends a kernel that has stored parts: the last of its blocks to do so joins
  /// them. Element `number` of `counters`, of i32, tells which that is; it is
  /// zero before and after. `results` are buffers of one element, one a part.
  void joinParts(int64_t blocks, int64_t threads, mlir::Value counters,
                 mlir::Value number, llvm::ArrayRef<mlir::Value> results);
  /// From now on the result is known at row points.
  void setReduced(mlir::linalg::GenericOp reduction, mlir::Value value);
  /// What was reduced so far is of another branch.
  void forgetReduced() { reduced.clear(); }

  /// The element, or elements, of a tensor from memory.
  mlir::Value read(mlir::Value tensor, const Access &access, Point &point);
  /// The same to memory, for a value that is known.
  void write(mlir::OpResult result, mlir::Value value, Point &point,
             mlir::Value condition = {});
  /// Writes a result's element, or elements, if the point is inside and
  /// `condition` (may be null) holds.
  void store(mlir::OpResult result, Point &point, mlir::Value condition = {});

  /// A scalar in each lane of a vector; a vector as it is.
  mlir::Value spread(mlir::Value value, int64_t lanes);

  mlir::Value index(int64_t value);
  /// Index of the block or thread, along x, y or z.
  mlir::Value blockId(mlir::gpu::Dimension dim = mlir::gpu::Dimension::x);
  mlir::Value threadId(mlir::gpu::Dimension dim = mlir::gpu::Dimension::x);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value multiply(mlir::Value a, int64_t factor);
  mlir::Value lessThan(mlir::Value a, int64_t bound);
  mlir::Value both(mlir::Value a, mlir::Value b); // null: true
  /// Sets the point's indices along `dims`, the last running fastest, from a
  /// number, which counts vectors along the lane dimension if it is one of
  /// them. There are `count`; where the number may exceed that, the point is
  /// then outside, and its indices are the first's.
  void placeVector(mlir::Value number, int64_t count, bool mayExceed,
                   llvm::ArrayRef<unsigned> dims, Point &point);

  /// Number of a tensor's element at a point, or of the first of its lanes.
  mlir::Value offset(const Access &access, const Point &point);

  /// Shared memory of the block.
  mlir::Value shared(int64_t elements, mlir::Type elementType);

private:
  mlir::Value load(mlir::OpOperand &operand, Point &point);
  mlir::Value laneOffset(const Access &access, const Point &point,
                         int64_t lane);
  bool isAtOnce(const Access &access, const Point &point);
  void writeLanes(mlir::Value value, mlir::Value buffer, const Access &access,
                  const Point &point);
  mlir::Value shuffleXor(mlir::Value value, int64_t distance);
  void computeAt(mlir::linalg::GenericOp op, Point &point);
  void computeBody(mlir::linalg::GenericOp op, Point &point,
                   mlir::IRMapping &mapping, mlir::Operation *last = nullptr);
  mlir::Value gather(mlir::tensor::ExtractOp op, Point &point,
                     const mlir::IRMapping &mapping);
  mlir::Value gatherNeighbours(mlir::tensor::ExtractOp op, Point &point,
                               mlir::ValueRange indices);
  mlir::Value bufferOf(mlir::Value tensor);
  mlir::Value takeTicket(mlir::Value counters, mlir::Value number);

  llvm::DenseMap<mlir::Value, mlir::Value> buffers, reduced;
};

} // namespace steelyard::cuda

#endif // STEELYARD_TARGET_GPU_SCHEDULES_WRITER_H
