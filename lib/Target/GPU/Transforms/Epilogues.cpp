//===- Epilogues.cpp - What contractions do with their sums -----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After elementwise fusion what is done with a sum begins the bodies of the
// operations that read it. A step that all of them begin with is the
// contraction's, where cuBLASLt has it (cuBLAS library, "cublasLtMatmul" and
// "cublasLtEpilogue_t").
//===----------------------------------------------------------------------===//

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Target/GPU/IR/CUDA.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/Transforms/Rounding.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAEPILOGUES
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using steelyard::cuda::ContractionOp;
using steelyard::cuda::Epilogue;

namespace {

/// What a contraction does with its sums.
struct Finish {
  SmallVector<Value, 2> scales; // in the reader's body
  Value bias;                   // a tensor of n elements, but for its shape
  Epilogue epilogue = Epilogue::None;
  Type result;

  bool operator==(const Finish &other) const = default;
};

/// Steps that a reader begins with: after each, what the contraction does, and
/// the value that it has then in the reader's body.
using Steps = SmallVector<std::pair<Finish, Value>>;

/// An operation that reads the sums, as they are or with more dimensions.
struct Reader {
  linalg::GenericOp op;
  OpOperand *sums;
  tensor::ExpandShapeOp expanded; // may be null

  Value element() { return op.getMatchingBlockArgument(sums); }
  AffineMap map() { return op.getMatchingIndexingMap(sums); }
};

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

/// A float32 constant.
bool isConstant(Value value, double wanted) {
  FloatAttr constant;
  return matchPattern(value, m_Constant(&constant)) &&
         constant.getType().isF32() &&
         constant.getValue().bitwiseIsEqual(APFloat(float(wanted)));
}

/// What an operation does to `value` and another operand; null where `op` is
/// another one, or does it to both.
template <typename Op>
Value otherOperand(Operation *op, Value value) {
  if (!isa_and_nonnull<Op>(op) || op->getNumOperands() != 2) {
    return {};
  }
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  if (lhs == rhs) {
    return {};
  }
  return lhs == value ? rhs : rhs == value ? lhs : Value();
}

Operation *onlyUserOf(Value value) {
  return value.hasOneUse() ? *value.getUsers().begin() : nullptr;
}

/// The operation that computes a value which is used once; else null.
Operation *definingOnce(Value value) {
  return value && value.hasOneUse() ? value.getDefiningOp() : nullptr;
}

/// A value, used once, as Op of a constant and what is returned; null where it
/// is not.
template <typename Op>
Value withConstant(Value value, double constant) {
  auto op = dyn_cast_or_null<Op>(definingOnce(value));
  return op && isConstant(op.getRhs(), constant)   ? op.getLhs()
         : op && isConstant(op.getLhs(), constant) ? op.getRhs()
                                                   : Value();
}

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), as jax.nn.gelu has it, of
/// all uses of x; null where that is not what they are.
Value matchGELU(Value x) {
  for (Operation *user : x.getUsers()) {
    Value half = otherOperand<arith::MulFOp>(user, x);
    Value tanh = withConstant<arith::AddFOp>(
        withConstant<arith::MulFOp>(half, 0.5), 1.0);
    auto function = dyn_cast_or_null<math::TanhOp>(definingOnce(tanh));
    Value sum =
        withConstant<arith::MulFOp>(function ? function.getOperand() : Value(),
                                    std::sqrt(2 / llvm::numbers::pi));
    Operation *add = definingOnce(sum);
    Value cube = withConstant<arith::MulFOp>(
        otherOperand<arith::AddFOp>(add, x), 0.044715);
    Operation *product = definingOnce(cube);
    auto squared = dyn_cast_or_null<arith::MulFOp>(
        definingOnce(otherOperand<arith::MulFOp>(product, x)));
    if (squared && squared.getLhs() == x && squared.getRhs() == x &&
        llvm::all_of(x.getUsers(), [&](Operation *known) {
          return known == user || known == add || known == product ||
                 known == squared;
        })) {
      return user->getResult(0);
    }
  }
  return {};
}

