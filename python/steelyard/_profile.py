# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where a compiled function spends its time."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from steelyard._locations import source_line

if TYPE_CHECKING:
    from steelyard._jit import CompiledFunction
    from steelyard._load import LoadedFunction


@dataclasses.dataclass(frozen=True)
class Site:
    """A kernel, contraction or copy in compiled code.

    Attributes
    ----------
    kind : str
        On the CPU "gemm", "elementwise", "reduce addf" (named after what combines two elements; "reduce maxsi" of i32 is an
        amax), "loop" (a scatter, sort or scan), "copy", or "scalars". On a GPU "gemm", the schedule of a kernel ("rows",
        "columns", "transposed", "flat", "loop", or "merged" of several), "copy", "zero", or "read" (of a condition).
    buffers : str
        What it reads and writes: "8x16xf32, 16xf16".
    seconds : float
        In one call, scalars computed before it included. On a GPU the device's, from the end of what comes before it.
    location : str
        Of the operation it was made from, as JAX recorded it.
    """

    kind: str
    buffers: str
    seconds: float
    location: str

    @property
    def source(self) -> str:
        """File and line, or an empty string."""
        return source_line(self.location)

    @property
    def operation(self) -> str:
        """JAX's name of the operation with its name stack, or an empty string."""
        names = re.findall(r'"([^"]*/[^"/]+)"(?!:\d)', self.location)  # what a colon and a number follow is a file
        return names[-1] if names else ""


@dataclasses.dataclass(frozen=True)
class Profile:
    """Times of one call, the mean of several.

    Attributes
    ----------
    sites : list of Site
        The slowest first.
    seconds : float
        A call in all: less the sites, what it takes to enter compiled code. On a GPU what the device takes, the sites' sum.
    """

    sites: list[Site]
    seconds: float

    def by_kind(self) -> dict[str, float]:
        """Seconds a call, the largest first."""
        return _sums((site.kind, site.seconds) for site in self.sites)

    def by_source(self) -> dict[str, float]:
        """Seconds a call for each line of Python that has any, the largest first."""
        return _sums((site.source, site.seconds) for site in self.sites if site.source)

    def table(self, count: int = 20) -> str:
        """Kinds, then the slowest sites."""
        lines = [f"{self.seconds * 1e3:.3f} ms a call, {len(self.sites)} sites"]
        for kind, seconds in self.by_kind().items():
            lines.append(f"  {seconds * 1e3:10.3f} ms {seconds / self.seconds:6.1%}  {kind}")
        lines.append("slowest")
        for site in self.sites[:count]:
            where = site.operation or site.source
            lines.append(
                f"  {site.seconds * 1e3:10.3f} ms {site.seconds / self.seconds:6.1%}  {site.kind}: {site.buffers}  {where}"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()


def _sums(pairs: Any) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for key, seconds in pairs:
        sums[key] += seconds
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def profile(function: CompiledFunction | LoadedFunction, *args: Any, calls: int = 10, **kwargs: Any) -> Profile:
    """Compiles a function once more, with a clock after every kernel, and runs it.

    On a GPU events of the device are between kernels, and calls are replayed as others are, so that none waits for the
    host; an event takes about a microsecond.

    Parameters
    ----------
    function : CompiledFunction or LoadedFunction
        What ``steelyard.jit`` returned; neither its code nor its recipe's state is touched. Or a function of a library that
        was saved with ``profile=True``, which is run as it is.
    *args, **kwargs
        As for a call.
    calls : int
        How many are timed, after two that are not.

    Returns
    -------
    Profile
        Print it for a table.

    Raises
    ------
    TypeError
        If the function is not a compiled one.
    RunError
        If a library was not compiled for profiling, or there is no device.
    ValueError
        If ``calls`` is less than 1.
    """
    if calls < 1:
        raise ValueError(f"profile: calls is at least 1, got {calls}")
    if hasattr(function, "site_seconds") and not kwargs:
        sites, times, total = function.site_seconds(args, calls)
    elif hasattr(function, "_get"):
        compiled, leaves = function._get(args, kwargs)
        buffers = compiled.buffers(leaves, function._recipe_state)
        sites, times, total = compiled.profiled().site_seconds(buffers, calls)
    else:
        raise TypeError(
            "profile takes what steelyard.jit returned, e.g. steelyard.jit(f, scheme=...), or a function of a library, "
            f'e.g. steelyard.load("f.so")["main"], and its arguments, got {function!r}'
        )
    timed = [Site(s.kind, s.buffers, float(t), s.location) for s, t in zip(sites, times, strict=True)]
    return Profile(sorted(timed, key=lambda site: -site.seconds), total)
