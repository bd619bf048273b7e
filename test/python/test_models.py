# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models themselves, as JAX runs them: against what JAX, flax and equinox have of the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from steelyard.models import BERT, GPT, LSTM, MLP, LeNet, Llama, ResNet
from steelyard.models.layers import attention, group_norm, layer_norm, parameter_count, rms_norm, rotate

random = np.random.default_rng(0)
TOKENS = random.integers(0, 11, (2, 9)).astype("i4")
IMAGES = random.standard_normal((2, 12, 12, 3)).astype("f4")
LABELS = np.array([2, 0], "i4")
MASK = (random.random((2, 8)) < 0.5).astype("f4")
SMALL = GPT(vocabulary=11, length=8, width=12, depth=3, heads=3)
LLAMA = Llama(vocabulary=11, width=24, depth=2, heads=6, groups=2, hidden=20)
BERT_ = BERT(vocabulary=11, length=8, width=12, depth=2, heads=3)
RESNET = ResNet(classes=5, stages=(1, 2), width=4)
MODELS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "mlp": (MLP((432, 20, 10, 5)), (IMAGES.reshape(2, -1), LABELS)),
    "lenet": (LeNet((12, 12, 3), 5, channels=(4, 8), hidden=(16,)), (IMAGES, LABELS)),
    "lenet, maxima": (LeNet((12, 12, 3), 5, channels=(4,), hidden=(), kernel=3, maxima=True), (IMAGES, LABELS)),
    "resnet": (RESNET, (IMAGES, LABELS)),
    "resnet, groups": (dataclasses.replace(RESNET, groups=2), (IMAGES, LABELS)),
    "gpt": (SMALL, (TOKENS,)),
    "llama": (LLAMA, (TOKENS,)),
    "bert": (BERT_, (TOKENS[:, :-1], TOKENS[:, 1:], MASK)),
    "lstm": (LSTM(vocabulary=11, width=12, depth=3), (TOKENS,)),
}


def close(got: Any, want: Any, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_learns_its_batch_with_every_parameter(name: str) -> None:
    model, batch = MODELS[name]
    parameters = model.initialise(0)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(parameters))
    step = jax.jit(jax.value_and_grad(model.loss))
    value, gradients = step(parameters, *batch)
    assert 0.5 < float(value) / np.log(5 if batch[0].dtype == np.float32 else 11) < 4.0
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))
    for _ in range(30):
        norm = np.sqrt(sum(float(np.sum(np.square(g))) for g in jax.tree.leaves(gradients)))
        rate = np.float32(0.3 / max(norm, 1.0))
        parameters = jax.tree.map(lambda p, g: p - rate * np.asarray(g), parameters, gradients)  # noqa: B023
        last, gradients = step(parameters, *batch)
    assert float(last) < 0.95 * float(value)


@pytest.mark.parametrize("model", [SMALL, LLAMA, LSTM(vocabulary=11, width=12)], ids=["gpt", "llama", "lstm"])
def test_causal(model: Any) -> None:
    apply, parameters = jax.jit(model.apply), model.initialise(0)
    logits = apply(parameters, TOKENS[:, :-1])
    assert logits.shape == (2, 8, 11)
    changed = TOKENS[:, :-1].copy()
    changed[:, 5] = (changed[:, 5] + 1) % 11
    same = np.asarray(logits == apply(parameters, changed)).all((0, 2))
    assert same.tolist() == [True] * 5 + [False] * 3


