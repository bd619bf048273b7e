//===- Elementary.cpp - Elementary functions of elements --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Elementary.h"

#include "steelyard/Target/CPU/IR/CPU.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace steelyard;

namespace {

/// Arithmetic on float64 elements as one writes it.
struct Real {
  const Scalar *s;
  Value value;

  Real of(double constant) const {
    return {s, s->real(value.getType(), constant)};
  }
  template <typename Op>
  Real apply() const {
    return {s, Op::create(s->b, s->loc, value)};
  }
  template <typename Op>
  friend Real join(Real a, Real b) {
    return {a.s, Op::create(a.s->b, a.s->loc, a.value, b.value)};
  }
  friend Real operator+(Real a, Real b) { return join<arith::AddFOp>(a, b); }
  friend Real operator-(Real a, Real b) { return join<arith::SubFOp>(a, b); }
  friend Real operator*(Real a, Real b) { return join<arith::MulFOp>(a, b); }
  friend Real operator/(Real a, Real b) { return join<arith::DivFOp>(a, b); }
  Real operator-() const { return apply<arith::NegFOp>(); }
  /// Ordered comparisons: false for NaN.
  Value operator<(Real other) const {
    return s->cmpf(arith::CmpFPredicate::OLT, value, other.value);
  }
  Value operator==(Real other) const {
    return s->cmpf(arith::CmpFPredicate::OEQ, value, other.value);
  }
  Real choose(Value condition, Real otherwise) const {
    return {s, s->select(condition, value, otherwise.value)};
  }
};

Real exp(Real x) { return x.apply<math::ExpOp>(); }
Real log(Real x) { return x.apply<math::LogOp>(); }
Real libm(StringRef name, Real x) {
  return {x.s, cpu::LibmOp::create(x.s->b, x.s->loc, name, x.value)};
}
Real sqrt(Real x) { return x.apply<math::SqrtOp>(); }
Real abs(Real x) { return x.apply<math::AbsFOp>(); }
/// a × b + c with one rounding.
Real fma(Real a, Real b, Real c) {
  return {a.s,
          math::FmaOp::create(a.s->b, a.s->loc, a.value, b.value, c.value)};
}
Real copysign(Real magnitude, Real sign) {
  return {sign.s, math::CopySignOp::create(sign.s->b, sign.s->loc,
                                           magnitude.value, sign.value)};
}
/// Coefficients from the highest power on.
Real polynomial(Real x, ArrayRef<double> coefficients) {
  Real sum = x.of(coefficients.front());
  for (double coefficient : coefficients.drop_front()) {
    sum = sum * x + x.of(coefficient);
  }
  return sum;
}

/// The function computed in float64, rounded once.
Value inDouble(Scalar s, Value x, llvm::function_ref<Real(Real)> function) {
  Type type = x.getType(), f64 = s.b.getF64Type();
  if (type != f64) {
    x = arith::ExtFOp::create(s.b, s.loc, f64, x);
  }
  Value result = function({&s, x}).value;
  return type == f64
             ? result
             : arith::TruncFOp::create(s.b, s.loc, type, result).getResult();
}

/// Where the correction by u of a function of x is no number: infinity for an
/// infinite u, x itself where u is 1.
Real withLimits(Real x, Real u, Real corrected) {
  return x.choose(u == u.of(1.0), u.choose(u == u.of(HUGE_VAL), corrected));
}

/// The root of f(y) = erf(y) - a near y, for a ≥ 0, by a step of Halley's
/// method; above 0.7 by way of erfc, which keeps 1 - a's precision.
Real refine(Real y, Real a) {
  constexpr double kHalfRootOfPi = 0.5 / std::numbers::inv_sqrtpi;
  Real below = y.apply<math::ErfOp>() - a;
  Real above = (a.of(1.0) - a) - y.apply<math::ErfcOp>();
  Real difference = below.choose(a < a.of(0.7), above);
  Real step = difference * y.of(kHalfRootOfPi) * exp(y * y);
  return y - step / (y.of(1.0) + y * step);
}

} // namespace

/// Float32 by vector code: with u = e^x rounded, (u - 1) x / log(u) (W. Kahan;
/// N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section
/// 1.14.1).
Value steelyard::exponentialMinusOne(Scalar s, Value x) {
  if (x.getType().isF64()) {
    return cpu::LibmOp::create(s.b, s.loc, "expm1", x);
  }
  return inDouble(s, x, [](Real x) {
    Real u = exp(x), minusOne = x.of(-1.0);
    Real difference = u + minusOne;
    Real result =
        minusOne.choose(difference == minusOne, difference * (x / log(u)));
    return withLimits(x, u, result);
  });
}

/// Likewise: with u = 1 + x rounded, log(u) x / (u - 1).
Value steelyard::logPlusOne(Scalar s, Value x) {
  return inDouble(s, x, [](Real x) {
    Real one = x.of(1.0);
    Real u = one + x;
    return withLimits(x, u, log(u) * (x / (u - one)));
  });
}

