# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Dynamic slices, scatters, sorts and top-k against JAX itself: elements are moved, so every bit is JAX's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax

DTYPES = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
SPECIAL = np.array([0.0, -0.0, np.nan, np.inf, 1, -np.nan, 1, -np.inf, 2, -3, 0.0, 1e-40], np.float32)
Array = np.ndarray[Any, Any]


def numbers(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Multiples of 1/4, so that sums do not round and there are ties."""
    random = np.random.default_rng(seed)
    values = random.integers(0 if dtype.startswith("u") else -60, 60, size=shape)
    return (values if "int" in dtype else values / 4).astype(jnp.dtype(dtype))


def same(function: Callable[..., Any], *arguments: Any) -> None:
    """Bits of all results are JAX's, and the arguments are what they were."""
    same_for_all(function, [arguments])


def same_for_all(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    with jax.enable_x64(True):
        ours, theirs = steelyard.jit(function), jax.jit(function)
        for arguments in calls:
            before = [np.array(a) for a in arguments]
            got = jax.tree.leaves(ours(*arguments))
            for argument, kept in zip(arguments, before, strict=True):
                assert np.asarray(argument).tobytes() == kept.tobytes()
            check(got, jax.tree.leaves(theirs(*arguments)))


def check(got: list[Any], want: list[Any]) -> None:
    for ours, theirs in zip(got, want, strict=True):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        if "int" not in ours.dtype.name and ours.dtype.name != "bool":
            ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
        np.testing.assert_array_equal(ours, theirs)
        if ours.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dynamic_slice(dtype: str) -> None:
    """Of arguments, and of what others read before and after."""
    x = numbers(dtype, (5, 7))

    def slices(x: Any, i: Any) -> Any:
        double = x + x
        return (
            lax.dynamic_slice(x, (i, i + 1), (2, 3)),
            lax.dynamic_update_slice(x, x[:2, 1:4], (i, i)),
            lax.dynamic_update_slice(double, x[:2, :3], (i, i)),
            lax.dynamic_slice(lax.dynamic_update_slice(double, x[:1], (i, i * 0)), (i, i), (3, 2)) + x[:3, :2],
            double,
        )

    same_for_all(slices, [(x, np.int32(start)) for start in (-9, -1, 0, 2, 3, 100)])


@pytest.mark.parametrize("index", ["int8", "uint8", "uint32", "int64", "uint64"])
def test_start_indices_of_every_type(index: str) -> None:
    x = numbers("float32", (300, 2))
    with jax.enable_x64(True):
        largest = np.iinfo(index).max
        for i in (np.array(v, index) for v in (0, 100, largest - 1, largest)):
            text = (
                f"func.func @main(%x: tensor<300x2xf32>, %i: tensor<{index.replace('uint', 'ui').replace('int', 'i')}>) "
                "-> (tensor<3x2xf32>, tensor<300x2xf32>) {\n"
                "%z = stablehlo.constant dense<0> : T\n"
                "%0 = stablehlo.dynamic_slice %x, %i, %z, sizes = [3, 2] : (tensor<300x2xf32>, T, T) -> tensor<3x2xf32>\n"
                "%1 = stablehlo.dynamic_update_slice %x, %0, %z, %i : (tensor<300x2xf32>, tensor<3x2xf32>, T, T) "
                "-> tensor<300x2xf32>\nreturn %0, %1 : tensor<3x2xf32>, tensor<300x2xf32>\n}"
            ).replace("T", f"tensor<{index.replace('uint', 'ui').replace('int', 'i')}>")
            window, updated = steelyard.compile(text)(x, i)
            start = min(int(i), 297)
            np.testing.assert_array_equal(window, x[start : start + 3])
            np.testing.assert_array_equal(updated, np.concatenate([x[start : start + 3], x[3:]]))


def test_slices_are_views_of_any_consumer() -> None:
    """Contractions, reductions and transposes read views at computed offsets."""
    x, i = numbers("float32", (9, 8)), np.int32(3)
    same(lambda x, i: lax.dynamic_slice(x, (i, i * 0), (4, 8)) @ x.T, x, i)
    same(lambda x, i: jnp.sum(lax.dynamic_slice(x, (i, i), (4, 3)).T * 2, axis=0), x, i)
    same(lambda x, i: lax.dynamic_slice(x, (i, i), (4, 3)).reshape(3, 4), x, i)
    same(lambda x, i: lax.dynamic_slice(x, (i * 0, i), (9, 3))[::2].T, x, i)


ROWS = np.array([[2, 0], [4, 1], [2, 3], [-7, 2], [4, 1], [5, 5], [0, 0]], np.int32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("join", ["add", "set", "max", "min", "multiply"])
def test_scatter(dtype: str, join: str) -> None:
    """Repeated and absent indices; updates of scalars, rows, columns and blocks."""
    x = numbers(dtype, (5, 6))
    if join == "multiply":
        x = np.sign(x)
    updates = numbers(dtype, (7, 6), 1)
    if join == "multiply":
        updates = np.sign(updates)

    def at(x: Any, index: Any, u: Any) -> Any:
        return getattr(x.at[index], join)(u, mode="drop")

    def scatters(x: Any, i: Any, u: Any) -> Any:
        return (
            at(x, i[:, 0], u),
            at(x, (slice(None), i[:, 0]), u[:5, :].T[:5, :1]),
            at(x, (i[:, 0], i[:, 1]), u[:, 0]),
            at(x + x, i[0, 0], u[0]) + x,
            jax.vmap(at)(x, i[:5], u[:5, :2]),
        )

    same(scatters, x, ROWS, updates)


@pytest.mark.parametrize("mode", [lax.GatherScatterMode.FILL_OR_DROP, lax.GatherScatterMode.CLIP])
def test_scatter_of_windows(mode: lax.GatherScatterMode) -> None:
    """A window that is partly outside is skipped whole; windows that overlap are joined one after the other."""
    x, u = numbers("float32", (6, 4)), numbers("float32", (7, 3, 2), 1)
    i = np.array([[4, 0], [-1, 0], [1, 1], [6, 2], [3, 3], [3, 2], [2, 1]], np.int32)
    numbers_ = lax.ScatterDimensionNumbers((1, 2), (), (0, 1))
    for scatter in (lax.scatter_add, lax.scatter, lax.scatter_max):
        same(lambda x, i, u, s=scatter: s(x, i, u, numbers_, mode=mode), x, i, u)
    swapped = lax.ScatterDimensionNumbers((0, 1), (), (1, 0))
    same(lambda x, i, u: lax.scatter_add(x, i, u.transpose(1, 2, 0), swapped, mode=mode), x, i, u)
    inserted = lax.ScatterDimensionNumbers((1,), (1,), (1,))
    same(lambda x, i, u: lax.scatter_add(x, i[:, :1], u[:, :, 0], inserted, mode=mode), x, i, u)


def test_scatters_that_programs_make() -> None:
    x, i = numbers("float32", (5, 6)), np.array([3, 1, 3, 0], np.int32)
    same(jax.grad(lambda x, i: jnp.sum(x[i] ** 2)), x, i)
    same(jax.grad(lambda x, i: jnp.sum(jnp.take_along_axis(x, i[:, None], 0) ** 2)), x, i)
    same(lambda x, i: jax.ops.segment_sum(x[:4], i, 5), x, i)
    same(lambda x, i: jax.ops.segment_max(x[:4], i, 5), x, i)
    same(lambda i: jnp.bincount(i, length=6), i)
    same(lambda x, i: x.at[i].apply(jnp.negative), x, i[1:])
    same(lambda x, i: jnp.zeros(0).at[i].add(1.0), x, i)
    same(jax.vmap(lambda x, i: lax.dynamic_update_slice(x, x[:2] + 1, (i,))), x, np.arange(5, dtype=np.int32) * 2)


def test_scatter_of_two_with_wider_accumulators() -> None:
    """The specification's form: inputs promoted to the computation's types, and any computation."""
    text = """
    func.func @main(%a: tensor<6xf16>, %b: tensor<6xi8>, %i: tensor<4xi64>, %u: tensor<4xf16>, %v: tensor<4xi8>)
        -> (tensor<6xf32>, tensor<6xi32>) {
      %0:2 = "stablehlo.scatter"(%a, %b, %i, %u, %v) <{scatter_dimension_numbers = #stablehlo.scatter<
        inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
      ^bb0(%x: tensor<f32>, %y: tensor<i32>, %z: tensor<f32>, %w: tensor<i32>):
        %half = stablehlo.constant dense<0.5> : tensor<f32>
        %s = stablehlo.multiply %x, %half : tensor<f32>
        %t = stablehlo.add %s, %z : tensor<f32>
        %p = stablehlo.compare LT, %y, %w, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
        %q = stablehlo.select %p, %w, %y : tensor<i1>, tensor<i32>
        stablehlo.return %t, %q : tensor<f32>, tensor<i32>
      }) : (tensor<6xf16>, tensor<6xi8>, tensor<4xi64>, tensor<4xf16>, tensor<4xi8>) -> (tensor<6xf32>, tensor<6xi32>)
      return %0#0, %0#1 : tensor<6xf32>, tensor<6xi32>
    }"""
    a, b = numbers("float16", (6,)), numbers("int8", (6,), 1)
    i = np.array([5, 0, 9, 5])
    u, v = numbers("float16", (4,), 2), numbers("int8", (4,), 3)
    want_a, want_b = a.astype(np.float32), b.astype(np.int32)
    for k, at in enumerate(i):
        if at < 6:
            want_a[at] = want_a[at] / 2 + u[k]
            want_b[at] = max(want_b[at], v[k])
    got_a, got_b = steelyard.compile(text)(a, b, i, u, v)
    np.testing.assert_array_equal(got_a, want_a)
    np.testing.assert_array_equal(got_b, want_b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 3, 37, 1000])
def test_sort(dtype: str, length: int) -> None:
    x = numbers(dtype, (length,))
    same(lambda x: (jnp.sort(x), jnp.argsort(x), jnp.argsort(x, descending=True), lax.top_k(x, min(5, length))), x)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "uint8"])
