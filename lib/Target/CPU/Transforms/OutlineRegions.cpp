//===- OutlineRegions.cpp - Loop nests become functions ---------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Target/CPU/Transforms/Passes.h"
#include "steelyard/Target/Host/Transforms/Buffers.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

namespace steelyard::cpu {
#define GEN_PASS_DEF_CPUOUTLINEREGIONS
#include "steelyard/Target/CPU/Transforms/Passes.h.inc"
} // namespace steelyard::cpu

using namespace mlir;
using namespace steelyard::cpu;
using namespace steelyard::host;

namespace {

//===----------------------------------------------------------------------===//
// The shape of the loop nest
//===----------------------------------------------------------------------===//

bool isDense(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  return !type || type.getLayout().isIdentity();
}

/// Merges neighbouring dimensions that every buffer holds contiguously.
linalg::GenericOp collapse(linalg::GenericOp op, RewriterBase &rewriter) {
  if (op.getNumLoops() < 2 || op.hasIndexSemantics() ||
      !llvm::all_of(op->getOperands(), isDense)) {
    return op;
  }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  // Upstream's check takes every result for a dimension; a size of 1 that is
  // broadcast is a constant.
  if (!llvm::all_of(
          maps, [](AffineMap map) { return map.isProjectedPermutation(); })) {
    return op;
  }
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<ReassociationIndices> groups = {{0}};
  for (int64_t dim = 1, e = op.getNumLoops(); dim < e; ++dim) {
    ReassociationIndices extended = groups.back();
    extended.push_back(dim);
    bool sameKind = iterators[dim] == iterators[extended.front()];
    if (sameKind && linalg::areDimSequencesPreserved(maps, {extended})) {
      groups.back() = extended;
    } else {
      groups.push_back({dim});
    }
  }
  if (groups.size() == op.getNumLoops()) {
    return op;
  }
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::CollapseResult> collapsed =
      linalg::collapseOpIterationDims(op, groups, rewriter);
  if (failed(collapsed)) {
    return op;
  }
  rewriter.eraseOp(op);
  return cast<linalg::GenericOp>(collapsed->collapsedOp);
}

/// Parallel dimensions first, then reductions, last the dimension along which
/// most buffers are contiguous.
linalg::GenericOp interchange(linalg::GenericOp op, RewriterBase &rewriter) {
  unsigned loops = op.getNumLoops();
  if (loops < 2) {
    return op;
  }
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> votes(loops, 0);
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (map.getNumResults() == 0) {
      continue;
    }
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResults().back())) {
      votes[dim.getPosition()] += op.isDpsInit(&operand) ? 3 : 2;
    }
  }
  unsigned inner = loops - 1;
  for (unsigned dim = 0; dim < loops; ++dim) {
    if (ranges[dim] > 1 && votes[dim] > votes[inner]) {
      inner = dim;
    }
  }
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<unsigned> order;
  for (bool parallel : {true, false}) {
    for (unsigned dim = 0; dim < loops; ++dim) {
      if (dim != inner &&
          linalg::isParallelIterator(iterators[dim]) == parallel) {
        order.push_back(dim);
      }
    }
  }
  order.push_back(inner);
  if (llvm::equal(order, llvm::seq(0u, loops))) {
    return op;
  }
  FailureOr<linalg::GenericOp> moved =
      linalg::interchangeGenericOp(rewriter, op, order);
  return succeeded(moved) ? *moved : op;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Writes the loops of a generic operation on buffers; the outermost runs over
/// [begin, end).
class NestWriter {
public:
  NestWriter(OpBuilder &builder, linalg::GenericOp op,
             const IRMapping &operands)
      : builder(builder), op(op), operands(operands),
        ranges(op.getStaticLoopRanges()) {}

