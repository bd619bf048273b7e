//===- DeviceMath.cpp - Functions and casts that the GPU has ----*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/Scaled/IR/Scaled.h"
#include "steelyard/Numerics/Format.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDADEVICEMATH
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;

namespace {

Type like(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

Value constant(ImplicitLocOpBuilder &b, Type type, double value) {
  auto element = cast<FloatType>(getElementTypeOrSelf(type));
  TypedAttr number = FloatAttr::get(element, value);
  if (auto vector = dyn_cast<VectorType>(type)) {
    number = DenseElementsAttr::get(vector, Attribute(number));
  }
  return arith::ConstantOp::create(b, number);
}

Value constant(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr number = IntegerAttr::get(
      element, APInt(element.getIntOrFloatBitWidth(), value, /*isSigned=*/true,
                     /*implicitTrunc=*/true));
  if (auto vector = dyn_cast<VectorType>(type)) {
    number = DenseElementsAttr::get(vector, Attribute(number));
  }
  return arith::ConstantOp::create(b, number);
}

/// The elements of a scalar or vector.
SmallVector<Value> elementsOf(ImplicitLocOpBuilder &b, Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  if (!vector) {
    return {value};
  }
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < vector.getNumElements(); ++lane) {
    elements.push_back(vector::ExtractOp::create(b, value, lane));
  }
  return elements;
}

Value fromElements(ImplicitLocOpBuilder &b, Type type, ArrayRef<Value> values) {
  return isa<VectorType>(type)
             ? vector::FromElementsOp::create(b, type, values).getResult()
             : values.front();
}

/// Neighbours, two at once; of an odd number the last comes with itself.
void forPairs(ArrayRef<Value> elements,
              llvm::function_ref<void(Value low, Value high)> function) {
  for (size_t index = 0; index < elements.size(); index += 2) {
    function(elements[index],
             elements[std::min(index + 1, elements.size() - 1)]);
  }
}

/// The elements of vectors of two that `convert` makes of pairs.
SmallVector<Value>
convertPairs(ImplicitLocOpBuilder &b, ArrayRef<Value> elements,
             llvm::function_ref<Value(Value low, Value high)> convert) {
  SmallVector<Value> values;
  forPairs(elements, [&](Value low, Value high) {
    Value pair = convert(low, high);
    for (int64_t lane = 0; lane < 2 && values.size() < elements.size();
         ++lane) {
      values.push_back(vector::ExtractOp::create(b, pair, lane));
    }
  });
  return values;
}

/// float32 to f8E4M3FN and f8E5M2. PTX converts pairs to nearest even and
/// saturates ("cvt", .satfinite); NaN has no sign there. A vector that holds
/// what is not a number, or too large where the cast does not saturate, goes
/// another way.
struct CastToFloat8 : OpRewritePattern<scaled::CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(scaled::CastOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!isa<Float8E4M3FNType, Float8E5M2Type>(element) ||
        !getElementTypeOrSelf(op.getInput().getType()).isF32() ||
        op.getRandom() || op.getRounding() != scaled::Rounding::NearestEven) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type bytes = like(type, b.getI8Type());
    Value converted = convert(b, op, bytes);
    Value packed = pack(b, converted);
    auto branch = scf::IfOp::create(
        b, mayBeSpecial(b, op, packed),
        [&](OpBuilder &builder, Location loc) {
          ImplicitLocOpBuilder inner(loc, builder);
          Value code = withSpecial(inner, op, converted);
          scf::YieldOp::create(inner, pack(inner, code));
        },
        [&](OpBuilder &builder, Location loc) {
          scf::YieldOp::create(builder, loc, packed);
        });
    Value code = branch.getResult(0);
    if (code.getType() != bytes) {
      code = vector::BitCastOp::create(b, cast<VectorType>(bytes), code);
    }
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, code);
    return success();
  }

  /// The bits of the greatest float32 that becomes a finite number by what PTX
  /// does: 448 and 57344, and half a step more; for E5M2 the tie is infinite.
  static int64_t lastFinite(scaled::CastOp op) {
    constexpr int64_t kInfinity = 0x7f800000, k464 = 0x43e80000,
                      kBelow61440 = 0x476fffff;
    return op.getSaturate() ? kInfinity
           : isa<Float8E4M3FNType>(getElementTypeOrSelf(op.getType()))
               ? k464
               : kBelow61440;
  }

  /// Whether some code is NaN or, where the cast does not saturate, the largest
  /// number, which PTX gives for all that are too large. In each byte of a word
  /// at once: from that code on, adding what is missing to 0x80 carries into
  /// the sign's place.
  static Value mayBeSpecial(ImplicitLocOpBuilder &b, scaled::CastOp op,
                            Value packed) {
    bool isE4M3 = isa<Float8E4M3FNType>(getElementTypeOrSelf(op.getType()));
    int64_t first = op.getSaturate() ? 0x7f : isE4M3 ? 0x7e : 0x7b;
    Type words = packed.getType();
    unsigned width = getElementTypeOrSelf(words).getIntOrFloatBitWidth();
    auto everyByte = [&](int64_t byte) {
      return constant(b, words, width == 32 ? byte * 0x01010101 : byte);
    };
    Value size = arith::AndIOp::create(b, packed, everyByte(0x7f));
    Value carried = arith::AndIOp::create(
        b, arith::AddIOp::create(b, size, everyByte(0x80 - first)),
        everyByte(0x80));
    SmallVector<Value> each = elementsOf(b, carried);
    Value any = each.front();
    for (Value other : ArrayRef(each).drop_front()) {
      any = arith::OrIOp::create(b, any, other);
    }
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, any,
                                 constant(b, any.getType(), int64_t(0)));
  }

  /// By PTX.
  static Value convert(ImplicitLocOpBuilder &b, scaled::CastOp op, Type bytes) {
    Type format = getElementTypeOrSelf(op.getType()), pairType = b.getI16Type();
    SmallVector<Value> elements = elementsOf(b, op.getInput()), pairs;
    forPairs(elements, [&](Value low, Value high) {
      pairs.push_back(NVVM::ConvertF32x2ToF8x2Op::create(
          b, pairType, high, low, NVVM::FPRoundingMode::RN,
          NVVM::SaturationMode::SATFINITE, /*relu=*/false, format));
    });
    auto vector = dyn_cast<VectorType>(bytes);
    if (vector && elements.size() % 2 == 0) {
      Value joined = vector::FromElementsOp::create(
          b, VectorType::get(static_cast<int64_t>(pairs.size()), pairType),
          pairs);
      return vector::BitCastOp::create(b, vector, joined);
    }
    SmallVector<Value> codes;
    for (size_t index = 0; index < elements.size(); ++index) {
      Value pair = pairs[index / 2];
      if (index % 2 == 1) {
        pair =
            arith::ShRUIOp::create(b, pair, constant(b, pairType, int64_t(8)));
      }
      codes.push_back(arith::TruncIOp::create(b, b.getI8Type(), pair));
    }
    return fromElements(b, bytes, codes);
  }

  /// With infinities and NaN where they belong.
  static Value withSpecial(ImplicitLocOpBuilder &b, scaled::CastOp op,
                           Value code) {
    Type bytes = code.getType(), words = like(bytes, b.getI32Type());
    Value bits = arith::BitcastOp::create(b, words, op.getInput());
    Value sizes =
        arith::AndIOp::create(b, bits, constant(b, words, int64_t(0x7fffffff)));
    Value sign = arith::TruncIOp::create(
        b, bytes,
        arith::AndIOp::create(
            b, arith::ShRUIOp::create(b, bits, constant(b, words, int64_t(24))),
            constant(b, words, int64_t(0x80))));
    auto select = [&](int64_t beyond, int64_t magnitude) {
      Value exceeds = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, sizes,
                                            constant(b, words, beyond));
      Value special =
          arith::OrIOp::create(b, sign, constant(b, bytes, magnitude));
      code = arith::SelectOp::create(b, exceeds, special, code);
    };
    constexpr int64_t kInfinity = 0x7f800000;
    if (isa<Float8E4M3FNType>(getElementTypeOrSelf(op.getType()))) {
      select(lastFinite(op), 0x7f);
    } else {
      if (!op.getSaturate()) {
        select(lastFinite(op), 0x7c);
      }
      select(kInfinity, 0x7e);
    }
    return code;
  }

  /// As words, if they are whole: so a branch passes registers.
  static Value pack(ImplicitLocOpBuilder &b, Value code) {
    auto vector = dyn_cast<VectorType>(code.getType());
    if (!vector || vector.getNumElements() % 4 != 0) {
      return code;
    }
    return vector::BitCastOp::create(
        b, VectorType::get(vector.getNumElements() / 4, b.getI32Type()), code);
  }
};

