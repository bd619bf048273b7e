# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Residual networks for small images (He et al., arXiv:1512.03385, sections 3.3 and 4.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from steelyard.models.layers import (
    Initialiser,
    convolve,
    cross_entropy,
    group_norm,
    linear,
    linear_parameters,
    norm_parameters,
    normalise,
)

_Norm = Callable[[Any, Any], Any]  # parameters, [batch, height, width, channels] → the same


@dataclasses.dataclass(frozen=True)
class ResNet:
    """Sizes of the model.

    ``stages`` are numbers of blocks, of two convolutions each; each stage but the first halves the image and doubles the
    channels, which are ``width`` in the first. ``groups`` is None for batch normalisation (arXiv:1502.03167), or how many
    groups of channels are normalised for each image (group normalisation, arXiv:1803.08494); it divides ``width``.
    """

    channels: int = 3
    classes: int = 10
    stages: tuple[int, ...] = (3, 3, 3)
    width: int = 16
    groups: int | None = None
    epsilon: float = 1e-5
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if self.groups and self.width % self.groups:
            raise ValueError(f"width {self.width} is not a multiple of groups {self.groups}")

    def initialise(self, seed: int) -> Any:
        """Weights of variance 2 / fan-in (arXiv:1502.01852, section 2.2), norms of gain 1, zero biases."""
        draw, gain = Initialiser(seed), float(np.sqrt(2))

        def block(before: int, after: int) -> Any:
            parameters = {
                "first": draw.weight(3, 3, before, after, gain=gain),
                "norm1": norm_parameters(after),
                "second": draw.weight(3, 3, after, after, gain=gain),
                "norm2": norm_parameters(after),
            }
            if before != after:
                parameters["skip"] = draw.weight(1, 1, before, after)
                parameters["norm3"] = norm_parameters(after)
            return parameters

        stem = draw.weight(3, 3, self.channels, self.width, gain=gain)
        stages, last = [], self.width
        for index, count in enumerate(self.stages):
            after = self.width << index
            stages.append([block(after if position else last, after) for position in range(count)])
            last = after
        return {
            "stem": stem,
            "norm": norm_parameters(self.width),
            "stages": stages,
            "readout": linear_parameters(draw.weight(last, self.classes)),
        }

    def initialise_statistics(self, parameters: Any) -> Any:
        """What inference normalises with, before any training: mean 0 and variance 1 of each channel, norm by norm."""
        gains = [parameters["norm"]["gain"]]
        for stage in parameters["stages"]:
            for block in stage:
                gains += [block[name]["gain"] for name in ("norm1", "norm2", "norm3") if name in block]
        return [{"mean": np.zeros_like(gain), "variance": np.ones_like(gain)} for gain in gains]

    def apply(self, parameters: Any, images: Any, statistics: Any = None) -> Any:
        """[batch, height, width, channels] → logits [batch, classes].

        Batch normalisation takes the mean and variance of this batch, or those in ``statistics``.
        """
        if statistics is None or self.groups:
            return self._run(parameters, images, self._norm)
        remaining = iter(statistics)

        def norm(p: Any, x: Any) -> Any:
            known = next(remaining)
            return normalise(p, x, known["mean"], known["variance"], self.epsilon)

        return self._run(parameters, images, norm)

    def train(self, parameters: Any, statistics: Any, images: Any) -> Any:
        """Logits as in training, and the statistics moved towards those of this batch by 1 - ``momentum``."""
        remaining, moved = iter(statistics), []

        def norm(p: Any, x: Any) -> Any:
            before, mean, variance = next(remaining), x.mean((0, 1, 2)), x.var((0, 1, 2))
            now = {"mean": mean, "variance": variance}
            moved.append({k: self.momentum * before[k] + (1 - self.momentum) * jax.lax.stop_gradient(now[k]) for k in now})
            return normalise(p, x, mean, variance, self.epsilon)

        logits = self._run(parameters, images, self._norm if self.groups else norm)
        return logits, statistics if self.groups else moved

    def _norm(self, p: Any, x: Any) -> Any:
        if self.groups:
            return group_norm(p, x, self.groups, self.epsilon)
        return normalise(p, x, x.mean((0, 1, 2)), x.var((0, 1, 2)), self.epsilon)

    def block(self, p: Any, x: Any, norm: _Norm | None = None, stride: int = 1) -> Any:
        """[batch, height, width, channels] → the same over ``stride``, with the channels that ``p`` has.

        Where the channels change, the shortcut is a convolution of 1 × 1 (section 3.3, option B).
        """
        norm = norm or self._norm
        h = jax.nn.relu(norm(p["norm1"], convolve(p["first"], x, stride)))
        h = norm(p["norm2"], convolve(p["second"], h))
        return jax.nn.relu(h + (norm(p["norm3"], convolve(p["skip"], x, stride)) if "skip" in p else x))

    def _run(self, parameters: Any, images: Any, norm: _Norm) -> Any:
        x = jax.nn.relu(norm(parameters["norm"], convolve(parameters["stem"], images)))
        for index, stage in enumerate(parameters["stages"]):
            for position, p in enumerate(stage):
                x = self.block(p, x, norm, stride=2 if index and not position else 1)
        return linear(parameters["readout"], x.mean((1, 2)))

    def loss(self, parameters: Any, images: Any, labels: Any) -> Any:
        """Mean cross-entropy in nats, normalised as in training. ``labels``: integers [batch]."""
        return cross_entropy(self.apply(parameters, images), labels)
