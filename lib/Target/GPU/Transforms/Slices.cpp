//===- Slices.cpp - Slices become linalg operations -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Conversion/StableHLOToLinalg/StableHLOToLinalg.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/Transforms/Recomputation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDASLICES
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using steelyard::cuda::Recomputation;

namespace {

/// The rectangle of a slice.
struct Rectangle {
  SmallVector<OpFoldResult> offsets, strides;
  SmallVector<int64_t> sizes;
  /// Dimensions that the smaller tensor lacks.
  llvm::SmallBitVector dropped;

  template <typename Op>
  explicit Rectangle(Op op)
      : offsets(op.getMixedOffsets()), strides(op.getMixedStrides()),
        sizes(op.getStaticSizes()), dropped(op.getDroppedDims()) {}

  bool isStatic() const {
    return llvm::all_of(offsets, [](OpFoldResult offset) {
      return getConstantIntValue(offset).has_value();
    });
  }
};

/// Index arithmetic where the builder is.
struct Indices {
  OpBuilder &b;
  Location loc;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value value(OpFoldResult number, Recomputation &again) {
    std::optional<int64_t> known = getConstantIntValue(number);
    return known ? constant(*known) : again.get(cast<Value>(number));
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
};

/// Where an element of the smaller tensor is in the larger one: offset +
/// stride * index, with its index along each dimension.
SmallVector<Value> placed(const Rectangle &rectangle, Indices write,
                          llvm::function_ref<Value(unsigned)> index) {
  Recomputation again(write.b);
  SmallVector<Value> indices;
  unsigned next = 0;
  for (auto [dim, offset] : llvm::enumerate(rectangle.offsets)) {
    Value at = write.value(offset, again);
    if (!rectangle.dropped.test(dim)) {
      Value i = index(next++);
      Value step = arith::MulIOp::create(
          write.b, write.loc, i, write.value(rectangle.strides[dim], again));
      at = write.add(at, step);
    }
    indices.push_back(at);
  }
  return indices;
}

Value emptyLike(OpBuilder &builder, Location loc, RankedTensorType type) {
  return tensor::EmptyOp::create(builder, loc, type.getShape(),
                                 type.getElementType());
}

linalg::GenericOp
elementwise(OpBuilder &builder, Location loc, RankedTensorType type,
            ValueRange inputs, ArrayRef<AffineMap> inputMaps,
            llvm::function_ref<Value(OpBuilder &, ValueRange)> body) {
  int64_t rank = type.getRank();
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  return linalg::GenericOp::create(
      builder, loc, type, inputs, emptyLike(builder, loc, type), maps,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](OpBuilder &b, Location, ValueRange elements) {
        linalg::YieldOp::create(b, loc, body(b, elements));
      });
}

/// result[i] = source[offset + stride * i]
Value extracted(OpBuilder &builder, tensor::ExtractSliceOp op) {
  Rectangle from(op);
  RankedTensorType type = op.getResultType();
  Location loc = op.getLoc();
  // linalg takes a dimension alone for all of it.
  bool startsAtZero =
      llvm::any_of(llvm::seq<size_t>(0, from.offsets.size()), [&](size_t dim) {
        return getConstantIntValue(from.offsets[dim]) == 0 &&
               getConstantIntValue(from.strides[dim]) == 1 &&
               !from.dropped.test(dim) &&
               from.sizes[dim] != op.getSourceType().getDimSize(dim);
      });
  if (from.isStatic() && !startsAtZero) {
    SmallVector<AffineExpr> exprs;
    unsigned next = 0;
    for (size_t dim = 0; dim < from.offsets.size(); ++dim) {
      AffineExpr expr = builder.getAffineConstantExpr(
          *getConstantIntValue(from.offsets[dim]));
      if (!from.dropped.test(dim)) {
        expr = expr + builder.getAffineDimExpr(next++) *
                          *getConstantIntValue(from.strides[dim]);
      }
      exprs.push_back(expr);
    }
    AffineMap map =
        AffineMap::get(type.getRank(), 0, exprs, builder.getContext());
    return elementwise(
               builder, loc, type, op.getSource(), map,
               [](OpBuilder &, ValueRange elements) { return elements[0]; })
        .getResult(0);
  }
  return elementwise(builder, loc, type, {}, {},
                     [&](OpBuilder &b, ValueRange) -> Value {
                       SmallVector<Value> indices =
                           placed(from, {b, loc}, [&](unsigned dim) -> Value {
                             return linalg::IndexOp::create(b, loc, dim);
                           });
                       return tensor::ExtractOp::create(b, loc, op.getSource(),
                                                        indices);
                     })
      .getResult(0);
}

/// The slices that are put, one after the other, into one tensor.
SmallVector<tensor::InsertSliceOp> chainOf(tensor::InsertSliceOp last) {
  SmallVector<tensor::InsertSliceOp> chain = {last};
  while (auto before =
             chain.back().getDest().getDefiningOp<tensor::InsertSliceOp>()) {
    if (!before->hasOneUse() || before->getBlock() != last->getBlock()) {
      break;
    }
    chain.push_back(before);
  }
  return chain;
}

/// The element of the latest slice that has it, else the tensor's own.
Value inserted(OpBuilder &builder, ArrayRef<tensor::InsertSliceOp> chain) {
  tensor::InsertSliceOp last = chain.front();
  RankedTensorType type = last.getDestType();
  Location loc = last.getLoc();
  Value rest = tensor::InsertSliceOp(chain.back()).getDest();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  if (!rest.getDefiningOp<tensor::EmptyOp>()) {
    inputs.push_back(rest);
    maps.push_back(builder.getMultiDimIdentityMap(type.getRank()));
  }
  return elementwise(
             builder, loc, type, inputs, maps,
             [&](OpBuilder &b, ValueRange elements) -> Value {
               Indices write{b, loc};
               Recomputation again(b);
               SmallVector<Value> at;
               for (int64_t dim = 0; dim < type.getRank(); ++dim) {
                 at.push_back(linalg::IndexOp::create(b, loc, dim));
               }
               Value element = inputs.empty() ? Value() : elements[0];
               for (tensor::InsertSliceOp op : llvm::reverse(chain)) {
                 Rectangle to(op);
                 Value inside;
                 SmallVector<Value> from;
                 auto both = [&](Value condition) {
                   inside =
                       inside ? arith::AndIOp::create(b, loc, inside, condition)
                                    .getResult()
                              : condition;
                 };
                 for (auto [dim, index] : llvm::enumerate(at)) {
                   std::optional<int64_t> offset =
                       getConstantIntValue(to.offsets[dim]);
                   int64_t stride = *getConstantIntValue(to.strides[dim]);
                   Value moved = index;
                   if (offset != 0 || to.sizes[dim] != type.getDimSize(dim)) {
                     moved = arith::SubIOp::create(
                         b, loc, index, write.value(to.offsets[dim], again));
                     // As an unsigned number, a negative one is beyond all.
                     both(write.compare(
                         arith::CmpIPredicate::ult, moved,
                         write.constant((to.sizes[dim] - 1) * stride + 1)));
                     if (stride != 1) {
                       Value step = write.constant(stride);
                       both(write.compare(
                           arith::CmpIPredicate::eq,
                           arith::RemSIOp::create(b, loc, moved, step),
                           write.constant(0)));
                       moved = arith::DivSIOp::create(b, loc, moved, step);
                     }
                     moved = arith::MinSIOp::create(
                         b, loc,
                         arith::MaxSIOp::create(b, loc, moved,
                                                write.constant(0)),
                         write.constant(to.sizes[dim] - 1));
                   }
                   if (!to.dropped.test(dim)) {
                     from.push_back(moved);
                   }
                 }
                 Value value =
                     tensor::ExtractOp::create(b, loc, op.getSource(), from);
                 element = element && inside
                               ? arith::SelectOp::create(b, loc, inside, value,
                                                         element)
                                     .getResult()
                               : value;
               }
               return element;
             })
      .getResult(0);
}

/// A loop over the slice, which writes into the tensor.
Value insertedInPlace(OpBuilder &builder, tensor::InsertSliceOp op) {
  Location loc = op.getLoc();
  Rectangle to(op);
  Indices outside{builder, loc};
  SmallVector<Value> low, high, step;
  RankedTensorType type = op.getSourceType();
  for (int64_t size : type.getShape()) {
    low.push_back(outside.constant(0));
    high.push_back(outside.constant(size));
    step.push_back(outside.constant(1));
  }
  if (low.empty()) {
    low.push_back(outside.constant(0));
    high.push_back(outside.constant(1));
    step.push_back(outside.constant(1));
  }
  scf::LoopNest nest = scf::buildLoopNest(
      builder, loc, low, high, step, op.getDest(),
      [&](OpBuilder &b, Location, ValueRange ivs,
          ValueRange carried) -> scf::ValueVector {
        SmallVector<Value> at = placed(
            to, {b, loc}, [&](unsigned dim) -> Value { return ivs[dim]; });
        Value element = tensor::ExtractOp::create(
            b, loc, op.getSource(), ivs.take_front(type.getRank()));
        return {tensor::InsertOp::create(b, loc, element, carried[0], at)};
      });
  for (scf::ForOp loop : nest.loops) {
    steelyard::markParallel(loop);
  }
  return nest.results.front();
}

struct Slices : steelyard::cuda::impl::CUDASlicesBase<Slices> {
  using CUDASlicesBase::CUDASlicesBase;

