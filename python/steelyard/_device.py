# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays and calls on CUDA devices, by the runtime's C ABI. Needs NumPy and libsteelyard_rt alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from steelyard import _abi, _dlpack
from steelyard._errors import RunError
from steelyard._memory import Block, Device, device_of, rounded
from steelyard._sites import site_seconds
from steelyard._types import dtype_of, empty


class DeviceArray:
    """A dense row-major array on a CUDA device: what compiled code for ``target="cuda"`` gives.

    It goes in again as it is; PyTorch, CuPy and JAX take it without a copy by DLPack (``torch.from_dlpack(array)``) or the
    CUDA array interface, ``np.asarray(array)`` copies it to the host. There is no arithmetic on it.

    What computes it may still be running: whatever reads it waits, and raises RunError if that went wrong.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
        NumPy's, or ml_dtypes' for small floats.
    """

    __slots__ = ("__weakref__", "_address", "_device", "_owner", "dtype", "shape")

    def __init__(self, device: Device, address: int, shape: tuple[int, ...], dtype: np.dtype[Any], owner: Any) -> None:
        self._device = device
        self._address = address
        self._owner = owner  # a block of ours, what keeps it where it is somebody else's, or None where it is empty
        self.shape = shape
        self.dtype = dtype

    @property
    def device(self) -> int:
        """The ordinal of its device."""
        return self._device.ordinal

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array of rank 0")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device})"

    def item(self) -> Any:
        """Of one element: Python's number."""
        return np.asarray(self).item()

    def __bool__(self) -> bool:
        return bool(np.asarray(self))

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"an array on CUDA {self._device} is copied to the host")
        value = _download(self)
        return value if dtype is None else value.astype(dtype, copy=False)

    def __jax_array__(self) -> Any:
        """Where JAX has the device, the same memory; JAX itself would not keep it."""
        import jax

        if jax.default_backend() == "gpu":
            return jax.dlpack.from_dlpack(self)
        return jax.numpy.asarray(np.asarray(self))

    def __reduce__(self) -> Any:
        return device_put, (np.asarray(self), self.device)

    # CUDA is asked for where it is shared: an element type without a name there makes this no attribute.
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.dtype.isbuiltin != 1:
            raise AttributeError(f"the CUDA array interface has no {self.dtype}; DLPack has")
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self._address, False),
            "strides": None,
            "stream": _dlpack.DEFAULT_STREAM,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return (_dlpack.CUDA, self.device)

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule, as the array API (2023.12) has it.

        ``stream`` None and 1 are the default stream, on which everything is in order, for -1 order is the consumer's
        business; for others it waits. ``dl_device`` (1, 0) gives a copy on the host, ``copy`` one on the device.
        """
        on_host = dl_device is not None and tuple(dl_device) == (_dlpack.CPU, 0)
        if not on_host and dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"the array lies on CUDA {self._device}; it can be copied to the host, not to {dl_device}")
        if on_host:
            if copy is False:
                raise BufferError("a copy is needed, and copy=False")
            value = np.asarray(self)
            return _dlpack.capsule(value.ctypes.data, self.shape, self.dtype, (_dlpack.CPU, 0), value, max_version)
        _dlpack.element_code(self.dtype)
        shared = _copied(self) if copy else self
        if stream not in (None, 1) and (copy or stream != -1):
            self._device.synchronize()
        if stream not in (None, 1) and isinstance(shared._owner, Block):
            shared._owner.is_used_elsewhere = True
        device = self.__dlpack_device__()
        return _dlpack.capsule(shared._address, shared.shape, shared.dtype, device, shared._owner, max_version)

    @property
    def is_foreign(self) -> bool:
        """Whether its memory is another framework's, which may use it for something else when it is let go."""
        return self._owner is not None and not isinstance(self._owner, Block)


def _empty(device: Device, shape: tuple[int, ...], dtype: np.dtype[Any]) -> DeviceArray:
    size = math.prod(shape) * dtype.itemsize
    block = device.allocate(size) if size else None
    return DeviceArray(device, block.address if block else 0, shape, dtype, block)


