# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What test_device.py checks on the fake driver, each in a process: `python -m fake_device CHECK LIBRARY`.

The driver is opened once a process; a check says which devices it finds.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import ctypes
import dataclasses
import gc
import os
import pathlib
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import steelyard
from steelyard import _load

CHECKS: dict[str, tuple[Callable[[], None], dict[str, str]]] = {}


def check(**environment: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def add(function: Callable[[], None]) -> Callable[[], None]:
        CHECKS[function.__name__] = function, environment
        return function

    return add


def library(device: int = 0) -> steelyard.Library:
    return steelyard.load(sys.argv[2], device)


def count(function: str) -> int:
    """How often the driver's function was called."""
    fake = ctypes.CDLL(os.environ["STEELYARD_CUDA_DRIVER"])
    fake.fakeCUDACount.restype = ctypes.c_int64
    return int(fake.fakeCUDACount(function.encode()))


@contextlib.contextmanager
def raises(kind: type[Exception], words: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        assert re.search(words, str(error)), f"{error} does not say {words!r}"
    else:
        raise AssertionError(f"no {kind.__name__} that says {words!r}")


EIGHT = np.arange(8, dtype=np.float32)


# --- Another framework, by its own reading of dlpack.h --------------------------------------------------------------------


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    ]


Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Managed(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("manager", ctypes.c_void_p), ("deleter", Deleter)]


class Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


api = ctypes.pythonapi
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Other:
    """An array of another framework, on a device."""

    def __init__(self, values: Any, code: int = 2, versioned: bool = True, device: int = 0, strides: Any = None) -> None:
        self.memory = steelyard.device_put(values, device)
        self.code, self.versioned, self.device, self.strides = code, versioned, device, strides
        self.kind = 2
        self.streams: list[Any] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, self.device

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        if options and not self.versioned:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        shape = self.memory.shape
        extents = (ctypes.c_int64 * max(len(shape), 1))(*shape)
        strides = self.strides and (ctypes.c_int64 * len(shape))(*self.strides)
        bits = 8 * self.memory.dtype.itemsize
        # The offset belongs to the address.
        address = self.memory.__cuda_array_interface__["data"][0] - 16
        tensor = Tensor(address, self.kind, self.device, len(shape), self.code, bits, 1, extents, strides, 16)
        self.held = Versioned(1, 0, None, Deleter(), 0, tensor) if self.versioned else Managed(tensor, None, Deleter())
        name = b"dltensor_versioned" if self.versioned else b"dltensor"
        return api.PyCapsule_New(ctypes.addressof(self.held), name, None)


def consume(capsule: Any) -> tuple[Any, Callable[[], None]]:
    """Takes the tensor over; its structure, and what deletes it."""
    versioned = 'capsule object "dltensor_versioned"' in repr(capsule)
    name, kind = (b"dltensor_versioned", Versioned) if versioned else (b"dltensor", Managed)
    managed = kind.from_address(api.PyCapsule_GetPointer(capsule, name))
    used = b"used_" + name
    api.PyCapsule_SetName(capsule, used)
    consume.names.append(used)  # type: ignore[attr-defined]
    return managed, lambda: managed.deleter(ctypes.addressof(managed))


consume.names = []  # type: ignore[attr-defined]


# --- Arrays ---------------------------------------------------------------------------------------------------------------


@check()
def what_an_array_is() -> None:
    host = np.arange(12, dtype=np.float32).reshape(4, 3)
    array = steelyard.device_put(host)
    assert repr(array) == "DeviceArray(shape=(4, 3), dtype=float32, device=0)"
    assert (array.shape, array.ndim, array.size, array.nbytes, len(array), array.device) == ((4, 3), 2, 12, 48, 4, 0)
    np.testing.assert_array_equal(array, host)
    assert np.asarray(array, np.float64).dtype == np.float64
    assert steelyard.device_put(array) is array
    for make in (copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))):
        other = make(array)
        assert other is not array and other.device == 0
        np.testing.assert_array_equal(other, host)
    with raises(ValueError, "copied to the host"):
        np.asarray(array, copy=False)
    for value in (3, 2.5, True, np.float16(0.5)):
        scalar = steelyard.device_put(value)  # type: ignore[arg-type]
        assert scalar.item() == value == float(scalar) and int(scalar) == int(value) and bool(scalar)
        with raises(TypeError, "rank 0"):
            len(scalar)
    with raises(ValueError, "size 1|one element|ambiguous"):
        float(array)
    empty = steelyard.device_put(np.zeros((0, 3), "f4"))
    assert np.asarray(empty).shape == (0, 3) and empty.nbytes == 0
    np.testing.assert_array_equal(steelyard.device_put(np.asfortranarray(host)), host)
    for device, kind in ((-1, ValueError), (True, TypeError), ("0", TypeError)):
        with raises(kind, "ordinal of a CUDA device"):
            steelyard.device_put(host, device)  # type: ignore[arg-type]


