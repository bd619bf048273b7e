# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``steelyard.compile``: modules of StableHLO, without JAX's tracing."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import jax.export
import numpy as np

from steelyard._device import taken
from steelyard._errors import CompileError, RunError
from steelyard._explain import Remark
from steelyard._jit import _Compiled, check_scheme
from steelyard._memory import device_of
from steelyard._runtime import CPU, Target
from steelyard._schemes import Scheme
from steelyard._state import KeepsRecipeState, ScaledArray


class CompiledModule(KeepsRecipeState):
    """A function of a compiled module: takes arrays of exactly its types and shapes, gives a list of results."""

    def __init__(self, compiled: _Compiled, target: Target) -> None:
        super().__init__()
        self._compiled = compiled
        self._device = device_of(target.device) if target.is_device else None

    def save(self, path: str | os.PathLike[str], cpu: str = "", profile: bool = False) -> None:
        """As ``steelyard.jit``'s: writes all public functions of the module as a shared library."""
        self._compiled.save(path, cpu, profile)

    @property
    def remarks(self) -> list[Remark]:
        """What the passes said, in their order."""
        return list(self._compiled.remarks)

    def __call__(self, *arrays: Any) -> list[Any]:
        expected = len(self._compiled.user_arguments)
        if len(arrays) != expected:
            raise RunError(f"the function takes {expected} arrays, got {len(arrays)}")
        leaves = [self._leaf(index, array) for index, array in enumerate(arrays)]
        results: list[Any] = self._compiled(leaves, self._recipe_state)
        return results

    def _leaf(self, index: int, array: Any) -> Any:
        if isinstance(array, ScaledArray):
            return array
        try:
            there = taken(array, self._device) if self._device else None
        except RunError as error:
            raise RunError(f"argument {index} {error}") from None
        return np.require(array, None, ("C", "A")) if there is None else there


def _from_artifact(artifact: bytes) -> str:
    """The text of a portable artifact of StableHLO (what jax.export serialises), by jaxlib."""
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo

    try:
        with ir.Context() as context:
            stablehlo.register_dialect(context)
            module = stablehlo.deserialize_portable_artifact(context, artifact)
            return str(module.operation.get_asm(enable_debug_info=True))
    except Exception as error:  # jaxlib raises its own MLIRError and more
        raise CompileError(f"jaxlib can't read this portable artifact of StableHLO: {error}") from None


def _read(module: str | bytes | os.PathLike[str] | jax.export.Exported) -> tuple[str | bytes, str]:
    """Text or bytecode, and what locations call it."""
    if isinstance(module, str):
        return module, "module"
    if isinstance(module, jax.export.Exported):
        return _from_artifact(module.mlir_module_serialized), "module"
    data, name = (module, "module") if isinstance(module, bytes) else (pathlib.Path(module).read_bytes(), os.fspath(module))
    if data.startswith(_BYTECODE):
        return (_from_artifact(data) if data[5:].startswith(b"StableHLO_v") else data), name
    try:
        return data.decode(), name
    except UnicodeDecodeError as error:
        raise CompileError(f"{name} is neither MLIR text (UTF-8) nor MLIR bytecode: {error}") from None


_BYTECODE = b"ML\xefR"


def compile(
    module: str | bytes | os.PathLike[str] | jax.export.Exported,
    *,
    scheme: Scheme | None = None,
    target: str = "cpu",
    device: int = 0,
    chip: str = CPU.chip,
    function: str = "main",
) -> CompiledModule:
    """Compiles a module of StableHLO.

    Parameters
    ----------
    module : str, bytes, path or jax.export.Exported
        The text itself; MLIR bytecode as ``steelyard-opt --emit-bytecode`` writes it, or a portable artifact of
        StableHLO as ``jax.export`` does; a ``pathlib.Path`` of a file that holds one of them.
    scheme : Scheme, optional
        As for ``steelyard.jit``.
    target, device, chip
        As for ``steelyard.jit``.
    function : str
        Which public function is called.

    Returns
    -------
    CompiledModule
        Call it with NumPy arrays; ScaledArrays are taken and given for donated arguments, as by ``steelyard.jit``. For
        "cuda" it takes arrays on the device as well, and gives DeviceArrays.

    Raises
    ------
    CompileError
        Where the module is not valid or can't be compiled, with the location; where it has no such function.
    OSError
        Where the file can't be read.
    """
    check_scheme(scheme)
    where = Target(target, device, chip)
    source, name = _read(module)
    return CompiledModule(_Compiled(source, scheme, None, function, name, where), where)