/// f8E4M3FN and f8E5M2 to what holds float16: exact.
struct CastFromFloat8 : OpRewritePattern<scaled::CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(scaled::CastOp op,
                                PatternRewriter &rewriter) const override {
    Type from = getElementTypeOrSelf(op.getInput().getType()),
         to = getElementTypeOrSelf(op.getType());
    if (!isa<Float8E4M3FNType, Float8E5M2Type>(from) ||
        !(to.isF16() || to.isF32()) || op.getSaturate()) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type type = op.getType();
    Value codes =
        arith::BitcastOp::create(b, like(type, b.getI8Type()), op.getInput());
    auto convert = [&](Value low, Value high) -> Value {
      Value pair = vector::FromElementsOp::create(
          b, VectorType::get(2, b.getI8Type()), ValueRange{low, high});
      return NVVM::ConvertF8x2ToF16x2Op::create(
          b, VectorType::get(2, b.getF16Type()), pair, /*relu=*/false, from);
    };
    SmallVector<Value> values = convertPairs(b, elementsOf(b, codes), convert);
    Value result = fromElements(b, like(type, b.getF16Type()), values);
    if (to.isF32()) {
      result = arith::ExtFOp::create(b, type, result);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// float32 to bf16, nearest even, which is the GPU's own; NaN has no sign
/// there.
struct TruncateToBF16 : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isBF16() ||
        !getElementTypeOrSelf(op.getIn().getType()).isF32() ||
        op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
            arith::RoundingMode::to_nearest_even) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto convert = [&](Value low, Value high) -> Value {
      return NVVM::ConvertF32x2ToBF16x2Op::create(
          b, VectorType::get(2, b.getBF16Type()), high, low,
          /*random_bits=*/Value(), NVVM::FPRoundingMode::RN,
          NVVM::SaturationMode::NONE, /*relu=*/false);
    };
    SmallVector<Value> values =
        convertPairs(b, elementsOf(b, op.getIn()), convert);
    rewriter.replaceOp(op, fromElements(b, type, values));
    return success();
  }
};

