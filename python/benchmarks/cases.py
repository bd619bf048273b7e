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


class _Training:
    """The digits model's step; each call goes on from the state that the last one left."""

    def __init__(self, step: Callable[..., Any], put: Callable[[Any], Any]) -> None:
        random = np.random.default_rng(0)
        parameters = model.initialise(0)
        zeros = jax.tree.map(np.zeros_like, parameters)
        self._step = step
        self._state = put((parameters, zeros, zeros, np.float32(0)))
        x = random.random((BATCH, model.SIZES[0]), np.float32)
        y = np.eye(model.SIZES[-1], dtype=np.float32)[random.integers(0, model.SIZES[-1], BATCH)]
        self._batch = put((x, y, np.float32(1)))
        self.loss: Any = None

    def __call__(self) -> None:
        *state, self.loss = self._step(*self._state, *self._batch)
        self._state = tuple(state)
        _wait(self.loss)


def training_step() -> Case:
    """Loss, gradients and Adam of the digits demo, batch 128."""
    donate = (0, 1, 2)
    runs = {PEER: _Training(jax.jit(model.step, donate_argnums=donate), jax.device_put)}
    for name, scheme in _schemes().items():
        runs[name] = _Training(steelyard.jit(model.step, scheme=scheme, donate_argnums=donate), lambda tree: tree)
    for run in runs.values():
        for _ in range(20):
            run()
    want = float(runs[PEER].loss)
    for name, run in runs.items():
        if not abs(float(run.loss) - want) <= 0.05 * want:
            raise RuntimeError(f"step {name}: loss {float(run.loss):.4f}, float32's is {want:.4f}")
    layers = list(zip(model.SIZES[:-1], model.SIZES[1:], strict=True))
    weights = [a * b for a, b in layers]
    # y = x W, dW = xᵀ dy for every layer, dx = dy Wᵀ for all but the first.
    flops = 2 * BATCH * (2 * sum(weights) + sum(weights[1:]))
    state = 3 * (sum(weights) + sum(b for _, b in layers))
    batch = 4 * BATCH * (model.SIZES[0] + model.SIZES[-1])
    moved = {name: 2 * state * (2 if name.startswith("Scalify") else 4) + batch for name in runs}
    return Case("digits_step", dict(runs), flops, moved, {})


def _schemes() -> dict[str, steelyard.Scheme | None]:
    return {
        "float32": None,
        "Scalify FP16": steelyard.Scalify(matmul=None),
        "Scalify FP8": steelyard.Scalify(matmul="fp8"),
    }
