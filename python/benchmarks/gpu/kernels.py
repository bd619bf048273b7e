# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels and contractions: in JAX, for this compiler, and in PyTorch, for torch.compile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

ROWS, COLUMNS, SIDE = 16384, 4096, 8192
LARGEST = 448.0  # of float8_e4m3fn
EPSILON = 1e-5

BF16, F32, F8 = jnp.bfloat16, jnp.float32, jnp.float8_e4m3fn


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One piece of work.

    Attributes
    ----------
    name : str
    function : callable
        In JAX.
    arguments : list of (shape, dtype)
    peer : callable
        ``peer(torch)`` gives the same in PyTorch: a function of tensors, which is compiled.
    bytes, flops : int
        Each argument read once, where need be twice, and each result written once; of contractions alone.
    tolerance : float
        The largest relative error of a result beside the peer's, in norm. Codes of 8 bits: the part that may differ.
    """

    name: str
    function: Callable[..., Any]
    arguments: list[tuple[tuple[int, ...], Any]]
    peer: Callable[[Any], Callable[..., Any]]
    bytes: int
    flops: int = 0
    tolerance: float = 4e-3

    @property
    def is_fp8(self) -> bool:
        """A contraction in 8 bits."""
        return bool(self.flops) and self.arguments[0][1] == F8


def _normalised(x: Any) -> Any:
    x = x.astype(F32)
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + EPSILON)


def _cast(x: Any, scale: Any) -> tuple[Any, Any]:
    """E4M3 with a given scale, and the amax on the way."""
    x = x.astype(F32)
    return jnp.clip(x * scale, -LARGEST, LARGEST).astype(F8), jnp.abs(x).max()


def _torch_cast(torch: Any, x: Any, scale: Any) -> tuple[Any, Any]:
    x = x.float()
    return (x * scale).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn), x.abs().max()


def _softmax(x: Any) -> Any:
    return jax.nn.softmax(x.astype(F32), axis=-1).astype(BF16)


def _softmax_gradient(y: Any, dy: Any) -> Any:
    y, dy = y.astype(F32), dy.astype(F32)
    return (y * (dy - (y * dy).sum(-1, keepdims=True))).astype(BF16)


def _norm_gradient(x: Any, dy: Any, gamma: Any) -> tuple[Any, Any, Any]:
    x, dy, gamma = x.astype(F32), dy.astype(F32), gamma.astype(F32)
    centred = x - x.mean(-1, keepdims=True)
    inverse = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + EPSILON)
    h, g = centred * inverse, dy * gamma
    dx = inverse * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))
    return dx.astype(BF16), (dy * h).sum(0), dy.sum(0)


def _torch_norm_gradient(torch: Any) -> Callable[..., Any]:
    def gradient(x: Any, dy: Any, gamma: Any) -> Any:
        x, dy, gamma = x.float(), dy.float(), gamma.float()
        centred = x - x.mean(-1, keepdim=True)
        inverse = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + EPSILON)
        h, g = centred * inverse, dy * gamma
        dx = inverse * (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True))
        return dx.bfloat16(), (dy * h).sum(0), dy.sum(0)

    return gradient


def _current(x: Any) -> tuple[Any, Any]:
    scale = LARGEST / jnp.abs(x.astype(F32)).max()
    return _cast(x, scale)[0], scale


def _torch_current(torch: Any, x: Any) -> tuple[Any, Any]:
    scale = LARGEST / x.float().abs().max()
    return _torch_cast(torch, x, scale)[0], scale


def _both(x: Any, scale: Any) -> tuple[Any, Any, Any]:
    codes, amax = _cast(x, scale)
    return codes, codes.T, amax


def _torch_both(torch: Any, x: Any, scale: Any) -> tuple[Any, Any, Any]:
    codes, amax = _torch_cast(torch, x, scale)
    return codes, codes.t().contiguous(), amax


def _product(a: Any, b: Any) -> Any:
    """Both along the contracted dimension, float32 sums."""
    return jax.lax.dot_general(a, b, (((1,), (1,)), ((), ())), preferred_element_type=F32).astype(BF16)


def _torch_product(torch: Any) -> Callable[..., Any]:
    def product(a: Any, b: Any) -> Any:
        if a.dtype == torch.bfloat16:
            return a @ b.t()
        one = torch.ones((), device=a.device)
        return torch._scaled_mm(a, b.t(), one, one, out_dtype=torch.bfloat16)

    return product


def all_kernels() -> list[Kernel]:
    wide, square, scalar = ((ROWS, COLUMNS), BF16), ((SIDE, SIDE), BF16), ((), F32)
    n, m = ROWS * COLUMNS, SIDE * SIDE

    def functional(name: str) -> Callable[[Any], Callable[..., Any]]:
        return lambda torch: getattr(_Torch(torch), name)

    kernels = [
        Kernel("softmax", _softmax, [wide], functional("softmax"), 4 * n),
        Kernel("layer norm", lambda x: _normalised(x).astype(BF16), [wide], functional("norm"), 4 * n),
        Kernel("softmax, gradient", _softmax_gradient, [wide, wide], functional("softmax_gradient"), 6 * n),
        Kernel(
            "layer norm, gradient",
            _norm_gradient,
            [wide, wide, ((COLUMNS,), BF16)],
            _torch_norm_gradient,
            6 * n,
            tolerance=8e-3,
        ),
        Kernel("cast, delayed scale, amax", _cast, [square, scalar], functional("cast"), 3 * m),
        Kernel(
            "cast behind a layer norm",
            lambda x, s: _cast(_normalised(x), s),
            [wide, scalar],
            functional("norm_cast"),
            3 * n,
        ),
        Kernel("cast, both layouts, amax", _both, [square, scalar], functional("both"), 4 * m),
        Kernel("cast, current scale", _current, [square], functional("current"), 5 * m),
        Kernel("transpose", lambda x: x.T, [square], functional("transpose"), 4 * m),
        Kernel("sum over the batch", lambda x: x.astype(F32).sum(0), [wide], functional("batch_sum"), 2 * n),
        Kernel(
            "bias and GELU",
            lambda x, b: jax.nn.gelu(x.astype(F32) + b.astype(F32), approximate=True).astype(BF16),
            [wide, ((COLUMNS,), BF16)],
            functional("gelu"),
            4 * n,
        ),
    ]
    for name, dtype, size in (("bf16", BF16, 2), ("E4M3", F8, 1)):
        arguments: list[tuple[tuple[int, ...], Any]] = [((SIDE, SIDE), dtype)] * 2
        moved = (2 * size + 2) * m
        kernels.append(Kernel(f"matmul {SIDE}³, {name}", _product, arguments, _torch_product, moved, 2 * SIDE**3))
    return kernels


class _Torch:
    """The peers, by name."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def softmax(self, x: Any) -> Any:
        return self._torch.softmax(x.float(), -1).bfloat16()

    def norm(self, x: Any) -> Any:
        return self._torch.nn.functional.layer_norm(x.float(), x.shape[-1:], eps=EPSILON).bfloat16()

    def softmax_gradient(self, y: Any, dy: Any) -> Any:
        y, dy = y.float(), dy.float()
        return (y * (dy - (y * dy).sum(-1, keepdim=True))).bfloat16()

    def cast(self, x: Any, scale: Any) -> Any:
        return _torch_cast(self._torch, x, scale)

    def norm_cast(self, x: Any, scale: Any) -> Any:
        return _torch_cast(self._torch, self._torch.nn.functional.layer_norm(x.float(), x.shape[-1:], eps=EPSILON), scale)

    def both(self, x: Any, scale: Any) -> Any:
        return _torch_both(self._torch, x, scale)

    def current(self, x: Any) -> Any:
        return _torch_current(self._torch, x)

    def transpose(self, x: Any) -> Any:
        return x.t().contiguous()

    def batch_sum(self, x: Any) -> Any:
        return x.float().sum(0)

    def gelu(self, x: Any, bias: Any) -> Any:
        return self._torch.nn.functional.gelu(x.float() + bias.float(), approximate="tanh").bfloat16()
