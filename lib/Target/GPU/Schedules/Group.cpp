//===- Group.cpp - Operations that run as one kernel ------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Group.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace steelyard::cuda;

std::optional<Reduction> steelyard::cuda::findReduction(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0) {
    return std::nullopt;
  }
  Block *body = op.getBody();
  BlockArgument out = op.getRegionOutputArgs()[0];
  Operation *combiner = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || combiner->getBlock() != body ||
      combiner->getNumOperands() != 2 || !out.hasOneUse() ||
      *out.user_begin() != combiner || !arith::getNeutralElement(combiner)) {
    return std::nullopt;
  }
  return Reduction{combiner, combiner->getOperand(0) == out
                                 ? combiner->getOperand(1)
                                 : combiner->getOperand(0)};
}

bool steelyard::cuda::isReducedInParts(linalg::GenericOp op) {
  constexpr int64_t kLeast = 8192; // less is one block's work
  int64_t count = 1;
  for (auto [range, kind] :
       llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    if (kind == utils::IteratorType::parallel && range != 1) {
      return false;
    }
    count *= range;
  }
  return count >= kLeast && findReduction(op);
}

linalg::GenericOp steelyard::cuda::joinParts(OpBuilder &builder,
                                             linalg::GenericOp reduction,
                                             Value parts, AffineMap result) {
  Operation *combiner = findReduction(reduction)->combiner;
  SmallVector<utils::IteratorType> kinds;
  for (unsigned dim = 0; dim < result.getNumDims(); ++dim) {
    kinds.push_back(result.isFunctionOfDim(dim)
                        ? utils::IteratorType::parallel
                        : utils::IteratorType::reduction);
  }
  return linalg::GenericOp::create(
      builder, reduction.getLoc(), reduction->getResultTypes(), parts,
      reduction.getDpsInits(),
      ArrayRef{builder.getMultiDimIdentityMap(result.getNumDims()), result},
      kinds, [&](OpBuilder &b, Location location, ValueRange args) {
        IRMapping operands;
        operands.map(combiner->getOperand(0), args[1]);
        operands.map(combiner->getOperand(1), args[0]);
        linalg::YieldOp::create(b, location,
                                b.clone(*combiner, operands)->getResults());
      });
}

/// The sum of loops times constants, and a constant, that an index is; false if
/// it is none. Added to `access`, times `stride`, for loops that are
/// dimensions.
static bool addLinear(AffineExpr expr, int64_t stride, ArrayRef<int> loops,
                      Access &access) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    access.offset += constant.getValue() * stride;
    return true;
  }
  if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
    if (int dim = loops[loop.getPosition()]; dim >= 0) {
      access.strides[dim] += stride;
    }
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary) {
    return false;
  }
  if (binary.getKind() == AffineExprKind::Add) {
    return addLinear(binary.getLHS(), stride, loops, access) &&
           addLinear(binary.getRHS(), stride, loops, access);
  }
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor &&
         addLinear(binary.getLHS(), stride * factor.getValue(), loops, access);
}

static bool isLinear(AffineMap map) {
  SmallVector<int> loops(map.getNumDims(), -1);
  Access access;
  return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
    return addLinear(expr, 1, loops, access);
  });
}

TypedAttr steelyard::cuda::splatOf(Value tensor) {
  if (DenseElementsAttr elements; matchPattern(tensor, m_Constant(&elements))) {
    return elements.isSplat() ? elements.getSplatValue<TypedAttr>()
                              : TypedAttr();
  }
  auto fill = tensor.getDefiningOp<linalg::GenericOp>();
  if (!fill || fill.getNumReductionLoops() != 0) {
    return {};
  }
  Value yielded = fill.getBody()->getTerminator()->getOperand(
      cast<OpResult>(tensor).getResultNumber());
  if (auto argument = dyn_cast<BlockArgument>(yielded);
      argument && argument.getOwner() == fill.getBody()) {
    yielded = fill.getMatchingOpOperand(argument)->get();
  }
  TypedAttr element;
  return matchPattern(yielded, m_Constant(&element)) &&
                 !isa<ShapedType>(element.getType())
             ? element
             : TypedAttr();
}

/// Elements between neighbours along each dimension.
static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 2; dim >= 0; --dim) {
    strides[dim] = strides[dim + 1] * shape[dim + 1];
  }
  return strides;
}

