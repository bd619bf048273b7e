# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The native module, its BLAS and its execution contexts."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard import _abi, _native  # type: ignore[attr-defined]
from steelyard._device import DeviceFunction
from steelyard._errors import CompileError, RunError
from steelyard._memory import device_of
from steelyard._types import DTYPES, empty

# Of each recipe the options: (default, least, greatest).
RECIPES: dict[str, dict[str, tuple[int, int, int]]] = _native.recipes()

_blas_lock = threading.Lock()
_blas_is_set = False
_idle_contexts: list[Any] = []


def _set_blas() -> None:
    """Points the runtime to the OpenBLAS wheel, unless the environment names another library."""
    global _blas_is_set
    with _blas_lock:
        if _blas_is_set or "STEELYARD_BLAS" in os.environ:
            return
        _blas_is_set = True
        with contextlib.suppress(ImportError):
            import scipy_openblas32

            folder = scipy_openblas32.get_lib_dir()
            path = os.path.join(folder, f"{scipy_openblas32.get_library(fullname=True)}")
            if os.path.exists(path):
                _native.set_blas_path(path)


@contextlib.contextmanager
def context() -> Iterator[Any]:
    """An execution context for one call; contexts are kept and used again."""
    try:
        taken = _idle_contexts.pop()
    except IndexError:
        try:
            taken = _native.Context()
        except RuntimeError as error:  # the environment asks for what there is not
            raise RunError(str(error)) from None
    try:
        yield taken
    finally:
        _idle_contexts.append(taken)


@dataclasses.dataclass(frozen=True)
class Target:
    """What is compiled for: "cpu", or "cuda" for a chip, and the ordinal of the device that runs it."""

    name: str = "cpu"
    device: int = 0
    chip: str = "sm_90a"

    def __post_init__(self) -> None:
        if self.name not in ("cpu", "cuda"):
            raise ValueError(f"target is 'cpu' or 'cuda', got {self.name!r}")
        if not isinstance(self.chip, str):
            raise TypeError(f"chip is a name such as 'sm_90a', got {self.chip!r}")
        device_of(self.device)

    @property
    def is_device(self) -> bool:
        return self.name == "cuda"


CPU = Target()


@functools.cache
def _packaged_toolkit() -> str:
    """ptxas and libdevice of PyPI's nvidia-cuda-nvcc-cu12; empty where it is not installed."""
    with contextlib.suppress(ImportError):
        spec = importlib.util.find_spec("nvidia.cuda_nvcc")
        if spec and spec.submodule_search_locations:
            return next(iter(spec.submodule_search_locations))
    return ""


def _for(target: Target) -> dict[str, str]:
    """What the native module takes of a target. A toolkit that the environment names comes first."""
    if not target.is_device:
        return {}
    named = any(os.environ.get(variable) for variable in ("CUDA_HOME", "CUDA_PATH"))
    return {"target": target.name, "chip": target.chip, "toolkit": "" if named else _packaged_toolkit()}


def compile_module(
    module: str | bytes,
    scheme: str = "",
    on_diagnostic: Callable[[str, str, str], None] | None = None,
    name: str = "module",
    is_internal: bool = False,
    profile: bool = False,
    target: Target = CPU,
) -> Any:
    """Compiles MLIR text or bytecode, ``name`` in locations; raises CompileError. What is internal is never dumped."""
    if isinstance(module, str):
        module = module.encode()
    _set_blas()

    def report(severity: str, message: str, location: str) -> None:
        if severity == "warning":
            warnings.warn(f"{location}: {message}" if location else message, RuntimeWarning, stacklevel=2)
        if on_diagnostic:
            on_diagnostic(severity, message, location)

    dump = "" if is_internal else os.environ.get("STEELYARD_DUMP", "")
    try:
        return _native.compile(module, scheme, dump, "", name, report, profile, **_for(target))
    except RuntimeError as error:
        raise CompileError(str(error)) from None


def compile_library(
    module: str | bytes, scheme: str, cpu: str, name: str, path: str, target: Target = CPU, profile: bool = False
) -> None:
    """Compiles ahead of time for a processor in LLVM's names, this one where it is empty; raises CompileError."""
    text = module.encode() if isinstance(module, str) else module
    try:
        _native.compile_library(text, scheme, cpu, name, path, profile, **_for(target))
    except RuntimeError as error:
        raise CompileError(str(error)) from None


def make_function(executable: Any, index: int, target: Target) -> Function | DeviceFunction:
    """A function of an executable in memory, where the target runs."""
    if not target.is_device:
        return Function(executable, index)
    if _abi.function_address("steelyard_abi_version") != _native.abi_version_address():
        path = _abi.runtime_path()
        raise RunError(f"the compiler has another runtime than {path}: STEELYARD_RUNTIME must name its own, or nothing")
    is_for = _abi.runtime().steelyard_executable_target(executable.handle).decode()
    if is_for != target.name:
        raise CompileError(f"this compiler makes code for {is_for}, not for {target.name}")
    spec = executable.functions[index]
    device = device_of(target.device)
    return DeviceFunction(executable.handle, index, spec.name, spec.arguments, spec.results, device, executable, spec.sites)


class Function:
    """A function of an executable, called with arrays.

    Attributes
    ----------
    arguments, results : list of TensorSpec
        Types, shapes and what they are to the caller.
    """

    def __init__(self, executable: Any, index: int) -> None:
        spec = executable.functions[index]  # converted from C++ each time it is asked for
        self.executable = executable
        self.name: str = spec.name
        self.arguments: list[Any] = spec.arguments
        self.results: list[Any] = spec.results
        self._index = index
        self._takes = [(DTYPES[argument.element_type], tuple(argument.shape)) for argument in self.arguments]
        self._gives = [(tuple(r.shape), DTYPES[r.element_type]) for r in self.results]

    def site_seconds(self, arrays: list[NDArray[Any]], calls: int) -> tuple[list[Any], NDArray[np.float64], float]:
        """Of code compiled for profiling: its sites, seconds a call at each, and seconds a call in all."""
        self(arrays)  # checks them, and starts threads and BLAS
        results = [empty(shape, dtype) for shape, dtype in self._gives]
        taken = _native.Context()
        self.executable.run(self._index, taken, arrays, results)  # fills the arena's pages
        sites = self.executable.functions[self._index].sites
        before = np.asarray(taken.site_times(len(sites)), np.float64)
        start = time.perf_counter()
        for _ in range(calls):
            self.executable.run(self._index, taken, arrays, results)
        total = (time.perf_counter() - start) / calls
        times = np.asarray(taken.site_times(len(sites)), np.float64) - before
        return sites, times / (1e9 * calls), total

    def __call__(self, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs on C-contiguous arrays of the function's types and shapes; new arrays come back."""
        # Compiled code trusts its pointers: what they point to is checked here, once for all callers.
        if len(arrays) != len(self._takes):
            raise RunError(f"{self.name} takes {len(self._takes)} arrays, got {len(arrays)}")
        for index, (array, (dtype, shape)) in enumerate(zip(arrays, self._takes, strict=True)):
            if array.dtype != dtype or array.shape != shape:
                raise RunError(
                    f"argument {index} of {self.name} is {self.arguments[index].element_type}{list(shape)}, "
                    f"got {array.dtype}{list(array.shape)}"
                )
            if not array.flags.c_contiguous:
                raise RunError(f"argument {index} of {self.name} is not contiguous")
        results = [empty(shape, dtype) for shape, dtype in self._gives]
        with context() as taken:
            try:
                self.executable.run(self._index, taken, arrays, results)
            except RuntimeError as error:
                raise RunError(str(error)) from None
        return results
