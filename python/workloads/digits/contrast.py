# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is done without scales: the same step with plain FP8 casts, and in plain FP16. Both run by JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes

from workloads.digits import model

_finfo: Any = ml_dtypes.finfo  # untyped there


@jax.custom_vjp
def _fp8_matmul(x: Any, w: Any) -> Any:
    return _cast(x, jnp.float8_e4m3fn) @ _cast(w, jnp.float8_e4m3fn)


def _cast(x: Any, dtype: Any) -> Any:
    """Saturating, as FP8 hardware casts."""
    largest = float(_finfo(dtype).max)
    return jnp.clip(x, -largest, largest).astype(dtype).astype(jnp.float32)


def _forward(x: Any, w: Any) -> Any:
    return _fp8_matmul(x, w), (x, w)


def _backward(saved: Any, g: Any) -> Any:
    x, w = (_cast(value, jnp.float8_e4m3fn) for value in saved)
    g = _cast(g, jnp.float8_e5m2)
    return g @ w.T, x.T @ g


_fp8_matmul.defvjp(_forward, _backward)


def _fp8_logits(parameters: Any, x: Any) -> Any:
    for w, b in parameters[:-1]:
        x = jnp.maximum(_fp8_matmul(x, w) + b, 0.0)
    w, b = parameters[-1]
    return _fp8_matmul(x, w) + b


def fp8_step(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any) -> tuple[Any, ...]:
    """E4M3 and E5M2 casts around the products and nothing else; all else float32."""

    def loss(parameters: Any) -> Any:
        return -multiplier * jnp.mean(jnp.sum(jax.nn.log_softmax(_fp8_logits(parameters, x)) * y, axis=-1))

    return _adam(loss, parameters, m, v, t, model.EPSILON * multiplier)


def fp16_step(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any) -> tuple[Any, ...]:
    """Everything in float16, Adam's state included; the step count stays float32.

    Adam's ε = 1e-8 is zero in float16, whose least number is 6e-8: where v is zero, so is the denominator, and the
    parameters are NaN after the second step, at any multiplier.
    """
    return _fp16_step(parameters, m, v, t, x, y, multiplier, multiplier.astype(jnp.float16) * model.EPSILON)


def fp16_step_with_epsilon(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any) -> tuple[Any, ...]:
    """The same with the one change that lets it train: ε is float16's least normal number at every multiplier.

    A multiplier of 2^16 is beyond float16 (65504), as is a loss of 2.3 from 2^15 on.
    """
    return _fp16_step(parameters, m, v, t, x, y, multiplier, _finfo(jnp.float16).smallest_normal)


def _fp16_step(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any, epsilon: Any) -> tuple[Any, ...]:
    half = jnp.float16

    def loss(parameters: Any) -> Any:
        return model.loss(parameters, x.astype(half), y.astype(half), multiplier.astype(half))

    return _adam(loss, parameters, m, v, t, epsilon)


def _adam(loss: Any, parameters: Any, m: Any, v: Any, t: Any, epsilon: Any) -> tuple[Any, ...]:
    value, gradient = jax.value_and_grad(loss)(parameters)
    t = t + 1
    b1, b2 = model.BETA1, model.BETA2
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, gradient)

    def update(p: Any, m: Any, v: Any) -> Any:
        c1, c2 = (1 - b1**t).astype(p.dtype), (1 - b2**t).astype(p.dtype)
        return p - model.RATE * (m / c1) / (jnp.sqrt(v / c2) + epsilon)

    return jax.tree.map(update, parameters, m, v), m, v, t, value