static ArrayRef<int64_t> shapeOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getShape() : ArrayRef<int64_t>();
}

static Access accessOf(linalg::GenericOp op, OpOperand &operand,
                       ArrayRef<int> loops, unsigned rank) {
  Access access{0, SmallVector<int64_t>(rank, 0)};
  AffineMap map = op.getMatchingIndexingMap(&operand);
  SmallVector<int64_t> strides = stridesOf(shapeOf(operand.get()));
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides)) {
    addLinear(expr, stride, loops, access);
  }
  return access;
}

SmallVector<Value> steelyard::cuda::tensorsReadBy(linalg::GenericOp op) {
  SmallVector<Value> tensors;
  op.getRegion().walk([&](tensor::ExtractOp extract) {
    if (!op.getRegion().isAncestor(extract.getTensor().getParentRegion())) {
      tensors.push_back(extract.getTensor());
    }
  });
  return tensors;
}

/// Nothing comes from outside of an operation but tensors, which it reads
/// elements of, and constants.
static bool isClosed(linalg::GenericOp op) {
  auto isConstant = [](Value value) {
    return matchPattern(value, m_Constant());
  };
  WalkResult result = op.getRegion().walk([&](Operation *inner) {
    // Vectors of elements have no loops around them.
    if (isa<tensor::ExtractOp>(inner) && inner->getParentOp() != op) {
      return WalkResult::interrupt();
    }
    for (Value operand : inner->getOperands()) {
      bool isRead = isa<tensor::ExtractOp>(inner) &&
                    isa<RankedTensorType>(operand.getType());
      if (!op.getRegion().isAncestor(operand.getParentRegion()) && !isRead &&
          !isConstant(operand)) {
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return !result.wasInterrupted() &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isa<RankedTensorType>(operand.getType()) ||
                  isConstant(operand);
         });
}

/// Loops that read the same elements of a tensor as the group's are the same.
void Group::bindByInputs(linalg::GenericOp op, MutableArrayRef<int> mine) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (OpOperand *operand : op.getDpsInputOperands()) {
    for (OpOperand &use : operand->get().getUses()) {
      auto reader = dyn_cast<linalg::GenericOp>(use.getOwner());
      if (!reader || !contains(reader)) {
        continue;
      }
      AffineMap read = op.getMatchingIndexingMap(operand);
      AffineMap readByOther = reader.getMatchingIndexingMap(&use);
      for (auto [to, from] :
           llvm::zip(read.getResults(), readByOther.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(to);
        auto source = dyn_cast<AffineDimExpr>(from);
        int dim = source ? loops[reader][source.getPosition()] : -1;
        if (loop && dim >= 0 && mine[loop.getPosition()] < 0 &&
            spaceSizes[dim] == ranges[loop.getPosition()] &&
            !llvm::is_contained(mine, dim)) {
          mine[loop.getPosition()] = dim;
        }
      }
    }
  }
}

bool Group::add(linalg::GenericOp op) {
  if (!llvm::all_of(op.getIndexingMapsArray(), isLinear) || !isClosed(op) ||
      llvm::is_contained(op.getStaticLoopRanges(), 0)) {
    return false;
  }
  // Any element: known once its kernel has ended.
  if (llvm::any_of(tensorsReadBy(op), [&](Value tensor) {
        Operation *producer = tensor.getDefiningOp();
        return producer && contains(producer);
      })) {
    return false;
  }
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<int> mine(ranges.size(), -1);
  // Loops meet where a tensor of the group is read.
  for (OpOperand &operand : op->getOpOperands()) {
    auto producer = operand.get().getDefiningOp<linalg::GenericOp>();
    if (!producer || !contains(producer)) {
      continue;
    }
    if (isReducedInParts(producer)) {
      return false;
    }
    AffineMap read = op.getMatchingIndexingMap(&operand);
    AffineMap written =
        producer.getIndexingMapMatchingResult(cast<OpResult>(operand.get()));
    ArrayRef<int> theirs = loops[producer];
    for (auto [to, from] : llvm::zip(read.getResults(), written.getResults())) {
      auto source = dyn_cast<AffineDimExpr>(from);
      auto loop = dyn_cast<AffineDimExpr>(to);
      int dim = source ? theirs[source.getPosition()] : -1;
      if (!loop) { // one element of a dimension of more is another thread's
        if (dim >= 0 || !isa<AffineConstantExpr>(to)) {
          return false;
        }
        continue;
      }
      int &bound = mine[loop.getPosition()];
      if (dim < 0 ? ranges[loop.getPosition()] != 1
                  : (bound >= 0 && bound != dim) ||
                        spaceSizes[dim] != ranges[loop.getPosition()]) {
        return false;
      }
      bound = dim < 0 ? bound : dim;
    }
  }
  bindByInputs(op, mine);
  wasReduced = isReduced;
  for (auto [loop, range] : llvm::enumerate(ranges)) {
    // Which thread computes what nothing of the group reads is open.
    for (int dim = 0; dim < static_cast<int>(spaceSizes.size()); ++dim) {
      if (mine[loop] < 0 && range != 1 && spaceSizes[dim] == range &&
          !llvm::is_contained(mine, dim)) {
        mine[loop] = dim;
      }
    }
    if (mine[loop] < 0 && range != 1) {
      mine[loop] = static_cast<int>(spaceSizes.size());
      spaceSizes.push_back(range);
      isReduced.push_back(false);
    }
  }
  SmallVector<int> used;
  for (int dim : mine) {
    if (dim >= 0) {
      used.push_back(dim);
    }
  }
  llvm::sort(used);
  bool isDiagonal = std::adjacent_find(used.begin(), used.end()) != used.end();
  operations.insert(op);
  loops[op] = mine;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (kind == utils::IteratorType::reduction && mine[loop] >= 0 &&
        !isReducedInParts(op)) {
      isReduced[mine[loop]] = true;
    }
  }
  if (spaceSizes.size() != wasReduced.size()) { // others have no new dimension
    for (auto &[operand, access] : accesses) {
      access.strides.resize(spaceSizes.size(), 0);
    }
  }
  for (OpOperand &operand : op->getOpOperands()) {
    accesses[&operand] = accessOf(op, operand, mine, spaceSizes.size());
  }
  if (isDiagonal || !isConsistent()) {
    removeLast();
    return false;
  }
  return true;
}

void Group::removeLast() {
  linalg::GenericOp op = operations.pop_back_val();
  for (OpOperand &operand : op->getOpOperands()) {
    accesses.erase(&operand);
  }
  loops.erase(op);
  isReduced = wasReduced;
  if (spaceSizes.size() != isReduced.size()) {
    spaceSizes.resize(isReduced.size());
    for (auto &[operand, access] : accesses) {
      access.strides.resize(isReduced.size());
    }
  }
}

SmallVector<bool> Group::reducedDims(linalg::GenericOp op) const {
  SmallVector<bool> reduced(spaceSizes.size(), false);
  for (auto [dim, kind] :
       llvm::zip(loops.lookup(op), op.getIteratorTypesArray())) {
    if (dim >= 0 && kind == utils::IteratorType::reduction) {
      reduced[dim] = true;
    }
  }
  return reduced;
}

Group::Extent Group::extentOf(linalg::GenericOp op) const {
  size_t count = llvm::count_if(loops.lookup(op), [](int d) { return d >= 0; });
  return count == spaceSizes.size() && count > 0 ? Extent::All
         : count > 0                             ? Extent::Rows
                                                 : Extent::None;
}

bool Group::isConsistent() const {
  bool reduces = hasReductions();
  for (linalg::GenericOp op : operations) {
    SmallVector<bool> reduced = reducedDims(op);
    if (isReducedInParts(op)) {
      if (extentOf(op) != Extent::All) {
        return false;
      }
    } else if (llvm::is_contained(reduced, true)) {
      // All columns at once.
      if (extentOf(op) != Extent::All || reduced != isReduced ||
          !findReduction(op)) {
        return false;
      }
    } else if (op.getNumReductionLoops() != 0) {
      return false; // over one element: left to who computes it as it is
    } else if (extentOf(op) == Extent::Rows) {
      for (auto [dim, isColumn] : llvm::enumerate(isReduced)) {
        bool has = llvm::is_contained(loops.lookup(op), static_cast<int>(dim));
        if (!reduces || has == isColumn) {
          return false;
        }
      }
    }
    for (OpOperand &operand : op->getOpOperands()) {
      // Who writes an element reads it.
      auto producer = operand.get().getDefiningOp<linalg::GenericOp>();
      if (producer && contains(producer)) {
        OpOperand *init = producer.getDpsInitOperand(
            cast<OpResult>(operand.get()).getResultNumber());
        if (access(operand) != access(*init)) {
          return false;
        }
      }
    }
  }
  return true;
}

bool Group::hasReductions() const {
  return llvm::is_contained(isReduced, true);
}

/// Elements between neighbours along a dimension, where it is written; of what
/// is read, if nothing is.
int64_t Group::memoryStride(unsigned dim) const {
  int64_t written = 0, read = 0;
  for (linalg::GenericOp op : operations) {
    for (OpOperand &operand : op->getOpOperands()) {
      int64_t &stride = op.isDpsInit(&operand) ? written : read;
      stride = std::max(stride, access(operand).strides[dim]);
    }
  }
  return written ? written : read;
}

SmallVector<unsigned> Group::rows() const {
  SmallVector<unsigned> dims;
  for (auto [dim, isColumn] : llvm::enumerate(isReduced)) {
    if (hasReductions() && !isColumn) {
      dims.push_back(dim);
    }
  }
  llvm::stable_sort(dims, [&](unsigned a, unsigned b) {
    return memoryStride(a) > memoryStride(b);
  });
  return dims;
}

SmallVector<unsigned> Group::columns() const {
  SmallVector<unsigned> dims;
  for (auto [dim, isColumn] : llvm::enumerate(isReduced)) {
    if (!hasReductions() || isColumn) {
      dims.push_back(dim);
    }
  }
  llvm::stable_sort(dims, [&](unsigned a, unsigned b) {
    return memoryStride(a) > memoryStride(b);
  });
  return dims;
}

const Access &Group::access(OpOperand &operand) const {
  return accesses.find(&operand)->second;
}

int Group::dimOfLoop(linalg::GenericOp op, unsigned loop) const {
  return loops.lookup(op)[loop];
}

llvm::SetVector<Value> Group::inputs() const {
  llvm::SetVector<Value> values;
  for (linalg::GenericOp op : operations) {
    for (OpOperand &operand : op->getOpOperands()) {
      // What a destination holds matters to those that read it.
      bool isRead = op.payloadUsesValueFromOperand(&operand);
      Operation *producer = operand.get().getDefiningOp();
      bool isInput = isa<RankedTensorType>(operand.get().getType()) &&
                     !(producer && contains(producer)) &&
                     !splatOf(operand.get());
      if (isRead && isInput) {
        values.insert(operand.get());
      }
    }
    for (Value tensor : tensorsReadBy(op)) {
      values.insert(tensor);
    }
  }
  return values;
}

SmallVector<OpResult> Group::outputs() const {
  SmallVector<OpResult> values;
  for (linalg::GenericOp op : operations) {
    for (OpResult result : op->getResults()) {
      if (!isReducedInParts(op) &&
          llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !contains(user); })) {
        values.push_back(result);
      }
    }
  }
  return values;
}

