# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``steelyard.load``: what was compiled ahead of time, by the runtime's C ABI. Needs NumPy and libsteelyard_rt alone."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard import _abi
from steelyard._device import DeviceArray, DeviceFunction, taken
from steelyard._errors import RunError
from steelyard._memory import Device, device_of, is_over
from steelyard._sites import MarkedSite, site_seconds, sites_of
from steelyard._state import KeepsRecipeState, ScaledArray, pack
from steelyard._types import dtype_of, empty

_contexts = _abi.Contexts()


@dataclasses.dataclass(frozen=True)
class Value:
    """An argument or result as it lies in memory.

    Attributes
    ----------
    name : str
    element_type : str
        MLIR's name; ``dtype`` is NumPy's, an unsigned integer of its code where NumPy has none (without ml_dtypes).
    shape : tuple of int
    scale_of : int
        Of an exponent: the index of its data in the same list; else -1.
    state_of : int
        Of a result: the argument that it is in the next call, or -1.
    user_type, form : str
        Of state that is kept scaled: what it is to the user, and "root" where its square root is kept.
    """

    name: str
    element_type: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    scale_of: int
    state_of: int
    user_type: str
    form: str
    is_recipe_state: bool
    is_observed: bool
    initial: bytes

    def __str__(self) -> str:
        return f"{self.element_type}{list(self.shape)}"


def _value(raw: _abi.Value) -> Value:
    runtime = _abi.runtime()
    element_type = runtime.steelyard_type_name(raw.type).decode()
    size = runtime.steelyard_value_bytes(raw)
    return Value(
        raw.name.decode(),
        element_type,
        dtype_of(element_type),
        tuple(raw.shape[i] for i in range(raw.rank)),
        raw.scale_of,
        raw.state_of,
        runtime.steelyard_type_name(raw.user_type).decode() if raw.user_type else "",
        raw.form.decode(),
        raw.role == _abi.RECIPE_STATE,
        raw.role == _abi.OBSERVED,
        ctypes.string_at(raw.initial, size) if raw.initial else b"",
    )


