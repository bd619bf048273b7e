# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""LeNet: convolutions and pooling, then dense layers (LeCun et al., Gradient-Based Learning Applied to Document
Recognition, 1998, section II.B)."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steelyard.models.layers import Initialiser, convolve, cross_entropy, linear, linear_parameters


@dataclasses.dataclass(frozen=True)
class LeNet:
    """Sizes of the model.

    ``image`` is (height, width, channels); ``channels`` are those of the convolutions, after each of which windows of 2 × 2
    are pooled; ``hidden`` are the sizes of the dense layers before the last. LeNet-5 has tanh and pools means; with
    ``maxima`` it is its later form, of ReLU and maxima.
    """

    image: tuple[int, int, int]
    classes: int = 10
    channels: tuple[int, ...] = (6, 16)
    hidden: tuple[int, ...] = (120, 84)
    kernel: int = 5
    maxima: bool = False

    def __post_init__(self) -> None:
        if min(self.image[:2]) >> len(self.channels) == 0:
            raise ValueError(f"images of {self.image[0]} × {self.image[1]} can't be halved {len(self.channels)} times")

    def initialise(self, seed: int) -> Any:
        """Weights of variance gain² / fan-in (gain √2 before ReLU, else 1), zero biases."""
        draw, gain = Initialiser(seed), 2.0**0.5 if self.maxima else 1.0
        height, width, last = self.image
        convolutions = []
        for channels in self.channels:
            convolutions.append(linear_parameters(draw.weight(self.kernel, self.kernel, last, channels, gain=gain)))
            height, width, last = height // 2, width // 2, channels
        sizes = [height * width * last, *self.hidden]
        dense = [linear_parameters(draw.weight(m, n, gain=gain)) for m, n in zip(sizes[:-1], sizes[1:], strict=True)]
        return {
            "convolutions": convolutions,
            "dense": dense,
            "readout": linear_parameters(draw.weight(sizes[-1], self.classes)),
        }

    def apply(self, parameters: Any, images: Any) -> Any:
        """[batch, height, width, channels] → logits [batch, classes]."""
        activation = jax.nn.relu if self.maxima else jnp.tanh
        x = images
        for p in parameters["convolutions"]:
            x = self._pool(activation(convolve(p["w"], x) + p["b"]))
        x = x.reshape(x.shape[0], -1)
        for p in parameters["dense"]:
            x = activation(linear(p, x))
        return linear(parameters["readout"], x)

    def _pool(self, x: Any) -> Any:
        """Of windows of 2 × 2 side by side; a last odd row or column is left out."""
        window = (1, 2, 2, 1)
        if self.maxima:
            return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        return lax.reduce_window(x, 0.0, lax.add, window, window, "VALID") / 4

    def loss(self, parameters: Any, images: Any, labels: Any) -> Any:
        """Mean cross-entropy in nats. ``labels``: integers [batch]."""
        return cross_entropy(self.apply(parameters, images), labels)