@check()
def kinds_of_elements() -> None:
    arrays: list[Any] = [
        np.arange(3, dtype=ml_dtypes.bfloat16),
        np.arange(3, dtype=ml_dtypes.float8_e4m3fn),
        np.array([True, False]),
        np.float64(2.5),
        np.zeros((0, 3), np.float32),
    ]
    for take in (lambda a: a, steelyard.device_put):
        for got, want in zip(library()["kinds"](*map(take, arrays)), arrays, strict=True):
            assert isinstance(got, steelyard.DeviceArray) and got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
    assert not hasattr(steelyard.device_put(arrays[0]), "__cuda_array_interface__")
    assert steelyard.device_put(arrays[2]).__cuda_array_interface__["typestr"] == "|b1"


# --- Calls ----------------------------------------------------------------------------------------------------------------


@check()
def a_call() -> None:
    identity = library()["identity"]
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    for given in (x, steelyard.device_put(x), np.asfortranarray(x)):
        np.testing.assert_array_equal(identity(given)[0], x)
    assert count("cuModuleLoadDataEx") == 1
    assert library().device == 0


@check()
def state_stays_there() -> None:
    """And from the second step on nothing is allocated, nothing waits."""
    step = library()["step"]
    names = ("cuMemAlloc_v2", "cuMemFree_v2", "cuStreamSynchronize", "cuMemcpyDtoHAsync_v2")
    w, x = EIGHT, steelyard.device_put(np.ones(8, "f4"))
    for index in range(101):
        if index == 3:
            gc.disable()
            before = [
                count(name) for name in ("cuMemAlloc_v2", "cuMemFree_v2", "cuStreamSynchronize", "cuMemcpyDtoHAsync_v2")
            ]
        w, loss = step(w, x)
    after = [count(name) for name in names]
    assert before == after, (before, after)
    np.testing.assert_array_equal(w, EIGHT + 101)
    np.testing.assert_array_equal(loss, np.ones(8))


@check()
def batches_from_the_host() -> None:
    step = library()["step"]
    w = EIGHT
    for index in range(100):
        if index == 3:
            before = count("cuMemAlloc_v2")
        w, _ = step(w, np.full(8, index, "f4"))
    assert count("cuMemAlloc_v2") == before
    np.testing.assert_array_equal(w, EIGHT + sum(range(100)))


@check()
def scalars_are_kept() -> None:
    kinds = library()["kinds"]
    rest = [
        steelyard.device_put(a)
        for a in (np.zeros(3, ml_dtypes.bfloat16), np.zeros(3, ml_dtypes.float8_e4m3fn), np.zeros(2, "?"))
    ]
    last = steelyard.device_put(np.zeros((0, 3), "f4"))
    kinds(*rest, 0.5, last)
    before = count("cuMemcpyHtoDAsync_v2")
    assert kinds(*rest, 0.5, last)[3].item() == 0.5 and count("cuMemcpyHtoDAsync_v2") == before
    for index in range(1000):
        got = kinds(*rest, float(index % 300), last)[3]
        assert got.item() == index % 300
    assert count("cuMemAlloc_v2") < 320