Value steelyard::logarithm(Scalar s, Value x) {
  return inDouble(s, x, [](Real x) { return log(x); });
}

Value steelyard::logistic(Scalar s, Value x) {
  bool isDouble = x.getType().isF64();
  return inDouble(s, x, [isDouble](Real x) {
    Real one = x.of(1.0);
    return one / (one + (isDouble ? libm("exp", -x) : exp(-x)));
  });
}

/// 1 - 2 / (e^2x + 1), whose exponential is vector code as tanh itself is not
/// in glibc; below 1, where that cancels, x + x³ p(x²) with Chebyshev fits p of
/// (tanh(x) / x - 1) / x² that are within 1e-9 and 1e-18 of it.
Value steelyard::hyperbolicTangent(Scalar s, Value x) {
  static constexpr double kSingle[] = {
      0.000142793188, -0.0009235008463, 0.003206803387, -0.008697847593,
      0.02182954884,  -0.05396341475,   0.1333331066,   -0.3333333316};
  static constexpr double kDouble[] = {
      -8.5381619012121565e-9, 9.3641446229657593e-8,  -5.1227671507932616e-7,
      1.9216974143833894e-6,  -5.7774841368659154e-6, 1.5416277241022492e-5,
      -3.8991741215043214e-5, 9.6791021826693297e-5,  -0.00023908843670493631,
      0.00059001756852543192, -0.0014558326516768138, 0.0035921278234228789,
      -0.0088632355125660536, 0.021869488535296695,   -0.053968253968231521,
      0.1333333333333331,     -0.33333333333333333};
  bool isDouble = x.getType().isF64();
  Real value{&s, x}, size = abs(value), square = value * value;
  Real one = value.of(1.0), two = value.of(2.0);
  Real grown = isDouble ? libm("exp", size + size) : exp(size + size);
  Real large = one - two / (grown + one);
  Real small = value + value * square *
                           polynomial(square, isDouble ? ArrayRef(kDouble)
                                                       : ArrayRef(kSingle));
  return copysign(small.choose(size < one, large), value).value; // of zero too
}

Value steelyard::trigonometric(Scalar s, StringRef name, Value x) {
  if (x.getType().isF64()) {
    return cpu::LibmOp::create(s.b, s.loc, name, x);
  }
  if (name == "tan") {
    return inDouble(s, x, [](Real x) { return x.apply<math::TanOp>(); });
  }
  return name == "sin" ? math::SinOp::create(s.b, s.loc, x).getResult()
                       : math::CosOp::create(s.b, s.loc, x).getResult();
}

/// In float64 one Newton step from glibc's (4 ulp), its residual y³ - x from
/// exact products.
Value steelyard::cubeRoot(Scalar s, Value x) {
  Value root = math::CbrtOp::create(s.b, s.loc, x);
  if (!x.getType().isF64()) {
    return root;
  }
  Real y{&s, root}, exact{&s, x};
  Real square = y * y;
  Real squareRest = fma(y, y, -square);
  Real cube = square * y;
  Real cubeRest = fma(square, y, -cube) + squareRest * y;
  Real better = y - ((cube - exact) + cubeRest) / (y.of(3.0) * square);
  // Not zero, and finite.
  Value isNumber = arith::AndIOp::create(s.b, s.loc, y.of(0.0) < abs(y),
                                         abs(y) < y.of(HUGE_VAL));
  return better.choose(isNumber, y).value;
}

/// M. Giles, Approximating the erfinv function (GPU Computing Gems, 2011), its
/// single-precision form, refined: beyond 1 - 2^-24 it is a rougher guess.
Value steelyard::errorFunctionInverse(Scalar s, Value x) {
  bool isDouble = x.getType().isF64();
  return inDouble(s, x, [isDouble](Real x) {
    Real a = abs(x), one = x.of(1.0);
    Real w = -log((one - a) * (one + a));
    Real central = polynomial(w - w.of(2.5),
                              {2.81022636e-08, 3.43273939e-07, -3.5233877e-06,
                               -4.39150654e-06, 0.00021858087, -0.00125372503,
                               -0.00417768164, 0.246640727, 1.50140941});
    Real tail = polynomial(sqrt(w) - w.of(3.0),
                           {-0.000200214257, 0.000100950558, 0.00134934322,
                            -0.00367342844, 0.00573950773, -0.0076224613,
                            0.00943887047, 1.00167406, 2.83297682});
    Real y = central.choose(w < w.of(5.0), tail) * a;
    for (int step = 0; step < (isDouble ? 2 : 1); ++step) {
      y = refine(y, a);
    }
    return copysign(x.of(HUGE_VAL).choose(a == one, y), x);
  });
}

Value steelyard::logGamma(Scalar s, Value x) {
  return inDouble(s, x, [](Real x) { return libm("lgamma", x); });
}