@pytest.mark.parametrize(("length", "count"), [(4, 1), (37, 9), (37, 10), (256, 64), (260, 65), (1000, 40), (9, 0)])
def test_first_elements(dtype: str, length: int, count: int) -> None:
    """Few of many are kept as they come by; ties stay in order, of rising, falling and random elements."""
    x = numbers(dtype, (3, length))
    for data in (x, np.sort(x), np.sort(x)[:, ::-1].copy(), x * 0, np.where(np.arange(length) % 3, x, x.max())):
        same(lambda x: lax.top_k(x, count), data.astype(x.dtype))


def test_first_elements_along_any_dimension() -> None:
    x, y = np.round(numbers("float32", (16, 3, 17))), numbers("int32", (16, 3, 17))
    same(lambda x: (jnp.sort(x, axis=0)[:4], jnp.argsort(x, axis=2)[:, 1:, 1:3]), x)
    same(lambda x, y: [a[:, :, :3] for a in lax.sort((x, y), num_keys=2)], x, y)
    same(lambda x, y: lax.sort((x, y), num_keys=1)[1][:, :, :1], x, y)
    same(lambda x: (jnp.sort(x)[0, 0, :2], jnp.sort(x)), x)  # the same sort, all of it
    same(lambda x: lax.fori_loop(0, 3, lambda i, c: c + lax.top_k(c, 2)[0][..., :1], x), x)