@check()
def recipe_state() -> None:
    recipe = library()["recipe"]
    x = np.arange(8, dtype=np.int32)
    assert recipe.recipe_state == {} and recipe.observed == {}
    for _ in range(5):
        np.testing.assert_array_equal(recipe(x)[0], x)
    kept = recipe._recipe_state.values["history"]
    assert isinstance(kept, steelyard.DeviceArray)
    saved = recipe.recipe_state
    np.testing.assert_array_equal(saved["history"], [5] * 8)
    assert isinstance(saved["history"], np.ndarray) and int(recipe.observed["tap"]) == 0
    recipe.recipe_state = {"history": np.full(8, 40, np.int32)}
    recipe(x)
    np.testing.assert_array_equal(recipe.recipe_state["history"], [41] * 8)
    recipe.recipe_state = saved
    recipe(x)
    np.testing.assert_array_equal(recipe.recipe_state["history"], [6] * 8)


@check()
def scaled_state() -> None:
    scaled = library()["scaled"]
    value = np.linspace(-4, 4, 8, dtype=np.float32)
    (state,) = scaled(value)
    assert isinstance(state, steelyard.ScaledArray) and isinstance(state.data, steelyard.DeviceArray)
    assert state.shape == (8,) and state.ndim == 1 and state.size == 8 and state.dtype == np.float32
    before, exponent = count("cuMemcpyDtoHAsync_v2"), None
    for _ in range(4):
        (state,) = scaled(state)
    assert count("cuMemcpyDtoHAsync_v2") == before
    exponent = state.exponent
    np.testing.assert_allclose(np.asarray(state), value * 32, rtol=1e-3)
    assert str(exponent) in repr(state)
    # From the host, and an array of the user's type that lies on the device.
    host = steelyard.ScaledArray(np.asarray(state.data), np.asarray(state._exponent), np.float32)
    np.testing.assert_allclose(np.asarray(scaled(host)[0]), value * 64, rtol=1e-3)
    np.testing.assert_allclose(np.asarray(scaled(steelyard.device_put(value))[0]), value * 2, rtol=1e-3)


@check()
def what_a_call_refuses() -> None:
    loaded = library()
    step, there = loaded["step"], steelyard.device_put
    for arrays, words in [
        ((EIGHT,), "takes 2 arrays, got 1"),
        ((EIGHT, there(np.zeros(7, "f4"))), r"argument 1 of step is f32\[8\], got an array of shape \[7\]"),
        ((EIGHT, there(np.zeros(8, "f8"))), r"argument 1 of step is f32\[8\], got float64\[8\]"),
        ((np.zeros(8, "i4"), EIGHT), r"argument 0 of step is f32\[8\], got int32\[8\]"),
        ((EIGHT, "text"), "argument 1 of step is"),
        ((EIGHT, None), "argument 1 of step is"),
    ]:
        with raises(steelyard.RunError, words):
            step(*arrays)
    with raises(steelyard.RunError, r"argument 0 of scaled is f16\[8\], got an array of shape \[7\]"):
        loaded["scaled"](there(np.zeros(7, "f4")))


@check(FAKE_CUDA_DEVICES="9.0,9.0")
def devices() -> None:
    first, second = library(0)["step"], library(1)["step"]
    w, _ = first(EIGHT, EIGHT)
    v, _ = second(EIGHT, EIGHT)
    assert (w.device, v.device) == (0, 1)
    np.testing.assert_array_equal(w, v)
    with raises(steelyard.RunError, "argument 1 of step lies on CUDA device 1, and device 0 is to use it"):
        first(w, v)
    with raises(steelyard.RunError, "argument 0 of step lies on CUDA device 0, and device 1 is to use it"):
        second(Other(EIGHT), v)
    with raises(steelyard.RunError, "the array lies on CUDA device 0, and device 1"):
        steelyard.device_put(w, 1)
    with raises(BufferError, "lies on CUDA device 0"):
        w.__dlpack__(dl_device=(2, 1))
    # Who has no device is found out by the runtime.
    with raises(steelyard.RunError, "is memory of device 1, and the context's is device 0"):
        first(w, Interface(v))
    np.testing.assert_array_equal(first(w, steelyard.device_put(np.asarray(v)))[0], EIGHT * 4)
    with raises(steelyard.RunError, "there is no CUDA device 2: there are 2"):
        library(2)["step"](EIGHT, EIGHT)


