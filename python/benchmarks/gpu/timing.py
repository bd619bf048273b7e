# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times on a GPU, of what runs on different streams. Imports PyTorch, Triton and JAX when asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

ROUNDS = 1  # each is the median of many calls
FLUSHED = 256 << 20  # bytes; what triton's do_bench writes between calls to have nothing left in L2


def by_events(call: Callable[[], Any]) -> float:
    """Milliseconds of a call that works on CUDA's default stream: between two events, L2 cold, the median of many."""
    from triton.testing import do_bench

    return float(do_bench(call, return_mode="median"))


class JaxTimer:
    """Milliseconds of a call of a jitted function, L2 cold.

    JAX has its own stream, of which events on the default one see nothing, and a wait after each call would count what the
    host does. So many calls are enqueued and waited for once, each behind one that goes through 256 MiB, and the time of as
    many of those alone is taken off: what remains is the time on the device, gaps between its kernels included, as two
    events have it. It is the median of several rounds.
    """

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        self._flush = jax.jit(lambda x: x ^ 1, donate_argnums=0)
        self._memory = jnp.zeros(FLUSHED // 4, jnp.int32)

    def _enqueue(self, call: Callable[[], Any] | None, count: int) -> float:
        """Milliseconds a call, with the flush before it."""
        import jax

        result: Any = None
        self._memory.block_until_ready()
        start = time.perf_counter()
        for _ in range(count):
            self._memory = self._flush(self._memory)
            if call:
                result = call()
        waited: Any = jax.block_until_ready  # untyped there
        waited((self._memory, result))
        return 1e3 * (time.perf_counter() - start) / count

    def __call__(self, call: Callable[[], Any], rounds: int = 7) -> float:
        self._enqueue(call, 5)
        count = max(20, min(200, round(100 / self._enqueue(call, 5))))
        return float(np.median([self._enqueue(call, count) - self._enqueue(None, count) for _ in range(rounds)]))


def in_turn(calls: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The medians of measurements that are taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, measure in calls.items():
            taken[name].append(measure())
    return {name: float(np.median(values)) for name, values in taken.items()}
