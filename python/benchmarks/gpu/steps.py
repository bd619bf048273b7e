# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training steps of the demo: loss, gradients and Adam."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import steelyard
from steelyard.models import GPT, LeNet
from workloads.digits import model

DONATED = (0, 1, 2)
SCHEMES = ("float32", "Scalify FP16", "Scalify FP8")


@dataclasses.dataclass(frozen=True)
class Step:
    """``function(*state, *batch)`` gives the next state and the loss."""

    name: str
    function: Callable[..., Any]
    state: Any
    batch: Any


def scheme(name: str) -> steelyard.Scheme | None:
    """One of ``SCHEMES``."""
    return None if name == "float32" else steelyard.Scalify(matmul="fp8" if name == "Scalify FP8" else None)


def _step(name: str, loss: Callable[..., Any], parameters: Any, *batch: Any) -> Step:
    def function(*arguments: Any) -> tuple[Any, ...]:
        return model.adam(loss, *arguments)

    zeros = jax.tree.map(np.zeros_like, parameters)
    return Step(name, function, (parameters, zeros, zeros, np.float32(0)), (*batch, np.float32(1)))


def _labels(random: np.random.Generator, batch: int) -> Any:
    return np.eye(10, dtype=np.float32)[random.integers(0, 10, batch)]


def all_steps() -> list[Step]:
    random = np.random.default_rng(0)
    x = random.random((128, model.SIZES[0]), np.float32)
    steps = [Step("digits", model.step, *_state(model.initialise(0)), (x, _labels(random, 128), np.float32(1)))]
    net = LeNet(image=(28, 28, 1), maxima=True)

    def images(p: Any, x: Any, y: Any, multiplier: Any) -> Any:
        return multiplier * net.loss(p, x, y.argmax(-1))

    x = random.random((64, *net.image), np.float32)
    steps.append(_step("convolutional net", images, net.initialise(0), x, _labels(random, 64)))
    for name, batch, gpt in (
        ("GPT, width 96", 32, GPT(vocabulary=65, length=64, width=96, depth=3, heads=4)),
        ("GPT, width 768", 8, GPT(vocabulary=512, length=512, width=768, depth=3, heads=12)),
    ):

        def text(p: Any, tokens: Any, _: Any, multiplier: Any, gpt: GPT = gpt) -> Any:
            return multiplier * gpt.loss(p, tokens)

        tokens = random.integers(0, gpt.vocabulary, (batch, gpt.length + 1)).astype(np.int32)
        steps.append(_step(name, text, gpt.initialise(0), tokens, np.float32(0)))
    return steps


def _state(parameters: Any) -> tuple[Any]:
    zeros = jax.tree.map(np.zeros_like, parameters)
    return ((parameters, zeros, zeros, np.float32(0)),)