@pytest.mark.parametrize("name", ["gpt", "llama", "bert"])
def test_scanned_is_the_same(name: str) -> None:
    model, batch = MODELS[name]
    scanned = dataclasses.replace(model, scan=True)
    ours, theirs = model.initialise(3), scanned.initialise(3)
    assert parameter_count(ours) == parameter_count(theirs)
    close(jax.jit(scanned.loss)(theirs, *batch), jax.jit(model.loss)(ours, *batch))


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GPT(vocabulary=11, length=8, width=10, heads=3), "width 10 is not a multiple of heads 3"),
        (lambda: BERT(vocabulary=11, length=8, width=10, heads=3), "width 10 is not a multiple of heads 3"),
        (lambda: Llama(vocabulary=11, width=12, heads=4), "width 12 over heads 4 is not an even whole number"),
        (lambda: Llama(vocabulary=11, width=16, heads=4, groups=3), "heads 4 is not a multiple of groups 3"),
        (lambda: ResNet(width=6, groups=4), "width 6 is not a multiple of groups 4"),
        (lambda: LeNet((3, 8, 1)), "images of 3 × 8 can't be halved 2 times"),
        (lambda: MLP((3,)), "sizes are those of input and output at least"),
    ],
)
def test_sizes_that_do_not_fit(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_attention_is_jax_attention() -> None:
    q, k, v = (random.standard_normal((2, heads, 8, 4)).astype("f4") for heads in (6, 2, 2))
    mask = random.random((2, 1, 8)) < 0.7
    mask[:, :, 0] = True
    q_, k_, v_ = (a.swapaxes(1, 2) for a in (q, k, v))
    for causal in (False, True):
        want = jax.nn.dot_product_attention(q_, k_, v_, is_causal=causal, mask=mask[:, None])
        close(attention(q, k, v, causal, mask).swapaxes(1, 2), want)


def test_norms_are_flax_norms() -> None:
    gain, bias = random.standard_normal((2, 12)).astype("f4")
    x = random.standard_normal((2, 5, 5, 12)).astype("f4") * 3 + 1
    p = {"gain": gain, "bias": bias}
    theirs = {"params": {"scale": gain, "bias": bias}}
    close(layer_norm(p, x), nn.LayerNorm(epsilon=1e-5).apply(theirs, x))
    close(group_norm(p, x, 3), nn.GroupNorm(num_groups=3, epsilon=1e-5).apply(theirs, x))
    close(rms_norm(p, x), nn.RMSNorm().apply({"params": {"scale": gain}}, x))


def test_rotary_positions_turn_by_their_distance() -> None:
    q, k = random.standard_normal((2, 6)).astype("f4")
    scores = np.asarray(rotate(np.tile(q, (9, 1))) @ rotate(np.tile(k, (9, 1))).T)
    for distance in range(9):
        close(np.diagonal(scores, distance), scores[0, distance])
    x = random.standard_normal((9, 6)).astype("f4")
    # Equinox pairs element i with i + d/2.
    order = [0, 2, 4, 1, 3, 5]
    close(rotate(x)[:, order], eqx.nn.RotaryPositionalEmbedding(6)(jnp.asarray(x[:, order])))


def test_lstm_is_equinox_lstm_and_goes_on_from_its_state() -> None:
    model = LSTM(vocabulary=11, width=12, depth=1)
    parameters = model.initialise(0)
    (p,) = parameters["layers"]
    cell = eqx.nn.LSTMCell(12, 12, key=jax.random.key(0))
    cell = eqx.tree_at(
        lambda c: (c.weight_ih, c.weight_hh, c.bias), cell, (p["w"][:12].T, p["w"][12:].T, jnp.asarray(p["b"]))
    )
    state = random.standard_normal((2, 12)).astype("f4")
    x = random.standard_normal(12).astype("f4")
    for ours, theirs in zip(model.cell(p, tuple(state[:, None]), x[None]), cell(jnp.asarray(x), tuple(state)), strict=True):
        close(ours[0], theirs)
    whole, last = model.run(parameters, model.initial_state(parameters, 2), TOKENS)
    first, state_between = model.run(parameters, model.initial_state(parameters, 2), TOKENS[:, :4])
    second, last_again = model.run(parameters, state_between, TOKENS[:, 4:])
    close(np.concatenate([first, second], 1), whole)
    jax.tree.map(close, last, last_again)


def test_resnet_statistics_are_flax_batch_norm_statistics() -> None:
    parameters = RESNET.initialise(0)
    statistics = RESNET.initialise_statistics(parameters)
    train, apply = jax.jit(RESNET.train), jax.jit(RESNET.apply)
    logits, moved = train(parameters, statistics, IMAGES)
    close(logits, apply(parameters, IMAGES))
    stem = nn.Conv(4, (3, 3), use_bias=False)
    x = stem.apply({"params": {"kernel": parameters["stem"]}}, IMAGES)
    norm = nn.BatchNorm(momentum=0.9, use_running_average=False)
    _, theirs = norm.apply(norm.init(jax.random.key(0), x), x, mutable=["batch_stats"])
    close(moved[0]["mean"], theirs["batch_stats"]["mean"])
    close(moved[0]["variance"], theirs["batch_stats"]["var"])
    for _ in range(200):
        _, moved = train(parameters, moved, IMAGES)
    close(apply(parameters, IMAGES, moved), logits, 1e-4)


def test_bert_masks_and_ignores_padding() -> None:
    model = BERT(vocabulary=500, length=8, width=12, depth=2, heads=3)
    tokens = random.integers(3, 500, (64, 128)).astype("i4")
    masked, chosen = (np.asarray(a) for a in model.mask(jax.random.key(0), tokens, mask_token=1))
    inside = chosen == 1
    assert abs(inside.mean() - 0.15) < 0.02
    assert (masked[~inside] == tokens[~inside]).all()
    assert abs((masked[inside] == 1).mean() - 0.8) < 0.05
    assert abs((masked[inside] == tokens[inside]).mean() - 0.1) < 0.03
    parameters = model.initialise(0)
    present = np.arange(8) < np.array([[5], [8]])
    words = tokens[:2, :8]
    logits = model.apply(parameters, words, present=present)
    changed = np.where(present, words, 2)
    assert (logits[0, :5] == model.apply(parameters, changed, present=present)[0, :5]).all()
    close(logits[1], model.apply(parameters, words)[1])
    segments = (np.arange(8) >= 4).astype("i4")[None].repeat(2, 0)
    assert not np.allclose(logits, model.apply(parameters, words, segments, present))