/// Arithmetic on float32 or vectors of it, as one writes it.
struct Arithmetic {
  ImplicitLocOpBuilder &b;
  Type type;

  Value number(double value) const { return constant(b, type, value); }
  Value fma(Value x, Value y, Value z) const {
    return math::FmaOp::create(b, x, y, z);
  }
  Value fma(Value x, double y, Value z) const { return fma(x, number(y), z); }
  Value multiply(Value x, Value y) const {
    return arith::MulFOp::create(b, x, y);
  }

  /// Within 2 ulp (PTX ISA, "ex2"); subnormal numbers are zero.
  Value exp2(Value x) const {
    return map(x, [&](Value element) -> Value {
      return LLVM::CallIntrinsicOp::create(
                 b, b.getF32Type(), b.getStringAttr("llvm.nvvm.ex2.approx.ftz"),
                 ValueRange{element})
          .getResult(0);
    });
  }
  /// Within 1 ulp (PTX ISA, "rcp"); subnormal numbers are zero.
  Value reciprocal(Value x) const {
    return map(x, [&](Value element) -> Value {
      return NVVM::RcpApproxFtzF32Op::create(b, b.getF32Type(), element);
    });
  }

private:
  Value map(Value x, llvm::function_ref<Value(Value)> function) const {
    return fromElements(b, type,
                        llvm::map_to_vector(elementsOf(b, x), function));
  }
};

