# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convolutions, pooling, prefix sums, contractions and reductions of every element type against JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax
from oracle import error, evaluate

Array = np.ndarray[Any, Any]
#: Sums in another order than JAX's, relative to the largest result.
TOLERANCE = {"float64": 1e-13, "float32": 1e-5, "float16": 2**-9, "bfloat16": 2**-6}


def make(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    random = np.random.default_rng((seed, *shape))
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return random.integers(0, 2, shape).astype(bool)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return random.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    return random.standard_normal(shape).astype(kind)


def same_as_jax(function: Callable[..., Any], *arguments: Any) -> None:
    """Integers and booleans equal, floats near; where JAX would round every sum to 16 bits, near what float32 gives."""
    got = jax.tree.leaves(steelyard.jit(function)(*arguments))
    types = jax.tree.leaves(jax.eval_shape(function, *arguments))
    narrow = ("float16", "bfloat16")
    wide_arguments = [a.astype(np.float32) if a.dtype.name in narrow else a for a in arguments]
    want = jax.tree.leaves(jax.jit(function)(*wide_arguments))
    assert len(got) == len(want)
    for ours, theirs, of in zip(map(np.asarray, got), map(np.asarray, want), types, strict=True):
        assert (ours.shape, ours.dtype) == (of.shape, of.dtype)
        if ours.dtype.name not in TOLERANCE:
            np.testing.assert_array_equal(ours, theirs)
            continue
        wide = theirs.astype(np.float64)
        tolerance = TOLERANCE[ours.dtype.name]
        largest = np.abs(wide[np.isfinite(wide)]).max(initial=0.0)
        least = float(jnp.finfo(ours.dtype).smallest_subnormal) / 2
        np.testing.assert_allclose(ours.astype(np.float64), wide, rtol=tolerance, atol=tolerance * largest + least)


NHWC = ("NHWC", "HWIO", "NHWC")
PLAIN = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": NHWC}
#: name: input, kernel, options
CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((2, 8, 8, 3), (3, 3, 3, 4), PLAIN),
    "every window option": (
        (2, 8, 8, 3),
        (3, 3, 3, 4),
        {
            "window_strides": (2, 1),
            "padding": ((2, -1), (1, 3)),
            "lhs_dilation": (1, 2),
            "rhs_dilation": (2, 1),
            "dimension_numbers": NHWC,
        },
    ),
    "NCHW": ((2, 3, 8, 8), (4, 3, 3, 3), {"window_strides": (1, 1), "padding": "VALID"}),
    "feature groups": ((2, 8, 8, 4), (3, 3, 2, 6), {**PLAIN, "feature_group_count": 2}),
    "depthwise": ((2, 8, 8, 6), (3, 3, 1, 12), {**PLAIN, "window_strides": (2, 2), "feature_group_count": 6}),
    "batch groups": ((4, 8, 8, 3), (3, 3, 3, 6), {**PLAIN, "batch_group_count": 2}),
    "no spatial dimension": ((2, 3), (4, 3), {"window_strides": (), "padding": ()}),
    "one": ((2, 8, 3), (3, 3, 4), {"window_strides": (1,), "padding": "SAME", "dimension_numbers": ("NWC", "WIO", "WNC")}),
    "three": (
        (2, 4, 5, 6, 3),
        (2, 3, 2, 3, 4),
        {"window_strides": (1, 2, 1), "padding": "SAME", "dimension_numbers": ("NDHWC", "DHWIO", "NCDHW")},
    ),
    "windows of one element": ((2, 8, 8, 3), (1, 1, 3, 4), PLAIN),
    "windows of one element with strides": ((2, 8, 8, 3), (1, 1, 3, 4), {**PLAIN, "window_strides": (2, 2)}),
    "one window": ((2, 8, 7, 3), (8, 7, 3, 4), {**PLAIN, "padding": "VALID"}),
    "one row a window": (
        (2, 8, 7, 3),
        (1, 7, 3, 4),
        {"window_strides": (1, 1), "padding": "VALID", "dimension_numbers": ("NHWC", "HWIO", "NCHW")},
    ),
    "other orders": (
        (8, 8, 3, 2),
        (4, 3, 3, 3),
        {"window_strides": (1, 1), "padding": ((1, 0), (0, 1)), "dimension_numbers": ("HWCN", "OIHW", "CNHW")},
    ),
    "negative padding in groups": (
        (6, 4, 5, 4),
        (2, 3, 2, 6),
        {
            "window_strides": (2, 1),
            "padding": ((-1, 2), (0, -1)),
            "rhs_dilation": (1, 2),
            "dimension_numbers": ("NHWC", "HWIO", "HNWC"),
            "feature_group_count": 2,
        },
    ),
    "no window fits": ((2, 2, 2, 3), (3, 3, 3, 4), {**PLAIN, "padding": "VALID"}),
    "no features": ((2, 8, 8, 0), (3, 3, 0, 4), PLAIN),
    "no batch": ((0, 8, 8, 3), (3, 3, 3, 4), PLAIN),
    "single elements": ((1, 1, 1, 3), (1, 1, 3, 4), PLAIN),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_and_its_gradients(name: str, dtype: str) -> None:
    x_shape, w_shape, options = CONVOLUTIONS[name]

    def both(x: Any, w: Any) -> Any:
        product, pullback = jax.vjp(functools.partial(lax.conv_general_dilated, **options), x, w)
        return product, pullback(product)

    with jax.enable_x64(dtype == "float64"):
        same_as_jax(both, make(x_shape, dtype), make(w_shape, dtype))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "float16", jnp.bfloat16])
