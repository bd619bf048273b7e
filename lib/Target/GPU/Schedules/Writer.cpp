//===- Writer.cpp - The code of a kernel ------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Writer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace steelyard::cuda;

static constexpr int64_t kWarp = 32;
static constexpr int64_t kAccessBytes = 16;

Value steelyard::cuda::addShared(mlir::gpu::GPUFuncOp kernel, MemRefType type,
                                 Location loc) {
  Builder builder(kernel.getContext());
  Value buffer = kernel.addWorkgroupAttribution(type, loc);
  kernel.setWorkgroupAttributionAttr(
      static_cast<int>(kernel.getNumWorkgroupAttributions()) - 1,
      builder.getStringAttr(LLVM::LLVMDialect::getAlignAttrName()),
      builder.getI64IntegerAttr(kAccessBytes));
  return buffer;
}

Writer::Writer(OpBuilder &builder, const Group &group,
               mlir::gpu::GPUFuncOp kernel)
    : b(group.ops().front()->getLoc(), builder), group(group), kernel(kernel) {
  b.setInsertionPointToStart(&kernel.getBody().front());
  unsigned position = 0;
  for (Value input : group.inputs()) {
    buffers[input] = kernel.getArgument(position++);
  }
  for (OpResult output : group.outputs()) {
    buffers[output] = kernel.getArgument(position++);
  }
  for (linalg::GenericOp part : group.parts()) {
    buffers[part->getResult(0)] = kernel.getArgument(position++);
  }
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value Writer::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value Writer::blockId(mlir::gpu::Dimension dim) {
  return mlir::gpu::BlockIdOp::create(b, dim);
}

Value Writer::threadId(mlir::gpu::Dimension dim) {
  return mlir::gpu::ThreadIdOp::create(b, dim);
}

Value Writer::add(Value a, Value c) {
  return b.createOrFold<arith::AddIOp>(a, c);
}

Value Writer::multiply(Value a, int64_t factor) {
  return factor == 1 ? a : b.createOrFold<arith::MulIOp>(a, index(factor));
}

Value Writer::lessThan(Value a, int64_t bound) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, a, index(bound));
}

Value Writer::both(Value a, Value c) {
  return !a ? c : !c ? a : b.createOrFold<arith::AndIOp>(a, c);
}

void Writer::placeVector(Value number, int64_t count, bool mayExceed,
                         ArrayRef<unsigned> dims, Point &point) {
  if (mayExceed) {
    Value isInside = lessThan(number, count);
    number = arith::SelectOp::create(b, isInside, number, index(0));
    point.isInside = both(point.isInside, isInside);
  }
  for (unsigned dim : llvm::reverse(dims)) {
    bool isOfLanes = static_cast<int>(dim) == point.laneDim;
    Value here = number;
    if (dim != dims.front()) {
      int64_t steps = group.sizes()[dim] / (isOfLanes ? point.lanes : 1);
      here = b.createOrFold<arith::RemUIOp>(number, index(steps));
      number = b.createOrFold<arith::DivUIOp>(number, index(steps));
    }
    point.indices[dim] = isOfLanes ? multiply(here, point.lanes) : here;
  }
}

Value Writer::offset(const Access &access, const Point &point) {
  Value sum = access.offset ? index(access.offset) : Value();
  for (auto [stride, at] : llvm::zip(access.strides, point.indices)) {
    if (stride != 0) {
      Value part = multiply(at, stride);
      sum = sum ? add(sum, part) : part;
    }
  }
  return sum ? sum : index(0);
}

/// Of a lane within the line, or of the line's nearest element.
Value Writer::laneOffset(const Access &access, const Point &point,
                         int64_t lane) {
  int64_t stride = access.strides[point.laneDim];
  if (!point.edges) {
    return add(offset(access, point), index(lane * stride));
  }
  Point at;
  at.indices = point.indices;
  Value &along = at.indices[point.laneDim];
  along = arith::MaxSIOp::create(b, add(along, index(lane)), index(0));
  along =
      arith::MinSIOp::create(b, along, index(group.sizes()[point.laneDim] - 1));
  return offset(access, at);
}

