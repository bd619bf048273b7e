# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types: MLIR's names and NumPy's. Needs NumPy alone; without ml_dtypes, small floats are their codes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import ml_dtypes
except ImportError:  # compiled libraries run without it
    ml_dtypes = None  # type: ignore[assignment]

DTYPES: dict[str, np.dtype[Any]] = {
    "i1": np.dtype(np.bool_),
    **{f"i{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
_SMALL = {
    "bf16": "bfloat16",
    "f8E4M3FN": "float8_e4m3fn",
    "f8E5M2": "float8_e5m2",
    "f8E4M3": "float8_e4m3",
    "f8E3M4": "float8_e3m4",
    "f8E4M3FNUZ": "float8_e4m3fnuz",
    "f8E5M2FNUZ": "float8_e5m2fnuz",
    "f8E4M3B11FNUZ": "float8_e4m3b11fnuz",
    "f8E8M0FNU": "float8_e8m0fnu",
    "f6E2M3FN": "float6_e2m3fn",
    "f6E3M2FN": "float6_e3m2fn",
    "f4E2M1FN": "float4_e2m1fn",
}
if ml_dtypes is not None:
    DTYPES |= {name: np.dtype(getattr(ml_dtypes, theirs)) for name, theirs in _SMALL.items()}
ELEMENT_TYPES = {dtype: name for name, dtype in DTYPES.items()}


def dtype_of(element_type: str) -> np.dtype[Any]:
    """NumPy's type of an element in a buffer: its code, an unsigned integer, where NumPy has no type for it."""
    known = DTYPES.get(element_type)
    if known is not None:
        return known
    return np.dtype(np.uint16 if element_type == "bf16" else np.uint8)


# Where XLA takes an array over without a copy; numpy aligns to 16 bytes.
_ALIGNMENT = 64
_ALIGNED_FROM = 1 << 16


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array, aligned where a copy of it would cost more than that."""
    size = math.prod(shape) * dtype.itemsize
    if size < _ALIGNED_FROM:
        return np.empty(shape, dtype)
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.__array_interface__["data"][0] % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
