# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What several models have in common: initial weights, norms, attention, stacks of layers, losses.

A layer is a function of its parameters (a dictionary) and its input; arrays are float32 unless the caller casts them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Initialiser:
    """Draws initial parameters in the order in which it is asked, from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def normal(self, *shape: int, deviation: float) -> Any:
        return (deviation * self._random.standard_normal(shape)).astype(np.float32)

    def weight(self, *shape: int, gain: float = 1.0) -> Any:
        """Of variance gain² / fan-in (LeCun et al., Efficient BackProp, section 4.6); the last dimension is fan-out."""
        return self.normal(*shape, deviation=gain / float(np.sqrt(np.prod(shape[:-1]))))


def linear(p: Any, x: Any) -> Any:
    """x w + b. ``p``: w [fan-in, fan-out], b [fan-out]."""
    return x @ p["w"] + p["b"]


def linear_parameters(weight: Any) -> Any:
    return {"w": weight, "b": np.zeros(weight.shape[-1], np.float32)}


def layer_norm(p: Any, x: Any, epsilon: float = 1e-5) -> Any:
    """Layer normalisation (arXiv:1607.06450, section 3) of the last dimension. ``p``: gain, bias."""
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + epsilon) * p["gain"] + p["bias"]


def norm_parameters(width: int) -> Any:
    return {"gain": np.ones(width, np.float32), "bias": np.zeros(width, np.float32)}


def rms_norm(p: Any, x: Any, epsilon: float = 1e-6) -> Any:
    """Root-mean-square normalisation (arXiv:1910.07467, equation 4) of the last dimension. ``p``: gain."""
    return x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + epsilon) * p["gain"]


def normalise(p: Any, x: Any, mean: Any, variance: Any, epsilon: float = 1e-5) -> Any:
    """Of mean 0 and variance 1 in each channel, then gain and bias (batch normalisation, arXiv:1502.03167, algorithm 1).

    ``x``: [..., channels]; ``p``: gain, bias, as ``mean`` and ``variance``: [channels].
    """
    return (x - mean) * lax.rsqrt(variance + epsilon) * p["gain"] + p["bias"]


def group_norm(p: Any, x: Any, groups: int, epsilon: float = 1e-5) -> Any:
    """Group normalisation (arXiv:1803.08494, section 3.1): of each example, over its pixels and each group of channels.

    ``x``: [batch, height, width, channels]; ``groups`` divides the channels; ``p``: gain, bias.
    """
    split = x.reshape(*x.shape[:-1], groups, -1)
    centred = split - split.mean((1, 2, 4), keepdims=True)
    normal = centred * lax.rsqrt(jnp.square(centred).mean((1, 2, 4), keepdims=True) + epsilon)
    return normal.reshape(x.shape) * p["gain"] + p["bias"]


def convolve(w: Any, x: Any, stride: int = 1) -> Any:
    """[batch, height, width, channels] → the same over ``stride``, of as many channels as ``w`` has last; padded by zeros.

    ``w``: [height, width, channels of x, channels of the result].
    """
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def rotate(x: Any, base: float = 10000.0) -> Any:
    """Rotary position embeddings (arXiv:2104.09864, equation 34).

    Elements 2i and 2i + 1 of position t are turned by t / base^(2i/d). ``x``: [..., length, d], d even.
    """
    length, d = x.shape[-2:]
    angles = np.arange(length)[:, None] / base ** (np.arange(0, d, 2) / d)
    cos, sin = (np.asarray(f(angles), x.dtype) for f in (np.cos, np.sin))
    even, odd = x[..., ::2], x[..., 1::2]
    return jnp.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)


def split_heads(x: Any, heads: int) -> Any:
    """[..., length, heads × d] → [..., heads, length, d]."""
    return x.reshape(*x.shape[:-1], heads, -1).swapaxes(-3, -2)


def join_heads(x: Any) -> Any:
    """[..., heads, length, d] → [..., length, heads × d]."""
    x = x.swapaxes(-3, -2)
    return x.reshape(*x.shape[:-2], -1)


def attention(q: Any, k: Any, v: Any, causal: bool, mask: Any = None) -> Any:
    """Scaled dot-product attention (arXiv:1706.03762, section 3.2.1).

    ``q``: [batch, heads, length, d]; ``k``, ``v``: the same, or with heads / n heads, each of which serves n heads of q
    (grouped-query attention, arXiv:2305.13245, section 2.2). ``mask``: booleans [batch, length or 1, length of k], true
    where q may attend to k, which each q has to somewhere. The result has q's shape.
    """
    batch, heads, length, d = q.shape
    groups = k.shape[1]
    q = q.reshape(batch, groups, heads // groups, length, d)
    scores = jnp.einsum("bgntd,bgsd->bgnts", q, k) / float(np.sqrt(d))
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones((length, k.shape[2]), bool)), scores, -jnp.inf)
    if mask is not None:
        scores = jnp.where(mask[:, None, None], scores, -jnp.inf)
    mixed = jnp.einsum("bgnts,bgsd->bgntd", jax.nn.softmax(scores), v)
    return mixed.reshape(batch, heads, length, d)


def stack(layers: list[Any]) -> Any:
    """Layers of equal shapes as one pytree with a leading dimension: what ``through`` scans over."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *layers)


def through(layer: Callable[[Any, Any], Any], layers: Any, x: Any) -> Any:
    """x after every layer: one after another if ``layers`` is a list, as a ``lax.scan`` if they are stacked."""
    if not isinstance(layers, list):
        return lax.scan(lambda x, p: (layer(p, x), None), x, layers)[0]
    for p in layers:
        x = layer(p, x)
    return x


def cross_entropy(logits: Any, labels: Any, weights: Any = None) -> Any:
    """Mean of -log softmax(logits)[label], in nats.

    ``logits``: [..., classes], ``labels``: integers [...]; ``weights``: [...], 0 where a position doesn't count.
    """
    log_p = jax.nn.log_softmax(logits)
    losses = -jnp.take_along_axis(log_p, labels[..., None], -1)[..., 0]
    if weights is None:
        return losses.mean()
    return (losses * weights).sum() / weights.sum()


def parameter_count(parameters: Any) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(parameters))
