# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every scale rule on zeros, infinities, NaN and extreme magnitudes, against NumPy and SciPy in float64.

Storage is FP16 with a scale: each argument of the oracle is rounded as storage rounds it (by NumPy's float16, after
division by the power of two below the largest finite magnitude), or not at all, as the compiler may drop a cast inside a
fused region; and a result may be off by one such rounding.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pathlib
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import steelyard

N = 8
TABLE = pathlib.Path(__file__).parents[2] / "docs" / "reference" / "scale-rules.md"
SCHEME = steelyard.Scalify(matmul=None)
Array = np.ndarray[Any, Any]

# Magnitudes have few significant bits: storage holds them, and so does every text.
BASE = np.array([1.0, -1.5, 0.75, -0.625, 1.25, -1.125, 0.5, 1.75])
DATA = {
    "zeros": BASE * 0.0,
    "ones": BASE,
    "some_zeros": BASE * [0, 1, 1, 0, 1, 0, 1, 1],
    "infinity": np.where(np.arange(N) == 2, np.inf, BASE),
    "negative_infinity": np.where(np.arange(N) == 5, -np.inf, BASE),
    "only_infinities": np.copysign(np.inf, BASE),
    "nan": np.where(np.arange(N) == 3, np.nan, BASE),
    "only_nan": np.full(N, np.nan),
    "huge": np.ldexp(BASE, 120),
    "huge_with_zeros": np.ldexp(BASE * [0, 1, 1, 0, 1, 0, 1, 1], 120),
    "huge_positive": np.ldexp(np.abs(BASE), 120),
    "tiny": np.ldexp(BASE, -120),
    "subnormal": np.ldexp(BASE, -140),
    "wide": np.ldexp(BASE, [0, -8, 4, -20, 8, -30, 2, -12]),
    "signed_zeros": np.copysign(0.0, BASE),
}


@dataclasses.dataclass(frozen=True)
class Rule:
    """One form of an operation: ``body`` computes %r from %a, %b ... of types x (floats) or what ``types`` says."""

    body: str
    oracle: Callable[..., Any]
    arity: int = 1
    result: str = "8xf32"
    types: tuple[str, ...] = ()
    #: Error that float32 makes in the operation itself, relative to the result.
    relative: float = 2.0**-20
    #: True if the result is chosen among the operands' elements.
    chooses: bool = False
    #: True if the form is computed on real values in float32, though other forms of the operation are not.
    real: bool = False


def x(text: str) -> str:
    return text.replace("X", "tensor<8xf32>")


def unary(name: str, oracle: Callable[..., Any], **options: Any) -> Rule:
    return Rule(x(f"%r = {name} %a : X"), oracle, **options)


def chlo(name: str, oracle: Callable[..., Any]) -> Rule:
    return Rule(x(f"%r = chlo.{name} %a : X -> X"), oracle)


def binary(name: str, oracle: Callable[..., Any], **options: Any) -> Rule:
    return Rule(x(f"%r = {name} %a, %b : X"), oracle, 2, **options)


def compare(direction: str, oracle: Callable[..., Any]) -> Rule:
    return Rule(x(f"%r = stablehlo.compare {direction}, %a, %b : (X, X) -> tensor<8xi1>"), oracle, 2, "8xi1")


def reduction(name: str, init: str, oracle: Callable[..., Any], **options: Any) -> Rule:
    text = (
        f"%i = stablehlo.constant dense<{init}> : tensor<f32>\n"
        f"%r = stablehlo.reduce(%a init: %i) applies {name} across dimensions = [0] : (X, tensor<f32>) -> tensor<f32>"
    )
    return Rule(x(text), oracle, result="f32", **options)


def sign(a: Array) -> Array:
    return np.where(np.isnan(a), np.nan, np.sign(a))


def afz(a: Array) -> Array:
    return np.copysign(np.floor(np.abs(a) + 0.5), a)


def clamp(low: Array, a: Array, high: Array) -> Array:
    return np.minimum(np.maximum(low, a), high)


def to_int(a: Array) -> Array:
    """Toward zero, saturating, NaN to zero: as XLA does."""
    return np.trunc(np.clip(np.where(np.isnan(a), 0.0, a), -(2.0**31), 2.0**31 - 1))