/// A function in float32, by arithmetic.
template <typename Op>
struct Expansion : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  virtual Value expand(const Arithmetic &a, Value x) const = 0;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32()) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, expand({b, op.getType()}, op.getOperand()));
    return success();
  }
};

/// e^x in float32 = 2^n × 2^r, n the nearest integer to x log2 e. The rest r is
/// x log2 e - n, with log2 e in two parts (Cody and Waite, "Software Manual for
/// the Elementary Functions", 1980), so that no digits are lost for large x.
struct ExpandExp : Expansion<math::ExpOp> {
  using Expansion::Expansion;

  Value expand(const Arithmetic &a, Value x) const override {
    ImplicitLocOpBuilder &b = a.b;
    // Adding 1.5 × 2^23 rounds to an integer, in the lowest bits of the sum;
    // with the exponents' bias they are 2^n's exponent. Where that is none, n
    // is the nearest that is, and r large: the product is what it should be,
    // subnormal, zero or infinite.
    constexpr double kZero = 12582912 + 127;
    Value sum = a.fma(x, 1.44269502, a.number(kZero));
    sum = arith::MaxNumFOp::create(
        b, arith::MinNumFOp::create(b, sum, a.number(kZero + 127)),
        a.number(kZero - 126));
    Value rest =
        a.fma(x, 1.44269502, arith::SubFOp::create(b, a.number(kZero), sum));
    rest = a.fma(x, 1.92596299e-8, rest);
    Type word = like(a.type, b.getI32Type());
    Value power = arith::BitcastOp::create(
        b, a.type,
        arith::ShLIOp::create(b, arith::BitcastOp::create(b, word, sum),
                              constant(b, word, int64_t(23))));
    return a.multiply(a.exp2(rest), power);
  }
};

/// tanh x in float32 = 1 - 2 / (e^2x + 1) for x ≥ 0.9. Below, where that
/// cancels, x + x³ p(x²), with the minimax fit p of (tanh(x) / x - 1) / x², of
/// a relative error of 2^-26 in tanh. Within 2.5 ulp if the GPU's instructions
/// are as far from their functions as PTX allows.
struct ExpandTanh : Expansion<math::TanhOp> {
  using Expansion::Expansion;

  Value expand(const Arithmetic &a, Value x) const override {
    ImplicitLocOpBuilder &b = a.b;
    Value one = a.number(1);
    Value size = math::AbsFOp::create(b, x);
    constexpr double kTwoLog2E = 2.88539008;
    Value grown = a.exp2(a.multiply(size, a.number(kTwoLog2E)));
    Value large =
        a.fma(a.reciprocal(arith::AddFOp::create(b, grown, one)), -2, one);
    Value square = a.multiply(x, x);
    Value p = a.number(0.00130395428);
    for (double coefficient : {-0.00686004246, 0.0209041145, -0.0537214838,
                               0.133303598, -0.333332121}) {
      p = a.fma(p, square, a.number(coefficient));
    }
    Value small = a.fma(a.multiply(p, square), size, size);
    Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, size,
                                          a.number(0.9));
    // The sign by bits, of zero too: LLVM takes it of what x was extended from,
    // by more instructions.
    Type word = like(a.type, b.getI32Type());
    auto bits = [&](Value value) -> Value {
      return arith::BitcastOp::create(b, word, value);
    };
    Value sign = arith::AndIOp::create(b, bits(x),
                                       constant(b, word, int64_t(0x80000000)));
    Value result = bits(arith::SelectOp::create(b, isSmall, small, large));
    return arith::BitcastOp::create(b, a.type,
                                    arith::OrIOp::create(b, result, sign));
  }
};