def test_sort_along_any_dimension() -> None:
    x = numbers("float32", (3, 7, 5))
    for axis in range(3):
        same(lambda x, axis=axis: (jnp.sort(x, axis=axis), jnp.argsort(x, axis=axis)), x)
    same(lambda x: jnp.sort(x, axis=None), x)
    same(lambda x: jnp.sort(x, axis=1), x[:0])


def test_sort_of_special_values() -> None:
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        x = SPECIAL.astype(jnp.dtype(dtype))
        same(lambda x: (jnp.argsort(x), lax.top_k(x, x.size), lax.top_k(x, 3)), x)
        same(lambda x: jnp.sort(x)[:7], x)  # the sign of NaN is not specified


def test_sort_by_several_keys() -> None:
    a, b, c = numbers("int8", (9, 30)) % 3, np.round(numbers("float32", (9, 30), 1)) % 4, numbers("int32", (9, 30), 2)
    for keys in (1, 2, 3):
        for dimension in (0, 1):
            same(lambda a, b, c, k=keys, d=dimension: lax.sort((a, b, c), num_keys=k, dimension=d), a, b, c)
    same(lambda a, b: jnp.lexsort((a, b)), a[0], b[0])
    same(lambda b: (jnp.median(b), jnp.quantile(b, 0.25, axis=0), jnp.percentile(b, 75)), b)
    # Operands of one type.
    same(lambda b: lax.sort((b, -b, b), num_keys=2), b)


