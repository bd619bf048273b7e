# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the compiler did to a function, in its own words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from steelyard._locations import source_line

if TYPE_CHECKING:
    from steelyard._jit import CompiledFunction


@dataclasses.dataclass(frozen=True)
class Remark:
    """One remark of a pass.

    Attributes
    ----------
    message : str
        What was done, or was left alone, and why.
    location : str
        Where, as JAX recorded it: name stack, file, line and column.
    """

    message: str
    location: str

    @property
    def source(self) -> str:
        """File and line, or an empty string."""
        return source_line(self.location)

    def __str__(self) -> str:
        return f"{self.source or self.location or '?'}: {self.message}"


def explain(function: CompiledFunction, *args: Any, **kwargs: Any) -> list[Remark]:
    """Every remark about a compiled function for these arguments, with its source line.

    Parameters
    ----------
    function : CompiledFunction
        What ``steelyard.jit`` returned. It is compiled for the arguments if it was not yet; it is not run.

    Returns
    -------
    list of Remark
        In the order of the passes.

    Raises
    ------
    TypeError
        If the function is not a compiled one: a plain function has no scheme to explain.
    """
    if not hasattr(function, "_get"):
        raise TypeError(f"explain takes what steelyard.jit returned, e.g. steelyard.jit(f, scheme=...), got {function!r}")
    compiled, _ = function._get(args, kwargs)
    return list(compiled.remarks)