/// Whether what a point's lanes have of a tensor lies in memory as a vector
/// does.
bool Writer::isAtOnce(const Access &access, const Point &point) {
  if (access.strides[point.laneDim] != 1) {
    return false;
  }
  return !point.edges ||
         isAlignedLike(group, access, point.edges->like, point.lanes);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value Writer::bufferOf(Value tensor) {
  Value buffer = buffers.lookup(tensor);
  assert(buffer && "a tensor that is no argument of the kernel");
  return buffer;
}

/// A tensor of truth values is bytes in memory.
static bool isOfBits(Value tensor) {
  return getElementTypeOrSelf(tensor.getType()).isInteger(1);
}

static IntegerAttr alignmentOf(OpBuilder &b, VectorType type) {
  int64_t bytes = type.getNumElements() *
                  llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  return b.getI64IntegerAttr(std::min(bytes, kAccessBytes));
}

Value Writer::load(OpOperand &operand, Point &point) {
  const Access &access = group.access(operand);
  bool isOfColumns = llvm::any_of(
      group.columns(), [&](unsigned dim) { return access.strides[dim] != 0; });
  Point &home = point.rows && !isOfColumns ? *point.rows : point;
  for (const Point::Loaded &known : home.loaded) {
    if (known.tensor == operand.get() && known.access == access) {
      return known.value;
    }
  }
  Value value = read(operand.get(), access, point);
  if (&home == &point) {
    home.loaded.push_back({operand.get(), access, value});
  }
  return value;
}

Value Writer::read(Value tensor, const Access &access, Point &point) {
  Value buffer = bufferOf(tensor);
  Value at = offset(access, point);
  int64_t stride =
      point.laneDim < 0 || point.lanes == 1 ? 0 : access.strides[point.laneDim];
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  Value value;
  if (stride == 0) {
    value = memref::LoadOp::create(b, buffer, at);
  } else if (isAtOnce(access, point)) {
    auto type = VectorType::get(point.lanes, element);
    auto loaded = vector::LoadOp::create(b, type, buffer, at);
    loaded->setAttr("alignment", alignmentOf(b, type));
    value = loaded;
  } else {
    SmallVector<Value> lanes;
    for (int64_t lane = 0; lane < point.lanes; ++lane) {
      lanes.push_back(
          memref::LoadOp::create(b, buffer, laneOffset(access, point, lane)));
    }
    value = vector::FromElementsOp::create(
        b, VectorType::get(point.lanes, element), lanes);
  }
  if (isOfBits(tensor)) {
    Type bit = b.getI1Type();
    if (auto type = dyn_cast<VectorType>(value.getType())) {
      bit = type.clone(bit);
    }
    value = arith::TruncIOp::create(b, bit, value);
  }
  return value;
}

void Writer::store(OpResult result, Point &point, Value condition) {
  write(result, evaluate(result, point), point, condition);
}

void Writer::write(OpResult result, Value value, Point &point,
                   Value condition) {
  auto op = cast<linalg::GenericOp>(result.getOwner());
  const Access &access =
      group.access(*op.getDpsInitOperand(result.getResultNumber()));
  Value buffer = bufferOf(result);
  Value at = offset(access, point);
  if (isOfBits(result)) {
    Type byte = b.getI8Type();
    if (auto type = dyn_cast<VectorType>(value.getType())) {
      byte = type.clone(byte);
    }
    value = arith::ExtUIOp::create(b, byte, value);
  }
  int64_t stride =
      point.laneDim < 0 || point.lanes == 1 ? 0 : access.strides[point.laneDim];
  if (stride != 0) {
    value = spread(value, point.lanes);
  }
  condition = both(condition, point.isInside);
  OpBuilder::InsertionGuard guard(b);
  if (condition) {
    auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  if (stride == 0) {
    memref::StoreOp::create(b, value, buffer, at);
    return;
  }
  if (!isAtOnce(access, point)) {
    writeLanes(value, buffer, access, point);
    return;
  }
  if (point.edges) {
    auto branch = scf::IfOp::create(b, point.edges->isWhole,
                                    /*withElseRegion=*/true);
    b.setInsertionPointToStart(branch.elseBlock());
    writeLanes(value, buffer, access, point);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  auto stored = vector::StoreOp::create(b, value, buffer, at);
  stored->setAttr("alignment",
                  alignmentOf(b, cast<VectorType>(value.getType())));
}

void Writer::writeLanes(Value value, Value buffer, const Access &access,
                        const Point &point) {
  for (int64_t lane = 0; lane < point.lanes; ++lane) {
    OpBuilder::InsertionGuard guard(b);
    if (point.edges) {
      auto branch = scf::IfOp::create(
          b, vector::ExtractOp::create(b, point.edges->lanesInside, lane),
          /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    memref::StoreOp::create(b, vector::ExtractOp::create(b, value, lane),
                            buffer, laneOffset(access, point, lane));
  }
}

Value Writer::shared(int64_t elements, Type elementType) {
  auto space = mlir::gpu::AddressSpaceAttr::get(
      b.getContext(), mlir::gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({elements}, elementType,
                              MemRefLayoutAttrInterface(), space);
  return addShared(kernel, type, b.getLoc());
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value Writer::spread(Value value, int64_t lanes) {
  if (lanes == 1 || isa<VectorType>(value.getType())) {
    return value;
  }
  return vector::BroadcastOp::create(b, VectorType::get(lanes, value.getType()),
                                     value);
}

Value Writer::evaluate(OpOperand &operand, Point &point) {
  Value value = operand.get();
  if (!isa<RankedTensorType>(value.getType())) {
    return b.clone(*value.getDefiningOp())->getResult(0); // a constant
  }
  if (TypedAttr element = splatOf(value)) {
    return arith::ConstantOp::create(b, element);
  }
  Operation *producer = value.getDefiningOp();
  if (producer && group.contains(producer)) {
    return evaluate(cast<OpResult>(value), point);
  }
  return load(operand, point);
}

Value Writer::evaluate(OpResult result, Point &point) {
  if (Value known = reduced.lookup(result)) {
    return known;
  }
  auto op = cast<linalg::GenericOp>(result.getOwner());
  Point &home = point.rows && group.extentOf(op) != Group::Extent::All
                    ? *point.rows
                    : point;
  if (!home.values.contains(result)) {
    computeAt(op, home);
  }
  return home.values.lookup(result);
}

void Writer::computeAt(linalg::GenericOp op, Point &point) {
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.payloadUsesValueFromOperand(&operand)) {
      mapping.map(op.getMatchingBlockArgument(&operand),
                  evaluate(operand, point));
    }
  }
  computeBody(op, point, mapping);
  for (auto [result, yielded] : llvm::zip(
           op->getResults(), op.getBody()->getTerminator()->getOperands())) {
    Value value = mapping.lookupOrDefault(yielded);
    if (value == yielded) {
      value = b.clone(*yielded.getDefiningOp())->getResult(0);
    }
    point.values[result] = value;
  }
}

void Writer::computeBody(linalg::GenericOp op, Point &point, IRMapping &mapping,
                         Operation *last) {
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (&inner == last) {
      continue;
    }
    if (auto indexOp = dyn_cast<linalg::IndexOp>(inner)) {
      int dim = group.dimOfLoop(op, indexOp.getDim());
      Value at = dim < 0 ? index(0) : point.indices[dim];
      if (dim >= 0 && dim == point.laneDim && point.lanes > 1) {
        auto type = VectorType::get(point.lanes, b.getIndexType());
        at = arith::AddIOp::create(b, spread(at, point.lanes),
                                   vector::StepOp::create(b, type));
      }
      mapping.map(indexOp.getResult(), at);
      continue;
    }
    // Constants from outside of the operation.
    inner.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands()) {
        Operation *source = operand.getDefiningOp();
        if (source && !op->isAncestor(source) && !mapping.contains(operand) &&
            !isa<RankedTensorType>(operand.getType())) {
          mapping.map(operand, b.clone(*source)->getResult(0));
        }
      }
    });
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      mapping.map(extract.getResult(), gather(extract, point, mapping));
      continue;
    }
    bool isVector = llvm::any_of(inner.getOperands(), [&](Value operand) {
      return isa<VectorType>(mapping.lookup(operand).getType());
    });
    bool isMappable = inner.getNumRegions() == 0 &&
                      OpTrait::hasElementwiseMappableTraits(&inner);
    if (!isVector && inner.getNumRegions() == 0) {
      b.clone(inner, mapping);
      continue;
    }
    if (isMappable) {
      IRMapping spreaded;
      for (Value operand : inner.getOperands()) {
        spreaded.map(operand, spread(mapping.lookup(operand), point.lanes));
      }
      Operation *wide = b.clone(inner, spreaded);
      for (auto [from, to] :
           llvm::zip(inner.getResults(), wide->getResults())) {
        to.setType(VectorType::get(point.lanes, from.getType()));
        mapping.map(from, to);
      }
      continue;
    }
    // Lane by lane.
    SmallVector<SmallVector<Value>> results(inner.getNumResults());
    for (int64_t lane = 0; lane < point.lanes; ++lane) {
      IRMapping one = mapping;
      for (auto [from, to] : mapping.getValueMap()) {
        if (isa<VectorType>(to.getType())) {
          one.map(from, vector::ExtractOp::create(b, to, lane));
        }
      }
      Operation *scalar = b.clone(inner, one);
      for (auto [into, result] : llvm::zip(results, scalar->getResults())) {
        into.push_back(result);
      }
    }
    for (auto [from, lanes] : llvm::zip(inner.getResults(), results)) {
      mapping.map(
          from,
          point.lanes == 1
              ? lanes.front()
              : vector::FromElementsOp::create(
                    b, VectorType::get(point.lanes, from.getType()), lanes));
    }
  }
}

