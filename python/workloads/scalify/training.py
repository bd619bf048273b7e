# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The task and its training step, in plain JAX and optax; and who runs it."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import steelyard
from steelyard.models import GPT
from steelyard.models.layers import layer_norm

from workloads import text
from workloads.functions import Functions, is_compiled

FLOAT32, SCALIFY, FP8 = "float32 (JAX)", "Scalify FP8/FP16", "plain FP8"
FP16, FP16_NORMS = "plain FP16", "plain FP16, norms f32"
EPSILON = 1e-8


@dataclasses.dataclass(frozen=True)
class Task:
    """A model, its text, and the sizes of a run.

    Attributes
    ----------
    model : GPT
    tokenizer : text.Tokenizer
    train, held_out : int32 arrays
        The text's first nine tenths and its last.
    steps, batch : int
    rate : float
        The highest learning rate: after a rise over a twentieth of the steps it falls as a cosine to a tenth.
    """

    model: GPT
    tokenizer: text.Tokenizer
    train: text.Tokens
    held_out: text.Tokens
    steps: int
    batch: int = 32
    rate: float = 4e-3

    def schedule(self) -> Any:
        return optax.warmup_cosine_decay_schedule(0.0, self.rate, self.steps // 20, self.steps, self.rate / 10)

    def optimizer(self, epsilon: Any = EPSILON) -> Any:
        """AdamW (arXiv:1711.05101) as optax has it."""
        return optax.adamw(self.schedule(), eps=epsilon)

    def step(self, parameters: Any, state: Any, tokens: Any, multiplier: Any) -> tuple[Any, Any, Any]:
        """One step on tokens [batch, length + 1]; returns parameters, state and loss.

        The multiplier is that of a loss in other units. Adam's ε is in units of the gradient, so it goes with it: in
        exact arithmetic every multiplier gives the same parameters.
        """
        return self.update(parameters, state, tokens, multiplier, EPSILON * multiplier)

    def step_in_half(self, parameters: Any, state: Any, tokens: Any, multiplier: Any) -> tuple[Any, Any, Any]:
        """The same with parameters, activations, gradients and Adam's state in float16, by casts alone.

        ε is the least normal number here: 1e-8, which float16 has not, is zero, and what has no gradient is divided by it.
        """
        finfo: Any = ml_dtypes.finfo  # untyped there
        return self.update(
            parameters, state, tokens, multiplier.astype(jnp.float16), finfo(np.float16).smallest_normal.astype(np.float16)
        )

    def step_in_half_but_norms(self, parameters: Any, state: Any, tokens: Any, multiplier: Any) -> tuple[Any, Any, Any]:
        """The same with layer norms in float32, as libraries that know of float16 compute them.

        Their derivative holds variance^-3/2, which float16 lacks from a standard deviation of 0.025 down.
        """
        model = dataclasses.replace(self.model, norm=_norm_in_float32)
        return dataclasses.replace(self, model=model).step_in_half(parameters, state, tokens, multiplier)

    def update(self, parameters: Any, state: Any, tokens: Any, multiplier: Any, epsilon: Any) -> tuple[Any, Any, Any]:
        def loss(parameters: Any) -> Any:
            return multiplier * self.model.loss(parameters, tokens)

        value, gradients = jax.value_and_grad(loss)(parameters)
        updates, state = self.optimizer(epsilon).update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    def batches(self, seed: int) -> Iterator[text.Tokens]:
        return text.batches(self.train, self.batch, self.model.length, 1000 + seed)

    def held_out_loss(self, parameters: Any) -> float:
        """Of at most 64 batches, in float32 JAX, whatever the parameters are held in: nats a token."""
        parameters = jax.tree.map(lambda p: np.asarray(p, np.float32), parameters)
        losses = []
        for index, tokens in enumerate(text.windows(self.held_out, self.batch, self.model.length)):
            if index == 64:
                break
            losses.append(float(self._loss(parameters, tokens)))
        return float(np.mean(losses))

    @functools.cached_property
    def _loss(self) -> Callable[..., Any]:
        return jax.jit(self.model.loss)


def _norm_in_float32(p: Any, x: Any) -> Any:
    wide = jax.tree.map(lambda array: array.astype(jnp.float32), (p, x))
    return layer_norm(*wide).astype(x.dtype)


def contenders(task: Task, made: Functions, are_short: bool = False) -> dict[str, Callable[..., Any]]:
    """Step functions by name. JAX and Steelyard compile the same function, but for those in FP16.

    A short training, whose schedule ends where it does, is another function; plain FP8 trains briefly alone.
    """
    donate = (0, 1)

    def scheme() -> steelyard.Scheme:
        return steelyard.Scalify(matmul="fp8", state_rounding="stochastic")

    def fixed() -> steelyard.Scheme:
        return steelyard.Recipe("fp8-fixed")

    steps = {
        FLOAT32: jax.jit(task.step, donate_argnums=donate),
        SCALIFY: made.jit(f"step of {task.steps}, Scalify", task.step, scheme, donate_argnums=donate),
    }
    if not are_short:
        return steps
    return steps | {
        FP8: made.jit(f"step of {task.steps}, plain FP8", task.step, fixed, donate_argnums=donate),
        FP16: jax.jit(task.step_in_half, donate_argnums=donate),
        FP16_NORMS: jax.jit(task.step_in_half_but_norms, donate_argnums=donate),
    }


@dataclasses.dataclass
class Run:
    """One training: losses of the batches, in nats whatever the multiplier; the parameters; seconds of its steps alone."""

    losses: list[float]
    parameters: Any
    seconds: float
    exponents: dict[str, list[int]]


def start(task: Task, name: str, seed: int) -> tuple[Any, Any]:
    """Parameters and the optimizer's state before the first step."""
    parameters = task.model.initialise(seed)
    if name in (FP16, FP16_NORMS):
        parameters = jax.tree.map(lambda p: p.astype(np.float16), parameters)
    return parameters, jax.tree.map(np.asarray, task.optimizer().init(parameters))


def train(
    task: Task, made: Functions, name: str, step: Callable[..., Any], seed: int, steps: int | None = None,
    multiplier: float = 1.0, seconds: float | None = None, watch: Callable[[float], None] = lambda loss: None,
) -> Run:  # fmt: skip
    """``steps`` steps (the task's unless told) or as many as end within ``seconds``, compilation not counted."""
    parameters, state = start(task, name, seed)
    if is_compiled(step) and name == SCALIFY:  # the same bits whatever ran before
        step.recipe_state = {"scalify.rounding_key": np.asarray(seed, np.int64)}  # type: ignore[attr-defined]
    run = Run([], None, 0.0, {})
    factor = made.put(step, np.float32(multiplier))
    for index, tokens in enumerate(task.batches(seed)):
        if index == (task.steps if steps is None else steps):
            break
        batch = made.put(step, tokens)
        started = time.perf_counter()
        parameters, state, value = step(parameters, state, *batch, *factor)
        loss = float(np.asarray(value, np.float64)) / multiplier
        if index > 0:
            run.seconds += time.perf_counter() - started
        run.losses.append(loss)
        watch(loss)
        if not np.isfinite(loss):  # nothing brings it back
            break
        if isinstance(jax.tree.leaves(parameters)[0], steelyard.ScaledArray):
            _record(run.exponents, "parameters", parameters)
            _record(run.exponents, "m", state[0].mu)
            _record(run.exponents, "root of v", state[0].nu)
        if seconds is not None and run.seconds >= seconds:
            break
    run.parameters = parameters
    return run


def _record(exponents: dict[str, list[int]], group: str, tree: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if isinstance(leaf, steelyard.ScaledArray):
            exponents.setdefault(f"{group}{jax.tree_util.keystr(path)}", []).append(leaf.exponent)
