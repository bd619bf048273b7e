# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What loops stack: one exponent a slice, against the rounding oracle where slices are 2^±40 apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax
from oracle import error, evaluate

random = np.random.default_rng(0)
X = random.standard_normal((3, 4)).astype("f4")
# Numbers, not a tensor: that would have one scale itself.
POWERS = tuple(np.float32(2.0**k) for k in (0, -30, 20, -7, 40))


def at(powers: Any, i: Any) -> Any:
    """powers[i] of a tuple."""
    chosen = powers[0]
    for k in range(1, 5):
        chosen = jnp.where(i == k, powers[k], chosen)
    return chosen


def stack(x: Any, powers: Any, reverse: bool = False) -> Any:
    """[5, 3, 4]: each slice of another magnitude, the last beyond what one float16 scale holds beside the first."""
    return lax.scan(lambda c, i: (c * 1.1, c * at(powers, i)), x, jnp.arange(5), reverse=reverse)[1]


def each(f: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, powers: f(stack(x, powers))


def layers_gradient(x: Any, powers: Any) -> Any:
    """Residuals and weights' gradients are stacks, of layers that scale by 2^±40."""

    def loss(w: Any) -> Any:
        def layer(c: Any, layer: Any) -> Any:
            w, i = layer
            return c * w * at(powers, i), c[:2]

        return jnp.sum(lax.scan(layer, x[1], (w, jnp.arange(5)))[0])

    return jax.grad(loss)(jnp.ones((5, 4), x.dtype))


def nested(x: Any, powers: Any) -> Any:
    """A stack of stacks: one exponent for each of the outer ones."""
    ones = (jnp.ones((), x.dtype),) * 5
    return lax.scan(lambda c, i: (c, at(powers, i) * stack(c, ones)), x, jnp.arange(5))[1]


def two(x: Any, powers: Any) -> Any:
    """Two slices a trip, and a stack of scalars."""

    def step(c: Any, i: Any) -> Any:
        p = at(powers, i)
        return c, (c * p, c.T / p, jnp.sum(jnp.abs(c)) * p)

    return lax.scan(step, x, jnp.arange(5))[1]


def read_back(x: Any, powers: Any) -> Any:
    """Each trip reads the slice that the one before wrote."""

    def body(i: Any, s: Any) -> Any:
        before = lax.dynamic_index_in_dim(s, i - 1, keepdims=False)
        return lax.dynamic_update_index_in_dim(s, before * at(powers, i), i, 0)

    return lax.fori_loop(1, 5, body, jnp.zeros((5, 3, 4), x.dtype).at[0].set(x))


def along_last(x: Any, powers: Any) -> Any:
    def body(i: Any, s: Any) -> Any:
        return lax.dynamic_update_index_in_dim(s, x * at(powers, i), i, 2)

    return lax.fori_loop(0, 5, body, jnp.ones((3, 4, 5), x.dtype))


def read_whole(x: Any, powers: Any) -> Any:
    """A cache: read as a whole in each trip, so with one exponent, which grows."""

    def step(cache: Any, i: Any) -> Any:
        cache = lax.dynamic_update_index_in_dim(cache, x * (1 + i), i, 0)
        return cache, jnp.sum(cache, 0)

    return lax.scan(step, jnp.zeros((5, 3, 4), x.dtype), jnp.arange(5))


def some_trips(x: Any, powers: Any) -> Any:
    """Slices that no trip writes stay what they were."""

    def body(c: Any) -> Any:
        i, s = c
        return i + 2, lax.dynamic_update_index_in_dim(s, x * at(powers, i), i, 0)

    return lax.while_loop(lambda c: c[0] < 4, body, (0, jnp.full((5, 3, 4), 1e-3, x.dtype)))[1]


def clamped(x: Any, powers: Any) -> Any:
    """Positions beyond the ends are clamped: data and exponents alike."""

    def body(i: Any, s: Any) -> Any:
        return lax.dynamic_update_slice(s, (x * at(powers, i))[None], (3 * i - 5, 0, 0))

    s = lax.fori_loop(0, 5, body, jnp.zeros((5, 3, 4), x.dtype))
    return lax.dynamic_slice(s, (9, 0, 0), (1, 3, 4)), lax.dynamic_slice(s, (-2, 1, 1), (2, 2, 2))


PROGRAMS: dict[str, Callable[..., Any]] = {
    "stack": stack, "backward": lambda x, p: stack(x, p, True), "layers_gradient": layers_gradient, "nested": nested,
    "two": two, "read_back": read_back, "along_last": along_last, "read_whole": read_whole, "some_trips": some_trips,
    "clamped": clamped,
    "transpose": each(lambda s: jnp.transpose(s, (2, 0, 1))), "reverse": each(lambda s: s[::-1, :, ::-1]),
    "reshape": each(lambda s: s.reshape(5, 12)), "broadcast": each(lambda s: jnp.broadcast_to(s[:, None], (5, 2, 3, 4))),
    "slices": each(lambda s: [s[0], s[1:4:2], s[4, :, 1], s[::-1][2]]),
    "chosen": lambda x, p: [stack(x, p)[jnp.argmin(x) * 0 + i] for i in range(5)],
    "real": each(lambda s: jnp.tanh(s)), "joined": each(lambda s: [jnp.sum(s, 0), jnp.max(s), s * s]),
    "product": lambda x, p: jnp.einsum("lij,kj->ik", stack(x, p), x),
    "flat": each(lambda s: s.reshape(15, 4)), "gathered": each(lambda s: s[np.array([2, 0])]),
    "concatenated": lambda x, p: jnp.concatenate([stack(x, p), x[None]]),
    "branch": lambda x, p: lax.cond(x[0, 0] > 0, lambda: stack(x, p), lambda: stack(x, p) * 2),
}  # fmt: skip


def slices_of(value: Any) -> list[Any]:
    """Results slice by slice: the error of each is its own."""
    return list(value) if np.ndim(value) and np.shape(value)[0] == 5 else [value]


@pytest.mark.parametrize("name", PROGRAMS)
def test_float32_equals_jax(name: str) -> None:
    got = jax.tree.leaves(steelyard.jit(PROGRAMS[name])(X, POWERS))
    for ours, theirs in zip(got, jax.tree.leaves(jax.jit(PROGRAMS[name])(X, POWERS)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_scalify_float16(name: str, wide: bool) -> None:
    """At most twice the oracle's error; in single slices where a slice keeps its scale."""
    dtype = "f8" if wide else "f4"
    with jax.enable_x64(wide):
        compiled = steelyard.jit(PROGRAMS[name], scheme=steelyard.Scalify(matmul=None))
        arguments = jax.tree.map(lambda a: a.astype(dtype), (X, POWERS))
        got = jax.tree.leaves(compiled(*arguments))
        joins = any("slices that a loop stacked" in str(r) for r in steelyard.explain(compiled, *arguments))
    assert joins == (name in JOINED)
    split = (lambda value: [value]) if joins or name in ONE_SCALE else slices_of
    exact = evaluate(PROGRAMS[name], (X, POWERS), None)
    rounded = evaluate(PROGRAMS[name], (X, POWERS), 11)
    for ours, wanted, allowed in zip(got, exact, rounded, strict=True):
        for g, e, r in zip(split(ours), split(wanted), split(allowed), strict=True):
            assert error(g, e) <= 2 * max(error(r, e), 2**-12)


# What has one scale a tensor, with a remark; and results of one scale without one: no stack goes into them, or by its
# real value.
JOINED = {"nested", "joined", "product", "flat", "gathered", "concatenated", "branch"}
ONE_SCALE = {"read_whole", "real"}


@pytest.mark.parametrize("value", [0.0, np.inf, -np.inf, np.nan, 2.0**120, 2.0**-120])
@pytest.mark.parametrize("name", ["stack", "backward", "transpose", "slices", "read_back"])
def test_special_values_stay_in_their_slices(name: str, value: float) -> None:
    powers = tuple(np.float32([1, value, -1, 0, 2.0**-30]))
    got = jax.tree.leaves(steelyard.jit(PROGRAMS[name], scheme=steelyard.Scalify(matmul=None))(X, powers))
    for ours, exact in zip(got, evaluate(PROGRAMS[name], (X, powers), None), strict=True):
        exact = exact.astype("f4")  # what is beyond float32 in it
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(ours, exact, rtol=4e-3)


def test_slices_have_integers_for_exponents() -> None:
    """2^±100 in float16 data, exactly."""
    powers = tuple(np.ldexp(np.float32(1), np.int32([100, -100, 0, 31, -126])))
    x = np.float32([[1, -1.5, 0.25, 0]])
    compiled = steelyard.jit(
        lambda x, p: lax.scan(lambda c, i: (c, c * at(p, i)), x, jnp.arange(5))[1],
        scheme=steelyard.Scalify(matmul=None),
    )
    np.testing.assert_array_equal(compiled(x, powers), np.stack([x * p for p in powers]))