@pytest.mark.parametrize(
    "name", ["every window option", "feature groups", "batch groups", "windows of one element", "one window"]
)
def test_convolution_of_other_types(name: str, dtype: Any) -> None:
    x_shape, w_shape, options = CONVOLUTIONS[name]
    same_as_jax(functools.partial(lax.conv_general_dilated, **options), make(x_shape, dtype), make(w_shape, dtype))


@pytest.mark.parametrize(("dtype", "wide"), [("int8", "int32"), ("uint8", "uint32"), ("float16", "float32")])
def test_convolution_into_a_wider_type(dtype: str, wide: str) -> None:
    convolve = functools.partial(lax.conv, window_strides=(1,), padding="SAME", preferred_element_type=wide)
    same_as_jax(convolve, make((2, 3, 8), dtype), make((4, 3, 3), dtype))


def test_window_reversal() -> None:
    """JAX prints none: a convolution in the sense of signal processing."""
    text = """
      func.func @main(%x: tensor<9xf32>, %w: tensor<4xf32>) -> tensor<12xf32> {
        %0 = stablehlo.reshape %x : (tensor<9xf32>) -> tensor<1x9x1xf32>
        %1 = stablehlo.reshape %w : (tensor<4xf32>) -> tensor<4x1x1xf32>
        %2 = stablehlo.convolution(%0, %1) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
          window = {pad = [[3, 3]], reverse = [true]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
          : (tensor<1x9x1xf32>, tensor<4x1x1xf32>) -> tensor<1x12x1xf32>
        %3 = stablehlo.reshape %2 : (tensor<1x12x1xf32>) -> tensor<12xf32>
        return %3 : tensor<12xf32>
      }"""
    x, w = make((9,), "f4"), make((4,), "f4")
    np.testing.assert_allclose(steelyard.compile(text)(x, w)[0], np.convolve(x, w), rtol=1e-5, atol=1e-5)


