# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``steelyard.load``: what was compiled ahead of time, by the runtime's C ABI. Needs NumPy and libsteelyard_rt alone."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard._errors import RunError
from steelyard._state import KeepsRecipeState, ScaledArray, pack
from steelyard._types import dtype_of, empty

_ABI_MAJOR = 3
_RUNTIME = f"libsteelyard_rt.so.{_ABI_MAJOR}"
_OK, _NOT_FOUND = 0, 5
_RECIPE_STATE, _OBSERVED = 2, 3  # STEELYARD_VALUE_*


# --- steelyard.h's structures and functions -------------------------------------------------------------------------------


class _Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int32), ("message", ctypes.c_char * 1020))


class _Value(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_uint64),
        ("rank", ctypes.c_int64),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("alias", ctypes.c_int64),
        ("scale_of", ctypes.c_int64),
        ("role", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("initial", ctypes.c_void_p),
        ("state_of", ctypes.c_int64),
        ("user_type", ctypes.c_uint64),
        ("form", ctypes.c_char_p),
    )


class _Function(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_int64),
        ("argument_count", ctypes.c_int64),
        ("arguments", ctypes.POINTER(_Value)),
        ("result_count", ctypes.c_int64),
        ("results", ctypes.POINTER(_Value)),
        ("arena_tensor_count", ctypes.c_int64),
        ("arena_tensors", ctypes.c_void_p),
        ("site_count", ctypes.c_int64),
        ("sites", ctypes.c_void_p),
        ("has_checks", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    )


_ERROR = ctypes.POINTER(_Error)
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "steelyard_abi_version": (ctypes.c_uint32, ()),
    "steelyard_type_name": (ctypes.c_char_p, (ctypes.c_uint64,)),
    "steelyard_value_bytes": (ctypes.c_int64, (ctypes.POINTER(_Value),)),
    "steelyard_context_create": (ctypes.c_void_p, (ctypes.c_void_p, _ERROR)),
    "steelyard_context_destroy": (None, (ctypes.c_void_p,)),
    "steelyard_executable_load": (ctypes.c_void_p, (ctypes.c_char_p, _ERROR)),
    "steelyard_executable_destroy": (None, (ctypes.c_void_p,)),
    "steelyard_executable_target": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "steelyard_executable_processor": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "steelyard_executable_function_count": (ctypes.c_int64, (ctypes.c_void_p,)),
    "steelyard_executable_function": (ctypes.POINTER(_Function), (ctypes.c_void_p, ctypes.c_int64)),
    "steelyard_set_blas_path": (ctypes.c_int32, (ctypes.c_char_p, _ERROR)),
    "steelyard_execute": (
        ctypes.c_int32,
        (ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, _ERROR),
    ),
}


def runtime_path() -> str:
    """Where libsteelyard_rt lies, or its name where only the system may know."""
    asked = os.environ.get("STEELYARD_RUNTIME")
    if asked:
        return asked
    import steelyard

    places = [os.path.join(path, *up) for path in steelyard.__path__ for up in (("..", "..", "lib"), ())]
    found = [os.path.realpath(path) for place in places if os.path.exists(path := os.path.join(place, _RUNTIME))]
    return found[0] if found else _RUNTIME


@functools.cache
def _runtime() -> Any:
    """libsteelyard_rt: $STEELYARD_RUNTIME, the one that was built or installed with this package, the system's."""
    path = runtime_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise RunError(f"the runtime can't be opened ({error}); set STEELYARD_RUNTIME to the path of {_RUNTIME}") from None
    for function, (result, arguments) in _SIGNATURES.items():
        found = getattr(library, function, None)
        if found is None:
            raise RunError(f"{path} has no {function}: it is of another version than this package")
        found.restype, found.argtypes = result, arguments
    version = library.steelyard_abi_version()
    if version >> 16 != _ABI_MAJOR:
        raise RunError(f"{path} has ABI version {version >> 16}, this package needs {_ABI_MAJOR}")
    if "STEELYARD_BLAS" not in os.environ:
        _set_blas(library)
    return library


def _set_blas(library: Any) -> None:
    """The OpenBLAS wheel, if it is installed; what has been chosen before stays."""
    try:
        import scipy_openblas32
    except ImportError:
        return
    path = os.path.join(scipy_openblas32.get_lib_dir(), str(scipy_openblas32.get_library(fullname=True)))
    if os.path.exists(path):
        library.steelyard_set_blas_path(os.fsencode(path), None)


class _Contexts:
    """Execution contexts, one a concurrent call, used again."""

    def __init__(self) -> None:
        self._idle: list[int] = []

    def take(self) -> int:
        try:
            return self._idle.pop()
        except IndexError:
            error = _Error()
            created = _runtime().steelyard_context_create(None, error)
            if not created:
                raise RunError(error.message.decode()) from None
            return int(created)

    def give(self, context: int) -> None:
        self._idle.append(context)


_contexts = _Contexts()


# --- Libraries ------------------------------------------------------------------------------------------------------------


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


def _value(raw: _Value) -> Value:
    runtime = _runtime()
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
        raw.role == _RECIPE_STATE,
        raw.role == _OBSERVED,
        ctypes.string_at(raw.initial, size) if raw.initial else b"",
    )


