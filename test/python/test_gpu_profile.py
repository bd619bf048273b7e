# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times, ranges and waits of compiled code, on fakes of the driver, of cuBLASLt and of a profiler."""

from __future__ import annotations

import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import jax
import jax.numpy as jnp
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


def products(x: Any, w: Any) -> Any:
    first = x @ w
    return first @ w, x


LINE = products.__code__.co_firstlineno
HERE = pathlib.Path(__file__)


def ranges() -> None:
    steelyard.jit(products, target="cuda")(*[np.ones((32, 32), "f4")] * 2)
    profiler = ctypes.CDLL(os.environ["NVTX_INJECTION64_PATH"])
    profiler.fakeNVTXTake.restype = ctypes.c_char_p
    call, *operations = profiler.fakeNVTXTake().decode().splitlines()
    assert call.startswith("main "), call
    assert [operation.rpartition(" ")[0] for operation in operations if "contraction" in operation] == [
        f"  contraction: jit(products)/dot_general ({HERE.name}:{LINE + 1})",
        f"  contraction: jit(products)/dot_general ({HERE.name}:{LINE + 2})",
    ], operations
    assert sum("  copy: " in operation for operation in operations) == 1, operations


def check(profile: steelyard.Profile) -> None:
    """The fake device takes a millisecond for each."""
    assert profile.by_kind() == {"gemm": 0.002, "copy": 0.001}, profile.by_kind()
    assert profile.seconds == 0.003
    assert [site.seconds for site in profile.sites] == [0.001] * 3
    assert {site.buffers for site in profile.sites if site.kind == "gemm"} == {"32x32xf32, 32x32xf32, 32x32xf32"}
    lines = {site.source for site in profile.sites if site.kind == "gemm"}
    assert lines == {f"{HERE}:{LINE + 1}", f"{HERE}:{LINE + 2}"}, lines
    assert all(site.operation == "jit(products)/dot_general" for site in profile.sites if site.kind == "gemm")
    assert "3.000 ms a call, 3 sites" in str(profile)


def times() -> None:
    x = np.ones((32, 32), "f4")
    step = steelyard.jit(products, target="cuda")
    check(steelyard.profile(step, steelyard.device_put(x), x, calls=3))
    check(steelyard.profile(step, x, x, calls=1))
    with tempfile.TemporaryDirectory() as folder:
        step.save(f"{folder}/step.so", x, x, profile=True)
        library = steelyard.load(f"{folder}/step.so")
        check(steelyard.profile(library["main"], x, x, calls=2))
        np.testing.assert_array_equal(library(x, x)[0], np.full((32, 32), 32.0**2, "f4"))


def doubled(x: Any) -> Any:
    return jax.lax.while_loop(lambda y: jnp.sum(y) < 100, lambda y: y + y, x)


def waits() -> None:
    remarks = steelyard.explain(steelyard.jit(doubled, target="cuda"), np.ones(4, "f4"))
    (remark,) = [remark for remark in remarks if "the host waits" in remark.message]
    assert remark.source == f"{HERE}:{doubled.__code__.co_firstlineno + 1}"
    counted = steelyard.jit(lambda x: jax.lax.fori_loop(0, 50, lambda i, y: y + y, x), target="cuda")
    assert not any("waits" in remark.message for remark in steelyard.explain(counted, np.ones(4, "f4")))


@pytest.mark.parametrize("what", [ranges, times, waits], ids=lambda what: str(what.__name__))
def test_on_the_fake_driver(what: Any) -> None:
    if what is ranges and not (BUILD / "lib" / LIBRARIES["NVTX_INJECTION64_PATH"]).exists():
        pytest.skip("built without NVTX's headers")
    environment = os.environ | {name: os.fspath(BUILD / "lib" / file) for name, file in LIBRARIES.items()}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-W", "error", "-m", "test_gpu_profile", what.__name__]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "ok\n"), ran.stderr


if __name__ == "__main__":
    {"ranges": ranges, "times": times, "waits": waits}[sys.argv[1]]()
    print("ok")
