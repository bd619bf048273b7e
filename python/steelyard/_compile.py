# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``steelyard.compile``: modules in StableHLO's text, without JAX's tracing."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard._errors import RunError
from steelyard._explain import Remark
from steelyard._jit import _Compiled, check_options
from steelyard._schemes import Scheme
from steelyard._state import RecipeState, ScaledArray


class CompiledModule:
    """A function of a compiled module: takes arrays of exactly its types and shapes, gives a list of results."""

    def __init__(self, compiled: _Compiled) -> None:
        self._compiled = compiled
        self._recipe_state = RecipeState()

    @property
    def recipe_state(self) -> dict[str, NDArray[Any]]:
        """As ``steelyard.jit``'s: what the scheme keeps between calls, by name."""
        return self._recipe_state.copy()

    @recipe_state.setter
    def recipe_state(self, values: Mapping[str, Any]) -> None:
        self._recipe_state.replace(values)

    @property
    def observed(self) -> dict[str, NDArray[Any]]:
        """As ``steelyard.jit``'s: what the taps of the last call saw, by name."""
        return dict(self._recipe_state.observed)

    @property
    def remarks(self) -> list[Remark]:
        """What the passes said, in their order."""
        return list(self._compiled.remarks)

    def __call__(self, *arrays: Any) -> list[Any]:
        expected = len(self._compiled.user_arguments)
        if len(arrays) != expected:
            raise RunError(f"the function takes {expected} arrays, got {len(arrays)}")
        leaves = [array if isinstance(array, ScaledArray) else np.require(array, None, ("C", "A")) for array in arrays]
        results: list[Any] = self._compiled(leaves, self._recipe_state)
        return results


def compile(
    module: str | os.PathLike[str], *, scheme: Scheme | None = None, target: str = "cpu", function: str = "main"
) -> CompiledModule:
    """Compiles a module in StableHLO's text.

    Parameters
    ----------
    module : str or path
        The text itself, or a ``pathlib.Path`` of a file that holds it.
    scheme : Scheme, optional
        As for ``steelyard.jit``.
    target : {"cpu"}
        Where it runs.
    function : str
        Which public function is called.

    Returns
    -------
    CompiledModule
        Call it with NumPy arrays; ScaledArrays are taken and given for donated arguments, as by ``steelyard.jit``.

    Raises
    ------
    CompileError
        Where the module is not valid or can't be compiled, with the location; where it has no such function.
    OSError
        Where the file can't be read.
    """
    check_options(scheme, target)
    if isinstance(module, str):
        return CompiledModule(_Compiled(module, scheme, None, function))
    return CompiledModule(_Compiled(pathlib.Path(module).read_text(), scheme, None, function, os.fspath(module)))
