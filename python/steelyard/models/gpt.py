# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPT-2: a decoder of pre-norm blocks with learned positions (Radford et al., Language Models are Unsupervised Multitask
Learners, 2019, section 2.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from steelyard.models.layers import (
    Initialiser,
    attention,
    cross_entropy,
    join_heads,
    layer_norm,
    linear,
    linear_parameters,
    norm_parameters,
    split_heads,
    stack,
    through,
)


@dataclasses.dataclass(frozen=True)
class GPT:
    """Sizes of the model; ``heads`` divides ``width``. With ``scan`` the blocks are a ``lax.scan`` over stacked layers.

    ``norm`` takes what ``layer_norm`` takes.
    """

    vocabulary: int
    length: int
    width: int = 96
    depth: int = 3
    heads: int = 4
    expansion: int = 4
    scan: bool = False
    norm: Callable[[Any, Any], Any] = layer_norm

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")

    def initialise(self, seed: int) -> Any:
        """Weights of variance 1 / fan-in, over 2 · depth where they add to the residual stream; embeddings as GPT-2."""
        draw, deviation = Initialiser(seed), 0.02
        residual = float(1 / np.sqrt(2 * self.depth))
        hidden = self.expansion * self.width

        def block() -> Any:
            return {
                "norm1": norm_parameters(self.width),
                "qkv": linear_parameters(draw.weight(self.width, 3 * self.width)),
                "out": linear_parameters(draw.weight(self.width, self.width, gain=residual)),
                "norm2": norm_parameters(self.width),
                "up": linear_parameters(draw.weight(self.width, hidden)),
                "down": linear_parameters(draw.weight(hidden, self.width, gain=residual)),
            }

        blocks = [block() for _ in range(self.depth)]
        return {
            "embedding": draw.normal(self.vocabulary, self.width, deviation=deviation),
            "position": draw.normal(self.length, self.width, deviation=deviation),
            "blocks": stack(blocks) if self.scan else blocks,
            "norm": norm_parameters(self.width),
        }

    def block(self, p: Any, x: Any) -> Any:
        """[batch, length, width] → the same."""
        h = self.norm(p["norm1"], x)
        q, k, v = (split_heads(a, self.heads) for a in jnp.split(linear(p["qkv"], h), 3, -1))
        x = x + linear(p["out"], join_heads(attention(q, k, v, causal=True)))
        h = jax.nn.gelu(linear(p["up"], self.norm(p["norm2"], x)))
        return x + linear(p["down"], h)

    def apply(self, parameters: Any, tokens: Any) -> Any:
        """Integers [batch, at most ``length``] → logits [batch, length, vocabulary]; the embedding is the readout too."""
        x = parameters["embedding"][tokens] + parameters["position"][: tokens.shape[1]]
        x = self.norm(parameters["norm"], through(self.block, parameters["blocks"], x))
        return x @ parameters["embedding"].T

    def loss(self, parameters: Any, tokens: Any) -> Any:
        """Mean cross-entropy in nats of each next token. ``tokens``: integers [batch, length + 1]."""
        return cross_entropy(self.apply(parameters, tokens[:, :-1]), tokens[:, 1:])

    def sample(self, parameters: Any, prompt: Any, key: Any, count: int, temperature: float = 1.0) -> Any:
        """``count`` tokens [batch, count] that continue ``prompt``: integers [batch, 1 to ``length``].

        Each is drawn from softmax(logits / temperature) given the last ``length`` tokens; nothing computed is kept.
        """
        batch, given = prompt.shape
        if not 1 <= given <= self.length:
            raise ValueError(f"the prompt has {given} tokens; from 1 to {self.length} are taken")
        window = jnp.zeros((batch, self.length), prompt.dtype).at[:, :given].set(prompt)

        def step(carry: Any, key: Any) -> Any:
            window, filled = carry
            logits = self.apply(parameters, window)[:, filled - 1] / temperature
            token = jax.random.categorical(key, logits).astype(window.dtype)
            # A full window moves on by one token; what lies behind the last one is never attended to.
            full = filled == self.length
            window = jnp.where(full, jnp.roll(window, -1, 1), window)
            filled = jnp.where(full, filled, filled + 1)
            return (window.at[:, filled - 1].set(token), filled), token

        _, tokens = lax.scan(step, (window, jnp.int32(given)), jax.random.split(key, count))
        return tokens.T
