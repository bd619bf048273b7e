# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Equinox's modules, put together as its own examples do; gradients by eqx.filter_value_and_grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from corpus.registry import KEY, Normal, Program, Programs, drawn, objective

PROGRAMS = Programs()
normal = Normal(0)
WIDTH = 16


def parts(make: Callable[..., Any]) -> tuple[Any, Any]:
    """The arrays of a module, and the rest of it."""
    shapes, static = eqx.partition(eqx.filter_eval_shape(make, key=KEY), lambda a: isinstance(a, jax.ShapeDtypeStruct))
    return drawn(shapes, fan_in=slice(1, None)), static


def add(name: str, make: Callable[..., Any], *inputs: Any, run: Callable[..., Any] | None = None) -> None:
    """``make`` takes a key of jax.random; ``run`` is how the module is applied: to one example after the other."""
    run = run or (lambda module, *xs: jax.vmap(module)(*xs))

    def split() -> tuple[Any, Any]:
        return parts(make)

    @PROGRAMS.program(name)
    def forward(_: Normal) -> Program:
        arrays, static = split()
        return lambda arrays, *xs: run(eqx.combine(arrays, static), *xs), (arrays, *inputs)

    @PROGRAMS.program(f"{name}, gradient")
    def gradient(_: Normal) -> Program:
        arrays, static = split()

        @eqx.filter_value_and_grad
        def loss(module: Any, *xs: Any) -> Any:
            return objective(run(module, *xs))

        return lambda arrays, *xs: loss(eqx.combine(arrays, static), *xs), (arrays, *inputs)


def keys(key: Any) -> Any:
    """As many as one asks for."""
    while True:
        key, now = jax.random.split(key)
        yield now


class ConvNet(eqx.Module):
    """Equinox's example of handwritten digits, smaller."""

    layers: list[Any]

    def __init__(self, key: Any) -> None:
        more = keys(key)
        self.layers = [
            eqx.nn.Conv2d(1, 3, kernel_size=4, key=next(more)),
            eqx.nn.MaxPool2d(kernel_size=2),
            jax.nn.relu,
            jnp.ravel,
            eqx.nn.Linear(3 * 16 * 16, 16, key=next(more)),
            jax.nn.sigmoid,
            eqx.nn.Linear(16, 5, key=next(more)),
            jax.nn.log_softmax,
        ]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


class ResidualBlock(eqx.Module):
    layers: eqx.nn.Sequential
    skip: eqx.nn.Conv2d

    def __init__(self, key: Any) -> None:
        more = keys(key)
        self.layers = eqx.nn.Sequential(
            [
                eqx.nn.Conv2d(3, 8, 3, stride=2, padding=1, use_bias=False, key=next(more)),
                eqx.nn.GroupNorm(4, 8),
                eqx.nn.Lambda(jax.nn.relu),
                eqx.nn.Conv2d(8, 8, 3, padding=1, use_bias=False, key=next(more)),
                eqx.nn.GroupNorm(4, 8),
            ]
        )
        self.skip = eqx.nn.Conv2d(3, 8, 1, stride=2, key=next(more))

    def __call__(self, x: Any) -> Any:
        return jax.nn.relu(self.layers(x) + self.skip(x))


class TransformerBlock(eqx.Module):
    """As in Equinox's example of BERT."""

    attention: eqx.nn.MultiheadAttention
    norm1: eqx.nn.LayerNorm
    up: eqx.nn.Linear
    down: eqx.nn.Linear
    norm2: eqx.nn.LayerNorm

    def __init__(self, key: Any) -> None:
        more = keys(key)
        self.attention = eqx.nn.MultiheadAttention(
            4, WIDTH, use_query_bias=True, use_key_bias=True, use_value_bias=True, use_output_bias=True, key=next(more)
        )
        self.norm1, self.norm2 = eqx.nn.LayerNorm(WIDTH), eqx.nn.LayerNorm(WIDTH)
        self.up = eqx.nn.Linear(WIDTH, 4 * WIDTH, key=next(more))
        self.down = eqx.nn.Linear(4 * WIDTH, WIDTH, key=next(more))

    def __call__(self, x: Any, present: Any) -> Any:
        mask = jnp.outer(jnp.ones_like(present), present) > 0
        x = jax.vmap(self.norm1)(x + self.attention(x, x, x, mask))
        return jax.vmap(self.norm2)(x + jax.vmap(lambda row: self.down(jax.nn.gelu(self.up(row))))(x))


