# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operations on integers of every width, signed and unsigned, against JAX itself."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax

WIDTHS = [8, 16, 32, 64]
INTEGERS = [f"{sign}int{width}" for sign in ("", "u") for width in WIDTHS]
Array = np.ndarray[Any, Any]


def edges(dtype: str) -> tuple[Array, Array]:
    """Every pair of extremes, small numbers and some between."""
    info = np.iinfo(dtype)
    values = {info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, info.bits - 1, info.bits, info.max // 3}
    if info.min < 0:
        values |= {-1, -2, -7}
    line = np.array(sorted(values), dtype)
    a, b = np.meshgrid(line, line)
    return a.ravel(), b.ravel()


def operations(a: Any, b: Any) -> dict[str, Any]:
    width = jnp.iinfo(a.dtype).bits
    results = {
        "add": a + b, "subtract": a - b, "multiply": a * b, "divide": lax.div(a, b), "remainder": lax.rem(a, b),
        "maximum": jnp.maximum(a, b), "minimum": jnp.minimum(a, b), "and": a & b, "or": a | b, "xor": a ^ b, "not": ~a,
        "shift_left": lax.shift_left(a, b), "shift_right_logical": lax.shift_right_logical(a, b),
        "shift_right_arithmetic": lax.shift_right_arithmetic(a, b), "abs": jnp.abs(a), "sign": jnp.sign(a),
        "negate": lax.neg(a), "popcnt": lax.population_count(a), "clz": lax.clz(a), "clamp": lax.clamp(b, a, b + 1),
        "compare": (a < b, a <= b, a > b, a >= b, a == b, a != b), "sum": jnp.sum(a), "max": jnp.max(a), "min": jnp.min(a),
        "float": (a.astype(jnp.float32), a.astype(jnp.float64)), "bool": a.astype(bool),
        "integers": [a.astype(dtype) for dtype in INTEGERS], "select": jnp.where(a < b, a, b),
        "floor_divide": a // jnp.where(b == 0, 1, b), "power": lax.integer_pow(a, 5),
        "cumulative": jnp.sort(a), "reverse": a[::-1],
    }  # fmt: skip
    for narrower in WIDTHS:
        if narrower < width:
            results[f"parts of {narrower}"] = parts = lax.bitcast_convert_type(a, f"uint{narrower}")
            results[f"whole of {narrower}"] = lax.bitcast_convert_type(parts, a.dtype)
    return results


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(dtype: str) -> None:
    a, b = edges(dtype)
    with jax.enable_x64(True):
        got, want = steelyard.jit(operations)(a, b), jax.jit(operations)(a, b)
        leaves = jax.tree_util.tree_leaves_with_path(want)
        for (path, theirs), ours in zip(leaves, jax.tree.leaves(got), strict=True):
            assert np.asarray(ours).dtype == theirs.dtype, path
            np.testing.assert_array_equal(ours, theirs, err_msg=str(path))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_power(dtype: str) -> None:
    """JAX prints stablehlo.power for no integers; modulo 2^width, and 0 for the reciprocals of all but 1 and -1."""
    a, b = edges(dtype)
    kind = dtype.replace("uint", "ui").replace("int", "i")
    whole = f"tensor<{a.size}x{kind}>"
    text = (
        f"func.func @main(%a: {whole}, %b: {whole}) -> {whole} {{\n"
        f"%0 = stablehlo.power %a, %b : {whole}\nreturn %0 : {whole}\n}}"
    )
    modulus = 2 ** np.iinfo(dtype).bits

    def power(x: int, n: int) -> int:
        if n < 0:
            return x ** (-n % 2) if x in (1, -1) else 0
        return pow(x, n, modulus)

    want = np.array([power(int(x), int(n)) % modulus for x, n in zip(a, b, strict=True)], f"u{a.itemsize}").view(dtype)
    (got,) = steelyard.compile(text)(a, b)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"])
def test_bits_of_floats(dtype: str) -> None:
    width = jnp.dtype(dtype).itemsize * 8
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**63, size=(3, 8), dtype=np.uint64).astype(f"uint{width}")

    def through(x: Any) -> Any:
        results = [lax.bitcast_convert_type(x, f"uint{w}") for w in WIDTHS if w <= width]
        return [*results, *(lax.bitcast_convert_type(part, x.dtype) for part in results)]

    with jax.enable_x64(True):
        x = bits.view(jnp.dtype(dtype))
        for ours, theirs in zip(steelyard.jit(through)(x), jax.jit(through)(x), strict=True):
            np.testing.assert_array_equal(np.asarray(ours).view(np.uint8), np.asarray(theirs).view(np.uint8))


def test_parts_of_different_kinds() -> None:
    with jax.enable_x64(True):
        x = np.arange(24, dtype=np.float32).reshape(3, 4, 2)

        def pairs(x: Any) -> Any:
            wide = lax.bitcast_convert_type(x, jnp.float64)
            return wide, lax.bitcast_convert_type(wide * 1.5, jnp.int32), lax.bitcast_convert_type(x[0, 0], jnp.uint64)

        for ours, theirs in zip(steelyard.jit(pairs)(x), jax.jit(pairs)(x), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_map_and_dimension_size() -> None:
    text = """
    func.func @main(%a: tensor<2x3xf32>, %b: tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<i32>) {
      %0 = "stablehlo.map"(%a, %b) <{dimensions = array<i64: 0, 1>}> ({
      ^bb0(%x: tensor<f32>, %y: tensor<i32>):
        %c = stablehlo.constant dense<3> : tensor<i32>
        %p = stablehlo.compare LT, %y, %c, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
        %z = stablehlo.convert %y : (tensor<i32>) -> tensor<f32>
        %s = stablehlo.select %p, %x, %z : tensor<i1>, tensor<f32>
        %t = stablehlo.clamp %z, %s, %x : tensor<f32>
        stablehlo.return %s : tensor<f32>
      }) : (tensor<2x3xf32>, tensor<2x3xi32>) -> tensor<2x3xf32>
      %1 = stablehlo.get_dimension_size %0, dim = 1 : (tensor<2x3xf32>) -> tensor<i32>
      return %0, %1 : tensor<2x3xf32>, tensor<i32>
    }"""
    a, b = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3), np.arange(6, dtype=np.int32).reshape(2, 3)
    for scheme in (None, steelyard.Scalify(matmul=None)):
        got, size = steelyard.compile(text, scheme=scheme)(a, b)
        np.testing.assert_allclose(got, np.where(b < 3, a, b), rtol=2**-10)
        assert size == 3


@pytest.mark.parametrize("dtype", INTEGERS)
def test_outer_product_that_is_broadcast(dtype: str) -> None:
    """Read three times, computed once: a product without sums must not add to what it finds."""
    x, y = np.arange(1, 5).astype(dtype), np.arange(2, 5).astype(dtype)

    def outer(x: Any, y: Any) -> Any:
        return jnp.broadcast_to(lax.dot_general(x, y, (((), ()), ((), ()))), (3, 4, 3))

    with jax.enable_x64(True):
        np.testing.assert_array_equal(steelyard.jit(outer)(x, y), np.broadcast_to(np.outer(x, y), (3, 4, 3)))