SmallVector<linalg::GenericOp> Group::parts() const {
  return llvm::filter_to_vector(operations, isReducedInParts);
}

void Group::mergeDimensions() {
  // Rows merge with rows, columns with columns; outer before inner.
  auto isMergeable = [&](unsigned outer, unsigned inner) {
    return isReduced[outer] == isReduced[inner] &&
           llvm::all_of(operations, [&](linalg::GenericOp op) {
             auto has = [&](unsigned dim) {
               return llvm::is_contained(loops[op], static_cast<int>(dim));
             };
             // linalg.index asks for loops as they were.
             return !op.hasIndexSemantics() && has(outer) == has(inner) &&
                    llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
                      const Access &access = accesses[&operand];
                      return access.strides[outer] ==
                             access.strides[inner] * spaceSizes[inner];
                    });
           });
  };
  for (unsigned inner = spaceSizes.size(); inner-- > 0;) {
    for (unsigned outer = 0; outer < spaceSizes.size(); ++outer) {
      if (outer == inner || !isMergeable(outer, inner)) {
        continue;
      }
      spaceSizes[inner] *= spaceSizes[outer];
      spaceSizes.erase(spaceSizes.begin() + outer);
      isReduced.erase(isReduced.begin() + outer);
      for (auto &[operand, access] : accesses) {
        access.strides.erase(access.strides.begin() + outer);
      }
      for (auto &[op, dims] : loops) {
        for (int &dim : dims) {
          dim = dim == static_cast<int>(outer)  ? -1
                : dim > static_cast<int>(outer) ? dim - 1
                                                : dim;
        }
      }
      return mergeDimensions();
    }
  }
}