/// max(x, 0) of what has been rounded to 16 bits, computed in float32: what
/// max(x, 0) of the sum is rounded to. Null where that is not what x is for.
Value matchRoundedReLU(Value x) {
  Operation *widens = onlyUserOf(x);
  if (!widens || !steelyard::cuda::isWidening(widens)) {
    return {};
  }
  Value wide = widens->getResult(0);
  Operation *maximum = onlyUserOf(wide);
  Value zero = otherOperand<arith::MaximumFOp>(maximum, wide);
  if (!zero || !isConstant(zero, 0)) {
    return {};
  }
  Operation *rounds = onlyUserOf(maximum->getResult(0));
  return steelyard::cuda::roundedTo(rounds) == x.getType()
             ? rounds->getResult(0)
             : Value();
}

/// Whether a value of a body is the same for all elements: computed of
/// constants and of operands of one element.
bool isUniform(linalg::GenericOp op, Value value) {
  if (auto element = dyn_cast<BlockArgument>(value)) {
    if (element.getOwner() != op.getBody() ||
        element.getArgNumber() >= op.getNumDpsInputs()) {
      return false;
    }
    OpOperand *operand = op.getDpsInputOperand(element.getArgNumber());
    return cast<RankedTensorType>(operand->get().getType()).getNumElements() ==
           1;
  }
  Operation *defining = value.getDefiningOp();
  if (defining->hasTrait<OpTrait::ConstantLike>()) {
    return true;
  }
  return defining->getBlock() == op.getBody() && isPure(defining) &&
         defining->getNumRegions() == 0 && !isa<linalg::IndexOp>(defining) &&
         llvm::all_of(defining->getOperands(),
                      [&](Value each) { return isUniform(op, each); });
}

/// The dimensions of n that have more than one element, in the loops of the
/// reader.
SmallVector<AffineExpr> columnsOf(Reader reader) {
  auto type = cast<RankedTensorType>(reader.sums->get().getType());
  int64_t count = reader.expanded
                      ? reader.expanded.getReassociationIndices().back().size()
                      : 1;
  SmallVector<AffineExpr> columns;
  for (int64_t dim = type.getRank() - count; dim < type.getRank(); ++dim) {
    if (type.getDimSize(dim) != 1) {
      columns.push_back(reader.map().getResult(dim));
    }
  }
  return columns;
}

/// The operand that is added as a bias along n, by its element in the body;
/// null where it is something else.
Value biasOf(Reader reader, Value term) {
  if (Operation *widens = term.getDefiningOp();
      widens && steelyard::cuda::isWidening(widens)) {
    term = widens->getOperand(0);
  }
  auto element = dyn_cast<BlockArgument>(term);
  linalg::GenericOp op = reader.op;
  if (!element || element.getOwner() != op.getBody() ||
      element.getArgNumber() >= op.getNumDpsInputs()) {
    return {};
  }
  OpOperand *operand = op.getDpsInputOperand(element.getArgNumber());
  auto type = cast<RankedTensorType>(operand->get().getType());
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<AffineExpr> along;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (type.getDimSize(dim) != 1) {
      along.push_back(map.getResult(dim));
    }
  }
  bool isBias = type.getRank() > 0 && along == columnsOf(reader) &&
                operand->get() != reader.sums->get();
  return isBias ? operand->get() : Value();
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

Type elementOf(Value tensor) { return getElementTypeOrSelf(tensor); }

/// Whether the program has asked for speed.
bool isFast(ContractionOp op) {
  Type a = elementOf(op.getLhs());
  return (op.getTf32() && a.isF32()) ||
         (op.getFastAccumulate() && steelyard::cuda::isEightBits(a));
}

/// Whether cuBLASLt has it.
bool isOffered(ContractionOp op, const Finish &finish) {
  Type a = elementOf(op.getLhs());
  return steelyard::cuda::hasContraction(a, elementOf(op.getRhs()),
                                         finish.result) &&
         (!finish.bias || elementOf(finish.bias) ==
                              steelyard::cuda::biasElement(a, finish.result));
}

