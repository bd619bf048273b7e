# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Contractions compiled for GPUs, with what they take over, on fakes of the driver and of cuBLASLt.

The fakes run no kernels: a program whose result is right, or that runs at all, is one contraction (and copies).
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import steelyard

REPOSITORY = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build")).resolve()

PRESETS = jax.lax.DotAlgorithmPreset
F32, BF16, F16, E4M3, E5M2 = (
    np.dtype(t) for t in ("f4", ml_dtypes.bfloat16, "f2", ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
)


def dot(x: Any, w: Any, preset: Any = None) -> Any:
    """x · wᵀ in float32."""
    return jax.lax.dot_general(
        x, w, (((x.ndim - 1,), (w.ndim - 1,)), ((), ())), precision=preset, preferred_element_type=jnp.float32
    )


def gelu(x: Any) -> Any:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def wide(*arrays: Any) -> list[Any]:
    return [np.asarray(array).astype(np.float64) for array in arrays]


def random(*shape: int, dtype: np.dtype[Any] = F32) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


SUM = 2.0**-20  # float32's, of 64 products
# A function, its arguments, what it is in float64, how far it may be away: of the largest result. Each is rounded besides.
Case = tuple[Callable[..., Any], list[Any], Callable[..., Any], float]

CASES: dict[str, Case] = {
    "bias": (
        lambda x, w, b: dot(x, w) + b,
        [random(32, 64), random(48, 64), random(48)],
        lambda x, w, b: x @ w.T + b,
        SUM,
    ),
    "bias, three dimensions, two of them columns": (
        lambda x, w, b: jnp.einsum("bsd,dhk->bshk", x, w) + b,
        [random(2, 16, 64), random(64, 4, 12), random(4, 12)],
        lambda x, w, b: np.einsum("bsd,dhk->bshk", x, w) + b,
        SUM,
    ),
    "bias, float32, of products of bfloat16": (
        lambda x, w, b: dot(x, w) + b,
        [random(32, 64, dtype=BF16), random(48, 64, dtype=BF16), random(48)],
        lambda x, w, b: x @ w.T + b,
        SUM,
    ),
    "bias, bfloat16": (
        lambda x, w, b: (dot(x, w) + b.astype(F32)).astype(BF16),
        [random(32, 64, dtype=BF16), random(48, 64, dtype=BF16), random(48, dtype=BF16)],
        lambda x, w, b: x @ w.T + b,
        SUM,
    ),
    "scale": (
        lambda x, w, s: dot(x, w) * s,
        [random(32, 64, dtype=E4M3), random(48, 64, dtype=E5M2), np.float32(0.37)],
        lambda x, w, s: x @ w.T * s,
        SUM,
    ),
    "scale and bias": (
        lambda x, w, s, b: (dot(x, w) * s + b.astype(F32)).astype(F16),
        [random(32, 64, dtype=E4M3), random(48, 64, dtype=E4M3), np.float32([0.37]), random(48, dtype=F16)],
        lambda x, w, s, b: x @ w.T * s + b,
        SUM,
    ),
    "a scale of the program's": (
        lambda x, w: (dot(x, w) * 0.25).astype(BF16),
        [random(32, 64, dtype=E4M3), random(48, 64, dtype=E4M3)],
        lambda x, w: x @ w.T / 4,
        SUM,
    ),
    "fast sums, two scales, bias, ReLU": (
        lambda x, w, s, t, b: jax.nn.relu(dot(x, w, PRESETS.ANY_F8_ANY_F8_F32_FAST_ACCUM) * s * t + b.astype(F32)).astype(
            BF16
        ),
        [random(32, 64, dtype=E4M3), random(48, 64, dtype=E4M3), np.float32(3), np.float32(0.1), random(48, dtype=BF16)],
        lambda x, w, s, t, b: np.maximum(x @ w.T * s * t + b, 0),
        2.0**-11,  # 14 bits
    ),
    "fast sums, rounded before ReLU": (
        lambda x, w: jax.nn.relu(dot(x, w, PRESETS.ANY_F8_ANY_F8_F32_FAST_ACCUM).astype(F16)),
        [random(32, 64, dtype=E4M3), random(48, 64, dtype=E4M3)],
        lambda x, w: np.maximum(x @ w.T, 0),
        2.0**-11,  # 14 bits
    ),
    "TF32, bias, GELU": (
        lambda x, w, b: jax.nn.gelu(dot(x, w, PRESETS.TF32_TF32_F32) + b),
        [random(32, 64), random(48, 64), random(48)],
        lambda x, w, b: gelu(x @ w.T + b),
        2.0**-9,  # operands of 11 bits
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_is_one_contraction(name: str) -> None:
    environment = os.environ | {
        "STEELYARD_CUDA_DRIVER": os.fspath(BUILD / "lib" / "libfake_cuda.so"),
        "STEELYARD_CUBLASLT": os.fspath(BUILD / "lib" / "libfake_blaslt.so"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-W", "error", "-m", "test_contractions", name]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "ok\n"), ran.stderr


@pytest.mark.parametrize(
    "preset", [PRESETS.TF32_TF32_F32, PRESETS.TF32_TF32_F32_X3, PRESETS.F32_F32_F32, PRESETS.BF16_BF16_F32]
)
def test_the_cpu_computes_presets_in_float32(preset: Any) -> None:
    x, w = random(32, 64), random(48, 64)
    got = steelyard.jit(lambda x, w: dot(x, w, preset))(x, w)
    assert np.array_equal(got, steelyard.jit(dot)(x, w))


def test_other_errors_of_jax_stay() -> None:
    with pytest.raises(ValueError, match="fails for its own reasons"):
        steelyard.jit(fails)(random(3))


def fails(x: Any) -> Any:
    raise ValueError("fails for its own reasons")


def run(name: str) -> None:
    function, arguments, exact, tolerance = CASES[name]
    got = np.asarray(steelyard.jit(function, target="cuda")(*arguments))
    want = exact(*wide(*arguments))
    assert got.shape == want.shape
    error = np.abs(got.astype(np.float64) - want)
    allowed = float(ml_dtypes.finfo(got.dtype).eps) / 2 * np.abs(want) + tolerance * np.abs(want).max()
    assert np.all(error <= allowed), (error / allowed).max()
    print("ok")


if __name__ == "__main__":
    run(sys.argv[1])
