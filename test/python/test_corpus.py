# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The corpus: equal to JAX without a scheme, within the oracle's rounding with Scalify in FP16, on scales throughout."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import steelyard
from corpus import PROGRAMS
from oracle import error, evaluate

# Operations that are computed on real values, with a remark: of prefixes, the window that joins by logsumexp.
REAL = {"prefixes": 1}
# Max pooling sends a gradient elsewhere where FP8 decides between nearly equal pixels.
COSINE = {"lenet, gradient": 0.95}


@pytest.mark.parametrize("name", PROGRAMS)
def test_float32_equals_jax(name: str) -> None:
    """No further from float64 than a few times what JAX's own float32 is."""
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function)(*arguments))
    peer = jax.tree.leaves(jax.jit(function)(*arguments))
    want = evaluate(function, arguments, None)
    for ours, theirs, exact in zip(got, peer, want, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert error(ours, exact) <= 4 * error(theirs, exact) + 2**-20


@pytest.mark.parametrize("name", PROGRAMS)
def test_float64_equals_jax(name: str) -> None:
    function, arguments = PROGRAMS[name]
    wide = jax.tree.map(lambda a: a.astype("f8") if a.dtype.kind == "f" else a, arguments)
    with jax.enable_x64(True):
        got = jax.tree.leaves(steelyard.jit(function)(*wide))
        want = jax.tree.leaves(jax.jit(function)(*wide))
    for ours, theirs in zip(got, want, strict=True):
        assert ours.dtype == theirs.dtype
        # Gradients that vanish in exact arithmetic are rounding errors of others.
        assert error(ours, theirs) <= 1e-11 or float(np.abs(theirs).max()) < 1e-13


@pytest.mark.parametrize("name", PROGRAMS)
def test_scalify_float16(name: str) -> None:
    """At most twice the error of float64 with every operation's result rounded to 11 significant bits."""
    function, arguments = PROGRAMS[name]
    compiled = steelyard.jit(function, scheme=steelyard.Scalify(matmul=None))
    got = jax.tree.leaves(compiled(*arguments))
    exact = evaluate(function, arguments, None)
    rounded = evaluate(function, arguments, 11)
    ours = max(error(g, e) for g, e in zip(got, exact, strict=True))
    allowed = max(error(r, e) for r, e in zip(rounded, exact, strict=True))
    assert ours <= 2 * allowed, f"error {ours:.2e}, the oracle's {allowed:.2e}"
    remarks: list[Any] = steelyard.explain(compiled, *arguments)
    assert sum("is computed on real values" in str(remark) for remark in remarks) == REAL.get(name, 0)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n.endswith(", gradient")])
def test_fp8_gradients_point_where_they_did(name: str) -> None:
    """With FP8 contractions: the cosine of the whole gradient to float64's."""
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function, scheme=steelyard.Scalify())(*arguments))[1:]
    exact = evaluate(function, arguments, None)[1:]
    ours, theirs = (np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in leaves]) for leaves in (got, exact))
    assert ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)) > COSINE.get(name, 0.98)
