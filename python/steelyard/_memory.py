# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""CUDA devices: execution contexts and memory that are used again. By the runtime's C ABI alone.

Everything goes on CUDA's legacy default stream, in the order of the calls, and nothing waits for it but what reads results
on the host. So memory that an array leaves can be used again at once: what is put there comes after what was read.

Others' memory is different: who lent it may use it for something else, in another order, as soon as nothing here refers to
it. So what keeps it is kept until the device has passed the call that reads it.
"""

from __future__ import annotations

import atexit
import collections
import ctypes
import heapq
import os
import threading
from collections.abc import Sequence
from typing import Any

from steelyard import _abi, _dlpack
from steelyard._errors import RunError

_is_over = False  # the interpreter ends, and drivers with it


_keep_for_ever = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", ctypes.pythonapi))


@atexit.register
def _leave() -> None:
    global _is_over
    _is_over = True
    for device in list(_devices.values()):
        _keep_for_ever(device._lent)  # which the device may be reading while Python destroys everything


def _forked() -> None:
    """In the child nothing of a device can be asked for: what was lent to the parent is the parent's to let go of."""
    for device in _devices.values():
        _keep_for_ever(device._lent)
        device._lent = collections.deque()
        device._lent_bytes = 0
        device._lock = threading.RLock()  # another thread of the parent may have it


os.register_at_fork(after_in_child=_forked)


def is_over() -> bool:
    """Whether the program is ending: nothing of a device is used any more, nothing is given back."""
    return _is_over


class Block:
    """Memory of a device; with the last array in it, it goes back to where it is from."""

    __slots__ = ("address", "device", "is_used_elsewhere", "size")

    def __init__(self, device: Device, address: int, size: int) -> None:
        self.device = device
        self.address = address
        self.size = size
        self.is_used_elsewhere = False  # on a stream whose order is not ours

    def __del__(self) -> None:
        # Whoever triggers this may hold any lock: nothing is done here.
        self.device._returned.append((self.address, self.size, self.is_used_elsewhere))


class Loan:
    """What keeps others' memory, until the device has passed a point in the order of the stream."""

    __slots__ = ("owners", "point", "size")

    def __init__(self, owners: Sequence[Any], size: int, point: int) -> None:
        self.owners = owners
        self.size = size
        self.point = point

    @staticmethod
    def end(loans: Sequence[Loan]) -> None:
        """In their order, and where nothing is locked: this runs others' code."""
        for loan in loans:
            loan.owners = ()


