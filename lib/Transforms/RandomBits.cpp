//===- RandomBits.cpp - Generators of bits by integer operations -*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Threefry2x32-20 and Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Which counter makes
// which bits is not in the StableHLO specification: it is as XLA has it, so
// that jax.lax.rng_bit_generator gives the same bits.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"

#include "llvm/Support/MathExtras.h"

#include "ExpandExactly.h"

using namespace mlir;
using namespace mlir::stablehlo;

namespace {

/// Unsigned arithmetic on tensors of one shape.
class BitsWriter {
public:
  BitsWriter(OpBuilder &builder, RngBitGeneratorOp op)
      : b(builder), loc(op.getLoc()), op(op), ui32(b.getIntegerType(32, false)),
        ui64(b.getIntegerType(64, false)),
        type(cast<RankedTensorType>(op.getOutput().getType())) {
    // The scalars of the state.
    auto state = cast<RankedTensorType>(op.getInitialState().getType());
    for (int64_t index = 0; index < state.getDimSize(0); ++index) {
      Value one = SliceOp::create(
          b, loc, op.getInitialState(), ArrayRef<int64_t>{index},
          ArrayRef<int64_t>{index + 1}, ArrayRef<int64_t>{1});
      words.push_back(reshape(one, {}));
    }
  }

  SmallVector<Value> write() {
    // Of 8 and 16 bits: the low ones of 32.
    bool isWide = type.getElementTypeBitWidth() == 64;
    Value bits = op.getRngAlgorithm() == RngAlgorithm::THREE_FRY
                     ? (isWide ? threefry64() : threefry32())
                     : philox(isWide);
    SmallVector<Value> state = llvm::map_to_vector(
        words, [&](Value word) { return reshape(word, {1}); });
    return {ConcatenateOp::create(b, loc, state, 0), convertBits(bits)};
  }

private:
  Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }
  ArrayRef<int64_t> shapeOf(Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  }

  Value constant(uint64_t value, Value like) {
    auto integer = cast<IntegerType>(elementOf(like));
    auto attribute = DenseElementsAttr::get(cast<ShapedType>(like.getType()),
                                            APInt(integer.getWidth(), value));
    return ConstantOp::create(b, loc, attribute);
  }
  Value reshape(Value value, ArrayRef<int64_t> shape) {
    return ReshapeOp::create(
        b, loc, RankedTensorType::get(shape, elementOf(value)), value);
  }
  Value convert(Value value, Type element) {
    return ConvertOp::create(b, loc, value, element);
  }
  Value spread(Value scalar, ArrayRef<int64_t> shape) {
    return BroadcastInDimOp::create(
        b, loc, RankedTensorType::get(shape, elementOf(scalar)), scalar,
        ArrayRef<int64_t>());
  }
  Value add(Value lhs, Value rhs) { return AddOp::create(b, loc, lhs, rhs); }
  Value add(Value lhs, uint64_t rhs) { return add(lhs, constant(rhs, lhs)); }
  Value exclusiveOr(Value lhs, Value rhs) {
    return XorOp::create(b, loc, lhs, rhs);
  }
  Value rotateLeft(Value value, unsigned distance) {
    Value left = ShiftLeftOp::create(b, loc, value, constant(distance, value));
    Value right = ShiftRightLogicalOp::create(b, loc, value,
                                              constant(32 - distance, value));
    return OrOp::create(b, loc, left, right);
  }
  Value low(Value wide) { return convert(wide, ui32); }
  Value high(Value wide) {
    return low(ShiftRightLogicalOp::create(b, loc, wide, constant(32, wide)));
  }
  Value join(Value low, Value high) {
    Value wide = convert(high, ui64);
    return OrOp::create(b, loc, convert(low, ui64),
                        ShiftLeftOp::create(b, loc, wide, constant(32, wide)));
  }

  /// Words beside each other: word w of block i becomes element i × count + w.
  Value interleave(ArrayRef<Value> parts, int64_t elements) {
    int64_t blocks = shapeOf(parts.front())[0];
    SmallVector<Value> columns = llvm::map_to_vector(
        parts, [&](Value part) { return reshape(part, {blocks, 1}); });
    int64_t all = blocks * parts.size();
    Value flat = reshape(ConcatenateOp::create(b, loc, columns, 1), {all});
    Value used =
        SliceOp::create(b, loc, flat, ArrayRef<int64_t>{0},
                        ArrayRef<int64_t>{elements}, ArrayRef<int64_t>{1});
    return reshape(used, type.getShape());
  }

  Value convertBits(Value bits) {
    Type element = type.getElementType();
    Value integer =
        convert(bits, b.getIntegerType(element.getIntOrFloatBitWidth(), false));
    return BitcastConvertOp::create(b, loc, type, integer);
  }

  //===--------------------------------------------------------------------===//
  // Threefry
  //===--------------------------------------------------------------------===//

  std::pair<Value, Value> threefry(Value counter) {
    constexpr unsigned kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    constexpr uint32_t kParity = 0x1BD11BDA;
    Value key = spread(words[0], shapeOf(counter));
    Value keys[3] = {low(key), high(key), {}};
    keys[2] =
        exclusiveOr(exclusiveOr(keys[0], keys[1]), constant(kParity, keys[0]));
    Value x = add(low(counter), keys[0]), y = add(high(counter), keys[1]);
    for (unsigned group = 0; group < 5; ++group) {
      for (unsigned rotation : kRotations[group % 2]) {
        x = add(x, y);
        y = exclusiveOr(rotateLeft(y, rotation), x);
      }
      x = add(x, keys[(group + 1) % 3]);
      y = add(add(y, keys[(group + 2) % 3]), group + 1);
    }
    return {x, y};
  }

