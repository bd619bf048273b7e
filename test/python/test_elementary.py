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

import jax
import jax.numpy as jnp
import ml_dtypes
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


def digamma(x: Array) -> Any:
    """NaN at 0, as JAX; SciPy has infinities there."""
    return np.where(x == 0, np.nan, scipy.special.digamma(x.astype(np.float64)))


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
    "chlo.digamma": one(digamma, spread(1e-3, 1e3, False), between(0.5, 3), exact=mpmath.digamma),
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


@pytest.mark.parametrize("bits", [32, 64])
def test_digamma_below_zero(bits: int) -> None:
    """Between its poles it has a zero each: the error is to the size of what is subtracted."""
    x = -np.random.default_rng(0).uniform(0.01, 20, FEW).astype(f"f{bits // 8}")
    want = precise(mpmath.digamma)(x)
    got = module("chlo.digamma", FEW, bits, 1)(x)[0]
    assert np.max(np.abs(got - want) / np.maximum(np.abs(want), np.log(20))) <= 4 * np.finfo(x.dtype).eps


@pytest.mark.parametrize("dtype", ["f2", "bfloat16", "f4", "f8"])
def test_next_after_is_numpy_s(dtype: str) -> None:
    """Bit for bit: zeros, subnormals (XLA flushes them), the largest numbers, infinities, NaN, each beside each."""
    type_ = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    info = ml_dtypes.finfo(type_)
    numbers = [0.0, -0.0, 1.0, -1.0, 1.5, 3.0, np.inf, -np.inf, np.nan, *map(float, (info.max, info.min, info.tiny))]
    numbers += [float(info.smallest_subnormal), -float(info.smallest_subnormal), -float(info.tiny)]
    x, y = (a.ravel().astype(type_) for a in np.meshgrid(numbers, numbers))
    with jax.enable_x64(True):
        got = np.asarray(steelyard.jit(jnp.nextafter)(x, y))
    with np.errstate(all="ignore"):
        want = np.where(x == y, y, np.nextafter(x, y))  # NumPy's halves keep the sign of x
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    as_bits = f"u{type_.itemsize}"
    np.testing.assert_array_equal(got.view(as_bits)[~np.isnan(got)], want.view(as_bits)[~np.isnan(want)])


def test_functions_that_jax_builds_of_them() -> None:
    x = np.linspace(0.1, 9, 40).astype("f4")
    key = np.array([1, 2], "u4")

    def truncated(key: Any) -> Any:
        return jax.random.truncated_normal(jax.random.wrap_key_data(key), -1.0, 2.0, (64,))

    for function, argument in (
        (jax.scipy.special.digamma, x),
        (jax.vmap(jax.grad(jax.scipy.special.gammaln)), x),
        (truncated, key),
    ):
        np.testing.assert_allclose(steelyard.jit(function)(argument), jax.jit(function)(argument), rtol=3e-6, atol=1e-6)


# Accuracy that is asked for.

TOLERANCE = "#stablehlo.result_accuracy<{}mode = #stablehlo.result_accuracy_mode<{}>>"


@pytest.mark.parametrize(
    ("accuracy", "function", "type_", "is_met"),
    [
        (TOLERANCE.format("", "HIGHEST"), "exponential", "f32", True),
        (TOLERANCE.format("", "DEFAULT"), "exponential", "f64", True),
        (TOLERANCE.format("ulps = 3, ", "TOLERANCE"), "exponential", "f32", True),
        (TOLERANCE.format("ulps = 2, ", "TOLERANCE"), "exponential", "f32", False),
        (TOLERANCE.format("ulps = 1, ", "TOLERANCE"), "exponential", "bf16", True),
        (TOLERANCE.format("ulps = 1, ", "TOLERANCE"), "sqrt", "f64", True),
        (TOLERANCE.format("", "TOLERANCE"), "sqrt", "f32", False),
        (TOLERANCE.format("rtol = 1.0e-6, ", "TOLERANCE"), "log", "f32", True),
        (TOLERANCE.format("rtol = 1.0e-6, ", "TOLERANCE"), "log", "f64", True),
        (TOLERANCE.format("rtol = 1.0e-16, ", "TOLERANCE"), "log", "f64", False),
        (TOLERANCE.format("atol = 1.0e-6, ", "TOLERANCE"), "tanh", "f32", True),
        (TOLERANCE.format("atol = 1.0e-6, ", "TOLERANCE"), "tan", "f32", False),
    ],
)
def test_accuracy_that_is_asked_for(accuracy: str, function: str, type_: str, is_met: bool) -> None:
    """What is not met is an error that says where."""
    tensor = f"tensor<4x{type_}>"
    text = (
        f"func.func @main(%a: {tensor}) -> {tensor} {{\n%0 = stablehlo.{function} %a {{result_accuracy = {accuracy}}} : "
        f"{tensor}\nreturn %0 : {tensor}\n}}"
    )
    if is_met:
        steelyard.compile(text)
    else:
        with pytest.raises(steelyard.CompileError, match=r'"module":2:\d+: error: .*is within \d ulp of the exact result'):
            steelyard.compile(text)


@pytest.mark.parametrize("accuracy", [jax.lax.AccuracyMode.HIGHEST, jax.lax.Tolerance(atol=0, rtol=0, ulps=5)])
def test_accuracy_in_jax(accuracy: Any) -> None:
    x = np.linspace(0.1, 9, 40).astype("f4")
    for name in ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "tanh", "logistic", "cbrt", "sqrt", "rsqrt"):
        function = getattr(jax.lax, name)
        got = steelyard.jit(lambda x, f=function: f(x, accuracy=accuracy))(x)
        np.testing.assert_array_equal(got, steelyard.jit(function)(x))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("are_constants", [False, True])
@pytest.mark.parametrize("name", ["atan2", "power", "remainder", "divide"])
def test_limits_of_two_arguments(name: str, are_constants: bool, bits: int) -> None:
    """Each special number beside each, also where the compiler knows them."""
    numbers = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.5]
    dtype, kind = np.dtype(f"f{bits // 8}"), f"tensor<64xf{bits}>"
    x, y = (a.ravel().astype(dtype) for a in np.meshgrid(numbers, numbers))
    bit_type = f"u{bits // 8}"
    given = [", ".join(f"0x{n:0{bits // 4}X}" for n in a.view(bit_type)) for a in (x, y)]
    constants = "".join(f"%{n} = stablehlo.constant dense<[{g}]> : {kind}\n" for n, g in zip("xy", given, strict=True))
    arguments = "" if are_constants else f"%x: {kind}, %y: {kind}"
    body = f"{constants if are_constants else ''}%r = stablehlo.{name} %x, %y : {kind}\nreturn %r : {kind}"
    compiled = steelyard.compile(f"func.func @main({arguments}) -> {kind} {{\n{body}\n}}")
    got = compiled(*([] if are_constants else [x, y]))[0]
    with np.errstate(all="ignore"):
        oracle = {"atan2": np.arctan2, "power": np.power, "remainder": np.fmod, "divide": np.divide}[name]
        want = oracle(x.astype(np.float64), y.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    zeros = want == 0
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))
