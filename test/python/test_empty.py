# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors without elements, wherever the dimension of size 0 stands: as JAX has it, in every family of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard

SCHEMES = {
    "plain": None,
    "Scalify": steelyard.Scalify(),
    "delayed": steelyard.Scalify(matmul=steelyard.Recipe("fp8-delayed")),
}


def zeros(*shape: int, dtype: str = "f4") -> Any:
    return np.zeros(shape, dtype)


def some(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype("f4")


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    # elementwise
    "add": (lambda x: x + 1, (zeros(2, 0, 3),)),
    "tanh": (jnp.tanh, (zeros(3, 0),)),
    "select": (lambda x, y: jnp.where(x > y, x, y), (zeros(2, 0), zeros(2, 0))),
    "clamp": (lambda x: jnp.clip(x, -1, 1), (zeros(2, 0),)),
    "convert": (lambda x: (x // 3).astype("f4"), (zeros(3, 0, dtype="u1"),)),
    "not": (lambda x: ~x, (zeros(3, 0, dtype="?"),)),
    "constant": (lambda x: x + jnp.zeros((3, 0)), (zeros(3, 0),)),
    "iota": (lambda x: x + jax.lax.broadcasted_iota("float32", (3, 0), 0), (zeros(3, 0),)),
    "none": (lambda: jnp.zeros((4, 0, 2)), ()),
    # data movement
    "same": (lambda x: (x, x), (zeros(3, 0),)),
    "slice": (lambda x: x[:, :0] + 1, (some(3, 4),)),
    "slice_of_none": (lambda x: x[1:], (zeros(3, 0),)),
    "reshape": (lambda x: x.reshape(2, 0, 5), (zeros(3, 0),)),
    "transpose": (lambda x: x.T, (zeros(3, 0),)),
    "reverse": (lambda x: x[::-1, ::-1], (zeros(3, 0),)),
    "broadcast": (lambda x: jnp.broadcast_to(x, (3, 0, 2)), (zeros(1, 0, 2),)),
    "broadcast_to_none": (lambda x: jnp.broadcast_to(x, (3, 0, 2)), (some(2),)),
    "concatenate": (lambda x, y: jnp.concatenate([x, y, x, y], 1), (zeros(3, 0), some(3, 2))),
    "concatenate_none": (lambda x, y: jnp.concatenate([x, y], 1), (zeros(3, 0), zeros(3, 0))),
    "pad": (lambda x: jnp.pad(x, ((0, 0), (1, 2)), constant_values=3.0), (zeros(3, 0),)),
    "gather": (lambda x: jnp.take(x, np.array([0, 1]), axis=0), (zeros(2, 0),)),
    "gather_none": (lambda x, i: x[i], (some(2, 3), zeros(0, 2, dtype="i4"))),
    # reductions: the initial values
    "sum": (lambda x: x.sum(axis=1), (zeros(3, 0),)),
    "sum_to_none": (lambda x: x.sum(axis=0), (zeros(3, 0),)),
    "sum_of_all": (lambda x: x.sum(), (zeros(3, 0, 2),)),
    "sum_of_integers": (lambda x: x.sum(axis=(0, 2)), (zeros(3, 2, 0, dtype="i4"),)),
    "sum_of_halves": (lambda x: x.sum(axis=1), (zeros(3, 0, dtype="f2"),)),
    "max": (lambda x: x.max(axis=1, initial=-2.0), (zeros(3, 0),)),
    "max_without_initial": (lambda x: jax.lax.reduce_max_p.bind(x, axes=(1,), out_sharding=None), (zeros(3, 0),)),
    "prod": (lambda x: x.prod(axis=1), (zeros(3, 0),)),
    "any": (lambda x: x.any(axis=1), (zeros(3, 0, dtype="?"),)),
    "argmax_to_none": (lambda x: jnp.argmax(x, axis=0), (zeros(3, 0),)),
    "mean": (lambda x: x.mean(axis=1), (zeros(3, 0),)),
    "softmax": (jax.nn.softmax, (zeros(3, 0),)),
    "window": (
        lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (2, 1), (1, 1), ((2, 1), (0, 0)), (2, 1)),
        (zeros(0, 3),),
    ),
    "window_of_pairs": (
        lambda x, y: jax.lax.reduce_window(
            (x, y), (-3.0, 2.0), lambda a, b: (jnp.maximum(a[0], b[0]), jnp.minimum(a[1], b[1])), (1, 3), (1, 2), "SAME"
        ),
        (zeros(0, 5), zeros(0, 5)),
    ),
    "scatter": (
        lambda x, i, u: (x.at[i].add(u), x.at[:, i].set(u.T), x.at[i, i].max(u[:, 0])),
        (some(3, 3), zeros(0, dtype="i4"), zeros(0, 3)),
    ),
    "update": (lambda x, u: jax.lax.dynamic_update_slice(x, u, (1, 1)), (some(3, 3), zeros(0, 2))),
    "sort": (lambda x: (jnp.sort(x), jnp.sort(x, 0)[:1], jax.lax.top_k(x, 0)), (zeros(9, 0),)),
    # contractions: zeros over nothing
    "dot_of_none": (jnp.matmul, (zeros(3, 0), zeros(0, 4))),
    "dot_batched": (jnp.matmul, (zeros(2, 3, 0), zeros(2, 0, 4))),
    "dot_to_none": (jnp.matmul, (some(3, 2), zeros(2, 0))),
    "dot_no_batch": (jnp.matmul, (zeros(0, 3, 2), zeros(0, 2, 4))),
    "dot_of_integers": (jnp.matmul, (zeros(3, 0, dtype="i4"), zeros(0, 4, dtype="i4"))),
    # control flow
    "loop": (
        lambda x, y: jax.lax.fori_loop(0, 3, lambda i, c: (c[0] * 2, c[1] + c[0].sum()), (x, y)),
        (zeros(2, 0), some(3)),
    ),
    "scan": (lambda x, y: jax.lax.scan(lambda c, v: (c + v.sum(), v * 2), y, x), (zeros(4, 2, 0), some(3))),
    "scan_of_none": (lambda x, y: jax.lax.scan(lambda c, v: (c + v, v * c), y, x), (zeros(0, 3), some(3))),
    "branch": (lambda x, y: jax.lax.cond(y[0] > 0, lambda x: x + 1, lambda x: x * 2, x), (zeros(2, 0), some(3))),
    "gradient": (jax.grad(lambda w, x: jnp.sum(jnp.tanh(x @ w))), (zeros(0, 4), zeros(2, 0))),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_jax(name: str, scheme: str) -> None:
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function, scheme=SCHEMES[scheme])(*arguments))
    for ours, theirs in zip(got, map(np.asarray, jax.tree.leaves(jax.jit(function)(*arguments))), strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        # Of tensors with elements there are none here but initial values, padding and what is moved.
        np.testing.assert_allclose(ours, theirs, rtol=2**-11 if SCHEMES[scheme] else 0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_float64(scheme: str) -> None:
    with jax.enable_x64(True):
        x, y = zeros(3, 0, dtype="f8"), zeros(0, 2, dtype="f8")
        result, total = steelyard.jit(lambda x, y: (x @ y, x.sum()), scheme=SCHEMES[scheme])(x, y)
    assert result.dtype == np.float64 and result.shape == (3, 2) and not result.any() and total == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_donated(scheme: str) -> None:
    """State without elements stays what it is from call to call."""
    step = steelyard.jit(lambda v, x: (0.9 * v + x, x.sum()), scheme=SCHEMES[scheme], donate_argnums=0)
    v = zeros(2, 0, 3)
    for _ in range(2):
        v, total = step(v, zeros(2, 0, 3))
    assert np.asarray(v).shape == (2, 0, 3) and total == 0
