# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""State that stays scaled between calls."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from steelyard._errors import SteelyardError
from steelyard._runtime import DTYPES, ELEMENT_TYPES, Function, compile_module

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
    data : ndarray
        The stored elements (float16 by default), of the array's shape.
    exponent : int
        The exponent of two that all elements share; -2**20 where the array is zero.
    dtype : dtype
        What it converts to: the user's type.
    form : str
        "" or "root": then (data, exponent) is the square root of the value, as second moments are kept.
    """

    def __init__(self, data: NDArray[Any], exponent: NDArray[np.int32], dtype: DTypeLike, form: str = "") -> None:
        self.data = data
        self._exponent = exponent
        self.form = form
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @property
    def exponent(self) -> int:
        return int(self._exponent)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

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
        self.values: dict[str, NDArray[Any]] = {}
        self.observed: dict[str, NDArray[Any]] = {}  # what the taps of the last call saw
        self.lock = threading.Lock()

    def get(self, spec: Any) -> NDArray[Any]:
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
            return {name: value.copy() for name, value in self.values.items()}

    def replace(self, values: Mapping[str, Any]) -> None:
        copies = {str(name): np.array(value, order="C") for name, value in values.items()}
        with self.lock:
            self.values = copies


def _tensor(shape: tuple[int, ...], element: str) -> str:
    return "tensor<" + "".join(f"{size}x" for size in shape) + element + ">"


def _wide(user: str) -> str:
    """What values of the user's type are computed with between the two forms."""
    return "f64" if user == "f64" else "f32"


@functools.lru_cache(maxsize=1024)
def _packer(shape: tuple[int, ...], user: str, storage: str, form: str) -> Function:
    root = "%v = stablehlo.sqrt %w" if form == "root" else "%v = stablehlo.convert %w"
    source, wide, narrow = _tensor(shape, user), _tensor(shape, _wide(user)), _tensor(shape, storage)
    single = _tensor(shape, "f32")
    text = f"""func.func @main(%x: {source}) -> ({narrow}, tensor<i32>) {{
      %w = stablehlo.convert %x : ({source}) -> {wide}
      %zero = scaled.constant_exponent 0 : tensor<i32>
      {root} : {wide}
      %n, %e = scaled.normalize %v, %zero to {_MAGNITUDES.get(storage, 0)} : {wide}
      %s = stablehlo.convert %n : ({wide}) -> {single}
      %d = scaled.cast %s : {single} -> {narrow}
      return %d, %e : {narrow}, tensor<i32>
    }}"""
    return Function(compile_module(text, is_internal=True), 0)


@functools.lru_cache(maxsize=1024)
def _unpacker(shape: tuple[int, ...], user: str, storage: str, form: str) -> Function:
    factor = "%r" if form == "root" else "%one"
    source, wide, result = _tensor(shape, storage), _tensor(shape, _wide(user)), _tensor(shape, user)
    text = f"""func.func @main(%d: {source}, %e: tensor<i32>) -> {result} {{
      %w = stablehlo.convert %d : ({source}) -> {wide}
      %r = scaled.rescale %w, %e : {wide}, tensor<i32>
      %one = stablehlo.constant dense<1.0> : {wide}
      %p = stablehlo.multiply %r, {factor} : {wide}
      %u = stablehlo.convert %p : ({wide}) -> {result}
      return %u : {result}
    }}"""
    return Function(compile_module(text, is_internal=True), 0)


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
    data, exponent = _packer(array.shape, ELEMENT_TYPES[array.dtype], storage, form)([array])
    return ScaledArray(data, exponent, array.dtype, form)


def unpack(scaled: ScaledArray) -> NDArray[Any]:
    """The value in the user's type."""
    user, storage = ELEMENT_TYPES[scaled.dtype], ELEMENT_TYPES[scaled.data.dtype]
    return _unpacker(scaled.shape, user, storage, scaled.form)([scaled.data, scaled._exponent])[0]