def _upload(device: Device, array: NDArray[Any]) -> DeviceArray:
    """A copy, which is waited for."""
    array = np.require(array, None, ("C", "A"))
    copy = _empty(device, array.shape, array.dtype)
    if array.nbytes:
        device.copy_in(copy._address, array.ctypes.data, array.nbytes)
    return copy


def _copied(array: DeviceArray) -> DeviceArray:
    """A copy on its device, which is not waited for."""
    device = array._device
    copy = _empty(device, array.shape, array.dtype)
    if copy.nbytes:
        wrong = ""
        try:
            device.copy(copy._address, array._address, copy.nbytes)
        finally:
            if array.is_foreign:
                wrong = device.lend([array._owner], copy.nbytes)
        if wrong:
            raise RunError(wrong)
    return copy


def _argument(device: Device, array: NDArray[Any]) -> DeviceArray:
    """A copy that is only read."""
    if array.ndim:
        return _upload(device, array)
    block = device.number(array.tobytes())
    return DeviceArray(device, block.address, (), array.dtype, block)


def _download(array: DeviceArray) -> NDArray[Any]:
    copy = empty(array.shape, array.dtype)
    if copy.nbytes:
        array._device.copy_out(copy.ctypes.data, array._address, copy.nbytes)
    return copy


def taken(value: Any, device: Device) -> DeviceArray | None:
    """What lies on a CUDA device, without a copy; None where it lies on the host.

    Raises RunError, in words that follow "argument 0", where it lies on another device or can't be taken.
    """
    if isinstance(value, DeviceArray):
        if value._device is not device:
            raise RunError(_elsewhere(value.device, device))
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return None
    foreign = _dlpack.take(value)
    if foreign is None:
        return None
    if foreign.device is not None and foreign.device != device.ordinal:
        raise RunError(_elsewhere(foreign.device, device))
    if foreign.stream != _dlpack.DEFAULT_STREAM:
        device.synchronize_stream(foreign.stream)
    return DeviceArray(device, foreign.address, foreign.shape, foreign.dtype, foreign.keeps)


def _elsewhere(there: int, device: Device) -> str:
    return f"lies on CUDA device {there}, and device {device.ordinal} is to use it: copy it there first"


def device_put(array: ArrayLike, device: int = 0, copy: bool | None = None) -> DeviceArray:
    """An array on a CUDA device.

    Parameters
    ----------
    array : array
        NumPy's, a number, or anything that speaks DLPack, the CUDA array interface or ``__array__``.
    device : int
        The device's ordinal, as CUDA counts (CUDA_VISIBLE_DEVICES).
    copy : bool, optional
        What lies on that device already is not copied, and shares its memory, unless this is True: then it gets memory of
        its own, into which it is copied on the device, in the order of the default stream. What lies on the host is
        copied, which is refused where this is False.

    Returns
    -------
    DeviceArray

    Raises
    ------
    RunError
        Where there is no such device, no driver or no memory; where the array lies on another device.
    ValueError
        With ``copy=False``, where the array lies on the host.
    """
    where = device_of(device)
    try:
        there = taken(array, where)
    except RunError as error:
        raise RunError(f"the array {error}") from None
    if there is not None:
        return _copied(there) if copy else there
    if copy is False:
        raise ValueError(f"an array on the host is copied to CUDA {where}, and copy=False")
    return _upload(where, np.asarray(array))


