# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Llama: a decoder of RMSNorm, rotary positions, SwiGLU and grouped-query attention, without biases (Touvron et al.,
arXiv:2302.13971, section 2.2, and arXiv:2307.09288, section 2.2)."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from steelyard.models.layers import (
    Initialiser,
    attention,
    cross_entropy,
    join_heads,
    rms_norm,
    rotate,
    split_heads,
    stack,
    through,
)


@dataclasses.dataclass(frozen=True)
class Llama:
    """Sizes of the model; ``heads`` divides ``width``, ``groups`` (heads of keys and values) divides ``heads``.

    With ``scan`` the blocks are a ``lax.scan`` over stacked layers.
    """

    vocabulary: int
    width: int = 96
    depth: int = 3
    heads: int = 4
    groups: int = 2
    hidden: int = 256
    base: float = 10000.0
    scan: bool = False

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width // self.heads % 2:
            raise ValueError(f"width {self.width} over heads {self.heads} is not an even whole number")
        if self.heads % self.groups:
            raise ValueError(f"heads {self.heads} is not a multiple of groups {self.groups}")

    def initialise(self, seed: int) -> Any:
        """Weights of variance 1 / fan-in, over 2 · depth where they add to the residual stream."""
        draw, gain = Initialiser(seed), np.ones(self.width, np.float32)
        residual = float(1 / np.sqrt(2 * self.depth))
        narrow = self.width // self.heads * self.groups

        def block() -> Any:
            return {
                "norm1": {"gain": gain},
                "q": draw.weight(self.width, self.width),
                "k": draw.weight(self.width, narrow),
                "v": draw.weight(self.width, narrow),
                "out": draw.weight(self.width, self.width, gain=residual),
                "norm2": {"gain": gain},
                "gate": draw.weight(self.width, self.hidden),
                "up": draw.weight(self.width, self.hidden),
                "down": draw.weight(self.hidden, self.width, gain=residual),
            }

        blocks = [block() for _ in range(self.depth)]
        return {
            "embedding": draw.normal(self.vocabulary, self.width, deviation=0.02),
            "blocks": stack(blocks) if self.scan else blocks,
            "norm": {"gain": gain},
            "readout": draw.weight(self.width, self.vocabulary),
        }

    def block(self, p: Any, x: Any) -> Any:
        """[batch, length, width] → the same."""
        h = rms_norm(p["norm1"], x)
        q = rotate(split_heads(h @ p["q"], self.heads), self.base)
        k = rotate(split_heads(h @ p["k"], self.groups), self.base)
        v = split_heads(h @ p["v"], self.groups)
        x = x + join_heads(attention(q, k, v, causal=True)) @ p["out"]
        h = rms_norm(p["norm2"], x)
        return x + (jax.nn.silu(h @ p["gate"]) * (h @ p["up"])) @ p["down"]  # arXiv:2002.05202, equation 6

    def apply(self, parameters: Any, tokens: Any) -> Any:
        """Integers [batch, length] → logits [batch, length, vocabulary]."""
        x = through(self.block, parameters["blocks"], parameters["embedding"][tokens])
        return rms_norm(parameters["norm"], x) @ parameters["readout"]

    def loss(self, parameters: Any, tokens: Any) -> Any:
        """Mean cross-entropy in nats of each next token. ``tokens``: integers [batch, length + 1]."""
        return cross_entropy(self.apply(parameters, tokens[:, :-1]), tokens[:, 1:])
