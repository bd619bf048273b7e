# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of unusual sizes: compiled for NVIDIA GPUs without one, and right on the CPU target, held to the same."""

from __future__ import annotations

import os
import pathlib
import random

import jax
import numpy as np
import pytest
from gpu import prepare_edges, run
from gpu.edges import LIBRARIES, SCHEMES, Edge, draw
from gpu.prepare import SCHEMES as PASSES
from test_gpu_kernels import check_kernels

# A slice, some of each family; `make check-full` takes all of it.
FULL = "STEELYARD_FULL" in os.environ
SLICE = [(library, name) for library, functions in LIBRARIES.items() for name in functions]
SLICE = SLICE if FULL else random.Random(0).sample(SLICE, 120)
MODULES: dict[str, dict[str, Edge]] = {}
for library, name in SLICE:
    MODULES.setdefault(library, {})[name] = LIBRARIES[library][name]


def text_of(edges: dict[str, Edge]) -> str:
    return prepare_edges.combined({name: prepare_edges.text_of(edge) for name, edge in edges.items()})


@pytest.mark.parametrize("library", MODULES)
def test_kernels_assemble_without_spills(library: str) -> None:
    for scheme in SCHEMES.get(library, ("",)):
        check_kernels(text_of(MODULES[library]), PASSES[scheme])


ON_THE_CPU = ("elementwise, bfloat16", "rows, extremes, float32", "gathers, int8", "windows, int32")


@pytest.mark.parametrize("library", LIBRARIES if FULL else ON_THE_CPU)
def test_the_cpu_target_passes(library: str, tmp_path: pathlib.Path) -> None:
    prepare_edges.prepare(tmp_path, [library])
    paths = list(tmp_path.glob("*.so"))
    assert len(paths) == len(SCHEMES.get(library, ("",)))
    assert [fault for path in paths for fault in run.check(path)] == []


def test_all_schedules_and_types_are_there() -> None:
    assert sum(map(len, LIBRARIES.values())) > 1000
    edges = [edge for functions in LIBRARIES.values() for edge in functions.values()]
    sizes = {size for edge in edges for leaf in jax.tree.leaves(edge.arguments) for size in np.shape(leaf)}
    assert {0, 1, 2, 3, 7, 13, 127, 257, 1021, 4099, 70000} <= sizes


def test_numbers_are_multiples_of_an_eighth() -> None:
    for dtype in ("float32", "bfloat16", "float16", "float64"):
        drawn = draw((127, 13), dtype).astype(np.float64)
        assert np.array_equal(drawn * 8, np.rint(drawn * 8)) and drawn.min() == -4 and drawn.max() == 3.875
    assert np.array_equal(draw((3, 7)), draw((3, 7))) and not np.array_equal(draw((3, 7)), draw((3, 7), seed=1))


def test_what_is_wrong_is_found() -> None:
    want = np.array([[1.0, np.inf], [np.nan, 2.0]])
    assert run.element_fault(want.astype("f4"), want, 0) == ""
    assert run.element_fault(want + [[1e-3, 0], [0, 0]], want, 1e-2) == ""
    assert run.element_fault(want + [[1e-1, 0], [0, 0]], want, 1e-2).startswith(
        "1 of 4 elements, the first [0, 0]: 1.1, not 1.0"
    )
    for wrong in (
        [[1, -np.inf], [np.nan, 2]],
        [[1, 9], [np.nan, 2]],
        [[1, np.inf], [0, 2]],
        [[1, np.inf], [np.nan, np.nan]],
    ):
        assert run.element_fault(np.array(wrong), want, 1e-2).startswith("1 of 4")
    assert run.element_fault(np.array([2**60 + 1]), np.array([2**60]), 9.0).startswith("1 of 1")
    zero = {"want0": np.zeros((0, 3)), "bound0": np.float64(0), "type0": np.array("float32")}
    assert run.result_faults([np.zeros((0, 3), "f4")], zero) == []
    assert run.result_faults([np.zeros((0, 2), "f4")], zero) == ["result 0, float32[0, 2]: not float32[0, 3]"]
    assert run.result_faults([np.zeros((0, 3), "f2")], zero) == ["result 0, float16[0, 3]: not float32[0, 3]"]


def test_modules_are_combined() -> None:
    """Functions that two modules call alike are two."""
    text = (
        "module @jit {\n  func.func public @main() {\n    call @f() : () -> ()\n  }\n  func.func private @f() {\n  }\n}\n"
    )
    combined = prepare_edges.combined({"a": text, "b": text.replace("@f", "@clip")})
    for name in ("@a()", "@a.f()", "@b()", "@b.clip()"):
        assert f"func.func {'private' if '.' in name else 'public'} {name}" in combined
    assert combined.count("call @a.f()") == combined.count("call @b.clip()") == 1