class LoadedFunction(KeepsRecipeState):
    """A function of a library: called with arrays of its types and shapes, it gives a list of results.

    Arrays are NumPy's or anything that speaks DLPack or ``__array__``, on the CPU. State that is kept scaled comes back as
    a ScaledArray, and goes in as one or as an array of the user's type.

    In a library for "cuda" arrays on its device are taken where they lie, others are copied there; results, the recipe's
    state and what is in a ScaledArray are DeviceArrays.

    Attributes
    ----------
    name : str
    arguments, results : tuple of Value
        As they lie in memory: an exponent follows its data.
    """

    def __init__(self, library: Library, index: int, raw: _abi.Function) -> None:
        super().__init__()
        self._library = library  # its code
        self._index = index
        self.name: str = raw.name.decode()
        self.arguments = tuple(_value(raw.arguments[i]) for i in range(raw.argument_count))
        self.results = tuple(_value(raw.results[i]) for i in range(raw.result_count))
        self._scaled = {value.scale_of for value in self.arguments}
        self._user = [
            index for index, value in enumerate(self.arguments) if value.scale_of < 0 and not value.is_recipe_state
        ]
        self._sites = sites_of(raw)
        self._device: Device | None = None
        if library.device is not None:
            self._device = device_of(library.device)
            self._on_device = DeviceFunction(
                library.handle, index, self.name, self.arguments, self.results, self._device, library, self._sites
            )

    def __repr__(self) -> str:
        takes = ", ".join(str(self.arguments[index]) for index in self._user)
        return f"<function {self.name}({takes}) of {self._library.path}>"

    def buffers(self, *arrays: Any) -> list[Any]:
        """What these arguments are in memory, and the recipe's state as it is now: an array for each of ``arguments``."""
        if len(arrays) != len(self._user):
            raise RunError(f"{self.name} takes {len(self._user)} arrays, got {len(arrays)}")
        buffers: list[Any] = []
        for array, index in zip(arrays, self._user, strict=True):
            buffers += self._buffers(array, index)
        return buffers + [self._recipe_state.get(value) for value in self.arguments if value.is_recipe_state]

    def __call__(self, *arrays: Any) -> list[Any]:
        if not any(value.is_recipe_state for value in self.arguments):
            return self._call(arrays)
        with self._recipe_state.lock:  # one call's state is the next one's
            return self._call(arrays)

    def site_seconds(self, arrays: Sequence[Any], calls: int) -> tuple[list[MarkedSite], NDArray[np.float64], float]:
        """Of code compiled for profiling: its sites, seconds a call at each, and seconds a call in all."""
        if not self._sites:
            raise RunError(
                f"{self.name} of {self._library.path} was not compiled for profiling: save it with profile=True, or "
                "compile it with steelyard-compile --profile"
            )
        buffers = self.buffers(*arrays)
        if self._device:
            return self._on_device.site_seconds(buffers, calls)
        out = [empty(value.shape, value.dtype) for value in self.results]
        lists = _abi.Lists([buffer.ctypes.data for buffer in buffers], [buffer.ctypes.data for buffer in out])
        handle, count = self._library.handle, len(self._sites)
        return (self._sites, *site_seconds(handle, self._index, self.name, lists, count, calls))

    def _call(self, arrays: tuple[Any, ...]) -> list[Any]:
        buffers = self.buffers(*arrays)
        if self._device:
            return self._results(self._on_device(buffers))
        out = [empty(value.shape, value.dtype) for value in self.results]
        lists = _abi.Lists([buffer.ctypes.data for buffer in buffers], [buffer.ctypes.data for buffer in out])
        error = _abi.Error()
        context = _contexts.take()
        try:
            code = lists.execute(self._library.handle, self._index, context, error)
        finally:
            _contexts.give(context)
        if code:
            raise RunError(f"{self.name}: {error.text}")
        return self._results(out)

    def _buffers(self, array: Any, index: int) -> list[Any]:
        """What an argument of the user is in memory."""
        value = self.arguments[index]
        if index not in self._scaled:
            if (
                array.__class__ is DeviceArray
                and array._device is self._device
                and array.dtype == value.dtype
                and array.shape == value.shape
            ):
                return [array]
            return [self._array(array, index, value.dtype, str(value))]
        if isinstance(array, ScaledArray) and array.data.dtype == value.dtype and array.form == value.form:
            self._check_shape(array.shape, index)
            parts = [array.data, array._exponent]
            return parts if self._device else [np.asarray(part) for part in parts]
        user = self._array(array, index, dtype_of(value.user_type), f"{value.user_type}{list(value.shape)}")
        kept = pack(np.asarray(user), value.element_type, value.form)
        return [kept.data, kept._exponent]

    def _array(self, given: Any, index: int, dtype: np.dtype[Any], expected: str) -> NDArray[Any] | DeviceArray:
        there = self._taken(given, index)
        if there is not None:
            self._check(there, index, dtype, expected)
            return there
        is_array = isinstance(given, np.ndarray) or hasattr(given, "__array__")
        array = np.asarray(given) if is_array or not hasattr(given, "__dlpack__") else np.from_dlpack(given)
        is_number = isinstance(given, (bool, int, float))
        self._check(array, index, array.dtype if is_number else dtype, expected)
        return np.require(array, dtype, ("C", "A"))

    def _taken(self, given: Any, index: int) -> DeviceArray | None:
        """Of a library for "cuda": what lies on the device."""
        if not self._device:
            return None
        try:
            return taken(given, self._device)
        except RunError as error:
            raise RunError(f"argument {self._user.index(index)} of {self.name} {error}") from None

    def _check(self, array: Any, index: int, dtype: np.dtype[Any], expected: str) -> None:
        if array.dtype != dtype:
            raise RunError(
                f"argument {self._user.index(index)} of {self.name} is {expected}, got {array.dtype}{list(array.shape)}"
            )
        self._check_shape(array.shape, index)

    def _check_shape(self, shape: tuple[int, ...], index: int) -> None:
        expected = self.arguments[index]
        if shape != expected.shape:
            raise RunError(
                f"argument {self._user.index(index)} of {self.name} is {expected}, got an array of shape {list(shape)}"
            )

    def _results(self, buffers: Sequence[Any]) -> list[Any]:
        results: list[Any] = []
        observed: dict[str, Any] = {}
        for buffer, value in zip(buffers, self.results, strict=True):
            if value.scale_of >= 0:
                data = self.results[value.scale_of]
                results[-1] = ScaledArray(results[-1], buffer, dtype_of(data.user_type), data.form)
            elif value.is_recipe_state:
                self._recipe_state.values[value.name] = buffer
            elif value.is_observed:
                observed[value.name] = buffer
            else:
                results.append(buffer)
        self._recipe_state.observed = observed
        return results