@check(STEELYARD_CUDA_DRIVER="/none/libcuda.so.1")
def no_driver() -> None:
    loaded = library()
    assert loaded.target == "cuda" and list(loaded)[0] == "identity"
    for _ in range(2):
        with raises(steelyard.RunError, "no CUDA driver: /none/libcuda.so.1 can't be opened"):
            loaded["step"](EIGHT, EIGHT)
        with raises(steelyard.RunError, "no CUDA driver"):
            steelyard.device_put(EIGHT)


@check(FAKE_CUDA_DEVICES="8.0")
def another_chip() -> None:
    with raises(steelyard.RunError, "step: .*sm_90a.*sm_80"):
        library()["step"](EIGHT, EIGHT)
    assert steelyard.device_put(EIGHT).device == 0


@check()
def what_kernels_do_wrong_is_found_later() -> None:
    loaded = library()
    (lost,) = loaded["wrong"](EIGHT)
    for use in (np.asarray, lambda a: a.__dlpack__(stream=2), float):
        with raises(steelyard.RunError, "CUDA_ERROR_ILLEGAL_ADDRESS.*a kernel did this"):
            use(lost)
    with raises(steelyard.RunError, "CUDA_ERROR_ILLEGAL_ADDRESS"):
        loaded["step"](lost, lost)
    del lost


# --- Memory ---------------------------------------------------------------------------------------------------------------


@check(FAKE_CUDA_MEMORY=str(20 << 20))
def memory_ends() -> None:
    """Free blocks of other sizes and arenas of idle contexts are given back, then it is an error."""
    big = np.zeros(1 << 20, np.float32)
    for size in range(1, 17):  # what is free and no size of the next one
        steelyard.device_put(big[: size << 14])
    array = steelyard.device_put(np.zeros(4 << 20, np.float32)[: 15 << 18])  # 15 of 20 MiB
    assert count("cuMemFree_v2") > 0
    with raises(steelyard.RunError, r"no memory for a buffer of \d+ bytes on device 0.*are free.*OUT_OF_MEMORY"):
        steelyard.device_put(np.zeros(2 << 20, "f4"))
    del array
    large = library()["large"]
    hold = [steelyard.device_put(big) for _ in range(2)]
    free = [steelyard.device_put(big[: 3 << 18]) for _ in range(3)]
    del free  # 8 in use, 9 free: a result of 4 and an arena of 4 need them
    np.testing.assert_array_equal(large(hold[0])[0], big)
    hold += [steelyard.device_put(big)]  # 12, and the arena's 4
    with raises(steelyard.RunError, "no memory"):
        hold += [steelyard.device_put(big) for _ in range(3)]
    hold = hold[:2]
    np.testing.assert_array_equal(large(hold[0])[0], big)


