//===- Elementary.cpp - Elementary functions of elements --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Elementary.h"

#include "steelyard/Target/Host/IR/Host.h"

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
  return {x.s, host::LibmOp::create(x.s->b, x.s->loc, name, x.value)};
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

/// ψ on [1, 2], by (x - r) × p(2x - 3) with its root r, a sum of two numbers: p
/// interpolates at the 23 Chebyshev points, with an error of 2^-58.
Real digammaBetweenOneAndTwo(Real x) {
  Real fromRoot = (x - x.of(1.4616321449683622)) - x.of(9.549995429965697e-17);
  return fromRoot * polynomial(x + x - x.of(3.0),
                               {2.832706668021759e-11,  -8.498137230186096e-11,
                                9.206434499177992e-11,  -2.7619635330317715e-10,
                                1.2358072433984831e-09, -3.7075072647122386e-09,
                                1.0542687624027994e-08, -3.163020268955334e-08,
                                9.542050972688906e-08,  -2.86315275846934e-07,
                                8.589127353033379e-07,  -2.57809436305308e-06,
                                7.741232223504057e-06,  -2.325824239445257e-05,
                                6.995018873950506e-05,  -0.00021074841140458636,
                                0.0006368880303257201,  -0.0019350666648590097,
                                0.005936795278305649,   -0.018550615381735115,
                                0.060135621060196744,   -0.2118137106407303,
                                0.9510558760318328});
}

/// Where the asymptotic series takes over.
constexpr int kDigammaIsAsymptotic = 8;

/// ψ(x) for x ≥ 8: log x - 1/(2x) - Σ B_2k / (2k x^2k) (DLMF 5.11.2).
Real digammaOfLarge(Real x) {
  Real inverse = x.of(1.0) / x;
  Real square = inverse * inverse;
  Real series = polynomial(
      square, {-26.456212121212122, 3.0539543302701198, -0.4432598039215686,
               0.08333333333333333, -0.021092796092796094, 0.007575757575757576,
               -0.004166666666666667, 0.003968253968253968,
               -0.008333333333333333, 0.08333333333333333});
  return log(x) - (inverse * x.of(0.5) + square * series);
}

/// ψ(x) for x > 0: ψ(x + 1) = ψ(x) + 1/x (DLMF 5.5.2) leads to [1, 2].
Real digammaOfPositive(Real x) {
  Real one = x.of(1.0), isReduced = x, sum = x.of(0.0);
  for (int step = 0; step < kDigammaIsAsymptotic - 2; ++step) {
    Value isAbove = x.of(2.0) < isReduced;
    Real less = isReduced - one;
    sum = (sum + one / less).choose(isAbove, sum);
    isReduced = less.choose(isAbove, isReduced);
  }
  Value isBelow = x < one;
  Real argument = (x + one).choose(isBelow, isReduced);
  Real rest = (-(one / x)).choose(isBelow, sum);
  Real small = digammaBetweenOneAndTwo(argument) + rest;
  return small.choose(x < x.of(kDigammaIsAsymptotic), digammaOfLarge(x));
}

} // namespace