class DeviceFunction:
    """A function of an executable for "cuda", called with arrays of either kind.

    Parameters
    ----------
    handle : int
        The address of its steelyard_executable, which ``keeps`` keeps.
    arguments, results : sequence
        With an ``element_type`` (MLIR's name) and a ``shape`` each.
    sites : sequence
        Of code compiled for profiling.
    """

    def __init__(
        self,
        handle: int,
        index: int,
        name: str,
        arguments: Sequence[Any],
        results: Sequence[Any],
        device: Device,
        keeps: Any = None,
        sites: Sequence[Any] = (),
    ) -> None:
        self.executable = keeps
        self.name = name
        self.arguments = arguments
        self.results = results
        self._handle = handle
        self._index = index
        self._device = device
        self._sites = sites
        self._takes = [
            (dtype_of(argument.element_type), tuple(argument.shape), index) for index, argument in enumerate(arguments)
        ]
        # With whether it has elements, and memory.
        self._gives = [
            (tuple(result.shape), dtype_of(result.element_type), math.prod(result.shape) > 0) for result in results
        ]
        self._sizes = [rounded(math.prod(shape) * dtype.itemsize) for shape, dtype, some in self._gives if some]

    def _arguments(self, arrays: Sequence[Any]) -> list[DeviceArray]:
        # Compiled code trusts its pointers: what they point to is checked here, once for all callers.
        if len(arrays) != len(self._takes):
            raise RunError(f"{self.name} takes {len(self._takes)} arrays, got {len(arrays)}")
        device = self._device
        return [
            array
            if array.__class__ is DeviceArray
            and array._device is device
            and array.dtype == expected[0]
            and array.shape == expected[1]
            else self._argument(array, expected)
            for array, expected in zip(arrays, self._takes, strict=True)
        ]

    def _argument(self, array: Any, expected: tuple[Any, tuple[int, ...], int]) -> DeviceArray:
        """An argument that is not on the device as it is to be."""
        dtype, shape, index = expected
        if array.dtype != dtype or array.shape != shape:
            raise RunError(
                f"argument {index} of {self.name} is {self.arguments[index].element_type}{list(shape)}, "
                f"got {array.dtype}{list(array.shape)}"
            )
        try:
            there = taken(array, self._device)
        except RunError as error:
            raise RunError(f"argument {index} of {self.name} {error}") from None
        return _argument(self._device, array) if there is None else there

    def _results(self) -> list[DeviceArray]:
        device = self._device
        blocks = iter(device.allocate_all(self._sizes))
        return [
            DeviceArray(device, (block := next(blocks)).address, shape, dtype, block)
            if has_elements
            else DeviceArray(device, 0, shape, dtype, None)
            for shape, dtype, has_elements in self._gives
        ]

    def __call__(self, arrays: Sequence[Any]) -> list[DeviceArray]:
        """Runs on arrays of the function's types and shapes; new arrays come back, before they are computed.

        Others' arrays among them are kept until they have been read.
        """
        arguments = self._arguments(arrays)
        results = self._results()
        lists = _abi.Lists([array._address for array in arguments], [array._address for array in results])
        lent = [array for array in arguments if array._owner.__class__ is not Block and array.is_foreign]
        wrong = ""
        error = _abi.Error()
        context = self._device.take()
        try:
            code = lists.execute(self._handle, self._index, context, error)
            if code == _abi.RESOURCE_EXHAUSTED:  # for the arena, or constants
                self._device.release()
                code = lists.execute(self._handle, self._index, context, error)
        finally:
            self._device.give(context)
            if lent:  # to what may be on the stream, even where the call failed
                wrong = self._device.lend([array._owner for array in lent], sum(array.nbytes for array in lent))
        if code or wrong:
            raise RunError(f"{self.name}: {error.text if code else wrong}")
        return results

    def site_seconds(self, arrays: Sequence[Any], calls: int) -> tuple[list[Any], NDArray[np.float64], float]:
        """Of code compiled for profiling: its sites, seconds a call at each, and their sum."""
        arguments = self._arguments(arrays)
        results = self._results()
        lists = _abi.Lists([array._address for array in arguments], [array._address for array in results])
        count, ordinal = len(self._sites), self._device.ordinal
        times, _ = site_seconds(self._handle, self._index, self.name, lists, count, calls, ordinal)
        return list(self._sites), times, float(times.sum())