/// How far from a loop an index is: loop + constant.
static std::optional<int64_t> distanceFrom(linalg::IndexOp &loop, Value index) {
  if (auto found = index.getDefiningOp<linalg::IndexOp>()) {
    loop = found;
    return 0;
  }
  auto sum = index.getDefiningOp<arith::AddIOp>();
  APInt constant;
  if (!sum || !matchPattern(sum.getRhs(), m_ConstantInt(&constant))) {
    return std::nullopt;
  }
  std::optional<int64_t> distance = distanceFrom(loop, sum.getLhs());
  return distance ? std::optional(*distance + constant.getSExtValue())
                  : std::nullopt;
}

/// Neighbours in memory, at an address that allows to read them at once; null
/// if they are not.
Value Writer::gatherNeighbours(tensor::ExtractOp op, Point &point,
                               ValueRange indices) {
  linalg::IndexOp loop;
  if (point.lanes == 1 || indices.empty() ||
      llvm::any_of(indices.drop_back(),
                   [](Value at) { return isa<VectorType>(at.getType()); })) {
    return {};
  }
  std::optional<int64_t> distance = distanceFrom(loop, op.getIndices().back());
  ArrayRef<int64_t> shape = op.getTensor().getType().getShape();
  auto reader = loop ? loop->getParentOfType<linalg::GenericOp>() : nullptr;
  if (!distance || !reader || point.laneDim < 0 ||
      group.dimOfLoop(reader, loop.getDim()) != point.laneDim ||
      *distance % point.lanes != 0 ||
      (shape.size() > 1 && shape.back() % point.lanes != 0)) {
    return {};
  }
  Value at = index(0);
  for (auto [dim, each] : llvm::enumerate(indices.drop_back())) {
    at = add(multiply(at, shape[dim]), each);
  }
  at = add(multiply(at, shape.back()),
           add(point.indices[point.laneDim], index(*distance)));
  Value buffer = bufferOf(op.getTensor());
  auto type = VectorType::get(
      point.lanes, cast<MemRefType>(buffer.getType()).getElementType());
  auto loaded = vector::LoadOp::create(b, type, buffer, at);
  loaded->setAttr("alignment", alignmentOf(b, type));
  return isOfBits(op.getTensor())
             ? arith::TruncIOp::create(b, type.clone(b.getI1Type()), loaded)
                   .getResult()
             : loaded.getResult();
}

