# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A multilayer perceptron (Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986)."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from steelyard.models.layers import Initialiser, cross_entropy, linear, linear_parameters


@dataclasses.dataclass(frozen=True)
class MLP:
    """``sizes``: of the input, of each hidden layer, of the output. ReLU between the layers."""

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.sizes) < 2:
            raise ValueError(f"sizes are those of input and output at least, got {self.sizes}")

    def initialise(self, seed: int) -> Any:
        """Weights of variance 2 / fan-in (He et al., arXiv:1502.01852, section 2.2), zero biases."""
        draw = Initialiser(seed)
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return [linear_parameters(draw.normal(m, n, deviation=float(np.sqrt(2 / m)))) for m, n in pairs]

    def apply(self, parameters: Any, x: Any) -> Any:
        """[..., first size] → [..., last size]."""
        for p in parameters[:-1]:
            x = jax.nn.relu(linear(p, x))
        return linear(parameters[-1], x)

    def loss(self, parameters: Any, x: Any, labels: Any) -> Any:
        """Mean cross-entropy in nats. ``x``: [batch, first size], ``labels``: integers [batch]."""
        return cross_entropy(self.apply(parameters, x), labels)
