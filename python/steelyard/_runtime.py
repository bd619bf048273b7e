# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The native module, its BLAS and its execution contexts."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from steelyard import _native  # type: ignore[attr-defined]
from steelyard._errors import CompileError, RunError

DTYPES: dict[str, np.dtype[Any]] = {
    "i1": np.dtype(np.bool_),
    **{f"i{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "f8E4M3": np.dtype(ml_dtypes.float8_e4m3),
    "f8E3M4": np.dtype(ml_dtypes.float8_e3m4),
    "f8E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "f8E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "f8E4M3B11FNUZ": np.dtype(ml_dtypes.float8_e4m3b11fnuz),
    "f8E8M0FNU": np.dtype(ml_dtypes.float8_e8m0fnu),
    "f6E2M3FN": np.dtype(ml_dtypes.float6_e2m3fn),
    "f6E3M2FN": np.dtype(ml_dtypes.float6_e3m2fn),
    "f4E2M1FN": np.dtype(ml_dtypes.float4_e2m1fn),
}
ELEMENT_TYPES = {dtype: name for name, dtype in DTYPES.items()}

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
        taken = _native.Context()
    try:
        yield taken
    finally:
        _idle_contexts.append(taken)


def compile_text(
    text: str, scheme: str = "", on_diagnostic: Callable[[str, str, str], None] | None = None, name: str = "module"
) -> Any:
    """Compiles MLIR text, ``name`` in locations; raises CompileError."""
    _set_blas()
    try:
        return _native.compile(text, scheme, os.environ.get("STEELYARD_DUMP", ""), "", name, on_diagnostic)
    except RuntimeError as error:
        raise CompileError(str(error)) from None


def call(executable: Any, function: int, arguments: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Runs a function on C-contiguous arrays of its types and shapes; new arrays come back."""
    spec = executable.functions[function]
    if len(arguments) != len(spec.arguments):
        raise RunError(f"{spec.name} takes {len(spec.arguments)} arrays, got {len(arguments)}")
    for index, (array, wanted) in enumerate(zip(arguments, spec.arguments, strict=True)):
        # Compiled code trusts its pointers: what they point to is checked here, once for all callers.
        if array.dtype != DTYPES[wanted.element_type] or list(array.shape) != wanted.shape:
            raise RunError(
                f"argument {index} of {spec.name} is {wanted.element_type}{wanted.shape}, "
                f"got {array.dtype}{list(array.shape)}"
            )
        if not array.flags.c_contiguous:
            raise RunError(f"argument {index} of {spec.name} is not contiguous")
    results = [np.empty(tuple(result.shape), DTYPES[result.element_type]) for result in spec.results]
    with context() as taken:
        try:
            executable.run(
                function,
                taken,
                [array.__array_interface__["data"][0] for array in arguments],
                [array.__array_interface__["data"][0] for array in results],
            )
        except RuntimeError as error:
            raise RunError(str(error)) from None
    return results
