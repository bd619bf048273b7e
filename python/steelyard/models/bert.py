# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""BERT: an encoder of post-norm blocks, trained to fill in masked tokens (Devlin et al., arXiv:1810.04805, section 3)."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
class BERT:
    """Sizes of the model; ``heads`` divides ``width``. With ``scan`` the blocks are a ``lax.scan`` over stacked layers."""

    vocabulary: int
    length: int
    width: int = 96
    depth: int = 3
    heads: int = 4
    expansion: int = 4
    segments: int = 2
    scan: bool = False

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")

    def initialise(self, seed: int) -> Any:
        """Weights of variance 1 / fan-in, embeddings of deviation 0.02, zero biases."""
        draw, deviation = Initialiser(seed), 0.02
        hidden = self.expansion * self.width

        def block() -> Any:
            return {
                "qkv": linear_parameters(draw.weight(self.width, 3 * self.width)),
                "out": linear_parameters(draw.weight(self.width, self.width)),
                "norm1": norm_parameters(self.width),
                "up": linear_parameters(draw.weight(self.width, hidden)),
                "down": linear_parameters(draw.weight(hidden, self.width)),
                "norm2": norm_parameters(self.width),
            }

        blocks = [block() for _ in range(self.depth)]
        return {
            "embedding": draw.normal(self.vocabulary, self.width, deviation=deviation),
            "position": draw.normal(self.length, self.width, deviation=deviation),
            "segment": draw.normal(self.segments, self.width, deviation=deviation),
            "norm": norm_parameters(self.width),
            "blocks": stack(blocks) if self.scan else blocks,
            "head": linear_parameters(draw.weight(self.width, self.width)),
            "head_norm": norm_parameters(self.width),
            "bias": np.zeros(self.vocabulary, np.float32),
        }

    def block(self, p: Any, x: Any, present: Any = None) -> Any:
        """[batch, length, width] → the same; nothing attends to positions where ``present`` [batch, length] is false."""
        mask = None if present is None else present[:, None, :]
        q, k, v = (split_heads(a, self.heads) for a in jnp.split(linear(p["qkv"], x), 3, -1))
        x = layer_norm(p["norm1"], x + linear(p["out"], join_heads(attention(q, k, v, causal=False, mask=mask))))
        return layer_norm(p["norm2"], x + linear(p["down"], jax.nn.gelu(linear(p["up"], x), approximate=False)))

    def encode(self, parameters: Any, tokens: Any, segments: Any = None, present: Any = None) -> Any:
        """Integers [batch, at most ``length``] → [batch, length, width].

        ``segments``: integers [batch, length], all 0 if None; ``present``: booleans [batch, length], false for padding.
        """
        x = parameters["embedding"][tokens] + parameters["position"][: tokens.shape[1]]
        x = x + (parameters["segment"][0] if segments is None else parameters["segment"][segments])
        x = layer_norm(parameters["norm"], x)
        return through(lambda p, x: self.block(p, x, present), parameters["blocks"], x)

    def apply(self, parameters: Any, tokens: Any, segments: Any = None, present: Any = None) -> Any:
        """Logits [batch, length, vocabulary] of the token at each position; the embedding is the readout too."""
        x = linear(parameters["head"], self.encode(parameters, tokens, segments, present))
        x = layer_norm(parameters["head_norm"], jax.nn.gelu(x, approximate=False))
        return x @ parameters["embedding"].T + parameters["bias"]

    def mask(self, key: Any, tokens: Any, mask_token: int, rate: float = 0.15) -> Any:
        """Tokens to train on, and 1.0 where they are to be found out (section 3.1, task 1).

        Each position is chosen with probability ``rate``; of those 80 % become ``mask_token``, 10 % any token, 10 % stay.
        ``key``: of jax.random.
        """
        choice, fate, others = jax.random.split(key, 3)
        chosen = jax.random.uniform(choice, tokens.shape, jnp.float32) < rate
        u = jax.random.uniform(fate, tokens.shape, jnp.float32)
        other = jax.random.randint(others, tokens.shape, 0, self.vocabulary, tokens.dtype)
        replaced = jnp.where(u < 0.8, mask_token, jnp.where(u < 0.9, other, tokens))
        return jnp.where(chosen, replaced, tokens), chosen.astype(jnp.float32)

    def loss(self, parameters: Any, masked: Any, tokens: Any, weights: Any) -> Any:
        """Mean cross-entropy in nats of ``tokens`` where ``weights`` is 1, given ``masked``; all three [batch, length]."""
        return cross_entropy(self.apply(parameters, masked), tokens, weights)