class Library(Mapping[str, LoadedFunction]):
    """A shared library that steelyard-compile wrote: its functions by name.

    Called itself, it is its function ``main``, or its only one.

    Attributes
    ----------
    path, target, processor : str
        Where it lies, what its code runs on and the processor it was compiled for.
    device : int or None
        Of code for "cuda": the ordinal of the CUDA device that runs it.
    """

    def __init__(self, path: str, device: int) -> None:
        runtime, error = _abi.runtime(), _abi.Error()
        self.path = path
        self.handle = runtime.steelyard_executable_load(os.fsencode(path), error)
        if not self.handle:
            raise (FileNotFoundError if error.code == _abi.NOT_FOUND else RunError)(error.text)
        self.target: str = runtime.steelyard_executable_target(self.handle).decode()
        self.device = device_of(device).ordinal if self.target == "cuda" else None
        self.processor: str = runtime.steelyard_executable_processor(self.handle).decode()
        self._lock = threading.Lock()
        self._indices: dict[str, int] = {}
        for index in range(runtime.steelyard_executable_function_count(self.handle)):
            self._indices[runtime.steelyard_executable_function(self.handle, index).contents.name.decode()] = index
        self._functions: dict[str, LoadedFunction] = {}

    def __del__(self) -> None:
        if getattr(self, "handle", None) and not (self.target == "cuda" and is_over()):
            _abi.runtime().steelyard_executable_destroy(self.handle)

    def __getitem__(self, name: str) -> LoadedFunction:
        index = self._indices[name]
        with self._lock:
            if name not in self._functions:
                raw = _abi.runtime().steelyard_executable_function(self.handle, index).contents
                self._functions[name] = LoadedFunction(self, index, raw)
            return self._functions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __repr__(self) -> str:
        return f"<{self.path}, for {f'{self.target} {self.processor}'.strip()}: {', '.join(self)}>"

    def __call__(self, *arrays: Any) -> list[Any]:
        return self._main()(*arrays)

    def _main(self) -> LoadedFunction:
        if "main" in self._indices:
            return self["main"]
        if len(self) == 1:
            return self[next(iter(self))]
        raise RunError(f"{self.path} has several functions, {', '.join(self)}: choose one by its name")


def load(path: str | os.PathLike[str], device: int = 0) -> Library:
    """Opens what was compiled ahead of time, by ``steelyard-compile`` or ``save``.

    Needs libsteelyard_rt, which is looked for at $STEELYARD_RUNTIME, where this package was built or installed, and where
    the system looks; of Python packages NumPy alone, ml_dtypes where arrays have its types, scipy-openblas32 for speed.

    Parameters
    ----------
    path : path of the shared library
    device : int
        Of a library for "cuda": the ordinal of the CUDA device that runs it.

    Returns
    -------
    Library
        ``library["main"](x, y)``, or ``library(x, y)``.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    RunError
        Where it is no such library, or this processor or the runtime can't run it; the message names what is missing.
    """
    return Library(os.fspath(path), device)
