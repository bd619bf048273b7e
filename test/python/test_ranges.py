# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What profilers see of compiled code, on fakes of the driver, of cuBLASLt and of a profiler."""

from __future__ import annotations

import ctypes
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import steelyard

REPOSITORY = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build")).resolve()
LIBRARIES = {
    "STEELYARD_CUDA_DRIVER": "libfake_cuda.so",
    "STEELYARD_CUBLASLT": "libfake_blaslt.so",
    "NVTX_INJECTION64_PATH": "libfake_nvtx.so",
}


@pytest.mark.skipif(not (BUILD / "lib" / "libfake_nvtx.so").exists(), reason="built without NVTX's headers")
def test_operations_are_ranges_with_the_names_of_their_source() -> None:
    environment = os.environ | {name: os.fspath(BUILD / "lib" / file) for name, file in LIBRARIES.items()}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-W", "error", "-m", "test_ranges"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "ok\n"), ran.stderr


def products(x: Any, w: Any) -> Any:
    first = x @ w
    return first @ w, x


def run() -> None:
    steelyard.jit(products, target="cuda")(*[np.ones((32, 32), "f4")] * 2)
    profiler = ctypes.CDLL(os.environ["NVTX_INJECTION64_PATH"])
    profiler.fakeNVTXTake.restype = ctypes.c_char_p
    call, *operations = profiler.fakeNVTXTake().decode().splitlines()
    line = products.__code__.co_firstlineno
    source = pathlib.Path(__file__).name
    assert call.startswith("main "), call
    assert [operation.rpartition(" ")[0] for operation in operations if "contraction" in operation] == [
        f"  contraction: jit(products)/dot_general ({source}:{line + 1})",
        f"  contraction: jit(products)/dot_general ({source}:{line + 2})",
    ], operations
    assert sum("  copy: " in operation for operation in operations) == 1, operations
    print("ok")


if __name__ == "__main__":
    run()
