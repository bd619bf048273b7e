//===- Contractions.cpp - host.gemm to what cuBLASLt takes ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuBLAS library, "cublasLtMatmul": types, and for 8 bits, on Hopper, that the
// contracted dimension is the one whose elements are neighbours ("TN") and that
// lines are of multiples of 16 bytes.
//===----------------------------------------------------------------------===//

#include "steelyard/Target/GPU/IR/CUDA.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/GPU/Transforms/Rounding.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDACONTRACTIONS
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using steelyard::cuda::ContractionOp;
using steelyard::cuda::Epilogue;
using steelyard::cuda::isEightBits;
using steelyard::host::GemmOp;

namespace {

bool isNarrow(Type element) { return element.getIntOrFloatBitWidth() <= 8; }

/// Which dimension of an operand is which, -1: none.
enum Dim : unsigned { Batch, Free, Contracted };

int64_t sizeOf(Value operand, int64_t dim) {
  return dim < 0 ? 1
                 : cast<RankedTensorType>(operand.getType()).getDimSize(dim);
}

/// The narrowest type of float32, float16 and bfloat16 that holds all values.
Type widerType(Type element) {
  MLIRContext *context = element.getContext();
  if (element.isF32() || element.isF16() || element.isBF16()) {
    return element;
  }
  // Its powers of two reach as far as float32's.
  return isa<Float8E8M0FNUType>(element) ? Type(Float32Type::get(context))
                                         : Type(Float16Type::get(context));
}

struct Contractions
    : steelyard::cuda::impl::CUDAContractionsBase<Contractions> {
  using CUDAContractionsBase::CUDAContractionsBase;

  // Lines of 8-bit operands, and of a result of 16 bits, are of 16 bytes.
  static constexpr int64_t kMultipleOfK = 16, kMultipleOfN = 8;
  // So are those of 16-bit operands that tensor cores are fed from at once:
  // others take five times as long.
  static constexpr int64_t kMultipleOf16Bits = 8;

  void runOnOperation() override {
    SmallVector<GemmOp> gemms;
    getOperation().walk([&](GemmOp op) { gemms.push_back(op); });
    for (GemmOp op : gemms) {
      rewrite(roundResult(op));
    }
  }

  /// What is only rounded to 16 bits afterwards is rounded by the contraction,
  /// once and in the same way.
  static GemmOp roundResult(GemmOp op) {
    if (!op.getResult().hasOneUse() ||
        !getElementTypeOrSelf(op.getResult()).isF32()) {
      return op;
    }
    auto rounds =
        dyn_cast<linalg::GenericOp>(*op.getResult().getUsers().begin());
    if (!rounds || rounds.getNumDpsInputs() != 1 ||
        rounds.getNumDpsInits() != 1 ||
        !llvm::all_of(rounds.getIndexingMapsArray(),
                      [](AffineMap map) { return map.isIdentity(); })) {
      return op;
    }
    Block *body = rounds.getBody();
    Operation &rounding = body->front();
    auto type = cast<RankedTensorType>(rounds.getResult(0).getType());
    Type a = getElementTypeOrSelf(op.getLhs()),
         b = getElementTypeOrSelf(op.getRhs());
    bool isOffered = a == b && (a == type.getElementType() || isNarrow(a));
    if (body->getOperations().size() != 2 || !isOffered ||
        steelyard::cuda::roundedTo(&rounding) != type.getElementType() ||
        rounding.getOperand(0) != body->getArgument(0) ||
        body->getTerminator()->getOperand(0) != rounding.getResult(0)) {
      return op;
    }
    OpBuilder builder(op);
    Value empty = tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(),
                                          type.getElementType());
    auto rounded = GemmOp::create(
        builder, op.getLoc(), TypeRange(type), op.getLhs(), op.getRhs(), empty,
        op.getLhsDims(), op.getRhsDims(), op.getTf32(), op.getFastAccumulate());
    rounds.getResult(0).replaceAllUsesWith(rounded.getResult());
    rounds.erase();
    op.erase();
    return rounded;
  }