/// The steps that a reader begins with; not all are offered.
struct StepFinder {
  StepFinder(ContractionOp op, Reader reader)
      : op(op), reader(reader), value(reader.element()) {
    finish.result = elementOf(op.getInit());
    if (finish.result.isF32()) {
      addScales();
      addBias();
      if (isFast(op)) {
        addActivation();
      }
      addRounding();
    }
    if (!finish.result.isF32() && isFast(op)) {
      addRoundedReLU();
    }
  }

  Steps steps;

private:
  Operation *onlyUser() { return onlyUserOf(value); }

  void add(Value next) {
    value = next;
    steps.emplace_back(finish, value);
  }

  void addScales() {
    // Two scales are multiplied with each other first.
    bool isEight = steelyard::cuda::isEightBits(elementOf(op.getLhs()));
    unsigned most = !isEight ? 0 : isFast(op) ? 2 : 1;
    while (finish.scales.size() < most) {
      Value scale = otherOperand<arith::MulFOp>(onlyUser(), value);
      if (!scale || !isUniform(reader.op, scale)) {
        break;
      }
      finish.scales.push_back(scale);
      add(onlyUser()->getResult(0));
    }
  }

  void addBias() {
    Value term = otherOperand<arith::AddFOp>(onlyUser(), value);
    bool hasColumns = op.getRhsDims()[1] >= 0;
    if (Value bias = term && hasColumns ? biasOf(reader, term) : Value()) {
      finish.bias = bias;
      add(onlyUser()->getResult(0));
    }
  }

  void addActivation() {
    Value zero = otherOperand<arith::MaximumFOp>(onlyUser(), value);
    if (zero && isConstant(zero, 0)) {
      finish.epilogue = Epilogue::ReLU;
      add(onlyUser()->getResult(0));
    } else if (Value gelu = matchGELU(value)) {
      finish.epilogue = Epilogue::GELU;
      add(gelu);
    }
  }

  void addRounding() {
    if (Type rounded = steelyard::cuda::roundedTo(onlyUser())) {
      finish.result = rounded;
      add(onlyUser()->getResult(0));
    }
  }

  void addRoundedReLU() {
    Value positive = matchRoundedReLU(value);
    if (positive && finish.epilogue == Epilogue::None) {
      finish.epilogue = Epilogue::ReLU;
      add(positive);
    }
  }

  ContractionOp op;
  Reader reader;
  Finish finish;
  Value value;
};

/// All that read the sums; none where something else does.
SmallVector<Reader> readersOf(ContractionOp op) {
  SmallVector<Reader> readers;
  auto add = [&](OpOperand &use, tensor::ExpandShapeOp expanded) {
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!generic || !generic.isDpsInput(&use) ||
        generic->getBlock() != op->getBlock()) {
      return false;
    }
    readers.push_back({generic, &use, expanded});
    return true;
  };
  for (OpOperand &use : op.getResult().getUses()) {
    auto expanded = dyn_cast<tensor::ExpandShapeOp>(use.getOwner());
    bool isKnown =
        expanded
            ? llvm::all_of(expanded->getUses(),
                           [&](OpOperand &each) { return add(each, expanded); })
            : add(use, {});
    if (!isKnown) {
      return {};
    }
  }
  return readers;
}

/// Whether nothing is left of a reader once it reads `value`.
bool vanishes(Reader reader, Value value) {
  linalg::GenericOp op = reader.op;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  return op.getNumResults() == 1 && yield.getOperand(0) == value &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         reader.map() == op.getIndexingMapsArray().back();
}