#: name: operands and what is contracted: ((lhs, rhs contracting), (lhs, rhs batching))
CONTRACTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], Any]] = {
    "matrices": ((3, 4), (4, 5), (([1], [0]), ([], []))),
    "attention scores": ((2, 7, 3, 4), (2, 5, 3, 4), (([3], [3]), ([0, 2], [0, 2]))),
    "attention values": ((2, 3, 7, 5), (2, 5, 3, 4), (([3], [1]), ([0, 1], [0, 2]))),
    "batches anywhere": ((4, 2, 5, 3), (3, 6, 4, 2), (([0], [2]), ([1, 3], [3, 0]))),
    "several contracted": ((2, 3, 4, 5), (5, 6, 3, 2), (([0, 3], [3, 0]), ([1], [2]))),
    "contracted in another order": ((3, 4, 5), (5, 3, 4), (([2, 0, 1], [0, 1, 2]), ([], []))),
    "nothing contracted": ((3, 4), (3, 5), (([], []), ([0], [0]))),
    "an outer product": ((3,), (4, 2), (([], []), ([], []))),
    "an inner product": ((7,), (7,), (([0], [0]), ([], []))),
    "only batches": ((3, 4), (4, 3), (([], []), ([0, 1], [1, 0]))),
    "scalars": ((), (), (([], []), ([], []))),
    "sizes of one": ((1, 1, 4), (4, 1, 1), (([2], [0]), ([0], [1]))),
    "nothing to sum": ((3, 0), (0, 4), (([1], [0]), ([], []))),
    "no rows": ((0, 3), (3, 4), (([1], [0]), ([], []))),
    "no batch": ((0, 2, 3), (0, 3, 4), (([2], [1]), ([0], [0]))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", jnp.bfloat16, "int8", "uint16", "int32"])
@pytest.mark.parametrize("name", CONTRACTIONS)
def test_contraction(name: str, dtype: Any) -> None:
    lhs, rhs, numbers = CONTRACTIONS[name]
    with jax.enable_x64(dtype == "float64"):
        same_as_jax(functools.partial(lax.dot_general, dimension_numbers=numbers), make(lhs, dtype), make(rhs, dtype, 1))


@pytest.mark.parametrize("name", [n for n in CONTRACTIONS if 0 not in CONTRACTIONS[n][0]])
def test_scaled_contraction_and_its_gradients(name: str) -> None:
    lhs, rhs, numbers = CONTRACTIONS[name]

    def both(a: Any, b: Any) -> Any:
        product, pullback = jax.vjp(functools.partial(lax.dot_general, dimension_numbers=numbers), a, b)
        return product, pullback(product)

    arguments = np.ldexp(make(lhs, "f4"), -20), np.ldexp(make(rhs, "f4", 1), 30)
    within_storage(both, arguments)


def within_storage(function: Callable[..., Any], arguments: Any) -> None:
    """Scaled FP16 is within twice the error of 11 significant bits; E4M3 and E5M2 within theirs."""
    exact = evaluate(function, arguments, None)
    rounded = evaluate(function, arguments, 11)
    allowed = 2 * max(error(r, e) for r, e in zip(rounded, exact, strict=True)) + 2**-22
    for scheme, bound in ((steelyard.Scalify(matmul=None), allowed), (steelyard.Scalify(matmul="fp8"), 0.2)):
        got = jax.tree.leaves(steelyard.jit(function, scheme=scheme)(*arguments))
        for ours, want in zip(got, exact, strict=True):
            assert error(ours, want) <= bound, scheme


@pytest.mark.parametrize("power", [-20, 0, 20])
@pytest.mark.parametrize("name", ["plain", "every window option", "feature groups", "windows of one element", "NCHW"])
def test_scaled_convolution_and_its_gradients(name: str, power: int) -> None:
    x_shape, w_shape, options = CONVOLUTIONS[name]

    def both(x: Any, w: Any) -> Any:
        product, pullback = jax.vjp(functools.partial(lax.conv_general_dilated, **options), x, w)
        return product, pullback(product)

    within_storage(both, (np.ldexp(make(x_shape, "f4"), power), np.ldexp(make(w_shape, "f4"), -power)))


def test_convolutions_are_quantised_by_role() -> None:
    """Weights and activations in E4M3, gradients in E5M2, never two of the latter; and the remarks say so."""

    def loss(w: Any, x: Any) -> Any:
        hidden = jnp.tanh(lax.conv_general_dilated(x, w[0], **PLAIN))
        return jnp.mean(lax.conv_general_dilated(hidden, w[1], **PLAIN) ** 2)

    def step(w: Any, x: Any) -> Any:
        return jax.tree.map(lambda w, g: w - g, w, jax.grad(loss)(w, x))

    weights = [make((3, 3, 3, 4), "f4"), make((3, 3, 4, 2), "f4")]
    compiled = steelyard.jit(step, scheme=steelyard.Scalify(matmul="fp8"), donate_argnums=0)
    remarks = [r.message for r in steelyard.explain(compiled, weights, make((2, 8, 8, 3), "f4"))]
    formats = [m.partition(":")[0] for m in remarks if m.startswith("contraction")]
    e4m3, e5m2 = "'f8E4M3FN'", "'f8E5M2'"
    assert sorted(formats) == sorted(
        [
            f"contraction in {e4m3} (activation) x {e4m3} (weight)",
            f"contraction in {e4m3} (activation) x {e4m3} (weight)",
            f"contraction in {e4m3} (activation) x {e5m2} (gradient)",
            f"contraction in {e4m3} (activation) x {e5m2} (gradient)",
            f"contraction in {e5m2} (gradient) x {e4m3} (weight)",
        ]
    )


WINDOWS: dict[str, dict[str, Any]] = {
    "plain": {"window_dimensions": (2, 2), "window_strides": (1, 1), "padding": "VALID"},
    "strides": {"window_dimensions": (2, 3), "window_strides": (2, 3), "padding": "SAME"},
    "dilations": {
        "window_dimensions": (2, 3),
        "window_strides": (1, 2),
        "padding": ((1, 2), (0, 3)),
        "base_dilation": (2, 1),
        "window_dilation": (1, 2),
    },
    "negative padding": {"window_dimensions": (2, 2), "window_strides": (1, 1), "padding": ((-1, 0), (2, -2))},
    "prefixes of rows": {"window_dimensions": (1, 7), "window_strides": (1, 1), "padding": ((0, 0), (6, 0))},
    "prefixes of columns": {"window_dimensions": (5, 1), "window_strides": (1, 1), "padding": ((4, 0), (0, 0))},
    "suffixes": {"window_dimensions": (1, 7), "window_strides": (1, 1), "padding": ((0, 0), (0, 6))},
    "elements": {"window_dimensions": (1, 1), "window_strides": (2, 3), "padding": "VALID"},
    "none fits": {"window_dimensions": (6, 2), "window_strides": (1, 1), "padding": "VALID"},
}
TYPES = ["float32", "float64", "float16", jnp.bfloat16, "int32", "uint8", "int8", "bool"]


def limits(dtype: Any) -> tuple[Any, Any]:
    kind = jnp.dtype(dtype)
    if kind.kind == "b":
        return False, True
    if kind.kind in "iu":
        return np.iinfo(kind).min, np.iinfo(kind).max
    return -np.inf, np.inf


def operations(dtype: Any) -> list[tuple[Any, Any]]:
    """What JAX has for elements of a type, each with its neutral element: how often another is used is not specified."""
    low, high = limits(dtype)
    kind = jnp.dtype(dtype).kind
    arithmetic: list[tuple[Any, Any]] = [(lax.max, low), (lax.min, high)]
    if kind == "b":
        return [*arithmetic, (lax.bitwise_or, False), (lax.bitwise_and, True), (lax.bitwise_xor, False)]
    arithmetic += [(lax.add, 0), (lax.mul, 1)]
    if kind in "iu":
        ones = np.iinfo(dtype).max if kind == "u" else -1
        arithmetic += [(lax.bitwise_or, 0), (lax.bitwise_and, ones), (lax.bitwise_xor, 0)]
    return arithmetic


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", WINDOWS)
def test_reduce_window(name: str, dtype: Any) -> None:
    """By any operation."""

    def all_of_them(x: Any) -> Any:
        return [lax.reduce_window(x, np.asarray(init, x.dtype), op, **WINDOWS[name]) for op, init in operations(dtype)]

    with jax.enable_x64(dtype == "float64"):
        same_as_jax(all_of_them, make((5, 7), dtype))


@pytest.mark.parametrize("dtype", TYPES)
def test_reduce(dtype: Any) -> None:

    def all_of_them(x: Any) -> Any:
        return [
            [lax.reduce(x, np.asarray(init, x.dtype), op, dims) for op, init in operations(dtype)]
            for dims in ((0,), (1,), (0, 2), (0, 1, 2), ())
        ]

    with jax.enable_x64(dtype == "float64"):
        same_as_jax(all_of_them, make((3, 4, 5), dtype))
        same_as_jax(all_of_them, make((3, 0, 5), dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", jnp.bfloat16, "int32", "uint8"])
def test_arguments_of_extrema(dtype: Any) -> None:
    def both(x: Any) -> Any:
        return [(jnp.argmax(x, axis), jnp.argmin(x, axis)) for axis in (0, 1, None)]

    with jax.enable_x64(dtype == "float64"):
        x = make((5, 7), dtype)
        x[:, 3] = x[:, 5]  # the first of equal elements
        same_as_jax(both, x)
        if np.dtype(dtype).kind != "u" and np.dtype(dtype).kind != "i":
            x[2, 4] = np.nan
            same_as_jax(both, x)


def test_arguments_of_scaled_extrema() -> None:
    """Scales have no part in comparisons: no remark, and the same element at any magnitude."""
    both = steelyard.jit(lambda x: (jnp.argmax(x, 1), jnp.argmin(x)), scheme=steelyard.Scalify(matmul=None))
    x = (make((5, 7), "f4") * 256).round() / 256
    assert not any("real values" in r.message for r in steelyard.explain(both, x))
    for power in (-130, -20, 0, 100):
        row, least = both(np.ldexp(x, power))
        np.testing.assert_array_equal(row, x.argmax(1))
        assert least == x.argmin()


def moments(a: Any, b: Any) -> Any:
    """Counts, means and sums of squares of two parts joined (Chan, Golub and LeVeque)."""
    (m, x, s), (n, y, t) = a, b
    count = jnp.maximum(m + n, 1.0)
    return m + n, (m * x + n * y) / count, s + t + (x - y) ** 2 * m * n / count


def test_reductions_of_several_inputs() -> None:
    x = make((6, 5), "f4")

    def joined(x: Any) -> Any:
        inputs, zero = (jnp.ones_like(x), x, jnp.zeros_like(x)), np.float32(0)
        return (
            lax.reduce(inputs, (zero, zero, zero), moments, (0,)),
            lax.reduce_window(inputs, (zero, zero, zero), moments, (3, 2), (2, 1), "SAME"),
            lax.reduce_window(inputs, (zero, zero, zero), moments, (6, 1), (1, 1), ((5, 0), (0, 0))),
        )

    same_as_jax(joined, x)
    (_, mean, squares), *_ = steelyard.jit(joined)(x)
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(squares, x.var(0) * len(x), rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_prefixes(dtype: str) -> None:
    def all_of_them(x: Any) -> Any:
        results = [op(x, axis, reverse=r) for op in (lax.cumsum, lax.cummax, lax.cummin) for axis in (0, 2) for r in (0, 1)]
        if x.dtype.kind == "f":
            results += [lax.cumlogsumexp(x, axis, reverse=r) for axis in (0, 1) for r in (0, 1)]
        return [*results, jnp.cumprod(x, 1)]

    with jax.enable_x64(dtype == "float64"):
        same_as_jax(all_of_them, make((4, 5, 6), dtype))


def test_prefixes_take_linear_time() -> None:
    """2^20 elements, which quadratic time would take minutes for."""
    x = np.ones(1 << 20, np.float32)
    np.testing.assert_array_equal(steelyard.jit(lambda x: lax.cumsum(x))(x), np.arange(1, (1 << 20) + 1, dtype=np.float32))


def pool(x: Any, **window: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, **{"padding": "VALID", **window})


POOLS: dict[str, dict[str, Any]] = {
    "apart": {"window_dimensions": (1, 2, 2, 1), "window_strides": (1, 2, 2, 1)},
    "overlapping": {"window_dimensions": (1, 3, 2, 1), "window_strides": (1, 1, 2, 1), "padding": "SAME"},
    "uncovered": {"window_dimensions": (1, 2, 1, 1), "window_strides": (1, 3, 2, 1)},
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", jnp.bfloat16])
@pytest.mark.parametrize("name", POOLS)
def test_gradient_of_max_pooling(name: str, dtype: Any) -> None:
    x = make((2, 6, 7, 3), dtype)
    x[0] = np.round(x[0])  # many equal elements: the first is selected

    def both(x: Any) -> Any:
        y, pullback = jax.vjp(lambda x: pool(x, **POOLS[name]), x)
        return y, pullback(y)

    with jax.enable_x64(dtype == "float64"):
        same_as_jax(both, x)


def test_select_and_scatter_skips_padding() -> None:
    """Zeros of the padding would win against negative numbers."""
    text = """
      func.func @main(%x: tensor<5xf32>, %s: tensor<3xf32>) -> tensor<5xf32> {
        %i = stablehlo.constant dense<10.0> : tensor<f32>
        %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{padding = dense<[[2, 1]]> : tensor<1x2xi64>,
          window_dimensions = array<i64: 3>, window_strides = array<i64: 2>}> ({
        ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %c = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
          stablehlo.return %c : tensor<i1>
        }, {
        ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %c = stablehlo.add %a, %b : tensor<f32>
          stablehlo.return %c : tensor<f32>
        }) : (tensor<5xf32>, tensor<3xf32>, tensor<f32>) -> tensor<5xf32>
        return %0 : tensor<5xf32>
      }"""
    x = np.array([-3, -1, -2, -5, -4], np.float32)
    got = steelyard.compile(text)(x, np.array([100, 200, 400], np.float32))[0]
    # Windows: 0; 0, 1, 2; 2, 3, 4.
    np.testing.assert_array_equal(got, [110, 210, 410, 10, 10])


@pytest.mark.parametrize("power", [-20, 0, 20])
@pytest.mark.parametrize("name", POOLS)
def test_scaled_pooling(name: str, power: int) -> None:
    def both(x: Any) -> Any:
        y, pullback = jax.vjp(lambda x: pool(x, **POOLS[name]), x)
        average, down = jax.vjp(lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 1, 2, 1), "SAME"), x)
        return y, pullback(y), average, down(average), jnp.cumsum(x, 1)

    # Elements that storage holds, so that the same ones are selected.
    x = np.ldexp(np.round(make((2, 6, 7, 3), "f4") * 128) / 128, power)
    compiled = steelyard.jit(both, scheme=steelyard.Scalify(matmul=None))
    assert not any("real values" in r.message for r in steelyard.explain(compiled, x))
    for ours, want in zip(compiled(x), evaluate(both, (x,), None), strict=True):
        assert error(ours, want) <= 2**-10