  void rewrite(GemmOp op) {
    OpBuilder builder(op);
    Value lhs = op.getLhs(), rhs = op.getRhs();
    SmallVector<int64_t> lhsDims(op.getLhsDims()), rhsDims(op.getRhsDims());
    Type a = getElementTypeOrSelf(lhs), c = getElementTypeOrSelf(rhs);
    bool inEight = isEightBits(a) && isEightBits(c);
    if (isNarrow(a) && isNarrow(c)) {
      if (std::string reason = whyNotEight(op); !reason.empty()) {
        inEight = false;
        op.emitRemark() << "not contracted in 8 bits: " << reason;
      }
    }
    if (!inEight && !a.isF64()) {
      Type wide = joined(widerType(a), widerType(c));
      lhs = convert(builder, op.getLoc(), lhs, wide);
      rhs = convert(builder, op.getLoc(), rhs, wide);
    }
    if (inEight) {
      lhs =
          pad(builder, op.getLoc(), lhs, {{lhsDims[Contracted], kMultipleOfK}});
      rhs = pad(
          builder, op.getLoc(), rhs,
          {{rhsDims[Contracted], kMultipleOfK}, {rhsDims[Free], kMultipleOfN}});
    } else if (getElementTypeOrSelf(lhs).getIntOrFloatBitWidth() == 16 &&
               isWorthPadding(op)) {
      padLines(builder, op.getLoc(), lhs, lhsDims, rhs, rhsDims);
    }
    int64_t rows = sizeOf(lhs, lhsDims[Free]),
            columns = sizeOf(rhs, rhsDims[Free]);
    lhs = arrange(builder, op.getLoc(), lhs, lhsDims, inEight);
    rhs = arrange(builder, op.getLoc(), rhs, rhsDims, inEight);
    Value init = op.getInit();
    auto type = cast<RankedTensorType>(init.getType());
    SmallVector<int64_t> shape(type.getShape());
    if (rhsDims[Free] >= 0) {
      shape.back() = columns;
    }
    if (lhsDims[Free] >= 0) {
      shape[shape.size() - (rhsDims[Free] >= 0 ? 2 : 1)] = rows;
    }
    bool isWider = ArrayRef(shape) != type.getShape();
    if (isWider) {
      init = tensor::EmptyOp::create(builder, op.getLoc(), shape,
                                     type.getElementType());
    }
    Value product = ContractionOp::create(
                        builder, op.getLoc(), TypeRange(init.getType()), lhs,
                        rhs, /*scales=*/ValueRange(),
                        /*bias=*/Value(), init, lhsDims, rhsDims,
                        Epilogue::None, op.getTf32(), op.getFastAccumulate())
                        .getResult();
    op.getResult().replaceAllUsesWith(
        isWider ? first(builder, op.getLoc(), product, type) : product);
    op.erase();
  }

  bool isWorthPadding(GemmOp op) const {
    ArrayRef<int64_t> lhs = op.getLhsDims(), rhs = op.getRhsDims();
    return lhs[Contracted] >= 0 && lhs[Free] >= 0 && rhs[Free] >= 0 &&
           sizeOf(op.getLhs(), lhs[Free]) * sizeOf(op.getRhs(), rhs[Free]) *
                   sizeOf(op.getLhs(), lhs[Contracted]) >=
               leastPadded;
  }

  /// Zeros behind the lines of the operands and the result.
  static void padLines(OpBuilder &builder, Location loc, Value &lhs,
                       ArrayRef<int64_t> lhsDims, Value &rhs,
                       ArrayRef<int64_t> rhsDims) {
    bool isAlongRows = nearestDim(lhs) == lhsDims[Free],
         isAlongColumns = nearestDim(rhs) == rhsDims[Free];
    int64_t ofRows = isAlongRows ? kMultipleOf16Bits : 1,
            ofContracted =
                isAlongRows && isAlongColumns ? 1 : kMultipleOf16Bits;
    lhs = pad(builder, loc, lhs,
              {{lhsDims[Free], ofRows}, {lhsDims[Contracted], ofContracted}});
    rhs = pad(builder, loc, rhs,
              {{rhsDims[Free], kMultipleOf16Bits},
               {rhsDims[Contracted], ofContracted}});
  }

