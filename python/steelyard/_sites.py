# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times of code compiled for profiling, through the runtime's C interface."""

from __future__ import annotations

import ctypes
import dataclasses
import time

import numpy as np
from numpy.typing import NDArray

from steelyard import _abi
from steelyard._errors import RunError


@dataclasses.dataclass(frozen=True)
class MarkedSite:
    """A site as an executable describes it."""

    kind: str
    buffers: str
    location: str


def sites_of(function: _abi.Function) -> list[MarkedSite]:
    """Of code compiled for profiling."""
    marked = [function.sites[i] for i in range(function.site_count)]
    return [MarkedSite(site.kind.decode(), site.buffers.decode(), site.location.decode()) for site in marked]


def site_seconds(
    handle: int, index: int, name: str, lists: _abi.Lists, count: int, calls: int, device: int = 0
) -> tuple[NDArray[np.float64], float]:
    """Of an executable's function: seconds a call at each of its ``count`` sites, and seconds a call in all."""
    runtime = _abi.runtime()
    context = _abi.create_context(_abi.ContextOptions(_abi.ABI_MAJOR << 16, 0, None, device, 0, None))
    times = (ctypes.c_int64 * count)()

    def run() -> None:
        error = _abi.Error()
        if lists.execute(handle, index, context, error):
            raise RunError(f"{name}: {error.text}")

    def taken() -> NDArray[np.float64]:
        runtime.steelyard_context_site_times(context, count, times)
        return np.array(times, np.float64)

    try:
        run()  # loads what is needed, makes the arena
        run()  # on a device: captures
        before = taken()
        start = time.perf_counter()
        for _ in range(calls):
            run()
        total = (time.perf_counter() - start) / calls
        return (taken() - before) / (1e9 * calls), total
    finally:
        runtime.steelyard_context_destroy(context)