def logistic(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def log_gamma(a: Array) -> Array:
    """C's at -infinity, where SciPy has -infinity."""
    return np.where(a == -np.inf, np.inf, scipy.special.gammaln(a))


def digamma(a: Array) -> Array:
    """NaN at 0, as JAX; SciPy has infinities there."""
    return np.where(a == 0, np.nan, scipy.special.digamma(a))


def next_after(a: Array, b: Array) -> Array:
    return np.nextafter(a.astype("f4"), b.astype("f4")).astype("f8")


def window(name: str, init: str, size: int, stride: int, low: int, high: int) -> str:
    """%r: windows of %a joined by an operation; JAX prints attributes without effect too."""
    count = (N + low + high - size) // stride + 1
    return (
        f"%i = stablehlo.constant dense<{init}> : tensor<f32>\n"
        f'%r = "stablehlo.reduce_window"(%a, %i) <{{padding = dense<[[{low}, {high}]]> : tensor<1x2xi64>, '
        f"window_dimensions = array<i64: {size}>, window_strides = array<i64: {stride}>}}> ({{\n"
        f"^bb0(%x: tensor<f32>, %y: tensor<f32>):\n%z = {name} %x, %y : tensor<f32>\nstablehlo.return %z : tensor<f32>\n"
        f"}}) : (X, tensor<f32>) -> tensor<{count}xf32>"
    )


def windows(name: str, init: str, join: Callable[..., Any], size: int, stride: int, low: int, high: int, **o: Any) -> Rule:
    def oracle(a: Array) -> Array:
        padded = np.pad(a, (low, high), constant_values=START[init])
        return np.stack([join(padded[at : at + size], START[init]) for at in range(0, len(padded) - size + 1, stride)])

    count = (N + low + high - size) // stride + 1
    return Rule(x(window(name, init, size, stride, low, high)), oracle, result=f"{count}xf32", **o)


START = {"0.0": 0.0, "1.5": 1.5, "1.0": 1.0, "0xFF800000": -np.inf, "0x7F800000": np.inf}


def argument(better: str, init: str, oracle: Callable[..., Any], values: bool) -> Rule:
    """argmax or argmin as JAX prints it; its values or its indices."""
    text = f"""
%n = stablehlo.iota dim = 0 : tensor<8xi32>
%i = stablehlo.constant dense<{init}> : tensor<f32>
%j = stablehlo.constant dense<0> : tensor<i32>
%v:2 = stablehlo.reduce(%a init: %i), (%n init: %j) across dimensions = [0]
 : (X, tensor<8xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
 reducer(%x: tensor<f32>, %y: tensor<f32>) (%k: tensor<i32>, %l: tensor<i32>) {{
  %2 = stablehlo.compare {better}, %x, %y, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
  %3 = stablehlo.compare NE, %x, %x, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
  %4 = stablehlo.or %2, %3 : tensor<i1>
  %5 = stablehlo.compare EQ, %x, %y, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
  %6 = stablehlo.compare LT, %k, %l, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
  %7 = stablehlo.and %5, %6 : tensor<i1>
  %8 = stablehlo.or %4, %7 : tensor<i1>
  %9 = stablehlo.select %4, %x, %y : tensor<i1>, tensor<f32>
  %10 = stablehlo.select %8, %k, %l : tensor<i1>, tensor<i32>
  stablehlo.return %9, %10 : tensor<f32>, tensor<i32>
}}
"""
    part = f"%r = stablehlo.reshape %v#{0 if values else 1} : (tensor<T>) -> tensor<T>"
    kind = "f32" if values else "i32"
    return Rule(x(text + part.replace("T", kind)), oracle, result=kind)


def first_nan_or(best: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a: np.argmax(np.isnan(a)) if np.isnan(a).any() else best(a)


SELECT_AND_SCATTER = """
%i = stablehlo.constant dense<INIT> : tensor<f32>
%u = stablehlo.slice %b [0:4] : (X) -> tensor<4xf32>
%r = "stablehlo.select_and_scatter"(%a, %u, %i) <{window_dimensions = array<i64: 3>, window_strides = array<i64: 2>,
  padding = dense<[[0, 1]]> : tensor<1x2xi64>}> ({
^bb0(%x: tensor<f32>, %y: tensor<f32>):
  %c = stablehlo.compare GE, %x, %y, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
  stablehlo.return %c : tensor<i1>
}, {
^bb0(%x: tensor<f32>, %y: tensor<f32>):
  %c = stablehlo.add %x, %y : tensor<f32>
  stablehlo.return %c : tensor<f32>
}) : (X, tensor<4xf32>, tensor<f32>) -> X
"""


def select_and_scatter(a: Array, b: Array, init: float) -> Array:
    result = np.full(N, init)
    for number in range(4):
        best = 2 * number
        for index in range(2 * number, min(2 * number + 3, N)):
            best = best if a[best] >= a[index] else index
        result[best] += b[number]
    return result


CONVOLUTION = """
%m = stablehlo.reshape %a : (X) -> tensor<1x4x2xf32>
%n = stablehlo.reshape %b : (X) -> tensor<2x2x2xf32>
%r = stablehlo.convolution(%m, %n) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
  window = {pad = [[1, 0]], reverse = [REV]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
  : (tensor<1x4x2xf32>, tensor<2x2x2xf32>) -> tensor<1x4x2xf32>
"""


def convolution(a: Array, b: Array, step: int) -> Array:
    padded, kernel = np.pad(a.reshape(4, 2), ((1, 0), (0, 0))), b.reshape(2, 2, 2)[::step]
    # Not einsum, which leaves out products with zero.
    return np.array([[[(padded[at : at + 2, :, None] * kernel)[:, :, o].sum() for o in range(2)] for at in range(4)]])


INDICES = "%i = stablehlo.constant dense<[[3], [0], [7], [3]]> : tensor<4x1xi32>\n"
GATHER = (
    INDICES + '%r = "stablehlo.gather"(%a, %i) <{dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [0], '
    "start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1>}> "
    ": (X, tensor<4x1xi32>) -> tensor<4xf32>"
)
# 1, which no folding knows.
INDEX = (
    "%n = stablehlo.iota dim = 0 : tensor<2xi32>\n%m = stablehlo.slice %n [1:2] : (tensor<2xi32>) -> tensor<1xi32>\n"
    "%i = stablehlo.reshape %m : (tensor<1xi32>) -> tensor<i32>\n"
)
LOOP = """
%zero = stablehlo.constant dense<0> : tensor<i32>
%one = stablehlo.constant dense<1> : tensor<i32>
%three = stablehlo.constant dense<3> : tensor<i32>
%q:2 = stablehlo.while(%i = %zero, %v = %a) : tensor<i32>, X
 cond {
  %go = stablehlo.compare LT, %i, %three, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
  stablehlo.return %go : tensor<i1>
} do {
  %j = stablehlo.add %i, %one : tensor<i32>
  %w = stablehlo.add %v, %v : X
  stablehlo.return %j, %w : tensor<i32>, X
}
%r = stablehlo.convert %q#1 : X
"""
PREDICATE = "%p = stablehlo.constant dense<[true, false, true, true, false, false, true, false]> : tensor<8xi1>\n"
CHOICE = np.array([1, 0, 1, 1, 0, 0, 1, 0], bool)


def scatter(body: str, oracle: Callable[..., Any], **options: Any) -> Rule:
    """Elements 3, 0, 7 and 3 again are updated."""
    text = (
        INDICES + "%u = stablehlo.slice %b [0:4] : (X) -> tensor<4xf32>\n"
        '%r = "stablehlo.scatter"(%a, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0], '
        "scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({\n^bb0(%x: tensor<f32>, %y: tensor<f32>):\n"
        + body
        + "}) : (X, tensor<4x1xi32>, tensor<4xf32>) -> X"
    )
    return Rule(x(text), oracle, 2, **options)


def scatter_by(name: str, ufunc: np.ufunc, **options: Any) -> Rule:
    def oracle(a: Array, b: Array) -> Array:
        result = np.array(a)
        ufunc.at(result, [3, 0, 7, 3], b[:4])
        return result

    body = f"%z = stablehlo.{name} %x, %y : tensor<f32>\nstablehlo.return %z : tensor<f32>\n"
    return scatter(body, oracle, **options)


def overwrite(a: Array, b: Array) -> Array:
    result = np.array(a)
    result[[3, 0, 7, 3]] = b[:4]
    return result


def update(a: Array, b: Array) -> Array:
    return np.concatenate([a[:1], b[1:4], a[4:]])


def comparator(direction: str) -> str:
    """As JAX prints it: zeros are equal, NaN is the largest."""
    lines = [
        "%zero = stablehlo.constant dense<0.0> : tensor<f32>",
        "%nan = stablehlo.constant dense<0x7FC00000> : tensor<f32>",
    ]
    for v in "pq":
        lines += [
            f"%{v}0 = stablehlo.compare EQ, %{v}, %zero, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>",
            f"%{v}1 = stablehlo.select %{v}0, %zero, %{v} : tensor<i1>, tensor<f32>",
            f"%{v}2 = stablehlo.compare NE, %{v}, %{v}, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>",
            f"%{v}3 = stablehlo.select %{v}2, %nan, %{v}1 : tensor<i1>, tensor<f32>",
        ]
    return "\n".join(
        [*lines, f"%c = stablehlo.compare {direction}, %p3, %q3, TOTALORDER : (tensor<f32>, tensor<f32>) -> tensor<i1>"]
    )


SORT = (
    '%r = "stablehlo.sort"(%a) <{dimension = 0 : i64, is_stable = true}> ({\n^bb0(%p: tensor<f32>, %q: tensor<f32>):\n'
    + comparator("LT")
    + "\nstablehlo.return %c : tensor<i1>\n}) : (X) -> X"
)
#: The second operand follows the first.
SORT_PAIRS = (
    '%t, %r = "stablehlo.sort"(%a, %b) <{dimension = 0 : i64, is_stable = true}> ({\n'
    "^bb0(%p: tensor<f32>, %q: tensor<f32>, %v: tensor<f32>, %w: tensor<f32>):\n"
    + comparator("LT")
    + "\nstablehlo.return %c : tensor<i1>\n}) : (X, X) -> (X, X)"
)

RULES: dict[str, list[Rule]] = {
    "stablehlo.abs": [unary("stablehlo.abs", np.abs)],
    "stablehlo.negate": [unary("stablehlo.negate", np.negative)],
    "stablehlo.sign": [unary("stablehlo.sign", sign)],
    "stablehlo.add": [binary("stablehlo.add", np.add)],
    "stablehlo.subtract": [binary("stablehlo.subtract", np.subtract)],
    "stablehlo.multiply": [
        binary("stablehlo.multiply", np.multiply),
        Rule(x("%c = stablehlo.constant dense<3.0> : X\n%r = stablehlo.multiply %a, %c : X"), lambda a: a * 3),
        Rule(x("%c = stablehlo.constant dense<0.0> : X\n%r = stablehlo.multiply %c, %a : X"), lambda a: a * 0),
    ],
    "stablehlo.divide": [
        binary("stablehlo.divide", np.divide),
        Rule(x("%c = stablehlo.constant dense<3.0> : X\n%r = stablehlo.divide %a, %c : X"), lambda a: a / 3),
        Rule(x("%c = stablehlo.constant dense<0.0> : X\n%r = stablehlo.divide %a, %c : X"), lambda a: a / 0.0),
    ],
    "stablehlo.remainder": [binary("stablehlo.remainder", np.fmod)],
    "stablehlo.maximum": [
        binary("stablehlo.maximum", np.maximum, chooses=True),
        Rule(x("%c = stablehlo.constant dense<0.0> : X\n%r = stablehlo.maximum %a, %c : X"), lambda a: np.maximum(a, 0)),
    ],
    "stablehlo.minimum": [
        binary("stablehlo.minimum", np.minimum, chooses=True),
        Rule(x("%c = stablehlo.constant dense<0.0> : X\n%r = stablehlo.minimum %c, %a : X"), lambda a: np.minimum(a, 0)),
    ],
    "stablehlo.power": [binary("stablehlo.power", np.power)],
    "stablehlo.atan2": [binary("stablehlo.atan2", np.arctan2)],
    "stablehlo.exponential": [unary("stablehlo.exponential", np.exp)],
    "stablehlo.exponential_minus_one": [unary("stablehlo.exponential_minus_one", np.expm1)],
    "stablehlo.log": [unary("stablehlo.log", np.log)],
    "stablehlo.log_plus_one": [unary("stablehlo.log_plus_one", np.log1p)],
    "stablehlo.sqrt": [unary("stablehlo.sqrt", np.sqrt)],
    "stablehlo.rsqrt": [unary("stablehlo.rsqrt", lambda a: 1 / np.sqrt(a))],
    "stablehlo.cbrt": [unary("stablehlo.cbrt", np.cbrt)],
    "stablehlo.tanh": [unary("stablehlo.tanh", np.tanh)],
    "stablehlo.logistic": [unary("stablehlo.logistic", logistic)],
    "stablehlo.sine": [unary("stablehlo.sine", np.sin)],
    "stablehlo.cosine": [unary("stablehlo.cosine", np.cos)],
    "stablehlo.tan": [unary("stablehlo.tan", np.tan)],
    "stablehlo.floor": [unary("stablehlo.floor", np.floor)],
    "stablehlo.ceil": [unary("stablehlo.ceil", np.ceil)],
    "stablehlo.round_nearest_even": [unary("stablehlo.round_nearest_even", np.rint)],
    "stablehlo.round_nearest_afz": [unary("stablehlo.round_nearest_afz", afz)],
    "stablehlo.is_finite": [
        Rule(x("%r = stablehlo.is_finite %a : (X) -> tensor<8xi1>"), np.isfinite, result="8xi1"),
    ],
    "stablehlo.compare": [
        compare("EQ", np.equal),
        compare("NE", np.not_equal),
        compare("LT", np.less),
        compare("GE", np.greater_equal),
    ],
    "stablehlo.select": [
        Rule(
            x(PREDICATE + "%r = stablehlo.select %p, %a, %b : tensor<8xi1>, X"),
            lambda a, b: np.where(CHOICE, a, b),
            2,
            chooses=True,
        ),
        Rule(
            x("%p = stablehlo.constant dense<false> : tensor<8xi1>\n%r = stablehlo.select %p, %a, %b : tensor<8xi1>, X"),
            lambda a, b: b,
            2,
        ),
        Rule(
            x(PREDICATE + "%c = stablehlo.constant dense<0.0> : X\n%r = stablehlo.select %p, %a, %c : tensor<8xi1>, X"),
            lambda a: np.where(CHOICE, a, 0.0),
        ),
    ],
    "stablehlo.clamp": [
        Rule(x("%r = stablehlo.clamp %a, %b, %c : X"), clamp, 3, chooses=True),
        Rule(
            x(
                "%l = stablehlo.constant dense<-1.0> : tensor<f32>\n%h = stablehlo.constant dense<1.25> : tensor<f32>\n"
                "%r = stablehlo.clamp %l, %a, %h : (tensor<f32>, X, tensor<f32>) -> X"
            ),
            lambda a: clamp(np.float64(-1), a, np.float64(1.25)),
        ),
    ],
    "stablehlo.convert": [
        Rule(x("%r = stablehlo.convert %a : (X) -> tensor<8xf64>"), lambda a: a, result="8xf64"),
        Rule(x("%r = stablehlo.convert %a : (X) -> tensor<8xi32>"), to_int, result="8xi32", real=True),
        Rule("%r = stablehlo.convert %a : (tensor<8xi32>) -> tensor<8xf32>", lambda a: a, types=("8xi32",)),
    ],
    "stablehlo.broadcast_in_dim": [
        Rule(
            x("%r = stablehlo.broadcast_in_dim %a, dims = [1] : (X) -> tensor<3x8xf32>"),
            lambda a: np.broadcast_to(a, (3, N)),
            result="3x8xf32",
        )
    ],
    "stablehlo.reshape": [
        Rule(x("%r = stablehlo.reshape %a : (X) -> tensor<4x2xf32>"), lambda a: a.reshape(4, 2), result="4x2xf32")
    ],
    "stablehlo.transpose": [
        Rule(
            x(
                "%m = stablehlo.reshape %a : (X) -> tensor<4x2xf32>\n"
                "%r = stablehlo.transpose %m, dims = [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>"
            ),
            lambda a: a.reshape(4, 2).T,
            result="2x4xf32",
        )
    ],
    "stablehlo.slice": [
        Rule(x("%r = stablehlo.slice %a [1:8:2] : (X) -> tensor<4xf32>"), lambda a: a[1:8:2], result="4xf32")
    ],
    "stablehlo.reverse": [Rule(x("%r = stablehlo.reverse %a, dims = [0] : X"), lambda a: a[::-1])],
    "stablehlo.gather": [Rule(x(GATHER), lambda a: a[[3, 0, 7, 3]], result="4xf32")],
    "stablehlo.dynamic_slice": [
        Rule(
            x(INDEX + "%r = stablehlo.dynamic_slice %a, %i, sizes = [3] : (X, tensor<i32>) -> tensor<3xf32>"),
            lambda a: a[1:4],
            result="3xf32",
        )
    ],
    "stablehlo.dynamic_update_slice": [
        Rule(
            x(
                INDEX + "%u = stablehlo.slice %b [1:4] : (X) -> tensor<3xf32>\n"
                "%r = stablehlo.dynamic_update_slice %a, %u, %i : (X, tensor<3xf32>, tensor<i32>) -> X"
            ),
            update,
            2,
            chooses=True,
        ),
        Rule(
            x(
                INDEX + "%z = stablehlo.constant dense<0.0> : X\n%u = stablehlo.slice %a [1:4] : (X) -> tensor<3xf32>\n"
                "%r = stablehlo.dynamic_update_slice %z, %u, %i : (X, tensor<3xf32>, tensor<i32>) -> X"
            ),
            lambda a: update(np.zeros_like(a), a),
        ),
    ],
    "stablehlo.scatter": [
        scatter_by("add", np.add),
        scatter_by("maximum", np.maximum, chooses=True),
        scatter_by("minimum", np.minimum, chooses=True),
        scatter("stablehlo.return %y : tensor<f32>\n", overwrite, chooses=True),
        scatter_by("multiply", np.multiply, real=True),
    ],
    "stablehlo.sort": [
        Rule(x(SORT), np.sort),
        Rule(x(SORT_PAIRS), lambda a, b: b[np.argsort(a, kind="stable")], 2),
    ],
    "stablehlo.concatenate": [
        Rule(
            x("%r = stablehlo.concatenate %a, %b, dim = 0 : (X, X) -> tensor<16xf32>"),
            lambda a, b: np.concatenate([a, b]),
            2,
            "16xf32",
        )
    ],
    "stablehlo.pad": [
        Rule(
            x(
                f"%v = stablehlo.constant dense<{value}> : tensor<f32>\n%r = stablehlo.pad %a, %v, low = [1], "
                "high = [2], interior = [0] : (X, tensor<f32>) -> tensor<11xf32>"
            ),
            functools.partial(lambda value, a: np.pad(a, (1, 2), constant_values=float(value)), value),
            result="11xf32",
        )
        for value in ("0.0", "1.5")
    ],
    "stablehlo.reduce": [
        reduction("stablehlo.add", "0.0", np.sum),
        reduction("stablehlo.add", "1.5", lambda a: np.sum(a) + 1.5),
        reduction("stablehlo.maximum", "0xFF800000", np.max),
        reduction("stablehlo.minimum", "0x7F800000", np.min),
        reduction("stablehlo.maximum", "0.0", lambda a: np.maximum(np.max(a), 0)),
        reduction("stablehlo.minimum", "-1.5", lambda a: np.minimum(np.min(a), -1.5)),
        reduction("stablehlo.multiply", "1.0", np.prod, real=True),
        argument("GT", "0xFF800000", np.max, values=True),
        argument("GT", "0xFF800000", first_nan_or(np.argmax), values=False),
        argument("LT", "0x7F800000", first_nan_or(np.argmin), values=False),
    ],
    "stablehlo.reduce_window": [
        windows("stablehlo.add", "0.0", lambda w, i: w.sum() + i, 3, 2, 1, 0),
        windows("stablehlo.add", "1.5", lambda w, i: w.sum() + i, 3, 1, 0, 2),
        windows("stablehlo.maximum", "0xFF800000", lambda w, i: w.max(), 2, 2, 0, 0),
        windows("stablehlo.maximum", "1.5", lambda w, i: np.maximum(w.max(), i), 2, 1, 1, 1),
        windows("stablehlo.minimum", "0x7F800000", lambda w, i: w.min(), 3, 1, 2, 0),
        windows("stablehlo.multiply", "1.0", lambda w, i: np.prod(w) * i, 2, 1, 1, 0, real=True),
        # Prefixes.
        windows("stablehlo.add", "0.0", lambda w, i: w.sum() + i, N, 1, N - 1, 0),
        windows("stablehlo.add", "1.5", lambda w, i: w.sum() + i, N, 1, 0, N - 1),
        windows("stablehlo.maximum", "0xFF800000", lambda w, i: w.max(), N, 1, N - 1, 0),
    ],
    "stablehlo.select_and_scatter": [
        Rule(x(SELECT_AND_SCATTER.replace("INIT", str(init))), functools.partial(select_and_scatter, init=init), 2)
        for init in (0.0, 1.5)
    ],
    "stablehlo.convolution": [
        Rule(x(CONVOLUTION.replace("REV", rev)), functools.partial(convolution, step=step), 2, "1x4x2xf32")
        for rev, step in (("false", 1), ("true", -1))
    ],
    "stablehlo.dot_general": [
        Rule(
            x(
                "%m = stablehlo.reshape %a : (X) -> tensor<2x4xf32>\n%n = stablehlo.reshape %b : (X) -> tensor<4x2xf32>\n"
                "%r = stablehlo.dot_general %m, %n, contracting_dims = [1] x [0] "
                ": (tensor<2x4xf32>, tensor<4x2xf32>) -> tensor<2x2xf32>"
            ),
            lambda a, b: a.reshape(2, 4) @ b.reshape(4, 2),
            2,
            "2x2xf32",
        )
    ],
    "stablehlo.while": [Rule(x(LOOP), lambda a: 8 * a)],
    "stablehlo.case": [
        Rule(
            x(
                INDEX + '%r = "stablehlo.case"(%i) ({\nstablehlo.return %a : X\n}, {\nstablehlo.return %b : X\n}) '
                ": (tensor<i32>) -> X"
            ),
            lambda a, b: b,
            2,
        )
    ],
    "stablehlo.if": [
        Rule(
            x(
                INDEX + "%p = stablehlo.convert %i : (tensor<i32>) -> tensor<i1>\n"
                '%r = "stablehlo.if"(%p) ({\n%s = stablehlo.add %a, %b : X\nstablehlo.return %s : X\n}, {\n'
                "stablehlo.return %b : X\n}) : (tensor<i1>) -> X"
            ),
            np.add,
            2,
        )
    ],
    "stablehlo.iota": [Rule("%r = stablehlo.iota dim = 0 : tensor<8xf32>", lambda: np.arange(N, dtype=np.float64), 0)],
    # Constants are made from the data.
    "stablehlo.constant": [Rule("%r = stablehlo.constant dense<DATA> : tensor<8xf32>", lambda a: a)],
    "chlo.acos": [chlo("acos", np.arccos)],
    "chlo.acosh": [chlo("acosh", np.arccosh)],
    "chlo.asin": [chlo("asin", np.arcsin)],
    "chlo.asinh": [chlo("asinh", np.arcsinh)],
    "chlo.atan": [chlo("atan", np.arctan)],
    "chlo.atanh": [chlo("atanh", np.arctanh)],
    "chlo.cosh": [chlo("cosh", np.cosh)],
    "chlo.sinh": [chlo("sinh", np.sinh)],
    "chlo.erf": [chlo("erf", scipy.special.erf)],
    "chlo.erfc": [chlo("erfc", scipy.special.erfc)],
    "chlo.erf_inv": [chlo("erf_inv", scipy.special.erfinv)],
    "chlo.lgamma": [chlo("lgamma", log_gamma)],
    "chlo.digamma": [chlo("digamma", digamma)],
    "chlo.next_after": [Rule(x("%r = chlo.next_after %a, %b : X, X -> X"), next_after, 2)],
}

CASES = [(name, number) for name, forms in RULES.items() for number in range(len(forms))]


def listed() -> dict[str, str]:
    """The table of rules: operation -> what happens."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", TABLE.read_text(), re.MULTILINE)
    return dict(rows)


def test_every_rule_of_the_table_is_tested() -> None:
    table = listed()
    assert len(table) > 70
    assert {name for name, rule in table.items() if not rule.startswith("none: ")} == set(RULES)


def stored(value: Array, bits: int = 11) -> Array:
    """As FP16 with a scale holds it."""
    finite = np.abs(value[np.isfinite(value)])
    amax = finite.max() if finite.size else 0.0
    if amax == 0:
        return value
    exponent = np.frexp(amax)[1] - 1
    return np.ldexp(np.ldexp(value, -exponent).astype(np.float16).astype(np.float64), exponent)


def stored_as(value: Array, storage: str) -> Array:
    if storage == "float16":
        return stored(value.astype(np.float64))
    return np.asarray(jnp.asarray(value, jnp.bfloat16), np.float64)


def text_of(rule: Rule, data: Array | None = None) -> str:
    types = rule.types or ("8xf32",) * (rule.arity if "DATA" not in rule.body else 0)
    arguments = ", ".join(f"%{name}: tensor<{kind}>" for name, kind in zip("abc", types, strict=False))
    body = rule.body
    if data is not None:
        numbers = ", ".join(f"0x{bits:08X}" for bits in data.astype("f4").view("u4"))
        body = body.replace("DATA", f"[{numbers}]")
    return f"func.func @main({arguments}) -> tensor<{rule.result}> {{\n{body}\nreturn %r : tensor<{rule.result}>\n}}"


@functools.cache
def compiled(name: str, number: int) -> steelyard.CompiledModule:
    return steelyard.compile(text_of(RULES[name][number]), scheme=SCHEME)


def holds(rule: Rule, got: Array, want: Array, reach: float) -> Array:
    """Elements that are NaN where the oracle has NaN, infinite where it is, else within storage's rounding."""
    if got.dtype.kind != "f":
        return np.asarray(got == want)
    # A result in the user's type is infinite where that is.
    limit = float(np.finfo(got.dtype).max)
    got = got.astype(np.float64)
    amax = np.abs(want[np.abs(want) <= limit]).max(initial=0.0)
    allowed = np.abs(want) * (2.0**-11 + rule.relative) + amax * 2.0**-25 * (1 + 2.0**-10) + 2.0**-149
    if (want == 0).all():
        allowed = np.zeros_like(want)
    if rule.chooses:
        # What is moved to one exponent reaches this far below the largest operand.
        allowed += reach * 2.0**-258
    near = np.abs(got - want) <= allowed
    infinite = got == np.sign(want) * np.inf
    return np.where(np.isnan(want), np.isnan(got), np.where(np.abs(want) <= limit, near, infinite))


def check(rule: Rule, got: Array, arguments: list[Array]) -> None:
    """Every element as the oracle has it, of arguments in storage or as they were."""
    with np.errstate(all="ignore"):
        got = np.asarray(got)
        held = np.zeros(got.shape, bool)
        magnitudes = [np.abs(a[np.isfinite(a)]).max(initial=0.0) for a in arguments]
        for operands in itertools.product(*({id(v): v for v in (stored(a), a)}.values() for a in arguments)):
            want = np.asarray(rule.oracle(*operands))
            assert got.shape == want.shape
            held |= holds(rule, got, want, max(magnitudes, default=0.0))
        assert held.all(), f"got {got[~held]}, want {np.broadcast_to(want, got.shape)[~held]}, of {arguments}"


def arguments_of(rule: Rule, first: Array, others: Array) -> list[Array]:
    """Other operands are the data in another order, so that zeros meet numbers, infinities and zeros."""
    arrays = [first, others[::-1], np.roll(others, 3)][: rule.arity]
    return [
        np.nan_to_num(a, posinf=7, neginf=-7).clip(-1e6, 1e6).astype("i4") if rule.types else a.astype("f4") for a in arrays
    ]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("name", "number"), CASES, ids=[f"{name}-{number}" for name, number in CASES])
def test_rule(name: str, number: int, data: str) -> None:
    rule = RULES[name][number]
    arrays = arguments_of(rule, DATA[data], DATA[data])
    if "DATA" in rule.body:
        got = steelyard.compile(text_of(rule, arrays[0]), scheme=SCHEME)()[0]
    else:
        got = compiled(name, number)(*arrays)[0]
    check(rule, got, [a.astype(np.float64) for a in arrays])


PAIRS = [(a, b) for a in DATA for b in ("zeros", "ones", "huge", "tiny", "infinity", "nan") if a != b]


@pytest.mark.parametrize(
    ("name", "number"), [case for case in CASES if RULES[case[0]][case[1]].arity > 1], ids=lambda value: str(value)
)
def test_operands_of_different_kinds(name: str, number: int) -> None:
    """Zeros beside huge numbers, tiny beside huge, both ways."""
    rule = RULES[name][number]
    for first, second in PAIRS + [(b, a) for a, b in PAIRS]:
        arrays = arguments_of(rule, DATA[first], DATA[second])
        try:
            check(rule, compiled(name, number)(*arrays)[0], [a.astype(np.float64) for a in arrays])
        except AssertionError as error:
            raise AssertionError(f"{first}, {second}: {error}") from error


SHIFT = 200


def shifted(rule: Rule, want: Array, up: int) -> tuple[str, int]:
    """The rule on operands times 2^up, its result brought back to the magnitude of 1; and the power of that."""
    finite = np.abs(want[np.isfinite(want) & (want != 0)])
    down = -int(np.frexp(finite.max())[1]) if finite.size and rule.result.endswith("f32") else 0
    lines = []
    names = "abc"[: rule.arity]
    for name, power in [(name, up) for name in names] + [("s", down)]:
        kind = f"tensor<{'8xf32' if name != 's' else rule.result}>"
        lines.append([])
        value = f"%{name}0" if name != "s" else "%r"
        steps = -(-abs(power) // 100)
        for step in range(steps):
            part = power // steps + (step < power % steps)
            constant = float(np.ldexp(1.0, part))
            last = f"%{name}" if step == steps - 1 else f"%{name}_{step}"
            lines[-1] += [
                f"%c{name}{step} = stablehlo.constant dense<{constant!r}> : {kind}",
                f"{last} = stablehlo.multiply {value}, %c{name}{step} : {kind}",
            ]
            value = last
        result = value
    arguments = ", ".join(f"%{name}0: tensor<8xf32>" for name in names)
    text = "\n".join(itertools.chain(*lines[:-1], [rule.body], lines[-1]))
    kind = rule.result
    return f"func.func @main({arguments}) -> tensor<{kind}> {{\n{text}\nreturn {result} : tensor<{kind}>\n}}", down


FLOATS = [case for case in CASES if RULES[case[0]][case[1]].arity and not RULES[case[0]][case[1]].types]


@pytest.mark.parametrize("up", [-SHIFT, SHIFT])
@pytest.mark.parametrize(
    ("name", "number"), [case for case in FLOATS if case[0] != "stablehlo.constant"], ids=lambda value: str(value)
)
def test_beyond_float32(name: str, number: int, up: int) -> None:
    """Exponents hold what float32 does not; a rule on real values in float32 says so in the table."""
    rule = RULES[name][number]
    arrays = [BASE, BASE[::-1], np.roll(BASE, 3)][: rule.arity]
    operands = [np.ldexp(a, up) for a in arrays]
    with np.errstate(all="ignore"):
        if rule.real or "real value in float32" in listed()[name]:
            operands = [a.astype(np.float32).astype(np.float64) for a in operands]
        want = np.asarray(rule.oracle(*operands))
        text, down = shifted(rule, want, up)
        got = steelyard.compile(text, scheme=SCHEME)(*(a.astype("f4") for a in arrays))[0]
        if rule.result.endswith("f32"):
            want = np.ldexp(want, down)
        held = holds(rule, np.asarray(got), want, 0.0)
    assert held.all(), f"got {got}, want {want}"


def test_comparisons_of_bfloat16() -> None:
    """Data of bfloat16 itself reaches as far down as float32's."""
    text = text_of(RULES["stablehlo.compare"][2])
    module = steelyard.compile(text, scheme=steelyard.Scalify(matmul=None, storage="bfloat16"))
    a, b = np.full(N, 2.0**-120, "f4"), np.full(N, 2.0**-125, "f4")
    a[0] = 1
    assert not module(a, b)[0].any()
    assert module(b, a)[0].all()


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
def test_comparisons_across_all_magnitudes(storage: str) -> None:
    """Zero, the smallest and the largest numbers keep their order, whatever the exponents are."""
    numbers = np.array([0, 1e20, 1e-15, -1e20, -1e-15, 1.5, -2e-8, 0], "f4")
    scheme = steelyard.Scalify(matmul=None, storage=storage)
    for direction, oracle in (("LT", np.less), ("GE", np.greater_equal), ("EQ", np.equal)):
        module = steelyard.compile(text_of(compare(direction, oracle)), scheme=scheme)
        for value in numbers:
            constant = np.full(N, value, "f4")
            others = np.where(np.arange(N) % 2, np.float32(0), value)
            # Storage holds 1e-15 beside 1e20 in bfloat16 alone.
            left = numbers if storage == "bfloat16" else np.full(N, 1e-15, "f4")
            for right in (constant, others):
                np.testing.assert_array_equal(
                    module(left, right)[0], oracle(stored_as(left, storage), stored_as(right, storage))
                )
                np.testing.assert_array_equal(
                    module(right, left)[0], oracle(stored_as(right, storage), stored_as(left, storage))
                )


def test_state_as_its_square_root() -> None:
    """AMSGrad's maximum of second moments, which are squares of storage while they are computed with."""

    def step(v: Any, best: Any, g: Any) -> Any:
        v = 0.5 * v + 0.5 * g * g
        return v, jnp.maximum(best, v)

    compiled = steelyard.jit(step, scheme=SCHEME, donate_argnums=(0, 1))
    for power in (-40, 0, 40):
        v, best, g = BASE.astype("f4") ** 2, np.abs(BASE).astype("f4"), np.ldexp(BASE, power).astype("f4")
        want = BASE**2, np.abs(BASE)
        for _ in range(3):
            v, best = compiled(v, best, g)
            moment = 0.5 * want[0] + 0.5 * np.ldexp(BASE, power) ** 2
            want = moment, np.maximum(want[1], moment)
        for got, exact in zip((v, best), want, strict=True):
            np.testing.assert_allclose(np.asarray(got), exact, rtol=2.0**-8, atol=exact.max() * 2.0**-22)
