//===- CHLO.cpp - Registration and types of chlo ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/CHLO/IR/CHLO.h"

#include "steelyard/Interfaces/ScalePropagation.h"

#include "mlir/IR/Builders.h"
#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace mlir::chlo;

#include "steelyard/Dialect/CHLO/IR/Dialect.cpp.inc"

#define GET_OP_CLASSES
#include "steelyard/Dialect/CHLO/IR/Ops.cpp.inc"

namespace {

struct Inliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

} // namespace

void CHLODialect::initialize() {
  addInterfaces<Inliner>();
  addOperations<
#define GET_OP_LIST
#include "steelyard/Dialect/CHLO/IR/Ops.cpp.inc"
      >();
  declarePromisedInterfaces<steelyard::ScalePropagationOpInterface,
#define GET_OP_LIST
#include "steelyard/Dialect/CHLO/IR/Ops.cpp.inc"
                            >();
}

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location> location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  auto type = cast<RankedTensorType>(adaptor.getOperand().getType());
  int64_t k = adaptor.getK();
  if (type.getRank() == 0 || isa<ComplexType>(type.getElementType())) {
    return emitOptionalError(
        location,
        "top_k takes a tensor of real numbers of rank at least 1, got ", type);
  }
  if (k < 0 || k > type.getShape().back()) {
    return emitOptionalError(location, "top_k: k = ", k,
                             " is out of range for a last dimension of size ",
                             type.getShape().back());
  }
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = k;
  results.push_back(type.clone(shape));
  results.push_back(
      RankedTensorType::get(shape, IntegerType::get(context, 32)));
  return success();
}

void TopKOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getValues(), "values");
  setName(getIndices(), "indices");
}