  void runOnOperation() override {
    SmallVector<Operation *> slices;
    getOperation().walk([&](Operation *op) {
      if (isa<tensor::ExtractSliceOp, tensor::InsertSliceOp>(op)) {
        slices.push_back(op);
      }
    });
    // From the last to the first: a chain is taken as a whole.
    llvm::SmallPtrSet<Operation *, 8> done;
    for (Operation *op : llvm::reverse(slices)) {
      if (!done.contains(op)) {
        rewrite(op, done);
      }
    }
  }

  void rewrite(Operation *op, llvm::SmallPtrSet<Operation *, 8> &done) {
    OpBuilder builder(op);
    if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op)) {
      extract.replaceAllUsesWith(extracted(builder, extract));
      extract.erase();
      return;
    }
    auto insert = cast<tensor::InsertSliceOp>(op);
    SmallVector<tensor::InsertSliceOp> chain = chainOf(insert);
    bool isSmall =
        insert.getDestType().getNumElements() >=
        inPlaceFactor *
            std::max<int64_t>(1, insert.getSourceType().getNumElements());
    bool inPlace = chain.size() == 1 && isSmall &&
                   !insert.getDest().getDefiningOp<tensor::EmptyOp>();
    insert.replaceAllUsesWith(inPlace ? insertedInPlace(builder, insert)
                                      : inserted(builder, chain));
    for (tensor::InsertSliceOp each : chain) {
      done.insert(each);
      each.erase();
    }
  }
};

} // namespace