/// Elements at computed indices, lane by lane where they are no neighbours.
Value Writer::gather(tensor::ExtractOp op, Point &point,
                     const IRMapping &mapping) {
  Value buffer = bufferOf(op.getTensor());
  ArrayRef<int64_t> shape = op.getTensor().getType().getShape();
  SmallVector<Value> indices;
  for (Value index : op.getIndices()) {
    indices.push_back(mapping.lookup(index));
  }
  if (Value vector = gatherNeighbours(op, point, indices)) {
    return vector;
  }
  int64_t count =
      llvm::any_of(indices,
                   [](Value index) { return isa<VectorType>(index.getType()); })
          ? point.lanes
          : 1;
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < count; ++lane) {
    Value at = this->index(0);
    for (auto [dim, vector] : llvm::enumerate(indices)) {
      Value one = isa<VectorType>(vector.getType())
                      ? vector::ExtractOp::create(b, vector, lane).getResult()
                      : vector;
      at = add(multiply(at, shape[dim]), one);
    }
    Value element = memref::LoadOp::create(b, buffer, at);
    lanes.push_back(
        isOfBits(op.getTensor())
            ? arith::TruncIOp::create(b, b.getI1Type(), element).getResult()
            : element);
  }
  return count == 1 ? lanes.front()
                    : vector::FromElementsOp::create(
                          b, VectorType::get(count, op.getType()), lanes)
                          .getResult();
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

