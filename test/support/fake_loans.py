# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Of test_device.py's checks on the fake driver those of other frameworks' arrays, which a call reads when it has returned.

As fake_device.py, each in a process: `python -m fake_loans CHECK LIBRARY`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import steelyard
from fake_device import CHECKS, EIGHT, Interface, Other, api, check, consume, count, in_threads, library, raises


def device_works() -> None:
    """All that is on the default stream, as a device does it by itself."""
    fake = ctypes.CDLL(os.environ["STEELYARD_CUDA_DRIVER"])
    primary = ctypes.c_void_p()
    assert fake.cuDevicePrimaryCtxRetain(ctypes.byref(primary), 40) == 0
    assert fake.cuCtxPushCurrent_v2(primary) == 0
    assert fake.cuStreamSynchronize(None) == 0
    fake.cuCtxPopCurrent_v2(ctypes.byref(primary))
    fake.cuDevicePrimaryCtxRelease_v2(40)


@contextlib.contextmanager
def driver_fails(what: str) -> Iterator[None]:
    os.environ["FAKE_CUDA_FAIL"] = what
    yield
    del os.environ["FAKE_CUDA_FAIL"]


class Lender(Interface):
    """An array that says when nothing refers to it any more."""

    gone: list[Any] = []

    def __init__(self, name: Any, array: steelyard.DeviceArray) -> None:
        super().__init__(array)
        self.name = name

    def __del__(self) -> None:
        self.gone.append(self.name)


def lent() -> Any:
    from steelyard import _memory

    return _memory.device_of(0)._lent


def wait_for_loan(index: int) -> None:
    """The device works up to the call that this one was lent to, and no further."""
    from steelyard import _abi, _memory

    assert _abi.runtime().steelyard_context_wait(_memory.device_of(0)._keeper, lent()[index].point, None) == 0


@check()
def what_others_lend_is_kept_until_it_has_been_read() -> None:
    step = library()["step"]
    w = steelyard.device_put(EIGHT)
    deleted: list[Any] = []
    keeps: list[Any] = []
    destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(deleted.append)

    class Deleted(Other):
        def __dlpack__(self, **options: Any) -> Any:
            super().__dlpack__(**options)
            keeps.append(self)  # what the destructor would let go of
            address = ctypes.cast(destructor, ctypes.c_void_p)
            return api.PyCapsule_New(ctypes.addressof(self.held), b"dltensor_versioned", address)

    for make, gone in ((lambda: Lender("it", steelyard.device_put(EIGHT)), Lender.gone), (lambda: Deleted(EIGHT), deleted)):
        there = [make()]
        memory = there[0].memory if isinstance(there[0], Other) else there[0].array
        address = memory._address
        waits = count("cuStreamSynchronize")
        y, _ = step(there.pop(), w)
        del memory
        gc.collect()
        for _ in range(5):  # it is read when the stream comes to it
            assert not gone and len(lent()) == 1
            z, same = step(w, w)
            assert address not in (z._address, same._address)
        assert (count("cuStreamSynchronize"), count("cuEventSynchronize")) == (waits, 0)
        device_works()
        assert not gone
        step(w, w)
        assert len(gone) == 1 and not lent()
        np.testing.assert_array_equal(y, EIGHT * 2)
    # Of an alias, and of several at once, one of them twice.
    Lender.gone.clear()
    alias = steelyard.device_put(Lender("alias", w))  # type: ignore[arg-type]
    assert alias.is_foreign
    y, _ = step(alias, alias)
    del alias
    z, _ = step(Lender("a", w), Lender("b", w))
    step(w, w)
    assert not Lender.gone
    np.testing.assert_array_equal(y, EIGHT * 2)  # which waits, and lets go
    assert sorted(Lender.gone) == ["a", "alias", "b"] and not lent()
    np.testing.assert_array_equal(z, EIGHT * 2)


