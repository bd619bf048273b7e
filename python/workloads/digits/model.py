# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The training step, in plain JAX: nothing in it knows of formats or scales."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Parameters = list[tuple[Any, Any]]

SIZES = (64, 96, 96, 10)
RATE = 2e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def initialise(seed: int) -> Parameters:
    """Weights of variance 2 / fan_in (He et al., arXiv:1502.01852), zero biases."""
    random = np.random.default_rng(seed)
    return [
        (
            (random.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)).astype(np.float32),
            np.zeros(fan_out, np.float32),
        )
        for fan_in, fan_out in zip(SIZES[:-1], SIZES[1:], strict=True)
    ]


def logits(parameters: Parameters, x: Any) -> Any:
    for w, b in parameters[:-1]:
        x = jnp.maximum(x @ w + b, 0.0)
    w, b = parameters[-1]
    return x @ w + b


def loss(parameters: Parameters, x: Any, y: Any, multiplier: Any) -> Any:
    """Mean cross-entropy of one-hot targets ``y``, times a multiplier: what a loss in other units does."""
    return -multiplier * jnp.mean(jnp.sum(jax.nn.log_softmax(logits(parameters, x)) * y, axis=-1))


def step(parameters: Parameters, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any) -> tuple[Any, ...]:
    """One step of Adam on a batch."""
    return adam(loss, parameters, m, v, t, x, y, multiplier)


def adam(loss: Any, parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any) -> tuple[Any, ...]:
    """One step of Adam (arXiv:1412.6980). Its epsilon is in units of the gradient, so it goes with the multiplier."""
    value, gradient = jax.value_and_grad(loss)(parameters, x, y, multiplier)
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradient)
    parameters = jax.tree.map(
        lambda p, m, v: p - RATE * (m / (1 - BETA1**t)) / (jnp.sqrt(v / (1 - BETA2**t)) + EPSILON * multiplier),
        parameters,
        m,
        v,
    )
    return parameters, m, v, t, value


def predict(parameters: Parameters, x: NDArray[np.float32]) -> NDArray[np.int64]:
    """Classes, in float32 NumPy, of whatever the parameters hold."""
    for w, b in parameters[:-1]:
        x = np.maximum(x @ np.asarray(w, np.float32) + np.asarray(b, np.float32), 0)
    w, b = parameters[-1]
    classes: NDArray[np.int64] = np.argmax(x @ np.asarray(w, np.float32) + np.asarray(b, np.float32), axis=-1)
    return classes