@check()
def blocks_of_near_sizes_are_used_again() -> None:
    from steelyard import _memory

    for size in [*range(0, 5000, 7), *(1 << n for n in range(40)), (1 << 30) + 1, 3 << 29]:
        rounded = _memory.rounded(size)
        assert rounded >= max(size, 1) and rounded % 512 == 0 and rounded <= max(size + 511, size * 9 // 8 + 512)
        assert _memory.rounded(rounded) == rounded
    before = count("cuMemAlloc_v2")
    for size in range(100_000, 104_000, 100):
        steelyard.device_put(np.zeros(size, "u1"))
    assert count("cuMemAlloc_v2") == before + 1


@check()
def memory_in_use_is_not_used_again() -> None:
    """Work that waits on the stream reads what was there when it was called."""
    step = library()["step"]
    kept = []
    for index in range(50):
        kept.append(step(np.full(8, index, "f4"), EIGHT)[0])  # the arguments' memory is free at once
    for index, array in enumerate(kept):
        np.testing.assert_array_equal(array, EIGHT + index)


def in_threads(work: Callable[[int], None]) -> None:
    """In eight at once, each with its number."""
    wrong: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            wrong.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not wrong, wrong


@check()
def threads() -> None:
    loaded = library()
    step, recipe = loaded["step"], loaded["recipe"]

    def work(number: int) -> None:
        w: Any = EIGHT + number
        x = steelyard.device_put(np.ones(8, "f4"))
        for index in range(40):
            w, _ = step(w, x)
            recipe(np.zeros(8, "i4"))
            if index % 10 == 0:
                np.testing.assert_array_equal(w, EIGHT + number + index + 1)
        np.testing.assert_array_equal(w, EIGHT + number + 40)

    in_threads(work)
    np.testing.assert_array_equal(recipe.recipe_state["history"], [320] * 8)


# --- Other frameworks -----------------------------------------------------------------------------------------------------


class Interface:
    """Of CUDA's array interface alone."""

    def __init__(self, array: steelyard.DeviceArray, **changes: Any) -> None:
        self.array = array
        self.__cuda_array_interface__ = array.__cuda_array_interface__ | changes


@check()
def arrays_of_others() -> None:
    loaded = library()
    step = loaded["step"]
    x = np.ones(8, "f4")
    for versioned in (True, False):
        for strides in (None, [1]):
            other = Other(x, versioned=versioned, strides=strides)
            copies = count("cuMemcpyHtoDAsync_v2"), count("cuMemcpyDtoHAsync_v2")
            w, _ = step(other, other)
            assert (count("cuMemcpyHtoDAsync_v2"), count("cuMemcpyDtoHAsync_v2")) == copies
            assert other.streams == [1, 1]
            np.testing.assert_array_equal(w, x * 2)
    # It waits no more for them than for ours.
    waits = count("cuStreamSynchronize"), count("cuEventSynchronize")
    for second in (other, w):
        step(w, second)
    assert (count("cuStreamSynchronize"), count("cuEventSynchronize")) == waits
    other.kind = 13  # managed memory, which lies anywhere
    other.device = 7
    np.testing.assert_array_equal(step(w, other)[0], x * 3)

    matrix = np.arange(12, dtype="f4").reshape(4, 3)
    np.testing.assert_array_equal(loaded["identity"](Other(matrix, strides=[3, 1]))[0], matrix)
    with raises(steelyard.RunError, r"argument 0 of identity is not contiguous .*\[1, 4\].*call .contiguous\(\)"):
        loaded["identity"](Other(matrix, strides=[1, 4]))
    with raises(steelyard.RunError, r"argument 1 of step is f32\[8\], got int32\[8\]"):
        step(w, Other(np.zeros(8, "i4"), code=0))
    with raises(steelyard.RunError, "elements that the compiler does not know .*code 5, 64 bits"):
        step(w, Other(np.zeros(8, "f8"), code=5))
    other.kind = 10  # ROCm's
    with raises(steelyard.RunError, "argument 1 of step lies neither on the host nor on a CUDA device .*10"):
        step(w, other)

    class Broken(Other):
        def __dlpack__(self, **options: Any) -> Any:
            raise BufferError("requires a gradient")

    with raises(steelyard.RunError, "argument 0 of step can't be taken from .*: requires a gradient"):
        step(Broken(x), w)


@check()
def the_array_interface() -> None:
    loaded = library()
    step = loaded["step"]
    one = steelyard.device_put(np.ones(8, "f4"))
    for changes in ({}, {"strides": (4,)}, {"stream": None}):
        np.testing.assert_array_equal(step(Interface(one, **changes), one)[0], np.full(8, 2))
    fake = ctypes.CDLL(os.environ["STEELYARD_CUDA_DRIVER"])
    stream, primary = ctypes.c_void_p(), ctypes.c_void_p()
    fake.cuDevicePrimaryCtxRetain(ctypes.byref(primary), 40)
    fake.cuCtxPushCurrent_v2(primary)
    assert fake.cuStreamCreate(ctypes.byref(stream), 1) == 0 and stream.value
    waits = count("cuStreamSynchronize")
    step(Interface(one, stream=stream.value), one)
    assert count("cuStreamSynchronize") == waits + 1  # that stream, not ours
    matrix = steelyard.device_put(np.zeros((4, 3), "f4"))
    with raises(steelyard.RunError, "is not contiguous"):
        loaded["identity"](Interface(matrix, strides=(4, 16)))
    with raises(steelyard.RunError, "does not know .*<c8"):
        step(Interface(one, typestr="<c8"), one)
    with raises(steelyard.RunError, "got float64"):
        step(Interface(one, typestr="<f8"), one)


@check()
def arrays_for_others() -> None:
    matrix = np.arange(12, dtype="f4").reshape(4, 3)
    array = steelyard.device_put(matrix)
    assert array.__dlpack_device__() == (2, 0)
    for version, kind in ((None, Managed), ((0, 8), Managed), ((1, 0), Versioned), ((2, 0), Versioned)):
        managed, delete = consume(array.__dlpack__(max_version=version))
        assert isinstance(managed, kind)
        tensor = managed.tensor
        assert (tensor.device_type, tensor.device, tensor.ndim) == (2, 0, 2)
        assert (tensor.code, tensor.bits, tensor.lanes, tensor.offset) == (2, 32, 1, 0)
        assert (tensor.shape[:2], tensor.strides[:2]) == ([4, 3], [3, 1])
        if kind is Versioned:
            assert managed.major == 1 and managed.flags == 0
        assert tensor.data == array.__cuda_array_interface__["data"][0]
        delete()
    # It is kept until it is deleted, from any thread.
    address = steelyard.device_put(np.zeros(100_000, "u1"))
    managed, delete = consume(address.__dlpack__())
    del address
    before = count("cuMemAlloc_v2")
    steelyard.device_put(np.zeros(100_000, "u1"))
    assert count("cuMemAlloc_v2") == before + 1
    thread = threading.Thread(target=delete)
    thread.start()
    thread.join()
    hold = [steelyard.device_put(np.zeros(100_000, "u1")) for _ in range(2)]
    assert count("cuMemAlloc_v2") == before + 1
    # A capsule that nobody took.
    del hold
    for _ in range(20):
        steelyard.device_put(np.zeros(100_000, "u1")).__dlpack__(max_version=(1, 0))
    assert count("cuMemAlloc_v2") <= before + 1
    from steelyard import _dlpack

    assert len(_dlpack._handed_out) == 1
    held = array.__dlpack__()
    _dlpack.sweep()
    assert len(_dlpack._handed_out) == 1
    del held
    _dlpack.sweep()
    assert not _dlpack._handed_out and not _dlpack._capsules
    # Codes of dlpack.h 1.1.
    names = "float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz"
    codes = {name: code for code, name in enumerate([*names.split(), "float8_e8m0fnu"], 7)} | {"bfloat16": 4}
    for name, code in codes.items():
        dtype = np.dtype(getattr(ml_dtypes, name))
        managed, delete = consume(steelyard.device_put(np.ones(3, dtype)).__dlpack__(max_version=(1, 1)))
        assert (managed.tensor.code, managed.tensor.bits) == (code, 8 * dtype.itemsize), name
        delete()
    for native, code in (("?", 6), ("i2", 0), ("u4", 1), ("f2", 2)):
        managed, delete = consume(steelyard.device_put(np.ones(3, native)).__dlpack__())
        assert (managed.tensor.code, managed.tensor.bits) == (code, 8 * np.dtype(native).itemsize)
        delete()
    with raises(BufferError, "DLPack has no one-byte float4_e2m1fn"):
        steelyard.device_put(np.ones(3, ml_dtypes.float4_e2m1fn)).__dlpack__()
    for shape in ((), (0, 3)):
        managed, delete = consume(steelyard.device_put(np.ones(shape, "f4")).__dlpack__())
        assert managed.tensor.shape[: len(shape)] == list(shape) and bool(managed.tensor.data) == (shape == ())
        delete()
    # Elsewhere, and copies.
    np.testing.assert_array_equal(np.from_dlpack(array, device="cpu"), matrix)
    with raises(BufferError, "copy=False"):
        array.__dlpack__(dl_device=(1, 0), copy=False)
    managed, delete = consume(array.__dlpack__(copy=True))
    assert managed.tensor.data != array.__cuda_array_interface__["data"][0]
    delete()
    with raises(RuntimeError, "[Dd]evice"):
        np.from_dlpack(array)  # which NumPy refuses, and drops the capsule
    _dlpack.sweep()
    assert not _dlpack._handed_out


@check()
def streams_of_others() -> None:
    step = library()["step"]
    w, _ = step(EIGHT, EIGHT)
    waits = count("cuStreamSynchronize")
    for stream in (None, 1, -1):
        consume(w.__dlpack__(stream=stream))[1]()
    assert count("cuStreamSynchronize") == waits
    x, _ = step(w, w)
    _, delete = consume(x.__dlpack__(stream=0x1234))
    assert count("cuStreamSynchronize") == waits + 1
    # What it does there is not in our order: its memory is not used again, it is freed.
    frees = count("cuMemFree_v2")
    del x
    delete()
    steelyard.device_put(EIGHT)
    assert count("cuMemFree_v2") == frees + 1


@check()
def there_and_back() -> None:
    """Our own arrays through DLPack are foreign ones that share memory."""

    class Through:
        def __init__(self, array: steelyard.DeviceArray) -> None:
            self.__dlpack_device__ = array.__dlpack_device__
            self.__dlpack__ = array.__dlpack__

    from steelyard import _dlpack

    array = steelyard.device_put(EIGHT)
    alias = steelyard.device_put(Through(array))  # type: ignore[arg-type]
    assert alias is not array and alias.is_foreign and not array.is_foreign
    address = array.__cuda_array_interface__["data"][0]
    assert alias.__cuda_array_interface__["data"][0] == address
    del array
    steelyard.device_put(EIGHT + 1)
    np.testing.assert_array_equal(alias, EIGHT)
    again = steelyard.device_put(Through(alias))  # type: ignore[arg-type]
    del alias
    np.testing.assert_array_equal(again, EIGHT)
    steelyard.device_put(EIGHT + 1)
    np.testing.assert_array_equal(library()["step"](again, again)[0], EIGHT * 2)
    del again
    _dlpack.sweep()
    assert not _dlpack._handed_out


# --- The end --------------------------------------------------------------------------------------------------------------

_left: list[Any] = []


@check()
def the_end() -> None:
    """Arrays, tensors of others, capsules and pending work outlive everything."""

    def late() -> None:
        with raises(steelyard.RunError, "device 0 can't be used while Python ends"):
            np.asarray(_left[0])
        # Frameworks delete theirs in destructors of C++, when there is no interpreter.
        managed, address = _left[3], ctypes.c_void_p(ctypes.addressof(_left[3]))
        ctypes.CDLL(None).__cxa_atexit(ctypes.cast(managed.deleter, ctypes.c_void_p), address, None)
        print("late")

    loaded = library()
    w, loss = loaded["step"](EIGHT, EIGHT)
    managed, delete = consume(w.__dlpack__())
    capsule = loss.__dlpack__(max_version=(1, 0))
    cycle: list[Any] = [loaded, w]
    cycle.append(cycle)
    _left.extend((w, loss, loaded, managed, delete, capsule, cycle))
    from steelyard import _dlpack, _memory

    # What is registered first runs last.
    leave = [_memory._leave, _dlpack._leave]
    for function in leave:
        atexit.unregister(function)
    atexit.register(late)
    for function in leave:
        atexit.register(function)


@check(STEELYARD_CUDA_DRIVER="/none/libcuda.so.1")
def the_end_without_a_driver() -> None:
    _left.append(library())


# --- jit and compile ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Spec:
    """As the native module's TensorSpec and FunctionSpec."""

    name: str
    element_type: str = ""
    shape: tuple[int, ...] = ()
    scale_of: int = -1
    user_element_type: str = ""
    state_form: str = ""
    is_recipe_state: bool = False
    is_observed: bool = False
    initial: bytes = b""
    arguments: Any = ()
    results: Any = ()
    sites: Any = ()


class Executable:
    """In place of what the compiler makes: a function of the library, as `main`."""

    def __init__(self, name: str) -> None:
        self.library = library()
        self.handle = self.library.handle

        def specs(values: tuple[_load.Value, ...]) -> list[Spec]:
            return [
                Spec(v.name, v.element_type, v.shape, v.scale_of, v.user_type, v.form, *flags, v.initial)
                for v in values
                for flags in [(v.is_recipe_state, v.is_observed)]
            ]

        self.functions = [
            Spec("main" if each == name else each, arguments=specs(f.arguments), results=specs(f.results))
            for each, f in self.library.items()
        ]


def jitted(name: str, function: Callable[..., Any], **options: Any) -> Any:
    from steelyard import _jit, _runtime

    asked = []

    def compile_module(*arguments: Any, target: Any, **options: Any) -> Any:
        asked.append(target)
        return Executable(name) if target.is_device else _runtime.compile_module(*arguments, target=target, **options)

    _jit.compile_module = compile_module
    compiled = steelyard.jit(function, target="cuda", **options)
    compiled.asked = asked  # type: ignore[attr-defined]
    return compiled


@check()
def jit() -> None:
    import jax.numpy as jnp

    step = jitted("step", lambda state, x: ({"w": state["w"] + x}, x), chip="sm_100a")
    state: Any = {"w": jnp.arange(8.0)}
    for x in (np.ones(8, "f4"), steelyard.device_put(np.ones(8, "f4")), Other(np.ones(8, "f4")), jnp.ones(8)):
        copies = count("cuMemcpyDtoHAsync_v2")
        state, same = step(state, x)
        assert isinstance(state["w"], steelyard.DeviceArray) and isinstance(same, steelyard.DeviceArray)
        assert count("cuMemcpyDtoHAsync_v2") == copies
    np.testing.assert_array_equal(state["w"], EIGHT + 4)
    assert len(step.asked) == 1 and step.asked[0].chip == "sm_100a" and step.asked[0].name == "cuda"
    with raises(steelyard.RunError, r"argument \[0\]\[1\] is not contiguous"):
        step(state, Other(np.ones((8, 2), "f4"), strides=[1, 8]))
    with raises(steelyard.RunError, r"argument \[0\]\[0\]\['w'\] lies on CUDA device 3, and device 0"):
        other = Other(np.ones(8, "f4"))
        other.device = 3
        step({"w": other}, EIGHT)
    with raises(TypeError, r"argument \[0\]\[1\] has dtype float64 on the device.*jax_enable_x64"):
        step(state, steelyard.device_put(np.ones(8, "f8")))
    with raises(TypeError, r"argument \[0\]\[1\] is a str"):
        step(state, "text")


@check()
def jit_keeps_state_there() -> None:
    step = jitted("recipe", lambda x: x)
    x = steelyard.device_put(np.arange(8, dtype="i4"))
    for _ in range(5):
        np.testing.assert_array_equal(step(x), np.arange(8))
    assert isinstance(step._recipe_state.values["history"], steelyard.DeviceArray)
    np.testing.assert_array_equal(step.recipe_state["history"], [5] * 8)
    assert int(step.observed["tap"]) == 0
    double = jitted("scaled", lambda w: w * 2, donate_argnums=0)
    state: Any = np.linspace(-4, 4, 8, dtype="f4")
    for _ in range(3):
        state = double(state)
        assert isinstance(state.data, steelyard.DeviceArray)
    np.testing.assert_allclose(state, np.linspace(-4, 4, 8) * 8, rtol=1e-3)
    there = double(steelyard.device_put(np.ones(8, "f4")))  # packed on the host, once
    np.testing.assert_allclose(there, np.full(8, 2))
    # A ScaledArray of the device is one for a function on the CPU as well.
    loaded = steelyard.jit(lambda w: w + 1)
    np.testing.assert_allclose(loaded(np.asarray(there)), np.full(8, 3))
    np.testing.assert_allclose(loaded(steelyard.device_put(np.ones(8, "f4"))), np.full(8, 2))


@check()
def profile_of_a_device() -> None:
    step = jitted("step", lambda w, x: (w + x, x))
    profile = steelyard.profile(step, EIGHT, steelyard.device_put(EIGHT), calls=3)
    assert profile.sites == [] and "0.000 ms a call, 0 sites" in str(profile)  # the library in its place marks none


@check()
def compile_of_a_module() -> None:
    text = """func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = stablehlo.add %x, %x : tensor<8xf32>
  return %0 : tensor<8xf32>
}"""
    jitted("step", lambda w, x: (w + x, x))  # puts the library in the compiler's place
    compiled = steelyard.compile(text, target="cuda")
    w, x = compiled(Other(EIGHT), steelyard.device_put(EIGHT))
    assert isinstance(w, steelyard.DeviceArray)
    np.testing.assert_array_equal(w, EIGHT * 2)
    with raises(steelyard.RunError, "argument 1 is not contiguous"):
        compiled(w, Other(np.ones((8, 2), "f4"), strides=[1, 8]))


if __name__ == "__main__":
    assert pathlib.Path(sys.argv[2]).exists()
    CHECKS[sys.argv[1]][0]()
    print("ok")