@check()
def what_others_lend_is_let_go_in_order() -> None:
    step = library()["step"]
    w = steelyard.device_put(EIGHT)
    for number in range(6):
        step(Lender(number, w), w)
    assert Lender.gone == []
    wait_for_loan(1)
    step(w, w)
    assert Lender.gone == [0, 1]
    wait_for_loan(0)
    step(Lender(6, w), w)  # a call with another one
    assert Lender.gone == [0, 1, 2]
    assert [loan.point for loan in lent()] == [4, 5, 6, 7]
    waits = count("cuStreamSynchronize")
    float(np.asarray(step(Lender(7, w), w)[0])[0])  # whatever waits
    assert count("cuStreamSynchronize") == waits + 1
    assert Lender.gone == list(range(8))
    # Who is let go of may call.
    kept = []

    class Caller(Lender):
        def __del__(self) -> None:
            kept.append(step(Lender("inner", w), w)[0])
            super().__del__()

    step(Caller("outer", w), w)
    device_works()
    step(w, w)
    assert Lender.gone[8:] == ["outer"] and len(lent()) == 1
    np.testing.assert_array_equal(kept[0], EIGHT * 2)
    assert Lender.gone[9:] == ["inner"]


@check()
def what_others_lend_has_an_end() -> None:
    from steelyard import _memory

    step = library()["step"]
    w = steelyard.device_put(EIGHT)
    arrays = [steelyard.device_put(EIGHT + number) for number in range(3)]
    waits, results = count("cuStreamSynchronize"), []
    for number in range(1000):
        results.append(step(Lender(number, arrays[number % 3]), w)[0])
        assert len(lent()) == min(number + 1, 64)
        assert Lender.gone == list(range(number - 63))  # no more than has to be is waited for
    assert count("cuStreamSynchronize") == waits and count("cuEventSynchronize") == 1000 - 64
    assert count("cuEventCreate") <= 66
    for number, result in enumerate(results):
        np.testing.assert_array_equal(result, 2 * EIGHT + number % 3)
    assert len(Lender.gone) == 1000 and not lent()
    # By their bytes: 32 each; one call's may be more.
    device = _memory.device_of(0)
    for limit, most in ((100, 3), (32, 1), (5, 1), (0, 1)):
        device._LENT_BYTES = limit  # type: ignore[misc]
        np.asarray(w)
        Lender.gone.clear()
        for number in range(10):
            step(Lender(number, w), w)
            assert len(lent()) == min(number + 1, most) and device._lent_bytes == 32 * len(lent())
            assert Lender.gone == list(range(number + 1 - most))
    np.asarray(w)
    assert device._lent_bytes == 0


@check()
def what_others_lend_to_calls_that_fail() -> None:
    from steelyard import _abi

    step = library()["step"]
    w, big = steelyard.device_put(EIGHT), steelyard.device_put(np.zeros(1 << 20, np.float32))
    step(w, w)

    def let_go(*names: str) -> None:
        step(w, w)
        assert not Lender.gone, Lender.gone
        device_works()
        step(w, w)
        assert Lender.gone == list(names) and not lent()
        Lender.gone.clear()

    # Its kernel is on the stream when the rest fails.
    with driver_fails("cuMemcpyDtoDAsync_v2=1"), raises(steelyard.RunError, "step: 32 bytes can't be copied"):
        step(Lender("half", w), w)
    let_go("half")
    execute = _abi.Lists.execute

    def interrupted(*arguments: Any) -> int:
        execute(*arguments)
        raise KeyboardInterrupt

    _abi.Lists.execute = interrupted  # type: ignore[method-assign]
    with contextlib.suppress(KeyboardInterrupt):
        step(Lender("interrupted", w), w)
    _abi.Lists.execute = execute  # type: ignore[method-assign]
    let_go("interrupted")
    # No event can be had: the call waits.
    waits = count("cuStreamSynchronize")
    for fails in ("cuEventRecord=2", "cuStreamIsCapturing=1"):
        with driver_fails(fails):
            y, _ = step(Lender(fails, w), w)
        assert Lender.gone.pop() == fails and not lent()
    assert count("cuStreamSynchronize") == waits + 2
    np.testing.assert_array_equal(y, EIGHT * 2)
    # Nor that: it is kept until there is one.
    with driver_fails("cuEventRecord=1,cuStreamSynchronize=1"), raises(steelyard.RunError, "step: work on device 0"):
        step(Lender("a", w), w)
    step(w, w)
    device_works()
    step(w, w)
    assert not Lender.gone and len(lent()) == 1
    step(Lender("b", w), w)
    let_go("a", "b")
    # While it can't be asked for.
    step(Lender("asked", w), w)
    device_works()
    with driver_fails("cuEventQuery=1"):
        step(w, w)
    assert not Lender.gone
    step(w, w)
    assert Lender.gone.pop() == "asked"
    # An argument that is refused, and memory that there is none of: nothing was called.
    with raises(steelyard.RunError, "argument 1"):
        step(Lender("refused", w), np.zeros(3, "f4"))
    with driver_fails("cuMemAlloc_v2=2"), raises(steelyard.RunError, "no memory for a buffer"):
        library()["large"](Lender("no memory", big))
    assert Lender.gone == ["refused", "no memory"] and not lent()