/// The longest beginning that all readers have and that is offered.
std::optional<Finish> commonFinish(ContractionOp op, ArrayRef<Reader> readers,
                                   SmallVectorImpl<Value> &values) {
  SmallVector<Steps> all;
  for (Reader reader : readers) {
    all.push_back(StepFinder(op, reader).steps);
  }
  std::optional<Finish> best;
  for (size_t count = 1; count <= all.front().size(); ++count) {
    const Finish &finish = all.front()[count - 1].first;
    bool isCommon = llvm::all_of(all, [&](const Steps &steps) {
      return steps.size() >= count && steps[count - 1].first == finish;
    });
    if (!isCommon) {
      break; // scales too: they are values of different bodies
    }
    if (isOffered(op, finish)) {
      best = finish;
      values.clear();
      for (const Steps &steps : all) {
        values.push_back(steps[count - 1].second);
      }
    }
  }
  // Scales and biases of 8-bit products may take a copy: only for a kernel that
  // goes, or reads less.
  bool isWorth =
      best && (!steelyard::cuda::isEightBits(elementOf(op.getLhs())) ||
               !best->result.isF32() ||
               llvm::all_of(llvm::zip(readers, values), [](auto pair) {
                 return vanishes(std::get<0>(pair), std::get<1>(pair));
               }));
  return isWorth ? best : std::nullopt;
}

struct Epilogues : steelyard::cuda::impl::CUDAEpiloguesBase<Epilogues> {
  void runOnOperation() override {
    SmallVector<ContractionOp> contractions;
    getOperation().walk([&](ContractionOp op) { contractions.push_back(op); });
    bool isChanged = false;
    for (ContractionOp op : contractions) {
      isChanged |= finish(op);
    }
    if (!isChanged) {
      return;
    }
    // Operands that bodies don't use any more, and bodies that do nothing.
    RewritePatternSet patterns(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      signalPassFailure();
    }
  }

  static bool finish(ContractionOp op) {
    auto type = cast<RankedTensorType>(op.getInit().getType());
    int64_t k = op.getRhsDims()[2];
    bool isPlain = op.getScales().empty() && !op.getBias() &&
                   op.getEpilogue() == Epilogue::None;
    bool isEmpty =
        k >= 0 &&
        cast<RankedTensorType>(op.getRhs().getType()).getDimSize(k) == 0;
    if (!isPlain || isEmpty || type.getElementType().isF64()) {
      return false;
    }
    SmallVector<Reader> readers = readersOf(op);
    if (readers.empty()) {
      return false;
    }
    SmallVector<Value> values;
    std::optional<Finish> finish = commonFinish(op, readers, values);
    if (!finish) {
      return false;
    }
    // Where all that it reads is there, and nobody has read it.
    Operation *first = readers.front().op;
    for (Reader reader : readers) {
      first =
          reader.op->isBeforeInBlock(first) ? reader.op.getOperation() : first;
    }
    OpBuilder builder(first);
    Value made = create(builder, op, *finish, readers.front());
    for (auto [reader, value] : llvm::zip(readers, values)) {
      read(builder, reader, made, value);
    }
    return true;
  }