  void write(Value begin, Value end) { loop(begin, end); }
  void writeScalar() { body({}); }

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, op.getLoc(), value);
  }

  SmallVector<Value> indicesOf(OpOperand *operand) {
    SmallVector<Value> indices;
    AffineMap map = op.getMatchingIndexingMap(operand);
    for (AffineExpr expr : map.getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        indices.push_back(ivs[dim.getPosition()]);
      } else {
        AffineMap one = AffineMap::get(map.getNumDims(), 0, expr);
        indices.push_back(
            affine::AffineApplyOp::create(builder, op.getLoc(), one, ivs));
      }
    }
    return indices;
  }

  Value load(OpOperand *operand) {
    Value value = operands.lookupOrDefault(operand->get());
    return isa<MemRefType>(value.getType())
               ? memref::LoadOp::create(builder, op.getLoc(), value,
                                        indicesOf(operand))
                     .getResult()
               : value;
  }

  /// True if the innermost loop is a reduction: its accumulators stay in
  /// registers.
  bool reducesInnermost() {
    return op.getNumLoops() > 0 &&
           linalg::isReductionIterator(op.getIteratorTypesArray().back()) &&
           llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
             return !op.getMatchingIndexingMap(&init).isFunctionOfDim(
                 op.getNumLoops() - 1);
           });
  }

  void loop(Value begin, Value end) {
    unsigned depth = ivs.size();
    bool innermost = depth + 1 == op.getNumLoops();
    SmallVector<Value> accumulators;
    bool reduces = innermost && reducesInnermost();
    if (reduces) {
      ivs.push_back(begin); // not used by the outputs' maps
      for (OpOperand &init : op.getDpsInitsMutable()) {
        accumulators.push_back(load(&init));
      }
      ivs.pop_back();
    }
    auto loopOp = scf::ForOp::create(builder, op.getLoc(), begin, end, index(1),
                                     accumulators);
    ivs.push_back(loopOp.getInductionVar());
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loopOp.getBody());
      if (!innermost) {
        loop(index(0), index(ranges[depth + 1]));
      } else if (reduces) {
        SmallVector<Value> yielded = scalars(loopOp.getRegionIterArgs());
        scf::YieldOp::create(builder, op.getLoc(), yielded);
      } else {
        body(ivs);
      }
    }
    if (reduces) {
      for (auto [init, value] :
           llvm::zip(op.getDpsInitsMutable(), loopOp.getResults())) {
        memref::StoreOp::create(builder, op.getLoc(), value,
                                operands.lookupOrDefault(init.get()),
                                indicesOf(&init));
      }
    }
    ivs.pop_back();
  }

  /// The body of the operation on scalars. `accumulators`: in place of the
  /// outputs' elements.
  SmallVector<Value> scalars(ValueRange accumulators) {
    IRMapping mapping;
    Block *block = op.getBody();
    for (OpOperand *input : op.getDpsInputOperands()) {
      mapping.map(op.getMatchingBlockArgument(input), load(input));
    }
    for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable())) {
      BlockArgument argument = op.getMatchingBlockArgument(&init);
      if (!argument.use_empty()) {
        mapping.map(argument,
                    accumulators.empty() ? load(&init) : accumulators[index]);
      }
    }
    for (Operation &scalar : block->without_terminator()) {
      if (auto indexOp = dyn_cast<linalg::IndexOp>(scalar)) {
        mapping.map(indexOp.getResult(), ivs[indexOp.getDim()]);
        continue;
      }
      builder.clone(scalar, mapping);
    }
    return llvm::map_to_vector(
        block->getTerminator()->getOperands(),
        [&](Value value) { return mapping.lookupOrDefault(value); });
  }

  void body(ValueRange) {
    for (auto [init, value] : llvm::zip(op.getDpsInitsMutable(), scalars({}))) {
      memref::StoreOp::create(builder, op.getLoc(), value,
                              operands.lookupOrDefault(init.get()),
                              indicesOf(&init));
    }
  }

  OpBuilder &builder;
  linalg::GenericOp op;
  const IRMapping &operands;
  SmallVector<int64_t> ranges;
  SmallVector<Value> ivs;
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

bool isSameView(Value a, Value b) {
  Operation *left = a.getDefiningOp(), *right = b.getDefiningOp();
  return a.getType() == b.getType() && left && right &&
         isa<memref::CollapseShapeOp>(left) &&
         isa<memref::CollapseShapeOp>(right) &&
         left->getOperand(0) == right->getOperand(0);
}

/// Float additions to an accumulator may be reassociated: that is what makes
/// them vector code.
void allowReassociation(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0) {
    return;
  }
  for (OpOperand &init : op.getDpsInitsMutable()) {
    for (Operation *user : op.getMatchingBlockArgument(&init).getUsers()) {
      if (auto add = dyn_cast<arith::AddFOp>(user)) {
        add.setFastmath(add.getFastmath() | arith::FastMathFlags::reassoc);
      }
    }
  }
}