@check(FAKE_CUDA_MEMORY=str(20 << 20))
def what_others_lend_when_memory_ends() -> None:
    """It is waited for: of 20 MiB 4 are lent, 8 a result's and an arena's."""
    large = library()["large"]
    big = np.zeros(1 << 20, np.float32)
    (y,) = large(Lender("big", steelyard.device_put(big)))
    rest = [steelyard.device_put(big[: 7 << 18])]
    assert Lender.gone == [] and len(lent()) == 1
    rest.append(steelyard.device_put(big))
    assert Lender.gone == ["big"] and not lent()
    np.testing.assert_array_equal(y, big)


@check()
def what_others_lend_to_threads() -> None:
    loaded = library()
    ones, zeros = steelyard.device_put(np.ones(8, "f4")), steelyard.device_put(np.zeros(8, "f4"))

    def work(number: int) -> None:
        w: Any = EIGHT + number
        for index in range(60):
            w, _ = loaded["step"](w, Lender((number, index), ones))
            w = loaded["step"](Lender((number, -1), zeros), w)[0]
            if index % 7 == number:
                np.testing.assert_array_equal(w, EIGHT + number + index + 1)
        np.testing.assert_array_equal(w, EIGHT + number + 60)

    in_threads(work)
    np.asarray(steelyard.device_put(EIGHT))
    assert not lent() and len(Lender.gone) == 8 * 120


@check()
def what_others_lend_to_a_parent() -> None:
    """A child can't use the device, and lets go of nothing."""
    step = library()["step"]
    w = steelyard.device_put(EIGHT)
    parent = os.getpid()

    class Told(Lender):
        def __del__(self) -> None:
            super().__del__()
            assert os.getpid() == parent
            os.write(writing, b"gone ")

    reading, writing = os.pipe()
    step(Told("it", w), w)
    device = w._device
    locked, done = threading.Event(), threading.Event()

    def lock() -> None:
        with device._lock:
            locked.set()
            done.wait()

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.environ["FAKE_CUDA_FAIL"] = "cuCtxPushCurrent_v2=3"  # as the driver has it
        for use in (lambda: step(w, w), lambda: step(Lender("child", w), w), lambda: np.asarray(w), device.release):
            try:
                use()
            except steelyard.RunError as error:
                assert "after a fork" in str(error)
        gc.collect()
        assert "it" not in Lender.gone
        os.write(writing, b"child ")
        sys.exit(0)  # which destroys all that it has
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    np.asarray(w)
    assert Lender.gone == ["it"]
    assert os.read(reading, 100) == b"child gone "