void Writer::setReduced(linalg::GenericOp reduction, Value value) {
  reduced[reduction.getResult(0)] = value;
}

Value Writer::neutralOf(linalg::GenericOp reduction, int64_t lanes) {
  TypedAttr neutral =
      *arith::getNeutralElement(findReduction(reduction)->combiner);
  return spread(arith::ConstantOp::create(b, neutral), lanes);
}

Value Writer::elementOf(linalg::GenericOp op, Point &point) {
  Reduction reduction = *findReduction(op);
  IRMapping mapping;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (op.payloadUsesValueFromOperand(operand)) {
      mapping.map(op.getMatchingBlockArgument(operand),
                  evaluate(*operand, point));
    }
  }
  computeBody(op, point, mapping, reduction.combiner);
  Value element = mapping.lookupOrDefault(reduction.element);
  if (element == reduction.element) {
    element = b.clone(*element.getDefiningOp())->getResult(0);
  }
  // What is the same in all lanes counts as often.
  element = spread(element, point.lanes);
  if (point.isInside) {
    element = arith::SelectOp::create(b, point.isInside, element,
                                      neutralOf(op, point.lanes));
  }
  if (point.edges) {
    element = arith::SelectOp::create(b, point.edges->lanesInside, element,
                                      neutralOf(op, point.lanes));
  }
  return element;
}

Value Writer::elementsOf(linalg::GenericOp op, ArrayRef<Point *> points) {
  Value sum;
  for (Point *point : points) {
    Value element = elementOf(op, *point);
    sum = sum ? combine(op, sum, element) : element;
  }
  return sum;
}

Value Writer::combine(linalg::GenericOp op, Value a, Value c) {
  Operation *combiner = findReduction(op)->combiner;
  IRMapping mapping;
  mapping.map(combiner->getOperand(0), a);
  mapping.map(combiner->getOperand(1), c);
  Operation *joined = b.clone(*combiner, mapping);
  joined->getResult(0).setType(a.getType());
  return joined->getResult(0);
}

Value Writer::combineLanes(linalg::GenericOp op, Value vector) {
  auto type = dyn_cast<VectorType>(vector.getType());
  if (!type) {
    return vector;
  }
  for (int64_t count = type.getNumElements() / 2; count > 0; count /= 2) {
    auto half = [&](int64_t from) -> Value {
      return vector::ExtractStridedSliceOp::create(b, vector, from, count, 1);
    };
    vector = combine(op, half(0), half(count));
  }
  return vector::ExtractOp::create(b, vector, 0);
}

