# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled casts, scalar library and ml_dtypes on runs of float32 patterns: a seeded slice; sweep.py takes all."""

import numpy as np
import pytest
from support import MLIR_FORMATS, MODES, Format, Rounding, ids, supports
from sweep import ALL, compare_ml_dtypes, compare_scalar, compile_for

RUN = 1 << 14


def runs(seed: int) -> list[tuple[int, int]]:
    """Where patterns are compared: 48 runs anywhere, and always those around zero and infinity."""
    starts = np.random.default_rng(seed).choice(ALL // RUN, 48, replace=False)
    edges = [0, 0x7F800000 // RUN, 0x80000000 // RUN, 0xFF800000 // RUN]
    return [(int(at) * RUN, (int(at) + 1) * RUN) for at in [*edges, *starts]]


@pytest.mark.parametrize("f", MLIR_FORMATS, ids=ids)
def test_sweep(f: Format) -> None:
    compiled = compile_for(tuple(cpu for cpu in ("haswell", "native") if supports(cpu)))
    for seed, (rounding, saturate) in enumerate(MODES):
        for begin, end in runs(seed):
            wrong, first = compare_scalar(compiled, f, rounding, saturate, begin, end)
            assert wrong == 0, f"{wrong} differ, first {first:#x}: {rounding.name}, saturate = {saturate}"
    for begin, end in runs(17):
        for c in compiled:
            wrong, first = compare_ml_dtypes(c, f, begin, end)
            assert wrong == 0, f"{wrong} differ from ml_dtypes, first {first:#x}"


def test_sweep_sees_a_difference() -> None:
    """The comparisons themselves fail where the casts are not the same."""
    compiled = compile_for(("native",))
    f, other = MLIR_FORMATS[3], MLIR_FORMATS[1]  # f8E4M3FN, f8E4M3
    at = 0x43A00000  # 320, where f8E4M3 is infinite
    shifted = Format(f.name, other.e, other.t, other.bias, other.rule, other.ml_dtype)
    wrong, first = compare_scalar(compiled, shifted, Rounding.nearest_even, False, at, at + (1 << 20))
    assert wrong > 0 and first >= at
    wrong, first = compare_ml_dtypes(compiled[0], shifted, at, at + (1 << 20))
    assert wrong > 0 and first >= at