  static Value create(OpBuilder &builder, ContractionOp op,
                      const Finish &finish, Reader reader) {
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op.getInit().getType());
    bool isEight = steelyard::cuda::isEightBits(elementOf(op.getLhs()));
    SmallVector<Value> scales;
    for (Value scale : finish.scales) {
      scales.push_back(
          aligned(builder, loc, scaleOf(builder, loc, reader.op, scale)));
    }
    Value bias = finish.bias;
    if (bias) {
      bias = reshaped(builder, loc, bias, 1);
      bias = isEight ? aligned(builder, loc, bias) : bias;
    }
    Value init = op.getInit();
    if (type.getElementType() != finish.result) {
      init =
          tensor::EmptyOp::create(builder, loc, type.getShape(), finish.result);
    }
    return ContractionOp::create(builder, loc, TypeRange(init.getType()),
                                 op.getLhs(), op.getRhs(), scales, bias, init,
                                 op.getLhsDims(), op.getRhsDims(),
                                 finish.epilogue, op.getTf32(),
                                 op.getFastAccumulate())
        .getResult();
  }

  /// Of one dimension, or of none.
  static Value reshaped(OpBuilder &builder, Location loc, Value tensor,
                        int64_t rank) {
    int64_t from = cast<RankedTensorType>(tensor.getType()).getRank();
    if (from == rank) {
      return tensor;
    }
    SmallVector<ReassociationIndices> groups;
    if (rank == 1) {
      groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(0, from)));
    }
    return tensor::CollapseShapeOp::create(builder, loc, tensor, groups);
  }

  /// A uniform value of a body as a tensor of rank 0.
  static Value scaleOf(OpBuilder &builder, Location loc, linalg::GenericOp op,
                       Value value) {
    auto tensorOf = [&](BlockArgument element) {
      return reshaped(builder, loc,
                      op.getDpsInputOperand(element.getArgNumber())->get(), 0);
    };
    if (auto element = dyn_cast<BlockArgument>(value)) {
      return tensorOf(element);
    }
    auto type = RankedTensorType::get({}, value.getType());
    FloatAttr constant;
    if (matchPattern(value, m_Constant(&constant))) {
      return arith::ConstantOp::create(
          builder, loc, DenseElementsAttr::get(type, constant.getValue()));
    }
    IRMapping copies;
    SmallVector<Operation *> computed;
    SmallVector<BlockArgument> elements;
    for (Operation &each : op.getBody()->without_terminator()) {
      if (llvm::all_of(each.getResults(),
                       [&](Value made) { return isUniform(op, made); })) {
        computed.push_back(&each); // canonicalization erases what is not used
      }
    }
    for (BlockArgument element : op.getRegionInputArgs()) {
      if (isUniform(op, element)) {
        elements.push_back(element);
      }
    }
    SmallVector<Value> inputs = llvm::map_to_vector(elements, tensorOf);
    Value empty = tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>(),
                                          value.getType());
    return linalg::GenericOp::create(
               builder, loc, TypeRange(type), inputs, empty,
               SmallVector<AffineMap>(inputs.size() + 1,
                                      AffineMap::get(builder.getContext())),
               ArrayRef<utils::IteratorType>(),
               [&](OpBuilder &b, Location nested, ValueRange given) {
                 for (auto [element, now] : llvm::zip(elements, given)) {
                   copies.map(element, now);
                 }
                 for (Operation *each : computed) {
                   b.clone(*each, copies);
                 }
                 linalg::YieldOp::create(b, nested,
                                         copies.lookupOrDefault(value));
               })
        .getResult(0);
  }

  /// At an address that is a multiple of 16, as what is computed and read here
  /// is; what the caller may have given, or gets, is copied.
  static Value aligned(OpBuilder &builder, Location loc, Value tensor) {
    auto generic = tensor.getDefiningOp<linalg::GenericOp>();
    bool isComputed =
        generic &&
        !isa<BlockArgument>(generic.getBody()->getTerminator()->getOperand(0));
    bool isInner = llvm::all_of(tensor.getUsers(), [](Operation *user) {
      return isa<linalg::LinalgOp, ContractionOp>(user);
    });
    if ((isComputed && isInner) || tensor.getDefiningOp<arith::ConstantOp>()) {
      return tensor;
    }
    return bufferization::AllocTensorOp::create(
        builder, loc, cast<RankedTensorType>(tensor.getType()), ValueRange(),
        /*copy=*/tensor);
  }

  /// A reader reads what the contraction has made, which `value` was.
  static void read(OpBuilder &builder, Reader reader, Value made, Value value) {
    if (tensor::ExpandShapeOp expanded = reader.expanded) {
      auto type = cast<RankedTensorType>(expanded.getType());
      made = tensor::ExpandShapeOp::create(builder, expanded.getLoc(),
                                           type.clone(value.getType()), made,
                                           expanded.getReassociationIndices());
    }
    Value element = reader.element();
    reader.sums->set(made);
    element.setType(value.getType());
    value.replaceAllUsesWith(element);
    linalg::GenericOp op = reader.op;
    for (Operation &each :
         llvm::make_early_inc_range(llvm::reverse(*op.getBody()))) {
      if (isOpTriviallyDead(&each)) {
        each.erase();
      }
    }
  }
};

} // namespace