def rounded(size: int) -> int:
    """A size that many others are rounded to as well: at most an eighth more, and a multiple of 512."""
    step = max(512, 1 << max(size.bit_length() - 4, 0))
    return -(-max(size, 1) // step) * step


class Device:
    """A CUDA device: contexts on its default stream, and memory that is used again.

    Attributes
    ----------
    ordinal : int
        Of the device, in CUDA's order.
    """

    _NUMBERS = 256
    # What others may be kept from using at once: of as many calls, or of as many bytes but for one call's.
    _LENT, _LENT_BYTES = 64, 2 << 30

    def __init__(self, ordinal: int) -> None:
        self.ordinal = ordinal
        options = _abi.ContextOptions(_abi.ABI_MAJOR << 16, 1, None, ordinal, 0, _dlpack.DEFAULT_STREAM)
        self._contexts = _abi.Contexts(options)
        self._lock = threading.RLock()  # a garbage collection inside may want memory, too
        self._keeper = 0  # a context that is never destroyed: memory may go with the last one
        # By size, heaps: the lowest address first. So the addresses of a loop's arrays come back after a few steps in
        # whatever order they were freed, and calls are replayed as graphs.
        self._free: dict[int, list[int]] = {}
        self._returned: collections.deque[tuple[int, int, bool]] = collections.deque()
        self._numbers: dict[bytes, Block] = {}  # scalars that were arguments, the last used last
        self._lent: collections.deque[Loan] = collections.deque()  # in the order of their points
        self._lent_bytes = 0
        self._point = 0  # the last one; they are the keeper's

    def __repr__(self) -> str:
        return f"device {self.ordinal}"

    def _check_is_not_over(self) -> None:
        if _is_over:
            raise RunError(f"{self} can't be used while Python ends")

    def take(self) -> int:
        """A context for one call, or for copies."""
        self._check_is_not_over()
        return self._contexts.take()

    def give(self, context: int) -> None:
        self._contexts.give(context)

    def allocate(self, size: int) -> Block:
        """Memory with whatever is in it; raises RunError where there is none even after all that is free was given back."""
        return self.allocate_all((rounded(size),))[0]

    def allocate_all(self, sizes: Sequence[int]) -> list[Block]:
        """The same for several, of sizes that ``rounded`` gave."""
        self._check_is_not_over()
        self.let_go()
        with self._lock:
            self._collect()
            return [
                Block(self, heapq.heappop(free) if (free := self._free.get(size)) else self._another(size), size)
                for size in sizes
            ]

    def _another(self, size: int) -> int:
        """Where nothing is free of that size."""
        _dlpack.sweep()
        self._collect()
        free = self._free.get(size)
        return heapq.heappop(free) if free else self._allocate(size)

    def _opened_keeper(self) -> int:
        if not self._keeper:
            self._keeper = self.take()
        return self._keeper

    def _allocate(self, size: int) -> int:
        error = _abi.Error()
        for is_last in (False, True):
            address = _abi.runtime().steelyard_context_allocate(self._opened_keeper(), size, error)
            if address:
                return int(address)
            if is_last or error.code != _abi.RESOURCE_EXHAUSTED:
                break
            self.release()
        raise RunError(error.text)

    def _collect(self) -> None:
        """What arrays have left."""
        while self._returned:
            address, size, is_used_elsewhere = self._returned.popleft()
            if is_used_elsewhere:  # the driver waits for all streams
                _abi.runtime().steelyard_context_free(self._keeper, address, None)
            else:
                heapq.heappush(self._free.setdefault(size, []), address)

    def release(self) -> None:
        """Waits, and gives back what is not in use: others' memory, free memory, the arenas of contexts that are idle."""
        self.let_go(waits=True)
        with self._lock:
            self._numbers.clear()
            _dlpack.sweep()
            self._collect()
            for addresses in self._free.values():
                while addresses:
                    _abi.runtime().steelyard_context_free(self._keeper, addresses.pop(), None)
            self._contexts.destroy_idle()

    def lend(self, owners: Sequence[Any], size: int) -> str:
        """Keeps what keeps others' memory until the device has passed all that is on the stream so far.

        Waits where that has become too much. What a kernel has done wrong, if that was found on the way, else "".
        """
        runtime, error = _abi.runtime(), _abi.Error()
        passed: list[Loan] = []
        wrong = ""
        with self._lock:
            # Before it has a point, so that no interrupt is too early: the next one will do as well.
            loan = Loan(owners, size, self._point + 1)
            self._lent.append(loan)
            self._lent_bytes += size
            keeper = self._opened_keeper()
            point = runtime.steelyard_context_record(keeper, error)
            if point:
                self._point = loan.point = point
            else:
                wrong = self._wait_for_all(passed)
            while len(self._lent) > self._LENT or (self._lent_bytes > self._LENT_BYTES and len(self._lent) > 1):
                loan = self._lent[0]
                if runtime.steelyard_context_wait(keeper, loan.point, error):
                    wrong = wrong or error.text  # nothing is read any more
                self._pass(loan, passed)
        Loan.end(passed)
        return wrong

    def let_go(self, waits: bool = False) -> None:
        """Of what others have lent and the device has passed, or of all, which is waited for."""
        if not self._lent or _is_over:
            return
        passed: list[Loan] = []
        with self._lock:
            if waits:
                self._wait_for_all(passed)
            while self._lent:
                loan = self._lent[0]
                if _abi.runtime().steelyard_context_reached(self._keeper, loan.point, None) != 1:
                    break
                self._pass(loan, passed)
        Loan.end(passed)

    def _wait_for_all(self, passed: list[Loan]) -> str:
        loans, error = list(self._lent), _abi.Error()
        if not self._open_and_wait(self._keeper, error):
            for loan in loans:
                self._pass(loan, passed)
        return error.text

    def _pass(self, loan: Loan, passed: list[Loan]) -> None:
        """With the first one. A garbage collection may have come here, and let go of it, meanwhile."""
        if self._lent and self._lent[0] is loan:
            self._lent_bytes -= loan.size
            passed.append(self._lent.popleft())

    def number(self, content: bytes) -> Block:
        """Memory with a scalar's bytes, only to be read: what many calls have in common is kept."""
        with self._lock:
            block = self._numbers.pop(content, None)
            if block:
                self._numbers[content] = block
                return block
        block = self.allocate(len(content))
        host = ctypes.create_string_buffer(content)
        self.copy_in(block.address, ctypes.addressof(host), len(content))
        with self._lock:
            self._numbers[content] = block
            while len(self._numbers) > self._NUMBERS:
                del self._numbers[next(iter(self._numbers))]
        return block

    def copy_in(self, to: int, host: int, size: int) -> None:
        """From the host; waited for."""
        self._copy("steelyard_context_upload", to, host, size)

    def copy_out(self, host: int, source: int, size: int) -> None:
        """To the host, after all work so far; raises RunError where that went wrong."""
        self._copy("steelyard_context_download", host, source, size)
        self.let_go()

    def copy(self, to: int, source: int, size: int) -> None:
        """Within the device, in the order of the stream; nothing waits."""
        self._copy("steelyard_context_copy", to, source, size)

    def synchronize(self) -> None:
        """Waits for all work so far; raises RunError where it went wrong."""
        error = _abi.Error()
        context = self.take()
        try:
            code = self._open_and_wait(context, error)
        finally:
            self.give(context)
        if code:
            raise RunError(error.text)
        self.let_go()

    def synchronize_stream(self, stream: int) -> None:
        """Waits for a stream of somebody else's."""
        context = _abi.create_context(_abi.ContextOptions(_abi.ABI_MAJOR << 16, 1, None, self.ordinal, 0, stream))
        error = _abi.Error()
        try:
            code = self._open_and_wait(context, error)
        finally:
            _abi.runtime().steelyard_context_destroy(context)
        if code:
            raise RunError(error.text)

    def _open_and_wait(self, context: int, error: _abi.Error) -> int:
        runtime = _abi.runtime()
        # No bytes: a context that has not used its device has nothing to wait for.
        code = runtime.steelyard_context_download(context, None, None, 0, error)
        return int(code or runtime.steelyard_context_synchronize(context, error))

    def _copy(self, function: str, to: int, source: int, size: int) -> None:
        error = _abi.Error()
        context = self.take()
        try:
            code = getattr(_abi.runtime(), function)(context, to, source, size, error)
        finally:
            self.give(context)
        if code:
            raise RunError(error.text)


_devices: dict[int, Device] = {}


def device_of(ordinal: Any) -> Device:
    """The device of an ordinal, be there one or not: that shows when it is used."""
    if isinstance(ordinal, bool) or not isinstance(ordinal, int):
        raise TypeError(f"device is the ordinal of a CUDA device, got {ordinal!r}")
    if ordinal < 0:
        raise ValueError(f"device is the ordinal of a CUDA device, from 0 on, got {ordinal}")
    return _devices.setdefault(ordinal, Device(ordinal))
