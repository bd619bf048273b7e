//===- Elementary.h - Elementary functions of elements ----------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Functions of a float32 or float64 element that the math dialect does not
// have, or whose expansion or vector form (glibc's libmvec promises 4 ulp) is
// further than 3 ulp from the exact value.
//
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_ELEMENTARY_H
#define STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_ELEMENTARY_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace steelyard {

/// Arithmetic on elements, at one location.
struct Scalar {
  mlir::OpBuilder &b;
  mlir::Location loc;
  /// The target has what the math dialect has, in float32 and float64.
  bool keepsFunctions = false;

  mlir::Value integer(mlir::Type type, int64_t value) const {
    return mlir::arith::ConstantOp::create(b, loc,
                                           b.getIntegerAttr(type, value));
  }
  mlir::Value real(mlir::Type type, double value) const {
    return mlir::arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  }
  mlir::Value select(mlir::Value condition, mlir::Value yes,
                     mlir::Value no) const {
    return mlir::arith::SelectOp::create(b, loc, condition, yes, no);
  }
  mlir::Value cmpi(mlir::arith::CmpIPredicate predicate, mlir::Value l,
                   mlir::Value r) const {
    return mlir::arith::CmpIOp::create(b, loc, predicate, l, r);
  }
  mlir::Value cmpf(mlir::arith::CmpFPredicate predicate, mlir::Value l,
                   mlir::Value r) const {
    return mlir::arith::CmpFOp::create(b, loc, predicate, l, r);
  }
};

/// e^x - 1 and log(1 + x) without cancellation near 0.
mlir::Value exponentialMinusOne(Scalar s, mlir::Value x);
mlir::Value logPlusOne(Scalar s, mlir::Value x);
mlir::Value logarithm(Scalar s, mlir::Value x);
/// 1 / (1 + e^-x)
mlir::Value logistic(Scalar s, mlir::Value x);
mlir::Value hyperbolicTangent(Scalar s, mlir::Value x);
/// sin, cos or tan by name.
mlir::Value trigonometric(Scalar s, llvm::StringRef name, mlir::Value x);
mlir::Value cubeRoot(Scalar s, mlir::Value x);
/// atan2(y, x)
mlir::Value angle(Scalar s, mlir::Value y, mlir::Value x);
/// y with erf(y) = x; infinite at ±1, NaN beyond.
mlir::Value errorFunctionInverse(Scalar s, mlir::Value x);
/// log |Γ(x)|
mlir::Value logGamma(Scalar s, mlir::Value x);
/// Γ'(x) / Γ(x); NaN at its poles.
mlir::Value digamma(Scalar s, mlir::Value x);
/// The float next to x in the direction of y, of one type of 16 bits or more;
/// null for other types.
mlir::Value nextAfter(Scalar s, mlir::Value x, mlir::Value y);

} // namespace steelyard

#endif // STEELYARD_LIB_CONVERSION_STABLEHLOTOLINALG_ELEMENTARY_H
