//===- PlanArena.cpp - All temporary buffers in one arena -------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/Host/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace steelyard::host {
#define GEN_PASS_DEF_HOSTPLANARENA
#include "steelyard/Target/Host/Transforms/Passes.h.inc"
} // namespace steelyard::host

using namespace mlir;

namespace {

constexpr int64_t kAlignment = 64;

struct Buffer {
  memref::AllocOp alloc;
  int64_t size;
  unsigned first, last; // positions, inclusive
  int64_t offset = 0;
};

int64_t byteSize(MemRefType type) {
  unsigned bits = type.getElementTypeBitWidth();
  return type.getNumElements() * ((bits + 7) / 8);
}

/// Where operations stand in the function, those inside of others between the
/// first and the last position of these.
class Positions {
public:
  explicit Positions(func::FuncOp function) { number(function.getBody()); }

  /// First and last position of operations that may touch the buffer, through
  /// whatever gives a buffer made of it: views, and a choice between it and
  /// another. What happens inside of a loop happens all along it, to a buffer
  /// from outside.
  std::pair<unsigned, unsigned> life(Value buffer) const {
    Block *block = buffer.getParentBlock();
    unsigned first = std::numeric_limits<unsigned>::max(), last = 0;
    llvm::SmallSetVector<Value, 8> aliases;
    aliases.insert(buffer);
    for (unsigned index = 0; index < aliases.size(); ++index) {
      for (Operation *user : aliases[index].getUsers()) {
        Operation *giver = user->hasTrait<OpTrait::IsTerminator>()
                               ? user->getParentOp()
                               : user;
        for (Value result : giver->getResults()) {
          if (isa<MemRefType>(result.getType())) {
            aliases.insert(result);
          }
        }
        if (isa<ViewLikeOpInterface>(user)) {
          continue;
        }
        Operation *inBlock = block->findAncestorOpInBlock(*user);
        auto [begin, end] = span.lookup(inBlock ? inBlock : user);
        first = std::min(first, begin);
        last = std::max(last, end);
      }
    }
    return {std::min(first, last), last};
  }

private:
  void number(Region &region) {
    for (Operation &op : region.getOps()) {
      unsigned begin = next++;
      for (Region &nested : op.getRegions()) {
        number(nested);
      }
      span[&op] = {begin, next++};
    }
  }

  DenseMap<Operation *, std::pair<unsigned, unsigned>> span;
  unsigned next = 0;
};

/// First fit by decreasing size. Returns the bytes needed.
int64_t place(MutableArrayRef<Buffer> buffers) {
  SmallVector<Buffer *> order;
  for (Buffer &buffer : buffers) {
    order.push_back(&buffer);
  }
  llvm::stable_sort(order,
                    [](Buffer *a, Buffer *b) { return a->size > b->size; });
  SmallVector<Buffer *> placed; // sorted by offset
  int64_t total = 0;
  for (Buffer *buffer : order) {
    int64_t offset = 0;
    for (Buffer *other : placed) {
      bool together =
          buffer->first <= other->last && other->first <= buffer->last;
      if (!together || other->offset + other->size <= offset) {
        continue;
      }
      if (offset + buffer->size <= other->offset) {
        break;
      }
      offset = llvm::alignTo(other->offset + other->size, kAlignment);
    }
    buffer->offset = offset;
    total = std::max<int64_t>(total, offset + buffer->size);
    placed.insert(llvm::upper_bound(placed, buffer,
                                    [](Buffer *a, Buffer *b) {
                                      return a->offset < b->offset;
                                    }),
                  buffer);
  }
  return llvm::alignTo(total, kAlignment);
}

/// Offset and type of each buffer, in the order in which they come to life:
/// where two share bytes, the later one's are left at the end.
ArrayAttr describe(ArrayRef<Buffer> buffers, Builder &builder) {
  SmallVector<const Buffer *> order;
  for (const Buffer &buffer : buffers) {
    order.push_back(&buffer);
  }
  llvm::stable_sort(order, [](const Buffer *a, const Buffer *b) {
    return a->first < b->first;
  });
  SmallVector<Attribute> tensors;
  for (const Buffer *buffer : order) {
    memref::AllocOp alloc = buffer->alloc;
    tensors.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("offset",
                              builder.getI64IntegerAttr(buffer->offset)),
         builder.getNamedAttr("type", TypeAttr::get(alloc.getType()))}));
  }
  return builder.getArrayAttr(tensors);
}

struct PlanArena : steelyard::host::impl::HostPlanArenaBase<PlanArena> {
  using HostPlanArenaBase::HostPlanArenaBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isPublic() && !function.isExternal() &&
          failed(plan(function))) {
        return signalPassFailure();
      }
    }
  }

  LogicalResult plan(func::FuncOp function) {
    Positions positions(function);
    SmallVector<Buffer> buffers;
    WalkResult walked = function.walk([&](memref::AllocOp alloc) {
      if (!alloc.getType().hasStaticShape()) {
        alloc.emitOpError(
            "has no static size; this is a fault of the compiler");
        return WalkResult::interrupt();
      }
      auto [first, last] = positions.life(alloc);
      buffers.push_back({alloc, byteSize(alloc.getType()), first, last});
      return WalkResult::advance();
    });
    if (walked.wasInterrupted()) {
      return failure();
    }
    int64_t size = place(buffers);
    OpBuilder builder(function);
    auto arenaType = MemRefType::get({size}, builder.getI8Type());
    // After the execution context.
    if (failed(function.insertArgument(1, arenaType, {}, function.getLoc()))) {
      return failure();
    }
    function->setAttr("steelyard.arena_size", builder.getI64IntegerAttr(size));
    function->setAttr("steelyard.arena_tensors", describe(buffers, builder));
    for (Buffer &buffer : buffers) {
      builder.setInsertionPoint(buffer.alloc);
      Location location = buffer.alloc.getLoc();
      Value offset =
          arith::ConstantIndexOp::create(builder, location, buffer.offset);
      Value view =
          memref::ViewOp::create(builder, location, buffer.alloc.getType(),
                                 function.getArgument(1), offset, ValueRange());
      buffer.alloc.replaceAllUsesWith(view);
      buffer.alloc.erase();
    }
    return success();
  }
};

} // namespace
