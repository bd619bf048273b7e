//===- Dialect.cpp - Registration of stablehlo ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"
#include "steelyard/Interfaces/Contraction.h"
#include "steelyard/Interfaces/ScalePropagation.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::stablehlo;

#include "steelyard/Dialect/StableHLO/IR/Dialect.cpp.inc"
#include "steelyard/Dialect/StableHLO/IR/Enums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "steelyard/Dialect/StableHLO/IR/Attributes.cpp.inc"

namespace {
/// Every operation may be inlined anywhere.
struct Inliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Operation *, bool) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void StableHLODialect::initialize() {
  addInterfaces<Inliner>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "steelyard/Dialect/StableHLO/IR/Attributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "steelyard/Dialect/StableHLO/IR/Ops.cpp.inc"
      >();
  declarePromisedInterfaces<steelyard::ScalePropagationOpInterface,
#define GET_OP_LIST
#include "steelyard/Dialect/StableHLO/IR/Ops.cpp.inc"
                            >();
  declarePromisedInterfaces<steelyard::ContractionOpInterface, DotGeneralOp,
                            ConvolutionOp>();
}

Operation *StableHLODialect::materializeConstant(OpBuilder &builder,
                                                 Attribute value, Type type,
                                                 Location location) {
  auto elements = dyn_cast<ElementsAttr>(value);
  return elements && elements.getShapedType() == type
             ? ConstantOp::create(builder, location, elements).getOperation()
             : nullptr;
}