  /// The counter's value and what follows, one for each element; moves the
  /// counter on.
  Value countFrom(ArrayRef<int64_t> shape) {
    int64_t count = ShapedType::getNumElements(shape);
    Value flat = IotaOp::create(b, loc, RankedTensorType::get({count}, ui64),
                                b.getI64IntegerAttr(0));
    Value counter = add(reshape(flat, shape), spread(words[1], shape));
    words[1] = add(words[1], count);
    return counter;
  }

  Value threefry64() {
    auto [x, y] = threefry(countFrom(type.getShape()));
    return join(x, y);
  }

  /// Two words of a block lie beside each other in the first dimension of even
  /// size, else in the largest, which is cut.
  Value threefry32() {
    SmallVector<int64_t> shape(type.getShape());
    if (shape.empty()) {
      return reshape(threefry(countFrom({1})).first, {});
    }
    auto *split =
        llvm::find_if(shape, [](int64_t size) { return size % 2 == 0; });
    if (split == shape.end()) {
      split = std::max_element(shape.begin(), shape.end());
    }
    int64_t dim = split - shape.begin();
    *split = llvm::divideCeil(*split, 2);
    auto [x, y] = threefry(countFrom(shape));
    SmallVector<int64_t> column(shape), even(shape);
    column.insert(column.begin() + dim + 1, 1);
    even[dim] *= 2;
    Value pairs = ConcatenateOp::create(
        b, loc, ValueRange{reshape(x, column), reshape(y, column)}, dim + 1);
    return SliceOp::create(
        b, loc, reshape(pairs, even), SmallVector<int64_t>(shape.size(), 0),
        type.getShape(), SmallVector<int64_t>(shape.size(), 1));
  }

  //===--------------------------------------------------------------------===//
  // Philox
  //===--------------------------------------------------------------------===//

  /// Four words for each block of 128 bits. The counter has 128 bits: the
  /// state's second word, then its third; of two words, the key is its high
  /// half.
  SmallVector<Value> philoxBlocks(int64_t blocks) {
    constexpr uint32_t kMultipliers[2] = {0xD2511F53, 0xCD9E8D57},
                       kIncrements[2] = {0x9E3779B9, 0xBB67AE85};
    bool hasHigh = words.size() == 3;
    Value index = IotaOp::create(b, loc, RankedTensorType::get({blocks}, ui64),
                                 b.getI64IntegerAttr(0));
    Value base = spread(words[1], {blocks});
    Value counter = add(base, index);
    Value upper =
        add(spread(words[hasHigh ? 2 : 0], {blocks}), carry(counter, base));
    Value next = add(words[1], blocks);
    if (hasHigh) {
      words[2] = add(words[2], carry(next, words[1]));
    }
    words[1] = next;
    Value key = spread(words[0], {blocks});
    Value keys[2] = {low(key), high(key)};
    Value x[4] = {low(counter), high(counter), low(upper), high(upper)};
    for (unsigned round = 0; round < 10; ++round) {
      Value products[2];
      for (unsigned half : {0, 1}) {
        Value wide = convert(x[2 * half], ui64);
        products[half] = MultiplyOp::create(b, loc, wide,
                                            constant(kMultipliers[half], wide));
      }
      Value first = exclusiveOr(exclusiveOr(high(products[1]), x[1]), keys[0]);
      Value third = exclusiveOr(exclusiveOr(high(products[0]), x[3]), keys[1]);
      x[0] = first;
      x[1] = low(products[1]);
      x[2] = third;
      x[3] = low(products[0]);
      for (unsigned half : {0, 1}) {
        keys[half] = add(keys[half], kIncrements[half]);
      }
    }
    return SmallVector<Value>(x, x + 4);
  }

  /// 1 where a sum is less than what was added to: it has wrapped.
  Value carry(Value sum, Value addend) {
    Value wrapped = CompareOp::create(
        b, loc, sum, addend,
        ComparisonDirectionAttr::get(b.getContext(), ComparisonDirection::LT),
        ComparisonTypeAttr::get(b.getContext(), ComparisonType::UNSIGNED));
    return convert(wrapped, ui64);
  }

  Value philox(bool isWide) {
    int64_t elements = type.getNumElements();
    int64_t words32 = isWide ? 2 * elements : elements;
    SmallVector<Value> x = philoxBlocks(llvm::divideCeil(words32, 4));
    if (!isWide) {
      return interleave(x, elements);
    }
    return interleave({join(x[0], x[1]), join(x[2], x[3])}, elements);
  }

  OpBuilder &b;
  Location loc;
  RngBitGeneratorOp op;
  Type ui32, ui64;
  RankedTensorType type;
  SmallVector<Value> words;
};

} // namespace

SmallVector<Value> steelyard::expandRandomBits(OpBuilder &builder,
                                               RngBitGeneratorOp op) {
  return BitsWriter(builder, op).write();
}