/// sin x and cos x in float32. Up to 2^16, x is brought to r in [-π/4, π/4] by
/// subtracting n π/2, which three float32 hold to 2^-73 (Cody and Waite), and
/// the sine or cosine of r is its minimax polynomial: within 1.6 ulp. A vector
/// with a larger element goes to libdevice.
template <typename Op>
struct ExpandSine : OpRewritePattern<Op> {
  ExpandSine(MLIRContext *context, int64_t quarters)
      : OpRewritePattern<Op>(context), quarters(quarters) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    constexpr llvm::StringLiteral kAnySize("steelyard.any_size");
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() || op->hasAttr(kAnySize)) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand();
    SmallVector<Value> elements = elementsOf(b, x);
    Value isFar;
    for (Value element : elements) {
      Value size = math::AbsFOp::create(b, element);
      Value exceeds =
          arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, size,
                                constant(b, size.getType(), 65536.0));
      isFar = isFar ? arith::OrIOp::create(b, isFar, exceeds) : exceeds;
    }
    auto branch = scf::IfOp::create(
        b, isFar,
        [&](OpBuilder &builder, Location loc) {
          ImplicitLocOpBuilder inner(loc, builder);
          SmallVector<Value> values;
          for (Value element : elements) {
            auto value = Op::create(inner, element);
            value->setAttr(kAnySize, inner.getUnitAttr());
            values.push_back(value);
          }
          scf::YieldOp::create(inner, fromElements(inner, type, values));
        },
        [&](OpBuilder &builder, Location loc) {
          ImplicitLocOpBuilder inner(loc, builder);
          scf::YieldOp::create(inner, near(inner, x));
        });
    rewriter.replaceOp(op, branch);
    return success();
  }

  Value near(ImplicitLocOpBuilder &b, Value x) const {
    Type type = x.getType(), word = like(type, b.getI32Type());
    Arithmetic a{b, type};
    // The nearest integer to 2 x / π is in the lowest bits of the sum.
    constexpr double kRound = 12582912;
    Value sum = a.fma(x, 0.636619747, a.number(kRound));
    Value n = arith::SubFOp::create(b, sum, a.number(kRound));
    Value r = x; // n of 0 leaves it: the parts have one sign
    for (double part : {1.57079625, 7.54978942e-8, 5.39030253e-15}) {
      r = a.fma(n, -part, r);
    }
    Value square = a.multiply(r, r);
    Value p = a.number(-0.000195171699);
    p = a.fma(p, square, a.number(0.00833217707));
    p = a.fma(p, square, a.number(-0.166666552));
    Value sine = a.fma(a.multiply(p, square), r, r);
    p = a.number(2.44330076e-5);
    for (double coefficient : {-0.00138873153, 0.0416666456, -0.5, 1.0}) {
      p = a.fma(p, square, a.number(coefficient));
    }
    auto number = [&](int64_t value) { return constant(b, word, value); };
    Value quarter = arith::AddIOp::create(
        b, arith::BitcastOp::create(b, word, sum), number(quarters));
    Value isOdd = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ne,
        arith::AndIOp::create(b, quarter, number(1)), number(0));
    Value sign = arith::ShLIOp::create(
        b, arith::AndIOp::create(b, quarter, number(2)), number(30));
    Value bits = arith::BitcastOp::create(
        b, word, arith::SelectOp::create(b, isOdd, p, sine));
    return arith::BitcastOp::create(b, type,
                                    arith::XOrIOp::create(b, bits, sign));
  }

  int64_t quarters; // that cos is ahead of sin
};

