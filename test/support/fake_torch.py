# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What benchmarks use of PyTorch and Triton, in NumPy: nothing is compiled, and times are those of the host."""

from __future__ import annotations

import time
import types
from collections.abc import Callable
from typing import Any

import jax
import ml_dtypes
import numpy as np

__version__ = "0.fake"
bfloat16, float32, uint8 = np.dtype(ml_dtypes.bfloat16), np.dtype(np.float32), np.dtype(np.uint8)
float8_e4m3fn, float8_e5m2 = np.dtype(ml_dtypes.float8_e4m3fn), np.dtype(ml_dtypes.float8_e5m2)


class Tensor:
    """What they use of torch.Tensor."""

    def __init__(self, value: Any) -> None:
        self.value: np.ndarray[Any, Any] = np.asarray(value)

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def device(self) -> str:
        return "cuda"

    def __float__(self) -> float:
        return float(self.value)

    def float(self) -> Tensor:
        return self.to(float32)

    def double(self) -> Tensor:
        return self.to(np.float64)

    def bfloat16(self) -> Tensor:
        return self.to(bfloat16)

    def to(self, dtype: Any) -> Tensor:
        return Tensor(self.value.astype(dtype))

    def view(self, dtype: Any) -> Tensor:
        return Tensor(self.value.view(dtype))

    def contiguous(self) -> Tensor:
        return Tensor(np.ascontiguousarray(self.value).reshape(self.value.shape))

    def t(self) -> Tensor:
        return Tensor(self.value.T)

    def transpose(self, a: int, b: int) -> Tensor:
        return Tensor(np.swapaxes(self.value, a, b))

    def copy_(self, other: Tensor) -> None:
        np.copyto(self.value, other.value)

    def element_size(self) -> int:
        return self.value.itemsize

    def numel(self) -> int:
        return self.value.size

    def abs(self) -> Tensor:
        return Tensor(np.abs(self.value))

    def clamp(self, low: Any, high: Any) -> Tensor:
        return Tensor(np.clip(self.value, np.float32(low), np.float32(high)))

    def norm(self) -> Tensor:
        return Tensor(np.linalg.norm(self.value))

    def sum(self, axes: Any = None, keepdim: bool = False) -> Tensor:
        return Tensor(self.value.sum(axes, keepdims=keepdim))

    def mean(self, axes: Any = None, keepdim: bool = False) -> Tensor:
        return Tensor(self.value.mean(axes, keepdims=keepdim))

    def amax(self, axes: Any = None, keepdim: bool = False) -> Tensor:
        return Tensor(self.value.max(axes, keepdims=keepdim))

    max = amax

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(self.value[index])

    def __neg__(self) -> Tensor:
        return Tensor(-self.value)

    def __ne__(self, other: Any) -> Any:
        return Tensor(self.value != _value(other))

    def __gt__(self, other: Any) -> Tensor:
        return Tensor(self.value > _value(other))

    def __add__(self, other: Any) -> Tensor:
        return Tensor(self.value + _value(other))

    def __sub__(self, other: Any) -> Tensor:
        return Tensor(self.value - _value(other))

    def __mul__(self, other: Any) -> Tensor:
        return Tensor(self.value * _value(other))

    def __truediv__(self, other: Any) -> Tensor:
        return Tensor(self.value / _value(other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return Tensor(_value(other) / self.value)

    def __matmul__(self, other: Tensor) -> Tensor:
        return Tensor((self.value.astype(np.float32) @ other.value.astype(np.float32)).astype(self.value.dtype))

    __radd__, __rmul__ = __add__, __mul__
    __hash__ = object.__hash__


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Tensor) else np.float32(x)


def _lifted(function: Any) -> Any:
    return lambda *x: Tensor(function(*map(_value, x)))


def _gelu(x: Tensor, approximate: str) -> Tensor:
    assert approximate == "tanh"
    return Tensor(jax.nn.gelu(x.value, approximate=True))


tanh, sin, exp, log, log1p = (_lifted(f) for f in (np.tanh, np.sin, np.exp, np.log, np.log1p))
abs, sqrt, maximum, where = (_lifted(f) for f in (np.abs, np.sqrt, np.maximum, np.where))
sigmoid = _lifted(lambda x: 1 / (1 + np.exp(-x)))
relu = _lifted(lambda x: np.maximum(x, 0))
rsqrt = _lifted(lambda x: 1 / np.sqrt(x))
nn = types.SimpleNamespace(functional=types.SimpleNamespace(gelu=_gelu))


def _scaled_mm(a: Tensor, b: Tensor, scale_a: Tensor, scale_b: Tensor, out_dtype: Any) -> Tensor:
    """As cuBLASLt wants them: the first by rows, the second by columns, sizes multiples of 16."""
    assert a.value.flags.c_contiguous and b.value.flags.f_contiguous and a.value.itemsize == b.value.itemsize == 1
    assert all(size % 16 == 0 for size in (*a.value.shape, *b.value.shape)) and a.value.shape[1] == b.value.shape[0]
    product = a.value.astype(np.float32) @ b.value.astype(np.float32)
    return Tensor((product * (scale_a.value * scale_b.value)).astype(out_dtype))


def compile(function: Callable[..., Any], dynamic: bool) -> Callable[..., Any]:
    assert not dynamic
    return function


_random = np.random.default_rng(0)


def manual_seed(seed: int) -> None:
    global _random
    _random = np.random.default_rng(seed)


def randn(shape: tuple[int, ...], device: str) -> Tensor:
    return Tensor(_random.standard_normal(shape).astype(np.float32))


def full(shape: tuple[int, ...], value: float, device: str) -> Tensor:
    return Tensor(np.full(shape, value, np.float32))


def zeros(count: int, device: str) -> Tensor:
    return Tensor(np.zeros(min(count, 1024), np.float32))


def ones(shape: tuple[int, ...], device: str) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


def empty(count: int, dtype: Any, device: str) -> Tensor:
    return Tensor(np.zeros(min(count, 1024), dtype))


def empty_like(like: Tensor) -> Tensor:
    return Tensor(np.zeros_like(like.value))


def from_dlpack(array: Any) -> Tensor:
    return Tensor(array)


cuda = types.SimpleNamespace(get_device_properties=lambda _: types.SimpleNamespace(name="a GPU"), synchronize=lambda: None)
version = types.SimpleNamespace(cuda="0")
compiler = types.SimpleNamespace(reset=lambda: None)


def do_bench(call: Callable[[], Any], return_mode: str) -> float:
    """Triton's."""
    assert return_mode == "median"
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)