@check()
def copies() -> None:
    """By device_put(copy=True): on the device, in the order of the stream."""
    step = library()["step"]
    w = steelyard.device_put(EIGHT)
    host = count("cuMemcpyHtoDAsync_v2"), count("cuMemcpyDtoHAsync_v2"), count("cuStreamSynchronize")
    for copy_ in (None, False):
        assert steelyard.device_put(w, copy=copy_) is w
        alias = steelyard.device_put(Interface(w), copy=copy_)  # type: ignore[arg-type]
        assert alias.is_foreign and alias._address == w._address
    there = [step(w, w)[0]]  # not computed yet
    mine = steelyard.device_put(there[0], copy=True)
    assert not mine.is_foreign and mine._address != there[0]._address and mine.shape == w.shape
    address = there.pop()._address
    again, same = step(mine, mine)
    assert address in (again._address, same._address)  # memory that is used again, behind the copy
    lender = [Lender("copied", w)]
    taken = steelyard.device_put(lender.pop(), copy=True)  # type: ignore[arg-type]
    step(w, w)
    assert not taken.is_foreign and not Lender.gone and len(lent()) == 1
    device_works()
    step(w, w)
    assert Lender.gone == ["copied"]
    after = count("cuMemcpyHtoDAsync_v2"), count("cuMemcpyDtoHAsync_v2"), count("cuStreamSynchronize")
    assert after == (host[0], host[1], host[2] + 1)  # by this test
    for array, want in ((mine, 2), (again, 4), (taken, 1)):
        np.testing.assert_array_equal(array, EIGHT * want)
    # What is written to the one is not seen in the other.
    recipe = library()["recipe"]
    kept = steelyard.device_put(np.arange(8, dtype="i4"))
    recipe.recipe_state = {"history": kept}
    twin = steelyard.device_put(kept, copy=True)
    recipe(np.zeros(8, "i4"))
    np.testing.assert_array_equal(twin, np.arange(8))
    for value in (EIGHT, 2.5, [1, 2], np.zeros((0, 3), "f4")):
        got = steelyard.device_put(value, copy=True)
        np.testing.assert_array_equal(got, value)
        with raises(ValueError, "on the host is copied to CUDA device 0, and copy=False"):
            steelyard.device_put(value, copy=False)
    for shape in ((), (0, 3)):
        source = steelyard.device_put(np.ones(shape, "f4"))
        twin = steelyard.device_put(source, copy=True)
        assert twin is not source and twin.shape == shape
        np.testing.assert_array_equal(twin, source)
    # By DLPack; for other streams it is waited for.
    for stream in (None, 1, 2, -1):
        source = step(w, w)[0]
        waits = count("cuStreamSynchronize")
        managed, delete = consume(source.__dlpack__(stream=stream, copy=True))
        assert managed.tensor.data not in (source._address, None)
        assert count("cuStreamSynchronize") == waits + (stream in (2, -1))
        device_works()
        assert np.array((ctypes.c_float * 8).from_address(managed.tensor.data)).tolist() == (EIGHT * 2).tolist()
        delete()
    with driver_fails("cuMemcpyDtoDAsync_v2=1"), raises(steelyard.RunError, "32 bytes can't be copied on device 0"):
        steelyard.device_put(w, copy=True)


@check(FAKE_CUDA_DEVICES="9.0,9.0")
def copies_between_devices() -> None:
    """Are refused, by whoever knows where it lies."""
    there = steelyard.device_put(EIGHT, 1)
    with raises(steelyard.RunError, "the array lies on CUDA device 1, and device 0 is to use it"):
        steelyard.device_put(there, copy=True)
    with raises(steelyard.RunError, "what is copied is memory of device 1, and the context's is device 0"):
        steelyard.device_put(Interface(there), copy=True)  # type: ignore[arg-type]


@check()
def what_kernels_do_wrong_to_foreign_arrays_is_found_later() -> None:
    loaded = library()
    other = Other(EIGHT)
    (lost,) = loaded["wrong"](other)
    with raises(steelyard.RunError, "CUDA_ERROR_ILLEGAL_ADDRESS.*a kernel did this"):
        np.asarray(lost)
    for _ in range(100):  # nothing piles up
        with raises(steelyard.RunError, "CUDA_ERROR_ILLEGAL_ADDRESS"):
            loaded["step"](other, other)
    assert len(lent()) <= 64


@check()
def what_kernels_do_wrong_is_found_where_a_call_waits_for_others_arrays() -> None:
    loaded = library()
    others = [Other(EIGHT) for _ in range(65)]
    loaded["wrong"](others[0])
    for other in others[1:64]:
        loaded["step"](other, other)
    with raises(steelyard.RunError, "step: work on device 0 .* failed: CUDA_ERROR_ILLEGAL_ADDRESS"):
        loaded["step"](others[64], others[64])


@check()
def the_end_of_what_others_lend() -> None:
    """They are not let go of while Python destroys everything, and nothing waits."""

    class Told(Lender):
        write = staticmethod(os.write)

        def __del__(self) -> None:
            self.write(1, b"gone\n")

    step = library()["step"]
    w = steelyard.device_put(EIGHT)
    waits = count("cuStreamSynchronize")
    lenders = [Told("lent", w), Told("lent, and in a cycle", w)]
    lenders[1].name = lenders
    step(lenders[0], w)
    step(lenders[1], w)
    step(w, w)
    assert len(lent()) == 2 and count("cuStreamSynchronize") == waits


if __name__ == "__main__":
    CHECKS[sys.argv[1]][0]()
    print("ok")