/// For profiles: "elementwise", or what reduces, as "reduce addf".
std::string kindOf(linalg::GenericOp nest) {
  if (nest.getNumReductionLoops() == 0) {
    return "elementwise";
  }
  Operation *combiner =
      nest.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  return combiner ? ("reduce " + combiner->getName().stripDialect()).str()
                  : "reduce";
}

struct OutlineRegions
    : steelyard::cpu::impl::CPUOutlineRegionsBase<OutlineRegions> {
  using CPUOutlineRegionsBase::CPUOutlineRegionsBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isPublic() && !function.isExternal()) {
        functions.push_back(function);
      }
    }
    for (func::FuncOp function : functions) {
      addContext(function);
      SmallVector<Operation *> work;
      function.walk([&](Operation *op) {
        if (isa<linalg::LinalgOp, memref::CopyOp>(op)) {
          work.push_back(op);
        }
      });
      for (Operation *op : work) {
        if (failed(lower(function, op))) {
          return signalPassFailure();
        }
      }
      outlineFactors(function);
    }
  }

  /// A function of the factors of a rescale, one for each type of them: a
  /// program has hundreds, of twenty operations each.
  static void outlineFactors(func::FuncOp function) {
    llvm::MapVector<Type, SmallVector<scaled::RescaleFactorsOp>> byType;
    function.walk([&](scaled::RescaleFactorsOp op) {
      byType[op.getFirst().getType()].push_back(op);
    });
    for (auto &[type, ops] : byType) {
      if (ops.size() < 2) {
        continue;
      }
      OpBuilder builder(function->getContext());
      builder.setInsertionPointAfter(function);
      Location location = ops.front().getLoc();
      std::string name;
      llvm::raw_string_ostream(name)
          << function.getName() << "_rescale_factors_" << type;
      auto helper = func::FuncOp::create(
          builder, location, name,
          builder.getFunctionType(builder.getI32Type(), {type, type, type}));
      helper.setPrivate();
      builder.setInsertionPointToStart(helper.addEntryBlock());
      auto factors = scaled::RescaleFactorsOp::create(builder, location, type,
                                                      helper.getArgument(0));
      func::ReturnOp::create(builder, location, factors.getResults());
      for (scaled::RescaleFactorsOp op : ops) {
        builder.setInsertionPoint(op);
        op->replaceAllUsesWith(
            func::CallOp::create(builder, op.getLoc(), helper, op.getDelta()));
        op->erase();
      }
    }
  }

  LogicalResult lower(func::FuncOp function, Operation *op) {
    IRRewriter rewriter(op);
    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      if (isDense(copy.getSource()) && isDense(copy.getTarget())) {
        return success(); // memcpy
      }
      auto linalgCopy = linalg::CopyOp::create(
          rewriter, op->getLoc(), copy.getSource(), copy.getTarget());
      rewriter.eraseOp(op);
      op = linalgCopy;
    }
    FailureOr<linalg::GenericOp> generic =
        isa<linalg::GenericOp>(op)
            ? FailureOr<linalg::GenericOp>(cast<linalg::GenericOp>(op))
            : linalg::generalizeNamedOp(rewriter, cast<linalg::LinalgOp>(op));
    if (failed(generic)) {
      return op->emitOpError(
          "has no loop form; this is a fault of the compiler");
    }
    linalg::GenericOp nest =
        interchange(collapse(*generic, rewriter), rewriter);
    allowReassociation(nest);
    rewriter.setInsertionPoint(nest);
    if (nest.getNumLoops() == 0) {
      IRMapping identity;
      NestWriter(rewriter, nest, identity).writeScalar();
      rewriter.eraseOp(nest);
      return success();
    }
    outline(function, nest, rewriter);
    rewriter.eraseOp(nest);
    return success();
  }

  void outline(func::FuncOp function, linalg::GenericOp nest,
               RewriterBase &rewriter) {
    Location location = nest.getLoc();
    SmallVector<int64_t> ranges = nest.getStaticLoopRanges();
    // The operands of the nest and of its body's free values, each once.
    CapturedValues closure;
    llvm::SetVector<Value> &captured = closure.values;
    for (OpOperand &operand : nest->getOpOperands()) {
      // Equal views of one buffer, as in-place operations have them, are one
      // argument.
      for (Value earlier : captured) {
        if (isSameView(earlier, operand.get())) {
          operand.set(earlier);
        }
      }
      closure.insert(operand.get());
    }
    SmallVector<Operation *> constants;
    nest.getBody()->walk([&](Operation *scalar) {
      for (Value operand : scalar->getOperands()) {
        if (operand.getParentBlock() != nest.getBody()) {
          Operation *definition = operand.getDefiningOp();
          if (definition && definition->hasTrait<OpTrait::ConstantLike>()) {
            constants.push_back(definition);
          } else {
            closure.insert(operand);
          }
        }
      }
    });
    SmallVector<Type> types = {rewriter.getIndexType(),
                               rewriter.getIndexType()};
    for (Value value : captured) {
      types.push_back(value.getType());
    }
    std::string name = (function.getName() + "_region_" + Twine(count++)).str();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToEnd(getOperation().getBody());
    auto region = func::FuncOp::create(rewriter, location, name,
                                       rewriter.getFunctionType(types, {}));
    region.setPrivate();
    region->setAttr(kKindAttrName, rewriter.getStringAttr(kindOf(nest)));
    Block *entry = region.addEntryBlock();
    markDisjointBuffers(region, captured.getArrayRef(), /*first=*/2);
    IRMapping mapping;
    mapping.map(captured.getArrayRef(), entry->getArguments().drop_front(2));
    rewriter.setInsertionPointToStart(entry);
    for (Operation *view : closure.views) {
      rewriter.clone(*view, mapping);
    }
    for (Operation *constant : constants) {
      for (auto [from, to] :
           llvm::zip(constant->getResults(),
                     rewriter.clone(*constant)->getResults())) {
        nest.getBody()->walk([&, from = from, to = to](Operation *scalar) {
          scalar->replaceUsesOfWith(from, to);
        });
      }
    }
    // Free values of the body other than constants are arguments now.
    nest.getBody()->walk([&](Operation *scalar) {
      for (OpOperand &operand : scalar->getOpOperands()) {
        if (mapping.contains(operand.get()) &&
            operand.get().getParentBlock() != nest.getBody()) {
          operand.set(mapping.lookup(operand.get()));
        }
      }
    });
    NestWriter(rewriter, nest, mapping)
        .write(entry->getArgument(0), entry->getArgument(1));
    func::ReturnOp::create(rewriter, location);
    call(function, nest, region, captured.getArrayRef(), ranges, rewriter);
  }

  void call(func::FuncOp function, linalg::GenericOp nest, func::FuncOp region,
            ArrayRef<Value> captured, ArrayRef<int64_t> ranges,
            RewriterBase &rewriter) {
    Location location = nest.getLoc();
    int64_t bodySize = std::max<int64_t>(
        1, llvm::range_size(nest.getBody()->without_terminator()));
    int64_t perIteration = bodySize;
    for (int64_t range : ranges.drop_front()) {
      perIteration *= range;
    }
    perIteration = std::max<int64_t>(perIteration, 1);
    rewriter.setInsertionPoint(nest);
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(rewriter, location, value);
    };
    int64_t grain = llvm::divideCeil(parallelWork.getValue(), perIteration);
    if (ranges.size() == 1) {
      grain = llvm::alignTo(grain, 64);
    }
    bool parallel =
        linalg::isParallelIterator(nest.getIteratorTypesArray().front()) &&
        ranges[0] >= 2 * grain;
    SmallVector<Value> operands = {constant(0), constant(ranges[0])};
    if (!parallel) {
      llvm::append_range(operands, captured);
      func::CallOp::create(rewriter, location, region, operands);
      return;
    }
    // A private function of the same buffers whose body, a call of
    // steelyard_parallel_for, is written once buffers are pointers.
    SmallVector<Type> types = {function.getArgument(0).getType()};
    operands.insert(operands.begin(), function.getArgument(0));
    operands.push_back(constant(grain));
    llvm::append_range(operands, captured);
    func::FuncOp launch;
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(region);
      launch = func::FuncOp::create(
          rewriter, location, (region.getName() + "_parallel").str(),
          rewriter.getFunctionType(ValueRange(operands).getTypes(), {}));
    }
    launch.setPrivate();
    launch->setAttr("steelyard.parallel_region",
                    FlatSymbolRefAttr::get(region));
    func::CallOp::create(rewriter, location, launch, operands);
  }

  unsigned count = 0;
};

} // namespace