  /// The last dimension of more than one element, -1: there is none.
  static int64_t nearestDim(Value operand) {
    auto type = cast<RankedTensorType>(operand.getType());
    int64_t nearest = -1;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      nearest = type.getDimSize(dim) != 1 ? dim : nearest;
    }
    return nearest;
  }

  /// The operand with zeros behind it, so that sizes of dimensions are
  /// multiples.
  static Value pad(OpBuilder &builder, Location loc, Value operand,
                   ArrayRef<std::pair<int64_t, int64_t>> multiples) {
    auto type = cast<RankedTensorType>(operand.getType());
    SmallVector<int64_t> shape(type.getShape());
    for (auto [dim, multiple] : multiples) {
      if (dim >= 0) {
        shape[dim] = llvm::alignTo(shape[dim], multiple);
      }
    }
    if (ArrayRef(shape) == type.getShape()) {
      return operand;
    }
    auto padded = RankedTensorType::get(shape, type.getElementType());
    Value zeros =
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(padded));
    return tensor::InsertSliceOp::create(
        builder, loc, operand, zeros,
        SmallVector<OpFoldResult>(shape.size(), builder.getIndexAttr(0)),
        tensor::getMixedSizes(builder, loc, operand),
        SmallVector<OpFoldResult>(shape.size(), builder.getIndexAttr(1)));
  }

  /// What is first along the dimensions of a tensor.
  static Value first(OpBuilder &builder, Location loc, Value tensor,
                     RankedTensorType type) {
    int64_t rank = type.getRank();
    SmallVector<OpFoldResult> sizes;
    for (int64_t size : type.getShape()) {
      sizes.push_back(builder.getIndexAttr(size));
    }
    return tensor::ExtractSliceOp::create(
        builder, loc, type, tensor,
        SmallVector<OpFoldResult>(rank, builder.getIndexAttr(0)), sizes,
        SmallVector<OpFoldResult>(rank, builder.getIndexAttr(1)));
  }

  /// What keeps a contraction of narrow operands from being one of 8 bits.
  std::string whyNotEight(GemmOp op) const {
    std::string reason;
    llvm::raw_string_ostream stream(reason);
    Type a = getElementTypeOrSelf(op.getLhs()),
         b = getElementTypeOrSelf(op.getRhs());
    for (Type element : {a, b}) {
      if (!isEightBits(element)) {
        stream << "the GPU has no products of " << element;
        return reason;
      }
    }
    if (isa<Float8E5M2Type>(a) && isa<Float8E5M2Type>(b)) {
      stream << "both operands are f8E5M2, of which cuBLASLt takes one";
      return reason;
    }
    ArrayRef<int64_t> lhs = op.getLhsDims(), rhs = op.getRhsDims();
    int64_t m = sizeOf(op.getLhs(), lhs[Free]),
            n = sizeOf(op.getRhs(), rhs[Free]),
            k = sizeOf(op.getLhs(), lhs[Contracted]);
    bool isPadded = k % kMultipleOfK != 0 || n % kMultipleOfN != 0;
    bool isPaddable = lhs[Contracted] >= 0 && rhs[Free] >= 0;
    if (isPadded && (m * n * k < leastPadded || !isPaddable)) {
      stream << "its sizes, m = " << m << ", n = " << n << " and k = " << k
             << ", would have to be padded, to multiples of " << kMultipleOfN
             << " and " << kMultipleOfK << ", which is not worth it";
    }
    return reason;
  }

  /// A type that holds the values of both.
  static Type joined(Type a, Type b) {
    return a == b ? a : Type(Float32Type::get(a.getContext()));
  }

  static linalg::GenericOp rearranged(OpBuilder &builder, Location loc,
                                      RankedTensorType type, Value operand,
                                      AffineMap map, bool extends) {
    int64_t rank = type.getRank();
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                          type.getElementType());
    return linalg::GenericOp::create(
        builder, loc, TypeRange(type), operand, empty,
        ArrayRef{map, builder.getMultiDimIdentityMap(rank)},
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &b, Location, ValueRange elements) {
          Value element = elements[0];
          if (extends) {
            element =
                arith::ExtFOp::create(b, loc, type.getElementType(), element);
          }
          linalg::YieldOp::create(b, loc, element);
        });
  }

  static Value convert(OpBuilder &builder, Location loc, Value operand,
                       Type element) {
    auto type = cast<RankedTensorType>(operand.getType());
    if (type.getElementType() == element) {
      return operand;
    }
    return rearranged(builder, loc, type.clone(element), operand,
                      builder.getMultiDimIdentityMap(type.getRank()), true)
        .getResult(0);
  }

  /// The operand with neighbours along a dimension that is not the batch; with
  /// `alongContracted` along that one. Dimensions are then batch, free,
  /// contracted.
  static Value arrange(OpBuilder &builder, Location loc, Value operand,
                       SmallVector<int64_t> &dims, bool alongContracted) {
    auto type = cast<RankedTensorType>(operand.getType());
    int64_t nearest = nearestDim(operand);
    bool isFine = nearest < 0 || nearest == dims[Contracted] ||
                  (!alongContracted && nearest == dims[Free]);
    if (isFine) {
      return operand;
    }
    SmallVector<AffineExpr> exprs(type.getRank());
    SmallVector<int64_t> shape, placed = dims;
    for (unsigned kind : {Batch, Free, Contracted}) {
      if (dims[kind] >= 0) {
        exprs[dims[kind]] = builder.getAffineDimExpr(shape.size());
        placed[kind] = shape.size();
        shape.push_back(type.getDimSize(dims[kind]));
      }
    }
    dims = placed;
    AffineMap map =
        AffineMap::get(shape.size(), 0, exprs, builder.getContext());
    return rearranged(builder, loc,
                      RankedTensorType::get(shape, type.getElementType()),
                      operand, map, false)
        .getResult(0);
  }
};

} // namespace