class LoadedFunction(KeepsRecipeState):
    """A function of a library: called with arrays of its types and shapes, it gives a list of results.

    Arrays are NumPy's or anything that speaks DLPack or ``__array__``, on the CPU. State that is kept scaled comes back as
    a ScaledArray, and goes in as one or as an array of the user's type.

    Attributes
    ----------
    name : str
    arguments, results : tuple of Value
        As they lie in memory: an exponent follows its data.
    """

    def __init__(self, library: Library, index: int, raw: _Function) -> None:
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

    def __repr__(self) -> str:
        takes = ", ".join(str(self.arguments[index]) for index in self._user)
        return f"<function {self.name}({takes}) of {self._library.path}>"

    def buffers(self, *arrays: Any) -> list[NDArray[Any]]:
        """What these arguments are in memory, and the recipe's state as it is now: an array for each of ``arguments``."""
        if len(arrays) != len(self._user):
            raise RunError(f"{self.name} takes {len(self._user)} arrays, got {len(arrays)}")
        buffers: list[NDArray[Any]] = []
        for array, index in zip(arrays, self._user, strict=True):
            buffers += self._buffers(array, index)
        return buffers + [self._recipe_state.get(value) for value in self.arguments if value.is_recipe_state]

    def __call__(self, *arrays: Any) -> list[Any]:
        if not any(value.is_recipe_state for value in self.arguments):
            return self._call(arrays)
        with self._recipe_state.lock:  # one call's state is the next one's
            return self._call(arrays)

    def _call(self, arrays: tuple[Any, ...]) -> list[Any]:
        buffers = self.buffers(*arrays)
        out = [empty(value.shape, value.dtype) for value in self.results]
        pointers = [
            (ctypes.c_void_p * max(len(group), 1))(*(buffer.ctypes.data for buffer in group)) for group in (buffers, out)
        ]
        error = _Error()
        context = _contexts.take()
        try:
            code = _runtime().steelyard_execute(self._library.handle, self._index, context, *pointers, error)
        finally:
            _contexts.give(context)
        if code != _OK:
            raise RunError(f"{self.name}: {error.message.decode()}")
        return self._results(out)

    def _buffers(self, array: Any, index: int) -> list[NDArray[Any]]:
        """What an argument of the user is in memory."""
        value = self.arguments[index]
        if index not in self._scaled:
            return [self._array(array, index, value.dtype, str(value))]
        if isinstance(array, ScaledArray) and (array.data.dtype, array.form) == (value.dtype, value.form):
            self._check_shape(array.shape, index)
            return [array.data, array._exponent]
        user = self._array(array, index, dtype_of(value.user_type), f"{value.user_type}{list(value.shape)}")
        kept = pack(user, value.element_type, value.form)
        return [kept.data, kept._exponent]

    def _array(self, given: Any, index: int, dtype: np.dtype[Any], expected: str) -> NDArray[Any]:
        is_array = isinstance(given, np.ndarray) or hasattr(given, "__array__")
        array = np.asarray(given) if is_array or not hasattr(given, "__dlpack__") else np.from_dlpack(given)
        is_number = isinstance(given, (bool, int, float))
        if array.dtype != dtype and not is_number:
            raise RunError(
                f"argument {self._user.index(index)} of {self.name} is {expected}, got {array.dtype}{list(array.shape)}"
            )
        self._check_shape(array.shape, index)
        return np.require(array, dtype, ("C", "A"))

    def _check_shape(self, shape: tuple[int, ...], index: int) -> None:
        expected = self.arguments[index]
        if shape != expected.shape:
            raise RunError(
                f"argument {self._user.index(index)} of {self.name} is {expected}, got an array of shape {list(shape)}"
            )

    def _results(self, buffers: list[NDArray[Any]]) -> list[Any]:
        results: list[Any] = []
        observed: dict[str, NDArray[Any]] = {}
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
    """

    def __init__(self, path: str) -> None:
        runtime, error = _runtime(), _Error()
        self.path = path
        self.handle = runtime.steelyard_executable_load(os.fsencode(path), error)
        if not self.handle:
            message = error.message.decode()
            raise FileNotFoundError(message) if error.code == _NOT_FOUND else RunError(message)
        self.target: str = runtime.steelyard_executable_target(self.handle).decode()
        self.processor: str = runtime.steelyard_executable_processor(self.handle).decode()
        self._lock = threading.Lock()
        self._indices: dict[str, int] = {}
        for index in range(runtime.steelyard_executable_function_count(self.handle)):
            self._indices[runtime.steelyard_executable_function(self.handle, index).contents.name.decode()] = index
        self._functions: dict[str, LoadedFunction] = {}

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            _runtime().steelyard_executable_destroy(self.handle)

    def __getitem__(self, name: str) -> LoadedFunction:
        index = self._indices[name]
        with self._lock:
            if name not in self._functions:
                raw = _runtime().steelyard_executable_function(self.handle, index).contents
                self._functions[name] = LoadedFunction(self, index, raw)
            return self._functions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __repr__(self) -> str:
        return f"<{self.path}, for {self.target} {self.processor}: {', '.join(self)}>"

    def __call__(self, *arrays: Any) -> list[Any]:
        return self._main()(*arrays)

    def _main(self) -> LoadedFunction:
        if "main" in self._indices:
            return self["main"]
        if len(self) == 1:
            return self[next(iter(self))]
        raise RunError(f"{self.path} has several functions, {', '.join(self)}: choose one by its name")


def load(path: str | os.PathLike[str]) -> Library:
    """Opens what was compiled ahead of time, by ``steelyard-compile`` or ``save``.

    Needs libsteelyard_rt, which is looked for at $STEELYARD_RUNTIME, where this package was built or installed, and where
    the system looks; of Python packages NumPy alone, ml_dtypes where arrays have its types, scipy-openblas32 for speed.

    Parameters
    ----------
    path : path of the shared library

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
    return Library(os.fspath(path))