/// Float32 divisions that allow reciprocals, which none of StableHLO's do.
struct DivideByReciprocal : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32() ||
        !arith::bitEnumContainsAll(op.getFastmath(),
                                   arith::FastMathFlags::arcp)) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Arithmetic a{b, op.getType()};
    Value reciprocal = a.reciprocal(op.getRhs());
    rewriter.replaceOp(op, matchPattern(op.getLhs(), m_OneFloat())
                               ? reciprocal
                               : a.multiply(op.getLhs(), reciprocal));
    return success();
  }
};

/// A function that NVPTX has instructions for: IEEE 754's result. By a call,
/// since -convert-gpu-to-nvvm takes the operation itself for libdevice's.
template <typename Op>
struct ToIntrinsic : OpRewritePattern<Op> {
  ToIntrinsic(MLIRContext *context, StringRef intrinsic)
      : OpRewritePattern<Op>(context), intrinsic(intrinsic) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (getElementTypeOrSelf(op.getType()).getIntOrFloatBitWidth() < 32) {
      return failure();
    }
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, op.getType(), rewriter.getStringAttr(intrinsic), op->getOperands());
    return success();
  }

  StringRef intrinsic;
};

/// Functions of the C library are libdevice's, by the same names.
void callLibdevice(mlir::gpu::GPUModuleOp module) {
  module.walk([&](steelyard::host::LibmOp op) {
    std::string name = "__nv_" + op.getFunction().str();
    Type f64 = op.getType();
    if (!module.lookupSymbol(name)) {
      auto builder = OpBuilder::atBlockBegin(module.getBody());
      LLVM::LLVMFuncOp::create(builder, op.getLoc(), name,
                               LLVM::LLVMFunctionType::get(f64, {f64}));
    }
    OpBuilder builder(op);
    auto call = LLVM::CallOp::create(builder, op.getLoc(), TypeRange{f64}, name,
                                     ValueRange{op.getX()});
    op.replaceAllUsesWith(call.getResult());
    op.erase();
  });
}

struct DeviceMath : steelyard::cuda::impl::CUDADeviceMathBase<DeviceMath> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    callLibdevice(getOperation());
    RewritePatternSet expansions(context), intrinsics(context);
    expansions.add<CastToFloat8, CastFromFloat8, DivideByReciprocal, ExpandExp,
                   ExpandTanh, TruncateToBF16>(context);
    expansions.add<ExpandSine<math::SinOp>>(context, 0);
    expansions.add<ExpandSine<math::CosOp>>(context, 1);
    intrinsics.add<ToIntrinsic<arith::MaxNumFOp>>(context, "llvm.maxnum");
    intrinsics.add<ToIntrinsic<arith::MinNumFOp>>(context, "llvm.minnum");
    intrinsics.add<ToIntrinsic<math::AbsFOp>>(context, "llvm.fabs");
    intrinsics.add<ToIntrinsic<math::CeilOp>>(context, "llvm.ceil");
    intrinsics.add<ToIntrinsic<math::CopySignOp>>(context, "llvm.copysign");
    intrinsics.add<ToIntrinsic<math::FloorOp>>(context, "llvm.floor");
    intrinsics.add<ToIntrinsic<math::FmaOp>>(context, "llvm.fma");
    intrinsics.add<ToIntrinsic<math::RoundEvenOp>>(context, "llvm.roundeven");
    intrinsics.add<ToIntrinsic<math::SqrtOp>>(context, "llvm.sqrt");
    intrinsics.add<ToIntrinsic<math::TruncOp>>(context, "llvm.trunc");
    walkAndApplyPatterns(getOperation(), std::move(expansions));
    walkAndApplyPatterns(getOperation(), std::move(intrinsics));
  }
};

} // namespace
