# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Elementary functions are within 3 units in the last place, in float32 and float64.

The oracle of float32 is NumPy and SciPy in float64; that of float64 NumPy's long double (64 bits of significand), and
mpmath where that has no such function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
import steelyard

COUNT = 4096
FEW = 256  # of mpmath's, which are slow
Array = np.ndarray[Any, Any]


def spread(low: float, high: float, signed: bool = True) -> Callable[[Any], Array]:
    """Magnitudes from low to high, as many in each decade."""

    def draw(random: Any) -> Array:
        magnitude = np.exp(random.uniform(np.log(low), np.log(high), COUNT))
        return np.asarray(magnitude * random.choice([-1, 1], COUNT) if signed else magnitude)

    return draw


def between(low: float, high: float) -> Callable[[Any], Array]:
    return lambda random: np.asarray(random.uniform(low, high, COUNT))


def precise(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    def evaluate(x: Array) -> Array:
        with mpmath.workdps(40):
            return np.array([np.longdouble(str(function(mpmath.mpf(float(v))))) for v in x])

    return evaluate


@dataclasses.dataclass(frozen=True)
class Function:
    oracle: Callable[..., Any]
    draws: list[tuple[Callable[[Any], Array], ...]]
    #: In float64, where NumPy's long double has none.
    precise: Callable[[Array], Array] | None = None
    ulp: float = 3


def one(oracle: Callable[..., Any], *draws: Callable[[Any], Array], exact: Any = None) -> Function:
    return Function(oracle, [(draw,) for draw in draws], precise(exact) if exact else None)


def logistic(x: Array) -> Any:
    return 1 / (1 + np.exp(-x))


def erf_inv(x: Array) -> Any:
    """SciPy forgets the sign of zero."""
    return np.copysign(scipy.special.erfinv(x), x)


def log_gamma(x: Array) -> Any:
    """C's at -infinity, where SciPy has -infinity."""
    return np.where(x == -np.inf, np.inf, scipy.special.gammaln(x))


def mpmath_log_gamma(x: Any) -> Any:
    return mpmath.log(abs(mpmath.gamma(x)))


SMALL = spread(1e-8, 1)
FUNCTIONS: dict[str, Function] = {
    "stablehlo.tanh": one(np.tanh, SMALL, between(-20, 20)),
    "stablehlo.logistic": one(logistic, SMALL, between(-80, 80)),
    "stablehlo.exponential": one(np.exp, SMALL, between(-80, 80)),
    "stablehlo.exponential_minus_one": one(np.expm1, SMALL, between(-2, 80)),
    "stablehlo.log": one(np.log, spread(1e-30, 1e30, False), between(0.5, 2)),
    "stablehlo.log_plus_one": one(np.log1p, spread(1e-8, 0.9), spread(1e-8, 1e30, False)),
    "stablehlo.sine": one(np.sin, SMALL, between(-100, 100), spread(1e2, 1e7)),
    "stablehlo.cosine": one(np.cos, SMALL, between(-100, 100), spread(1e2, 1e7)),
    "stablehlo.tan": one(np.tan, SMALL, between(-100, 100)),
    "stablehlo.sqrt": one(np.sqrt, spread(1e-30, 1e30, False)),
    "stablehlo.rsqrt": one(lambda x: 1 / np.sqrt(x), spread(1e-30, 1e30, False)),
    "stablehlo.cbrt": one(np.cbrt, spread(1e-30, 1e30)),
    "stablehlo.power": Function(
        np.power,
        [(spread(1e-3, 1e3, False), spread(1e-3, 10)), (between(0.9, 1.1), spread(1, 300))],
    ),
    "stablehlo.atan2": Function(np.arctan2, [(spread(1e-6, 1e6), spread(1e-6, 1e6))]),
    "chlo.erf": one(scipy.special.erf, spread(1e-8, 5), exact=mpmath.erf),
    "chlo.erfc": one(scipy.special.erfc, spread(1e-8, 8), exact=mpmath.erfc),
    "chlo.erf_inv": one(
        erf_inv, spread(1e-8, 0.9), lambda r: 1 - spread(1e-7, 0.5, False)(r), exact=mpmath.erfinv
    ),
    "chlo.lgamma": dataclasses.replace(
        one(log_gamma, spread(1e-3, 1e3, False), between(-3.9, -3.1), exact=mpmath_log_gamma),
        ulp=4,  # glibc, where it is negative
    ),
    "chlo.asin": one(np.arcsin, spread(1e-8, 0.999)),
    "chlo.acos": one(np.arccos, spread(1e-8, 0.999)),
    "chlo.atan": one(np.arctan, spread(1e-8, 1e8)),
    "chlo.sinh": one(np.sinh, spread(1e-8, 80)),
    "chlo.cosh": one(np.cosh, spread(1e-8, 80)),
    "chlo.asinh": one(np.arcsinh, spread(1e-8, 1e8)),
    "chlo.acosh": one(np.arccosh, lambda r: 1 + spread(1e-3, 1e8, False)(r)),
    "chlo.atanh": one(np.arctanh, spread(1e-8, 0.999)),
}  # fmt: skip


def module(name: str, count: int, bits: int, arity: int) -> steelyard.CompiledModule:
    kind = f"tensor<{count}xf{bits}>"
    arguments = ", ".join(f"%{a}: {kind}" for a in "xy"[:arity])
    operands = ", ".join(f"%{a}" for a in "xy"[:arity])
    types = f"{kind} -> {kind}" if name.startswith("chlo.") else kind
    return steelyard.compile(
        f"func.func @main({arguments}) -> {kind} {{\n%r = {name} {operands} : {types}\nreturn %r : {kind}\n}}"
    )


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_three_ulp(name: str, bits: int) -> None:
    function, dtype = FUNCTIONS[name], np.dtype(f"f{bits // 8}")
    random = np.random.default_rng(0)
    by_mpmath = bits == 64 and function.precise is not None
    count = FEW if by_mpmath else COUNT
    compiled = module(name, count, bits, len(function.draws[0]))
    for draws in function.draws:
        arguments = [draw(random).astype(dtype)[:count] for draw in draws]
        if function.precise and by_mpmath:
            want = function.precise(arguments[0])
        else:
            wide = np.longdouble if bits == 64 else np.float64
            want = function.oracle(*(a.astype(wide) for a in arguments))
        normal = np.abs(want) >= np.finfo(dtype).tiny
        unit = np.spacing(np.abs(want).astype(dtype)).astype(np.longdouble)
        distance = np.where(normal, np.abs(compiled(*arguments)[0].astype(np.longdouble) - want) / unit, 0)
        worst = int(np.argmax(distance))
        assert distance[worst] <= function.ulp, f"{distance[worst]} ulp at {[a[worst] for a in arguments]}"


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, -2.0, 1e-300, 1e30, -1e30]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if len(f.draws[0]) == 1])
def test_limits(name: str, bits: int) -> None:
    """Zeros with their sign, infinities, poles, and NaN outside of the domain."""
    x = np.array(SPECIAL).astype(f"f{bits // 8}")
    with np.errstate(all="ignore"):
        want = np.asarray(FUNCTIONS[name].oracle(x.astype(np.float64)))
        if name in ("stablehlo.sine", "stablehlo.cosine", "stablehlo.tan"):
            want = np.where(np.abs(x) >= 1e30, np.nan, want)  # inf; the others' arguments have no digits left
            x = np.where(np.abs(x) >= 1e30, np.inf, x).astype(x.dtype)
        got = module(name, len(x), bits, 1)(x)[0]
        np.testing.assert_allclose(got, want.astype(x.dtype), rtol=1e-5)
        zeros = want == 0
        np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))
