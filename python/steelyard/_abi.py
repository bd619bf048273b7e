# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's C ABI: steelyard.h's structures and functions, by ctypes. Needs libsteelyard_rt alone."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

from steelyard._errors import RunError

ABI_MAJOR = 3
_RUNTIME = f"libsteelyard_rt.so.{ABI_MAJOR}"
OK, NOT_FOUND, RESOURCE_EXHAUSTED = 0, 5, 8
RECIPE_STATE, OBSERVED = 2, 3  # STEELYARD_VALUE_*


class Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int32), ("message", ctypes.c_char * 1020))

    @property
    def text(self) -> str:
        return bytes(self.message).decode(errors="replace")


class Value(ctypes.Structure):
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


class Site(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_char_p),
        ("buffers", ctypes.c_char_p),
        ("location", ctypes.c_char_p),
    )


class Function(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_int64),
        ("argument_count", ctypes.c_int64),
        ("arguments", ctypes.POINTER(Value)),
        ("result_count", ctypes.c_int64),
        ("results", ctypes.POINTER(Value)),
        ("arena_tensor_count", ctypes.c_int64),
        ("arena_tensors", ctypes.c_void_p),
        ("site_count", ctypes.c_int64),
        ("sites", ctypes.POINTER(Site)),
        ("has_checks", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    )


class ContextOptions(ctypes.Structure):
    _fields_ = (
        ("abi_version", ctypes.c_uint32),
        ("thread_count", ctypes.c_int32),
        ("allocator", ctypes.c_void_p),
        ("device", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("stream", ctypes.c_void_p),
    )


_ERROR = ctypes.POINTER(Error)
_ADDRESS = ctypes.c_void_p  # of an object of the runtime, or of a buffer
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "steelyard_abi_version": (ctypes.c_uint32, ()),
    "steelyard_type_bytes": (ctypes.c_size_t, (ctypes.c_uint64,)),
    "steelyard_type_name": (ctypes.c_char_p, (ctypes.c_uint64,)),
    "steelyard_value_bytes": (ctypes.c_int64, (ctypes.POINTER(Value),)),
    "steelyard_context_create": (_ADDRESS, (ctypes.POINTER(ContextOptions), _ERROR)),
    "steelyard_context_destroy": (None, (_ADDRESS,)),
    "steelyard_context_site_times": (None, (_ADDRESS, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64))),
    "steelyard_context_allocate": (_ADDRESS, (_ADDRESS, ctypes.c_size_t, _ERROR)),
    "steelyard_context_free": (ctypes.c_int32, (_ADDRESS, _ADDRESS, _ERROR)),
    "steelyard_context_upload": (ctypes.c_int32, (_ADDRESS, _ADDRESS, _ADDRESS, ctypes.c_size_t, _ERROR)),
    "steelyard_context_download": (ctypes.c_int32, (_ADDRESS, _ADDRESS, _ADDRESS, ctypes.c_size_t, _ERROR)),
    "steelyard_context_copy": (ctypes.c_int32, (_ADDRESS, _ADDRESS, _ADDRESS, ctypes.c_size_t, _ERROR)),
    "steelyard_context_synchronize": (ctypes.c_int32, (_ADDRESS, _ERROR)),
    "steelyard_context_record": (ctypes.c_int64, (_ADDRESS, _ERROR)),
    "steelyard_context_reached": (ctypes.c_int32, (_ADDRESS, ctypes.c_int64, _ERROR)),
    "steelyard_context_wait": (ctypes.c_int32, (_ADDRESS, ctypes.c_int64, _ERROR)),
    "steelyard_device_count": (ctypes.c_int32, (_ERROR,)),
    "steelyard_executable_load": (_ADDRESS, (ctypes.c_char_p, _ERROR)),
    "steelyard_executable_destroy": (None, (_ADDRESS,)),
    "steelyard_executable_target": (ctypes.c_char_p, (_ADDRESS,)),
    "steelyard_executable_processor": (ctypes.c_char_p, (_ADDRESS,)),
    "steelyard_executable_function_count": (ctypes.c_int64, (_ADDRESS,)),
    "steelyard_executable_function": (ctypes.POINTER(Function), (_ADDRESS, ctypes.c_int64)),
    "steelyard_set_blas_path": (ctypes.c_int32, (ctypes.c_char_p, _ERROR)),
    "steelyard_execute": (ctypes.c_int32, (_ADDRESS, ctypes.c_int64, _ADDRESS, _ADDRESS, _ADDRESS, _ERROR)),
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
def runtime() -> Any:
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
    if version >> 16 != ABI_MAJOR:
        raise RunError(f"{path} has ABI version {version >> 16}, this package needs {ABI_MAJOR}")
    if "STEELYARD_BLAS" not in os.environ:
        _set_blas(library)
    return library


def function_address(name: str) -> int:
    """Where one of the runtime's functions lies in this process."""
    return ctypes.cast(getattr(runtime(), name), ctypes.c_void_p).value or 0


def _set_blas(library: Any) -> None:
    """The OpenBLAS wheel, if it is installed; what has been chosen before stays."""
    try:
        import scipy_openblas32
    except ImportError:
        return
    path = os.path.join(scipy_openblas32.get_lib_dir(), str(scipy_openblas32.get_library(fullname=True)))
    if os.path.exists(path):
        library.steelyard_set_blas_path(os.fsencode(path), None)


def create_context(options: ContextOptions | None = None) -> int:
    error = Error()
    created = runtime().steelyard_context_create(options, error)
    if not created:
        raise RunError(error.text) from None
    return int(created)


class Contexts:
    """Execution contexts, one a concurrent call, used again."""

    def __init__(self, options: ContextOptions | None = None) -> None:
        self._options = options
        self._idle: list[int] = []

    def take(self) -> int:
        try:
            return self._idle.pop()
        except IndexError:
            return create_context(self._options)

    def give(self, context: int) -> None:
        self._idle.append(context)

    def destroy_idle(self) -> None:
        """With what they keep: an arena each."""
        while True:
            try:
                context = self._idle.pop()
            except IndexError:
                return
            runtime().steelyard_context_destroy(context)


class Lists:
    """The addresses of arguments and results, as ``steelyard_execute`` takes them."""

    def __init__(self, arguments: list[int], results: list[int]) -> None:
        self._lists = tuple((ctypes.c_void_p * max(len(group), 1))(*group) for group in (arguments, results))

    def execute(self, executable: int, index: int, context: int, error: Error) -> int:
        """The call's status code."""
        code: int = runtime().steelyard_execute(executable, index, context, *self._lists, error)
        return code