def test_sort_of_booleans() -> None:
    same(lambda x: (jnp.sort(x), jnp.argsort(x)), numbers("int8", (20,)) > 0)


SORT_BY_DISTANCE = """
func.func @main(%x: tensor<9xf32>) -> tensor<9xf32> {
  %0 = "stablehlo.sort"(%x) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %one = stablehlo.constant dense<1.0> : tensor<f32>
    %c = stablehlo.subtract %a, %one : tensor<f32>
    %d = stablehlo.subtract %b, %one : tensor<f32>
    %e = stablehlo.abs %c : tensor<f32>
    %f = stablehlo.abs %d : tensor<f32>
    %g = stablehlo.compare LT, %e, %f : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %g : tensor<i1>
  }) : (tensor<9xf32>) -> tensor<9xf32>
  return %0 : tensor<9xf32>
}"""


@pytest.mark.parametrize("scheme", [None, steelyard.Scalify(matmul=None)], ids=["float32", "scalify"])
def test_sort_by_a_comparator_of_magnitudes(scheme: steelyard.Scalify | None) -> None:
    x = np.array([7, 0.25, -3, 1.5, 1.25, -0.5, 4, 2.5, 0.875], np.float32)
    (got,) = steelyard.compile(SORT_BY_DISTANCE, scheme=scheme)(x)
    np.testing.assert_array_equal(got, x[np.argsort(np.abs(x - 1), kind="stable")])


@pytest.mark.parametrize("power", [-20, 0, 20])
def test_scalify_keeps_order_and_bits(power: int) -> None:
    """Values that FP16 holds with one exponent are moved as they are, whatever their magnitude."""
    x = np.ldexp(numbers("float32", (4, 16)), power).astype(np.float32)
    scheme = steelyard.Scalify(matmul=None)
    for function in (
        lambda x: (jnp.sort(x), jnp.argsort(x, axis=0)),
        lambda x: lax.sort((x, -x), num_keys=2),
        lambda x: lax.top_k(x, 3),
        lambda x: x.at[jnp.array([1, 3, 1])].set(x[:3]),
        lambda x: lax.dynamic_update_slice(
            x, x[1:3, :4], (x.astype(jnp.int32)[0, 0] * 0 + 1, x.astype(jnp.int32)[0, 0] * 0 + 2)
        ),
    ):
        got = jax.tree.leaves(steelyard.jit(function, scheme=scheme)(x))
        for ours, theirs in zip(got, jax.tree.leaves(jax.jit(function)(x)), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_in_loops() -> None:
    """Caches, sorts and scatters of what a loop carries."""
    x = numbers("float32", (6, 4))

    def loops(x: Any, i: Any) -> Any:
        return (
            lax.fori_loop(0, 6, lambda k, c: lax.dynamic_update_slice(c, (c[0] * k)[None], (k, k * 0)), x),
            lax.fori_loop(0, 3, lambda k, c: jnp.sort(c * -2, axis=0), x),
            lax.scan(lambda c, k: (c.at[k].add(1.0), c[k, 0]), x, i),
            lax.fori_loop(0, 3, lambda k, c: c - lax.top_k(c, 2)[0][:, 1:], x),
        )

    same(loops, x, np.array([1, 3, 1, 9, 5], np.int32))