/// Float32 by vector code: with u = e^x rounded, (u - 1) x / log(u) (W. Kahan;
/// N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section
/// 1.14.1).
Value steelyard::exponentialMinusOne(Scalar s, Value x) {
  if (s.keepsFunctions) {
    return math::ExpM1Op::create(s.b, s.loc, x);
  }
  if (x.getType().isF64()) {
    return host::LibmOp::create(s.b, s.loc, "expm1", x);
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
  if (s.keepsFunctions) {
    return math::Log1pOp::create(s.b, s.loc, x);
  }
  return inDouble(s, x, [](Real x) {
    Real one = x.of(1.0);
    Real u = one + x;
    return withLimits(x, u, log(u) * (x / (u - one)));
  });
}

Value steelyard::logarithm(Scalar s, Value x) {
  if (s.keepsFunctions) {
    return math::LogOp::create(s.b, s.loc, x);
  }
  return inDouble(s, x, [](Real x) { return log(x); });
}

/// With e = e^-|x|, which does not overflow, n / (1 + e) for n = 1 or e,
/// without wider arithmetic. The quotient is corrected by what is left of n,
/// and by what 1 + e rounds off: its error is little more than e's, however
/// rough the reciprocal of 1 to 2 is.
static Value logisticInType(Scalar s, Value x) {
  Real value{&s, x}, one = value.of(1.0);
  Real shrunk = exp(-abs(value));
  Real sum = one + shrunk, roundedOff = shrunk - (sum - one);
  Real reciprocal = {&s, arith::DivFOp::create(s.b, s.loc, one.value, sum.value,
                                               arith::FastMathFlags::arcp)};
  Real numerator = shrunk.choose(value < value.of(0.0), one);
  Real quotient = numerator * reciprocal;
  Real rest = fma(-quotient, roundedOff, fma(-quotient, sum, numerator));
  return fma(rest, reciprocal, quotient).value;
}

Value steelyard::logistic(Scalar s, Value x) {
  if (s.keepsFunctions) {
    return logisticInType(s, x);
  }
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
  if (s.keepsFunctions) {
    return math::TanhOp::create(s.b, s.loc, x);
  }
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
  if (x.getType().isF64() && !s.keepsFunctions) {
    return host::LibmOp::create(s.b, s.loc, name, x);
  }
  if (name == "tan" && !x.getType().isF64()) {
    return inDouble(s, x, [](Real x) { return x.apply<math::TanOp>(); });
  }
  return name == "sin"   ? math::SinOp::create(s.b, s.loc, x).getResult()
         : name == "cos" ? math::CosOp::create(s.b, s.loc, x).getResult()
                         : math::TanOp::create(s.b, s.loc, x).getResult();
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

/// Of two zeros ±0 or ±π, by their signs: upstream folds math.atan2 of such
/// constants to NaN.
Value steelyard::angle(Scalar s, Value y, Value x) {
  Real imaginary{&s, y}, real{&s, x}, zero = real.of(0.0);
  Value areZeros =
      arith::AndIOp::create(s.b, s.loc, imaginary == zero, real == zero);
  Value isRight = real.of(0.0) < copysign(real.of(1.0), real);
  Real atOrigin =
      copysign(zero.choose(isRight, real.of(std::numbers::pi)), imaginary);
  Real angle{&s, math::Atan2Op::create(s.b, s.loc, y, x)};
  return atOrigin.choose(areZeros, angle).value;
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

/// Below 0 by reflection: ψ(x) = ψ(1 - x) - π / tan(πx) (DLMF 5.5.4), tan(πx)
/// of x's distance from an integer.
Value steelyard::digamma(Scalar s, Value x) {
  return inDouble(s, x, [](Real x) {
    Real zero = x.of(0.0), pi = x.of(std::numbers::pi);
    Value isPositive = zero < x;
    Real fraction = x - x.apply<math::RoundEvenOp>();
    Real reflected = pi / (pi * fraction).apply<math::TanOp>();
    Real value = digammaOfPositive(x.choose(isPositive, x.of(1.0) - x));
    Real result = value.choose(isPositive, value - reflected);
    Value isPole = arith::AndIOp::create(
        x.s->b, x.s->loc, fraction == zero,
        x.s->cmpf(arith::CmpFPredicate::OLE, x.value, zero.value));
    return x.of(std::nan("")).choose(isPole, result);
  });
}

/// One up or down among magnitudes, which are ordered as their bits are.
Value steelyard::nextAfter(Scalar s, Value x, Value y) {
  auto type = cast<FloatType>(x.getType());
  if (type.getWidth() < 16) {
    return {};
  }
  OpBuilder &b = s.b;
  Type bits = b.getIntegerType(type.getWidth());
  Value xBits = arith::BitcastOp::create(b, s.loc, bits, x);
  Value yBits = arith::BitcastOp::create(b, s.loc, bits, y);
  Value one = s.integer(bits, 1);
  // Away from zero where x is below y and positive, or above it and negative.
  Value isBelow = s.cmpf(arith::CmpFPredicate::OLT, x, y);
  Value isNegative =
      s.cmpi(arith::CmpIPredicate::slt, xBits, s.integer(bits, 0));
  Value isAway = arith::XOrIOp::create(b, s.loc, isBelow, isNegative);
  Value up = arith::AddIOp::create(b, s.loc, xBits, one);
  Value down = arith::SubIOp::create(b, s.loc, xBits, one);
  Value mask = arith::ConstantOp::create(
      b, s.loc, b.getIntegerAttr(bits, APInt::getSignMask(type.getWidth())));
  Value ySign = arith::AndIOp::create(b, s.loc, yBits, mask);
  Value least = arith::OrIOp::create(b, s.loc, ySign, one);
  Value isZero = s.cmpf(arith::CmpFPredicate::OEQ, x, s.real(type, 0.0));
  Value moved = s.select(isZero, least, s.select(isAway, up, down));
  Value next = arith::BitcastOp::create(b, s.loc, type, moved);
  Value isThere = s.cmpf(arith::CmpFPredicate::OEQ, x, y);
  Value isUnordered = s.cmpf(arith::CmpFPredicate::UNO, x, y);
  return s.select(isUnordered, s.real(type, std::nan("")),
                  s.select(isThere, y, next));
}
