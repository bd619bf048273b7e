# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Other frameworks' arrays by DLPack (dlpack.h 1.1, Python array API 2023.12) and the CUDA array interface (version 3)."""

from __future__ import annotations

import atexit
import ctypes
import dataclasses
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from steelyard import _abi
from steelyard._errors import RunError
from steelyard._types import ELEMENT_TYPES, dtype_of

VERSION = (1, 1)
# DLDeviceType
CPU, CUDA, CUDA_HOST, CUDA_MANAGED = 1, 2, 3, 13
# cudaStreamLegacy: the stream on which this package works
DEFAULT_STREAM = 1

# DLDataType's code and bits.
_CODES: dict[str, tuple[int, int]] = {
    "i1": (6, 8),
    **{f"i{bits}": (0, bits) for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": (1, bits) for bits in (8, 16, 32, 64)},
    **{f"f{bits}": (2, bits) for bits in (16, 32, 64)},
    "bf16": (4, 16),
    "f8E3M4": (7, 8),
    "f8E4M3": (8, 8),
    "f8E4M3B11FNUZ": (9, 8),
    "f8E4M3FN": (10, 8),
    "f8E4M3FNUZ": (11, 8),
    "f8E5M2": (12, 8),
    "f8E5M2FNUZ": (13, 8),
    "f8E8M0FNU": (14, 8),
}
_ELEMENT_TYPES = {code: name for name, code in _CODES.items()}


# --- dlpack.h's structures ------------------------------------------------------------------------------------------------


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    """Before version 1."""

    _fields_ = (("tensor", _Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_KINDS: tuple[tuple[bytes, Any], ...] = ((b"dltensor_versioned", _Versioned), (b"dltensor", _Managed))


def _c_function(name: str, result: Any, *arguments: Any) -> Any:
    """Of Python's C API; what it raises is raised."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_capsule_new = _c_function("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
# Of a capsule's address, so that nothing refers to it.
_capsule_is_valid = _c_function("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_capsule_pointer = _c_function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
# Outlives the interpreter, as what the memory is handed to may.
_allocate = _c_function("PyMem_RawCalloc", ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_free = _c_function("PyMem_RawFree", None, ctypes.c_void_p)


# --- Out ------------------------------------------------------------------------------------------------------------------

# What keeps the memory of a tensor that was handed out, by the address of its structure, and the structure.
_handed_out: dict[int, tuple[Any, Any]] = {}


def _delete(address: int) -> None:
    if _handed_out.pop(address, None):
        _free(address)


_deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_delete)  # from any thread

# Capsules that may not have been taken yet. A destructor of theirs would be Python code, and lose the error that a consumer
# may be raising: instead it is looked at from time to time which are still there.
_capsules: list[Any] = []


def _references(capsules: list[Any], index: int) -> int:
    return sys.getrefcount(capsules[index])


_IN_LIST_ALONE = _references([object()], 0)


def sweep() -> None:
    """Lets go of what capsules hold that are gone and that nobody took."""
    with _sweeping:
        for index in reversed(range(len(_capsules))):
            name = next((name for name, _ in _KINDS if _capsule_is_valid(id(_capsules[index]), name)), None)
            if name and _references(_capsules, index) > _IN_LIST_ALONE:
                continue  # on its way
            if name:
                _delete(_capsule_pointer(id(_capsules[index]), name))
            del _capsules[index]


_sweeping = threading.RLock()


@atexit.register
def _leave() -> None:
    """Who still has tensors may delete them when there is no interpreter: their deleter does nothing then."""
    if _handed_out:
        nothing = _abi.function_address("steelyard_type_bytes")  # of a number, which it takes the address for
        for _, structure in list(_handed_out.values()):
            structure.deleter = nothing


def element_code(dtype: np.dtype[Any]) -> tuple[int, int]:
    """DLDataType's code and bits; BufferError where it has none."""
    code = _CODES.get(ELEMENT_TYPES.get(dtype, ""))
    if code is None:
        raise BufferError(f"DLPack has no one-byte {dtype}" if dtype.itemsize == 1 else f"DLPack has no {dtype}")
    return code


def capsule(
    address: int,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    device: tuple[int, int],
    keeps: Any,
    max_version: tuple[int, int] | None,
) -> Any:
    """A dense row-major array, as a capsule for a consumer that knows DLPack up to ``max_version``."""
    code, bits = element_code(dtype)
    sweep()
    name, kind = _KINDS[0] if max_version is not None and max_version[0] >= 1 else _KINDS[1]
    rank = len(shape)
    numbers = ctypes.c_int64 * (2 * rank)
    memory = _allocate(1, ctypes.sizeof(kind) + ctypes.sizeof(numbers))
    if not memory:
        raise MemoryError
    structure = kind.from_address(memory)
    extents = numbers.from_address(memory + ctypes.sizeof(kind))
    extents[:] = [*shape, *_dense_strides(shape)]
    if kind is _Versioned:
        structure.major, structure.minor = VERSION
    structure.deleter = ctypes.cast(_deleter, ctypes.c_void_p)
    tensor = structure.tensor
    tensor.data = address
    tensor.device = _Device(*device)
    tensor.dtype = _DataType(code, bits, 1)
    tensor.ndim = rank
    tensor.shape = memory + ctypes.sizeof(kind)
    tensor.strides = tensor.shape + 8 * rank
    _handed_out[memory] = (keeps, structure)
    made = _capsule_new(memory, name, None)
    with _sweeping:
        _capsules.append(made)
    return made


def _dense_strides(shape: Sequence[int]) -> list[int]:
    strides, stride = [], 1
    for extent in reversed(shape):
        strides.append(stride)
        stride *= extent
    return strides[::-1]


# --- In -------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Foreign:
    """An array of another framework on a CUDA device, dense and row-major.

    ``device`` is None where the framework does not say it or it can be any, ``stream`` a stream that still works on the
    array, ``keeps`` what keeps its memory.
    """

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    device: int | None
    stream: int
    keeps: Any


def take(value: Any) -> Foreign | None:
    """An array of another framework, without a copy; None for what lies on the host.

    Raises RunError, in words that follow "argument 0", where it can't be taken.
    """
    if hasattr(value, "__dlpack_device__"):
        try:
            kind, device = value.__dlpack_device__()
            if kind in (CPU, CUDA_HOST):
                return None
            if kind not in (CUDA, CUDA_MANAGED):
                raise RunError(f"lies neither on the host nor on a CUDA device (DLPack's kind of device {int(kind)})")
            try:
                handed = value.__dlpack__(stream=DEFAULT_STREAM, max_version=VERSION)
            except TypeError:  # a producer of before 2023.12
                handed = value.__dlpack__(stream=DEFAULT_STREAM)
        except RunError:
            raise
        except Exception as error:  # each framework has its own
            raise RunError(f"can't be taken from {type(value).__module__}: {error}") from None
        return _from_capsule(handed, None if kind == CUDA_MANAGED else int(device))
    if hasattr(value, "__cuda_array_interface__"):
        return _from_interface(value)
    return None


def _from_capsule(handed: Any, device: int | None) -> Foreign:
    for name, kind in _KINDS:
        if _capsule_is_valid(id(handed), name):
            structure = kind.from_address(_capsule_pointer(id(handed), name))
            break
    else:
        raise RunError("gives no DLPack tensor that can be read")
    if kind is _Versioned and structure.major != VERSION[0]:
        raise RunError(f"gives a tensor of DLPack {structure.major}.{structure.minor}; {VERSION[0]} is known")
    tensor = structure.tensor
    rank = tensor.ndim
    shape = tuple((ctypes.c_int64 * rank).from_address(tensor.shape)) if rank else ()
    if rank and tensor.strides:
        _check_dense(shape, tuple((ctypes.c_int64 * rank).from_address(tensor.strides)))
    code = (tensor.dtype.code, tensor.dtype.bits)
    element_type = _ELEMENT_TYPES.get(code)
    if element_type is None or tensor.dtype.lanes != 1:
        raise RunError(f"has elements that the compiler does not know (DLPack's code {code[0]}, {code[1]} bits)")
    # The capsule is kept, not emptied: it lets go of the tensor when it dies.
    return Foreign((tensor.data or 0) + tensor.byte_offset, shape, dtype_of(element_type), device, DEFAULT_STREAM, handed)


def _from_interface(value: Any) -> Foreign:
    interface = value.__cuda_array_interface__
    dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
    if not dtype.isnative or dtype not in ELEMENT_TYPES:
        raise RunError(f"has elements that the compiler does not know ({interface['typestr']})")
    if interface.get("mask") is not None:
        raise RunError("has a mask")
    strides = interface.get("strides")
    if strides is not None:
        _check_dense(shape, tuple(strides), dtype.itemsize)
    stream = interface.get("stream") or DEFAULT_STREAM
    return Foreign(int(interface["data"][0] or 0), shape, dtype, None, stream, value)


def _check_dense(shape: tuple[int, ...], strides: tuple[int, ...], unit: int = 1) -> None:
    if 0 in shape:
        return
    for extent, stride, dense in zip(shape, strides, _dense_strides(shape), strict=True):
        if extent != 1 and stride != dense * unit:
            raise RunError(
                f"is not contiguous in row-major order (shape {list(shape)}, strides {list(strides)}): "
                "call .contiguous(), or make a copy that is"
            )
