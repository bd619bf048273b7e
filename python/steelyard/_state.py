# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""State that stays scaled between calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from steelyard._errors import SteelyardError
from steelyard._types import DTYPES

# The exponent of what is zero, as every exponent starts.
LEAST_EXPONENT = -(2**20)
# Where -scalify normalises data to.
_MAGNITUDES = {"f16": 10}


class NegativeRoot(SteelyardError):
    """State with negative elements has no square root."""


class ScaledArray:
    """An array as compiled code keeps it: value = data × 2**exponent, or the square of that.

    The largest magnitude of float16 data is in [2**10, 2**11) or near it, that of other data in [1, 2).

    Converts to NumPy, JAX and anything else that reads ``__array__`` or DLPack; handed back to the compiled
    function it goes in as it is.

    Attributes
    ----------
    data : ndarray or DeviceArray
        The stored elements (float16 by default), of the array's shape.
    exponent : int
        The exponent of two that all elements share; -2**20 where the array is zero.
    dtype : dtype
        What it converts to: the user's type.
    form : str
        "" or "root": then (data, exponent) is the square root of the value, as second moments are kept.
    """

    def __init__(self, data: Any, exponent: Any, dtype: DTypeLike, form: str = "") -> None:
        self.data = data
        self._exponent = exponent
        self.form = form
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @property
    def exponent(self) -> int:
        return int(self._exponent)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        return int(self.data.ndim)

    @property
    def size(self) -> int:
        return int(self.data.size)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a ScaledArray is converted, which makes a copy")
        value = unpack(self)
        return value if dtype is None else value.astype(dtype, copy=False)

    def __dlpack__(self, **options: Any) -> Any:
        return unpack(self).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # kDLCPU

    def __float__(self) -> float:
        return float(unpack(self))

    def __repr__(self) -> str:
        squared = " squared" if self.form else ""
        return f"ScaledArray(shape={self.shape}, {self.data.dtype} × 2**{self.exponent}{squared}, dtype={self.dtype})"


class RecipeState:
    """What compiled code keeps between calls that is not the user's (amax histories, a random key), by name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}  # NumPy's, or DeviceArrays
        self.observed: dict[str, Any] = {}  # what the taps of the last call saw
        self.lock = threading.Lock()

    def get(self, spec: Any) -> Any:
        """The value of an argument of compiled code: what it starts at, before the first call."""
        dtype, shape = DTYPES[spec.element_type], tuple(spec.shape)
        value = self.values.get(spec.name)
        if value is None:
            return np.frombuffer(spec.initial, dtype).reshape(shape)
        if (value.dtype, value.shape) != (dtype, shape):
            raise SteelyardError(
                f"recipe_state[{spec.name!r}] is {value.dtype}{list(value.shape)}, "
                f"the compiled function takes {spec.element_type}{list(shape)}"
            )
        return value

    def copy(self) -> dict[str, NDArray[Any]]:
        with self.lock:
            return {name: np.array(value) for name, value in self.values.items()}

    def replace(self, values: Mapping[str, Any]) -> None:
        copies = {str(name): np.array(value, order="C") for name, value in values.items()}
        with self.lock:
            self.values = copies


class KeepsRecipeState:
    """A function that can be called and keeps its scheme's state between calls."""

    def __init__(self) -> None:
        self._recipe_state = RecipeState()

    @property
    def recipe_state(self) -> dict[str, NDArray[Any]]:
        """What the scheme keeps between calls, by name: amax histories, the key of stochastic rounding.

        Empty before the first call and without such a scheme. All shapes that a function is compiled for share it.
        Save it with the user's own state, and assign it to go on from there; an entry of another type or shape
        raises SteelyardError at the next call.
        """
        return self._recipe_state.copy()

    @recipe_state.setter
    def recipe_state(self, values: Mapping[str, Any]) -> None:
        self._recipe_state.replace(values)

    @property
    def observed(self) -> dict[str, Any]:
        """What the taps of the last call saw, by name: arrays of NumPy, or on the device where the function runs there.

        Of ``Scalify(observe=True)``: for each quantised operand of a contraction its exponent, int32 of rank 0, -2**20
        where it was zero; "0.activation" is the first operand of the first contraction. Empty without taps.
        """
        return dict(self._recipe_state.observed)


def _wide(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """What values of the user's type are computed with between the two forms."""
    return np.float64 if dtype == np.float64 else np.float32


def pack(array: NDArray[Any], storage: str, form: str = "") -> ScaledArray:
    """An array with its amax in the exponent and its elements rounded once to ``storage`` (MLIR's name).

    Raises NegativeRoot where ``form`` is "root" and an element is negative.
    """
    if form == "root" and np.any(array < 0):
        raise NegativeRoot(
            "holds negative numbers, and is kept as its square root, since it averages squares and does not become "
            "negative otherwise; Scalify(second_moments='value') keeps it as it is"
        )
    array = np.ascontiguousarray(array).reshape(array.shape)
    wide = _wide(array.dtype)
    with np.errstate(all="ignore"):
        value = array.astype(wide)
        if form == "root":
            value = np.sqrt(value)
        amax = np.max(np.abs(value), initial=0, where=np.isfinite(value))
        exponent = LEAST_EXPONENT
        if amax > 0:
            exponent = int(np.frexp(amax)[1]) - 1 - _MAGNITUDES.get(storage, 0)
            value = np.ldexp(value, -exponent)
        data = np.asarray(value, np.float32).astype(DTYPES[storage])
    return ScaledArray(data, np.asarray(exponent, np.int32), array.dtype, form)


def unpack(scaled: ScaledArray) -> NDArray[Any]:
    """The value in the user's type."""
    with np.errstate(all="ignore"):
        value = np.ldexp(np.asarray(scaled.data).astype(_wide(scaled.dtype)), np.asarray(scaled._exponent))
        if scaled.form == "root":
            value = value * value
        return np.asarray(value.astype(scaled.dtype))
