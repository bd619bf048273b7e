# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""State goes in packed by NumPy and comes out normalised by compiled code: two implementations of one rule, to the bit."""

from __future__ import annotations

from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
import steelyard
from steelyard._state import LEAST_EXPONENT, pack
from steelyard._types import ELEMENT_TYPES

INF, NAN = np.inf, np.nan
#: Significands beside ties of float16 and bfloat16, and one that rounding to float32 first makes a tie.
TIES = [1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 - 2.0**-12, 1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-8, 1 + 3 * 2.0**-8]


def cases(dtype: np.dtype[Any]) -> dict[str, Any]:
    info = ml_dtypes.finfo(dtype)
    least, normal, most = (float(number) for number in (info.smallest_subnormal, info.tiny, info.max))
    rng = np.random.default_rng(0)
    normals = rng.standard_normal(500)
    return {
        "zeros": [0.0, -0.0, 0.0],
        "negative zeros": [[-0.0], [-0.0]],
        "subnormals": [least, -3 * least, 0.0, 2 * least],
        "least": [least, least],
        "least normals": [normal, -normal / 2, 1.5 * normal],
        "largest": [most, -most / 2, most / 3],
        "both ends": [most, normal, least, -0.0],
        "infinities": [1.0, INF, -INF, 3.0],
        "infinities alone": [INF, -INF],
        "infinity beside the least": [INF, least],
        "NaN": [1.5, NAN, -2.0],
        "NaN alone": [NAN, NAN],
        "ties": TIES,
        "rounded up to the next power": [2 - 2.0**-12, 1.0, 2 - 2.0**-9],
        "subnormal in storage": [1.0, *(1.5 * 2.0**-k for k in range(20, 40)), *(2.0**-k for k in range(20, 40))],
        "one zero": 0.0,
        "one negative zero": [-0.0],
        "one number": [-1.2345e-3],
        "one infinity": [INF],
        "one NaN": [NAN],
        "one subnormal": [[least]],
        "empty": np.zeros((0, 3)),
        "random": normals.reshape(4, 125),
        "random magnitudes": normals * 2.0 ** rng.integers(-60, 60, 500),
    }


def bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.view(f"u{array.dtype.itemsize}")


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
@pytest.mark.parametrize("user", ["float32", "float64", "float16", "bfloat16"])
def test_numpy_packs_as_compiled_code_normalises(user: str, storage: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, user, user))
    scheme = steelyard.Scalify(matmul=None, storage=storage)
    replace = steelyard.jit(lambda state, x: x, scheme=scheme, donate_argnums=0)
    for name, numbers in cases(dtype).items():
        with np.errstate(over="ignore", under="ignore"):
            x = np.asarray(numbers, np.float64).astype(dtype)
        with jax.enable_x64(True):
            got = replace(np.ones_like(x), x)
        want = pack(x, ELEMENT_TYPES[got.data.dtype])
        assert got.data.dtype == (np.float32 if x.size == 1 else np.dtype(getattr(ml_dtypes, storage, storage))), name
        assert (got.dtype, got.shape) == (want.dtype, want.shape) == (dtype, x.shape), name
        assert got.exponent == want.exponent, name
        np.testing.assert_array_equal(bits(got.data), bits(want.data), err_msg=name)
        is_finite = np.isfinite(x.astype(np.float64))
        assert (got.exponent == LEAST_EXPONENT) == (not np.any(x[is_finite])), name
