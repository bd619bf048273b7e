# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The corpus: equal to JAX without a scheme, within the oracle's rounding with Scalify in FP16, on scales throughout."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
import pytest
import steelyard
from corpus import PROGRAMS, models, plain
from magnitudes import UNDETERMINED
from oracle import error, evaluate

# Operations that are computed on real values, with a remark: of prefixes, the window that joins by logsumexp; elsewhere,
# the random bits that become floats.
REAL = {
    "prefixes": 1, "sampler": 1, "categorical": 1, "noise": 2,
    "equinox: dropout": 1, "equinox: dropout, gradient": 1, "flax: training step": 1,
}  # fmt: skip
# Programs that take a part of them in float32 whatever they are given: jax.nn.dot_product_attention its softmax.
SINGLE = ("flax nnx: block", "flax nnx: block, gradient")


@functools.cache
def exact(name: str) -> list[Any]:
    return evaluate(*PROGRAMS[name], None)


@pytest.mark.parametrize("name", PROGRAMS)
def test_float32_equals_jax(name: str) -> None:
    """No further from float64 than a few times what JAX's own float32 is."""
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function)(*arguments))
    peer = jax.tree.leaves(jax.jit(function)(*arguments))
    for ours, theirs, want in zip(got, peer, exact(name), strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert error(ours, want) <= 4 * error(theirs, want) + 2**-20


@pytest.mark.parametrize("name", PROGRAMS)
def test_float64_equals_jax(name: str) -> None:
    function, arguments = PROGRAMS[name]
    bound = 1e-6 if name in SINGLE else 1e-11
    wide = jax.tree.map(lambda a: a.astype("f8") if a.dtype.kind == "f" else a, arguments)
    with jax.enable_x64(True):
        got = jax.tree.leaves(steelyard.jit(function)(*wide))
    for ours, theirs in zip(got, exact(name), strict=True):
        assert ours.dtype == theirs.dtype
        # Gradients that vanish in exact arithmetic are rounding errors of others.
        assert error(ours, theirs) <= bound or float(np.abs(theirs).max()) < bound / 100


def nearby(arguments: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    normal = np.random.default_rng(seed)

    def move(leaf: Any) -> Any:
        return (leaf * normal.uniform(0.99, 1.01, leaf.shape)).astype(leaf.dtype) if leaf.dtype.kind == "f" else leaf

    return jax.tree.map(move, arguments)


def worst_errors(function: Any, compiled: Any, arguments: tuple[Any, ...], want: list[Any]) -> Any:
    """The largest error of any result, ours and the oracle's."""
    got = jax.tree.leaves(compiled(*arguments))
    pairs = [(error(g, e), error(r, e)) for g, r, e in zip(got, evaluate(function, arguments, 11), want, strict=True)]
    assert np.all(np.isfinite(pairs))
    # A gradient that vanishes in exact arithmetic is a rounding error of others, however many bits there are.
    return np.max([pair for pair in pairs if pair[1] <= UNDETERMINED], axis=0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_scalify_float16(name: str) -> None:
    """At most twice the error of float64 with every operation's result rounded to 11 significant bits.

    Where a result cancels, its error is a draw of chance, ours and the oracle's: if one draw does not hold, the worst of
    eight inputs, 1 % apart, are compared, that one among them.
    """
    function, arguments = PROGRAMS[name]
    compiled = steelyard.jit(function, scheme=steelyard.Scalify(matmul=None))
    errors = worst_errors(function, compiled, arguments, exact(name))
    if errors[0] > 2 * errors[1]:
        inputs = [nearby(arguments, seed) for seed in range(7)]
        more = [worst_errors(function, compiled, i, evaluate(function, i, None)) for i in inputs]
        errors = np.max([errors, *more], axis=0)
    assert errors[0] <= 2 * errors[1], f"error {errors[0]:.2e}, the oracle's {errors[1]:.2e}"
    remarks: list[Any] = steelyard.explain(compiled, *arguments)
    assert sum("is computed on real values" in str(remark) for remark in remarks) == REAL.get(name, 0)


def cosine(got: list[Any], want: list[Any]) -> float:
    ours, theirs = (np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in leaves]) for leaves in (got, want))
    return float(ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)))


@pytest.mark.parametrize("name", [n for n in (*models.PROGRAMS, *plain.PROGRAMS) if n.endswith(", gradient")])
def test_fp8_gradients_point_where_they_did(name: str) -> None:
    """With FP8 contractions: no further from float64's than the oracle whose operands all have the 3 bits of E5M2."""
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function, scheme=steelyard.Scalify())(*arguments))
    ours, theirs = (cosine(leaves[1:], exact(name)[1:]) for leaves in (got, evaluate(function, arguments, 11, operands=3)))
    assert ours >= theirs, f"cosine {ours:.4f}, the oracle's {theirs:.4f}"