class LlamaBlock(eqx.Module):
    norm1: eqx.nn.RMSNorm
    attention: eqx.nn.MultiheadAttention
    rotary: eqx.nn.RotaryPositionalEmbedding
    norm2: eqx.nn.RMSNorm
    gate: eqx.nn.Linear
    up: eqx.nn.Linear
    down: eqx.nn.Linear

    def __init__(self, key: Any) -> None:
        more = keys(key)
        self.norm1, self.norm2 = (eqx.nn.RMSNorm(WIDTH, use_bias=False) for _ in range(2))
        self.attention = eqx.nn.MultiheadAttention(4, WIDTH, key=next(more))
        self.rotary = eqx.nn.RotaryPositionalEmbedding(WIDTH // 4)
        self.gate = eqx.nn.Linear(WIDTH, 40, use_bias=False, key=next(more))
        self.up = eqx.nn.Linear(WIDTH, 40, use_bias=False, key=next(more))
        self.down = eqx.nn.Linear(40, WIDTH, use_bias=False, key=next(more))

    def __call__(self, x: Any) -> Any:
        def turn(q: Any, k: Any, v: Any) -> Any:
            rotary = jax.vmap(self.rotary, in_axes=1, out_axes=1)
            return rotary(q), rotary(k), v

        h = jax.vmap(self.norm1)(x)
        x = x + self.attention(h, h, h, jnp.tril(jnp.ones((len(x), len(x)), bool)), process_heads=turn)
        h = jax.vmap(self.norm2)(x)
        return x + jax.vmap(lambda row: self.down(jax.nn.silu(self.gate(row)) * self.up(row)))(h)


class Recurrent(eqx.Module):
    """A cell by scan, as in the documentation of eqx.nn.GRUCell."""

    cell: Any
    readout: eqx.nn.Linear

    def __init__(self, cell: Any, key: Any) -> None:
        self.cell = cell(8, WIDTH, key=key)
        self.readout = eqx.nn.Linear(WIDTH, 3, key=key)

    def __call__(self, xs: Any) -> Any:
        zeros = jnp.zeros(WIDTH, xs.dtype)
        start = (zeros, zeros) if isinstance(self.cell, eqx.nn.LSTMCell) else zeros

        def step(state: Any, x: Any) -> Any:
            state = self.cell(x, state)
            return state, self.readout(state[0] if isinstance(state, tuple) else state)

        return jax.lax.scan(step, start, xs)[1]


class Classifier(eqx.Module):
    """Words that are dropped, averaged and classified."""

    embedding: eqx.nn.Embedding
    dropout: eqx.nn.Dropout
    mlp: eqx.nn.MLP

    def __init__(self, key: Any) -> None:
        more = keys(key)
        self.embedding = eqx.nn.Embedding(17, WIDTH, key=next(more))
        self.dropout = eqx.nn.Dropout(np.float32(0.25))  # the type in which its noise is drawn
        self.mlp = eqx.nn.MLP(WIDTH, 3, 12, depth=2, activation=jax.nn.gelu, key=next(more))

    def __call__(self, words: Any, key: Any) -> Any:
        return self.mlp(self.dropout(jax.vmap(self.embedding)(words), key=key).mean(0))


def convolutions(key: Any) -> Any:
    """Depthwise, dilated, transposed; with PReLU, means of windows and a normalised weight."""
    more = keys(key)
    return eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(4, 8, 3, groups=4, padding=1, key=next(more)),
            eqx.nn.Lambda(eqx.nn.PReLU(0.25)),
            eqx.nn.Conv2d(8, 4, 3, dilation=2, padding="SAME", padding_mode="CIRCULAR", key=next(more)),
            eqx.nn.AvgPool2d(2, 2),
            eqx.nn.ConvTranspose2d(4, 3, 3, stride=2, output_padding=1, key=next(more)),
            eqx.nn.AdaptiveAvgPool2d((3, 3)),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.WeightNorm(eqx.nn.Linear(27, 5, key=next(more))),
        ]
    )


add("equinox: mlp", lambda key: eqx.nn.MLP(8, 3, 12, depth=2, key=key), normal(4, 8))
add("equinox: conv net", ConvNet, normal(2, 1, 20, 20))
add("equinox: residual block", ResidualBlock, normal(2, 3, 8, 8))
add("equinox: convolutions", convolutions, normal(2, 4, 8, 8))
add("equinox: transformer block", TransformerBlock, normal(2, 10, WIDTH), (np.arange(10) < [[7], [10]]).astype("i4"))
add("equinox: llama block", LlamaBlock, normal(2, 10, WIDTH))
add("equinox: lstm", lambda key: Recurrent(eqx.nn.LSTMCell, key), normal(2, 7, 8))
add("equinox: gru", lambda key: Recurrent(eqx.nn.GRUCell, key), normal(2, 7, 8))
add(
    "equinox: dropout",
    Classifier,
    normal.integers(17, 4, 6),
    KEY,
    run=lambda module, words, key: jax.vmap(module)(words, jax.random.split(key, len(words))),
)


@PROGRAMS.program("equinox: training step")
def training_step(normal: Normal) -> Program:
    """As Equinox's documentation has it: filtered gradients, Optax's AdamW, eqx.apply_updates."""
    arrays, static = parts(lambda key: eqx.nn.MLP(8, 3, 12, depth=2, key=key))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2))

    @eqx.filter_value_and_grad
    def loss(model: Any, x: Any, labels: Any) -> Any:
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(jax.vmap(model)(x), labels))

    def step(arrays: Any, state: Any, x: Any, labels: Any) -> Any:
        model = eqx.combine(arrays, static)
        value, gradients = loss(model, x, labels)
        updates, state = optimizer.update(gradients, state, eqx.filter(model, eqx.is_array))
        return eqx.filter(eqx.apply_updates(model, updates), eqx.is_array), state, value

    return step, (arrays, optimizer.init(arrays), normal(4, 8), normal.integers(3, 4))
