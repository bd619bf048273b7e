# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What benchmarks and studies write, and where they can't. No test asserts a time."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from benchmarks import timing
from workloads import results

FIELDS = {"name", "value", "unit", "better", "peers", "floor", "target", "machine", "versions", "commit"}


def test_rows_are_strict_json(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results.json"
    results.write(path, [results.row("a", [1.0, float("nan")], "%", "higher", {"peer": [float("inf")]}, target="≥ 1")])
    (row,) = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(row) == FIELDS
    assert row["value"] == [1.0, None] and row["peers"] == {"peer": [None]}
    assert row["machine"] and row["versions"]["jax"]


def test_contenders_take_turns() -> None:
    calls: list[str] = []
    contenders = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    rounds = list(timing.alternate(contenders, rounds=4, slice_seconds=1e-5))
    assert [len(times["a"].seconds) for times in rounds] == [1, 2, 3, 4]
    turns = [name for index, name in enumerate(calls) if index == 0 or calls[index - 1] != name]
    # Warm up a, b; then a b, b a, a b, b a: neighbours of one name are one turn.
    assert "".join(turns) == "ab" + "aba" + "ba"
    assert rounds[-1]["a"].minimum <= rounds[-1]["a"].median


@pytest.mark.parametrize("module", ["benchmarks", "workloads.digits", "workloads.scalify"])
def test_an_unwritable_output_is_an_error(module: str) -> None:
    command = [sys.executable, "-m", module, "--output-dir", "/proc/steelyard"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.returncode == 1
    assert "cannot write /proc/steelyard" in done.stderr and "Traceback" not in done.stderr
