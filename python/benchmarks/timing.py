# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times of contenders, taken in turn."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds a call, one for each round."""

    seconds: list[float]

    @property
    def minimum(self) -> float:
        return float(np.min(self.seconds))

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))


def _timed(call: Callable[[], Any], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def alternate(contenders: dict[str, Callable[[], Any]], rounds: int, slice_seconds: float) -> Iterator[dict[str, Times]]:
    """Runs all contenders in turn, round after round, and gives the times so far after each round.

    In a round each contender first wakes its workers with calls that are not counted, then is called for about
    ``slice_seconds``. The order is reversed every other round, so that none always runs after the same neighbour.
    """
    counts = {}
    for name, call in contenders.items():
        _timed(call, 3)
        counts[name] = max(1, round(slice_seconds / max(_timed(call, 3), 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for index in range(rounds):
        for name in list(contenders)[:: -1 if index % 2 else 1]:
            _timed(contenders[name], max(1, counts[name] // 4))
            seconds[name].append(_timed(contenders[name], counts[name]))
        yield {name: Times(list(values)) for name, values in seconds.items()}


def peak_flops() -> float:
    """The highest rate (FLOP/s) at which NumPy's BLAS multiplies float32 matrices here; 256³ to 2048³."""
    best = 0.0
    for side in (256, 512, 1024, 2048):
        a = np.ones((side, side), np.float32)
        out = np.empty_like(a)

        def product(a: NDArray[Any] = a, out: NDArray[Any] = out) -> None:
            np.matmul(a, a, out=out)

        product()
        best = max(best, 2 * side**3 / min(_timed(product, 1) for _ in range(10)))
    return best


def memory_bandwidth() -> float:
    """Bytes/s of a copy of 128 MiB, reading and writing counted."""
    source = np.ones(128 << 20, np.uint8)
    target = np.empty_like(source)

    def copy() -> None:
        np.copyto(target, source)

    copy()
    return 2 * source.nbytes / min(_timed(copy, 1) for _ in range(10))
