# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training steps of the demo: loss, gradients and Adam."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import steelyard
from steelyard.models import GPT, LeNet
from workloads.digits import model

from benchmarks.gpu import report

DONATED = (0, 1, 2)
#: What is compiled of a step: as it is, with products in TF32, as in mixed precision, and with schemes.
CONTENDERS = FLOAT32, TF32, BFLOAT16, FP16, FP8 = report.STEPS


@dataclasses.dataclass(frozen=True)
class Step:
    """``function(*state, *batch)`` gives the next state and the loss.

    Attributes
    ----------
    mixed : callable, optional
        The same with loss and gradients in bfloat16, and parameters and Adam in float32.
    """

    name: str
    function: Callable[..., Any]
    state: Any
    batch: Any
    mixed: Callable[..., Any] | None = None

    @property
    def contenders(self) -> tuple[str, ...]:
        return CONTENDERS if self.mixed else tuple(name for name in CONTENDERS if name not in (TF32, BFLOAT16))

    def of(self, contender: str) -> tuple[Callable[..., Any], steelyard.Scheme | None]:
        """What is compiled, with which scheme."""
        if contender == TF32:
            return self._in_tf32, None
        if contender == BFLOAT16:
            assert self.mixed
            return self.mixed, None
        return self.function, None if contender == FLOAT32 else steelyard.Scalify(
            matmul="fp8" if contender == FP8 else None
        )

    def _in_tf32(self, *arguments: Any) -> Any:
        with jax.default_matmul_precision("TF32_TF32_F32"):
            return self.function(*arguments)


def in_bfloat16(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss, of parameters that are rounded; its value in float32."""

    def rounded(p: Any, x: Any, y: Any, multiplier: Any) -> Any:
        narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), p)
        return loss(narrow, x, y, jnp.bfloat16(1)).astype(jnp.float32) * multiplier

    return rounded


def _step(name: str, loss: Callable[..., Any], parameters: Any, *batch: Any, has_mixed: bool = False) -> Step:
    def with_adam(loss: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: model.adam(loss, *arguments)

    zeros = jax.tree.map(np.zeros_like, parameters)
    state = (parameters, zeros, zeros, np.float32(0))
    mixed = with_adam(in_bfloat16(loss)) if has_mixed else None
    return Step(name, with_adam(loss), state, (*batch, np.float32(1)), mixed)


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
        ("GPT, width 768", 8, GPT(vocabulary=512, length=1024, width=768, depth=4, heads=12)),
    ):

        def text(p: Any, tokens: Any, _: Any, multiplier: Any, gpt: GPT = gpt) -> Any:
            return multiplier * gpt.loss(p, tokens)

        tokens = random.integers(0, gpt.vocabulary, (batch, gpt.length + 1)).astype(np.int32)
        steps.append(_step(name, text, gpt.initialise(0), tokens, np.float32(0), has_mixed=True))
    return steps


def _state(parameters: Any) -> tuple[Any]:
    zeros = jax.tree.map(np.zeros_like, parameters)
    return ((parameters, zeros, zeros, np.float32(0)),)
