# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is timed, and the least work it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import steelyard
from steelyard.models import GPT, LeNet
from workloads.digits import model

PEER = "jax.jit float32"
BATCH = 128
SIDE = 1024

_wait: Any = jax.block_until_ready  # JAX leaves it untyped


@dataclasses.dataclass(frozen=True)
class Case:
    """One computation by several contenders.

    Attributes
    ----------
    name : str
        As in results.json.
    contenders : dict of callables
        Each call does the work once and returns when it is done; ``PEER`` is among them.
    flops : int
        Of the contractions; elementwise work is not counted.
    bytes : dict of int
        By contender: arguments read once and results written once.
    targets : dict of float
        By contender: the least speed ratio that is asked for.
    """

    name: str
    contenders: dict[str, Callable[[], Any]]
    flops: int
    bytes: dict[str, int]
    targets: dict[str, float]


def matmul() -> Case:
    """C = A B of 1024 × 1024 matrices."""

    def product(a: Any, b: Any) -> Any:
        return a @ b

    random = np.random.default_rng(0)
    a, b = (random.standard_normal((SIDE, SIDE)).astype(np.float32) for _ in range(2))
    device = [jax.device_put(array) for array in (a, b)]
    peer = jax.jit(product)
    want = np.asarray(peer(*device))
    contenders: dict[str, Callable[[], Any]] = {PEER: lambda: _wait(peer(*device))}
    bounds = {"float32": 1e-6, "Scalify FP16": 2e-3, "Scalify FP8": 5e-2}
    for name, scheme in _schemes().items():
        compiled = steelyard.jit(product, scheme=scheme)
        error = np.linalg.norm(compiled(a, b) - want) / np.linalg.norm(want)
        if not error <= bounds[name]:
            raise RuntimeError(f"matmul {name}: relative error {error:.1e}; what computes wrong values is not timed")
        contenders[name] = lambda compiled=compiled: compiled(a, b)  # type: ignore[misc]
    moved = 3 * SIDE * SIDE * 4  # at the boundary all contenders take and give float32
    return Case(f"matmul_{SIDE}", contenders, 2 * SIDE**3, dict.fromkeys(contenders, moved), {"float32": 0.9})


class Training:
    """A training step; each call goes on from the state that the last one left, on one batch."""

    def __init__(self, step: Callable[..., Any], state: Any, batch: Any) -> None:
        self._step = step
        self._state = state
        self._batch = batch
        self.loss: Any = None

    def __call__(self) -> None:
        *state, self.loss = self._step(*self._state, *self._batch)
        self._state = tuple(state)
        _wait(self.loss)

    def profile(self) -> steelyard.Profile | None:
        """Of what Steelyard compiled."""
        if not isinstance(self._step, steelyard.CompiledFunction):
            return None
        return steelyard.profile(self._step, *self._state, *self._batch, calls=5)


def digits_step() -> Case:
    """Loss, gradients and Adam of the digits demo, batch 128."""
    random = np.random.default_rng(0)
    x = random.random((BATCH, model.SIZES[0]), np.float32)
    layers = list(zip(model.SIZES[:-1], model.SIZES[1:], strict=True))
    weights = [a * b for a, b in layers]
    # y = x W, dW = xᵀ dy for every layer, dx = dy Wᵀ for all but the first.
    flops = 2 * BATCH * (2 * sum(weights) + sum(weights[1:]))
    return _step("digits_step", model.step, model.initialise(0), (x, _labels(random, BATCH), np.float32(1)), flops)


def convolution_step() -> Case:
    """The same of a LeNet with maxima on images of 28 × 28, batch 64."""
    batch, net = 64, LeNet(image=(28, 28, 1), maxima=True)

    def step(*arguments: Any) -> tuple[Any, ...]:
        return model.adam(lambda p, x, y, multiplier: multiplier * net.loss(p, x, y.argmax(-1)), *arguments)

    random = np.random.default_rng(0)
    parameters = net.initialise(0)
    x = random.random((batch, *net.image), np.float32)
    flops, (height, width, _) = 0, net.image
    for index, p in enumerate(parameters["convolutions"]):
        flops += 2 * batch * height * width * p["w"].size * (3 if index else 2)
        height, width = height // 2, width // 2
    flops += sum(6 * batch * p["w"].size for p in [*parameters["dense"], parameters["readout"]])
    return _step("convolution_step", step, parameters, (x, _labels(random, batch), np.float32(1)), flops)


def gpt_step() -> Case:
    """The same of a GPT of three blocks, 350,000 parameters, on 32 × 64 tokens."""
    batch, net = 32, GPT(vocabulary=65, length=64, width=96, depth=3, heads=4)

    def step(*arguments: Any) -> tuple[Any, ...]:
        return model.adam(lambda p, x, y, multiplier: multiplier * net.loss(p, x), *arguments)

    random = np.random.default_rng(0)
    tokens = random.integers(0, net.vocabulary, (batch, net.length + 1)).astype(np.int32)
    parameters = net.initialise(0)
    matrices = sum(b[name]["w"].size for b in parameters["blocks"] for name in ("qkv", "out", "up", "down"))
    # Forward and two gradients of every matrix, of the readout, and of the two products of attention.
    flops = 6 * batch * net.length * (matrices + net.vocabulary * net.width + 2 * net.depth * net.length * net.width)
    return _step("gpt_step", step, parameters, (tokens, np.float32(0), np.float32(1)), flops)


def _labels(random: np.random.Generator, batch: int) -> Any:
    return np.eye(10, dtype=np.float32)[random.integers(0, 10, batch)]


def _step(name: str, step: Callable[..., Any], parameters: Any, batch: Any, flops: int) -> Case:
    donate = (0, 1, 2)
    zeros = jax.tree.map(np.zeros_like, parameters)
    state = (parameters, zeros, zeros, np.float32(0))
    runs = {PEER: Training(jax.jit(step, donate_argnums=donate), *jax.device_put((state, batch)))}
    for scheme_name, scheme in _schemes().items():
        runs[scheme_name] = Training(steelyard.jit(step, scheme=scheme, donate_argnums=donate), state, batch)
    for run in runs.values():
        for _ in range(20):
            run()
    want = float(runs[PEER].loss)
    for scheme_name, run in runs.items():
        if not abs(float(run.loss) - want) <= 0.05 * want:
            raise RuntimeError(f"{name} {scheme_name}: loss {float(run.loss):.4f}, float32's is {want:.4f}")
    numbers = 3 * sum(leaf.size for leaf in jax.tree.leaves(parameters))
    arguments = sum(leaf.nbytes for leaf in jax.tree.leaves(batch))
    moved = {name: 2 * numbers * (2 if name.startswith("Scalify") else 4) + arguments for name in runs}
    return Case(name, dict(runs), flops, moved, {})


def _schemes() -> dict[str, steelyard.Scheme | None]:
    return {
        "float32": None,
        "Scalify FP16": steelyard.Scalify(matmul=None),
        "Scalify FP8": steelyard.Scalify(matmul="fp8"),
    }
