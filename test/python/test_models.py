# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models themselves, as JAX runs them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from steelyard.models import GPT
from steelyard.models.layers import parameter_count

TOKENS = np.random.default_rng(0).integers(0, 11, (2, 9)).astype("i4")
SMALL = GPT(vocabulary=11, length=8, width=12, depth=3, heads=3)


def test_gpt_is_causal_and_starts_uniform() -> None:
    parameters = SMALL.initialise(0)
    apply = jax.jit(SMALL.apply)
    logits = apply(parameters, TOKENS[:, :-1])
    assert logits.shape == (2, 8, 11)
    changed = TOKENS[:, :-1].copy()
    changed[:, 5] = (changed[:, 5] + 1) % 11
    same = np.asarray(logits == apply(parameters, changed)).all((0, 2))
    assert same.tolist() == [True] * 5 + [False] * 3
    assert abs(float(jax.jit(SMALL.loss)(parameters, TOKENS)) - np.log(11)) < 0.1


def test_gpt_scanned_is_gpt() -> None:
    scanned = GPT(**{**SMALL.__dict__, "scan": True})
    ours, theirs = SMALL.initialise(3), scanned.initialise(3)
    assert parameter_count(ours) == parameter_count(theirs)
    np.testing.assert_allclose(jax.jit(scanned.loss)(theirs, TOKENS), jax.jit(SMALL.loss)(ours, TOKENS), rtol=1e-6)


def test_gpt_samples_what_it_finds_likely() -> None:
    """A model that has learnt to count, in a window shorter than what it writes."""
    model = GPT(vocabulary=5, length=4, width=16, depth=1, heads=2)
    parameters = jax.tree.map(np.zeros_like, model.initialise(0))
    # Attention and the multilayer perceptron add nothing; the readout of each token's embedding is the next one.
    parameters["embedding"] = np.eye(5, 16, dtype="f4")
    parameters["norm"]["gain"] += 1
    following = GPT.apply

    class Counting(GPT):
        def apply(self, parameters: Any, tokens: Any) -> Any:
            return jnp.roll(following(self, parameters, tokens), 1, -1)

    counting = Counting(**model.__dict__)
    sample = jax.jit(lambda p, key: counting.sample(p, np.array([[3], [0]], "i4"), key, 9, temperature=0.05))
    assert sample(parameters, jax.random.key(0)).tolist() == [[4, 0, 1, 2, 3, 4, 0, 1, 2], [1, 2, 3, 4, 0, 1, 2, 3, 4]]
    with pytest.raises(ValueError, match="the prompt has 5 tokens; from 1 to 4 are taken"):
        model.sample(parameters, np.zeros((1, 5), "i4"), jax.random.key(0), 2)


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="width 10 is not a multiple of heads 3"):
        GPT(vocabulary=11, length=8, width=10, heads=3)


def test_gradients_reach_every_parameter() -> None:
    gradients = jax.jit(jax.grad(SMALL.loss))(SMALL.initialise(0), TOKENS)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))