Value Writer::shuffleXor(Value value, int64_t distance) {
  Type type = value.getType();
  unsigned bits = type.getIntOrFloatBitWidth();
  Type word = b.getI32Type();
  auto shuffle = [&](Value part) -> Value {
    return mlir::gpu::ShuffleOp::create(b, part, distance, kWarp,
                                        mlir::gpu::ShuffleMode::XOR)
        .getShuffleResult();
  };
  if (bits == 64) {
    auto words = VectorType::get(2, word);
    auto one = VectorType::get(1, type);
    Value parts = vector::BitCastOp::create(
        b, words, vector::BroadcastOp::create(b, one, value));
    Value low = shuffle(vector::ExtractOp::create(b, parts, 0));
    Value high = shuffle(vector::ExtractOp::create(b, parts, 1));
    Value moved =
        vector::FromElementsOp::create(b, words, ValueRange{low, high});
    return vector::ExtractOp::create(
        b, vector::BitCastOp::create(b, one, moved), 0);
  }
  if (bits == 32) {
    return shuffle(value);
  }
  Type code = b.getIntegerType(bits);
  if (code != type) {
    value = arith::BitcastOp::create(b, code, value);
  }
  value = arith::TruncIOp::create(
      b, code, shuffle(arith::ExtUIOp::create(b, word, value)));
  return code == type ? value : arith::BitcastOp::create(b, type, value);
}

Value Writer::combineThreads(linalg::GenericOp op, Value value,
                             int64_t threads) {
  for (int64_t distance = std::min(threads, kWarp) / 2; distance > 0;
       distance /= 2) {
    value = combine(op, value, shuffleXor(value, distance));
  }
  if (threads <= kWarp) {
    return value;
  }
  // A value a warp, through shared memory; then all warps do the same.
  int64_t warps = threads / kWarp;
  bool isBit = value.getType().isInteger(1);
  Value buffer = shared(warps, isBit ? b.getI8Type() : value.getType());
  Value lane = arith::RemUIOp::create(b, threadId(), index(kWarp));
  Value warp = arith::DivUIOp::create(b, threadId(), index(kWarp));
  {
    OpBuilder::InsertionGuard guard(b);
    auto first =
        scf::IfOp::create(b, lessThan(lane, 1), /*withElseRegion=*/false);
    b.setInsertionPointToStart(first.thenBlock());
    Value stored =
        isBit ? arith::ExtUIOp::create(b, b.getI8Type(), value) : value;
    memref::StoreOp::create(b, stored, buffer, warp);
  }
  mlir::gpu::BarrierOp::create(b);
  Value mine = arith::RemUIOp::create(b, lane, index(warps));
  value = memref::LoadOp::create(b, buffer, mine);
  if (isBit) {
    value = arith::TruncIOp::create(b, b.getI1Type(), value);
  }
  for (int64_t distance = warps / 2; distance > 0; distance /= 2) {
    value = combine(op, value, shuffleXor(value, distance));
  }
  return value;
}

void Writer::storePart(linalg::GenericOp op, Value value, int64_t threads) {
  value = combineThreads(op, combineLanes(op, value), threads);
  if (value.getType().isInteger(1)) {
    value = arith::ExtUIOp::create(b, b.getI8Type(), value);
  }
  OpBuilder::InsertionGuard guard(b);
  auto first = scf::IfOp::create(b, lessThan(threadId(), 1),
                                 /*withElseRegion=*/false);
  b.setInsertionPointToStart(first.thenBlock());
  memref::StoreOp::create(b, value, bufferOf(op->getResult(0)), blockId());
}

Value Writer::takeTicket(Value counters, Value number) {
  Value ticket = shared(1, b.getI32Type());
  OpBuilder::InsertionGuard guard(b);
  auto first = scf::IfOp::create(b, lessThan(threadId(), 1),
                                 /*withElseRegion=*/false);
  b.setInsertionPointToStart(first.thenBlock());
  // This thread has stored the block's parts: they come before its ticket.
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, counters);
  Value address = arith::IndexCastOp::create(
      b, b.getI64Type(), add(base, multiply(number, sizeof(int32_t))));
  Value pointer = LLVM::IntToPtrOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext()), address);
  Value one = arith::ConstantIntOp::create(b, 1, 32);
  Value taken =
      LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, pointer, one,
                                LLVM::AtomicOrdering::acq_rel, "device");
  memref::StoreOp::create(b, taken, ticket, index(0));
  return ticket;
}

void Writer::joinParts(int64_t blocks, int64_t threads, Value counters,
                       Value number, ArrayRef<Value> results) {
  Value ticket = takeTicket(counters, number);
  mlir::gpu::BarrierOp::create(b);
  Value taken = memref::LoadOp::create(b, ticket, index(0));
  Value isLast =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, taken,
                            arith::ConstantIntOp::create(b, blocks - 1, 32));
  OpBuilder::InsertionGuard guard(b);
  auto last = scf::IfOp::create(b, isLast, /*withElseRegion=*/false);
  b.setInsertionPointToStart(last.thenBlock());
  Value thread = threadId();
  SmallVector<Value> joined;
  for (linalg::GenericOp op : group.parts()) {
    Value buffer = bufferOf(op->getResult(0));
    auto loop = scf::ForOp::create(b, thread, index(blocks), index(threads),
                                   neutralOf(op, 1));
    {
      OpBuilder::InsertionGuard inLoop(b);
      b.setInsertionPointToStart(loop.getBody());
      Value part = memref::LoadOp::create(b, buffer, loop.getInductionVar());
      if (isOfBits(op->getResult(0))) {
        part = arith::TruncIOp::create(b, b.getI1Type(), part);
      }
      scf::YieldOp::create(b, combine(op, loop.getRegionIterArg(0), part));
    }
    Point scalar;
    scalar.indices.assign(group.sizes().size(), index(0));
    Value init = evaluate(*op.getDpsInitOperand(0), scalar);
    joined.push_back(
        combine(op, init, combineThreads(op, loop.getResult(0), threads)));
  }
  auto first =
      scf::IfOp::create(b, lessThan(thread, 1), /*withElseRegion=*/false);
  b.setInsertionPointToStart(first.thenBlock());
  for (auto [value, result] : llvm::zip(joined, results)) {
    if (value.getType().isInteger(1)) {
      value = arith::ExtUIOp::create(b, b.getI8Type(), value);
    }
    memref::StoreOp::create(b, value, result, index(0));
  }
  memref::StoreOp::create(b, arith::ConstantIntOp::create(b, 0, 32), counters,
                          number);
}

Value Writer::combineWarps(linalg::GenericOp op, Value value, int64_t warps) {
  if (warps == 1) {
    return value;
  }
  auto type = dyn_cast<VectorType>(value.getType());
  int64_t lanes = type ? type.getNumElements() : 1;
  Type element = getElementTypeOrSelf(value.getType());
  bool isBit = element.isInteger(1);
  Type stored = isBit ? b.getI8Type() : element;
  Type storedValue = type ? Type(type.clone(stored)) : stored;
  if (isBit) {
    value = arith::ExtUIOp::create(b, storedValue, value);
  }
  Value buffer = shared(warps * kWarp * lanes, stored);
  Value lane = arith::RemUIOp::create(b, threadId(), index(kWarp));
  Value mine = multiply(threadId(), lanes), start = multiply(lane, lanes);
  if (type) {
    vector::StoreOp::create(b, value, buffer, mine);
  } else {
    memref::StoreOp::create(b, value, buffer, mine);
  }
  mlir::gpu::BarrierOp::create(b);
  Value sum;
  for (int64_t warp = 0; warp < warps; ++warp) {
    Value at = add(start, index(warp * kWarp * lanes));
    Value part = type ? Value(vector::LoadOp::create(
                            b, cast<VectorType>(storedValue), buffer, at))
                      : Value(memref::LoadOp::create(b, buffer, at));
    if (isBit) {
      Type bit = type ? Type(type.clone(element)) : element;
      part = arith::TruncIOp::create(b, bit, part);
    }
    sum = sum ? combine(op, sum, part) : part;
  }
  return sum;
}
