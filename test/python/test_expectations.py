# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The list of expected failures is strict, in lit and in pytest."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
PASSING = "test/python/test_expectations.py::test_for_the_list[passes]"
FAILING = "test/python/test_expectations.py::test_for_the_list[fails]"


@pytest.mark.parametrize("outcome", ["passes", "fails"])
def test_for_the_list(outcome: str) -> None:
    assert outcome == "passes" or "STEELYARD_EXPECTED_FAILURES" not in os.environ


@pytest.mark.parametrize("outcome", ["passes", "skips"])
def test_for_the_skips(outcome: str) -> None:
    if outcome == "skips" and "STEELYARD_EXPECTED_SKIPS" in os.environ:
        pytest.skip("it is told to")


def _run(
    command: list[str], lines: str, folder: pathlib.Path, variable: str = "STEELYARD_EXPECTED_FAILURES"
) -> subprocess.CompletedProcess[str]:
    listed = folder / "expectations.txt"
    listed.write_text(lines)
    environment = {**os.environ, variable: str(listed)}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("lines", "arguments", "status", "message"),
    [
        (f"{FAILING[5:]} -- a reason", [FAILING], 0, "1 xfailed"),
        (f"{PASSING[5:]} -- a reason", [PASSING], 1, "1 failed"),
        ("", [FAILING], 1, "1 failed"),
        (PASSING[5:], [PASSING], 4, "no reason is given"),
        ("python/test_expectations.py::test_gone -- a reason", [PASSING.partition("::")[0]], 4, "not there: .*test_gone"),
        ("python/test_gone.py::test_gone -- a reason", [PASSING], 4, "there is no test"),
    ],
)
def test_pytest(lines: str, arguments: list[str], status: int, message: str, tmp_path: pathlib.Path) -> None:
    chosen = ["-k", "for_the_list"] if "::" not in arguments[0] else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, *arguments]
    done = _run(command, lines, tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert re.search(message, done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        ("", 0, "Passed"),
        ("Execute/checks.mlir -- a reason", 1, "Unexpectedly Passed"),
        ("Execute/checks.mlir", 2, "no reason"),
    ],
)
def test_lit(lines: str, status: int, message: str, tmp_path: pathlib.Path) -> None:
    lit = pathlib.Path(sys.executable).with_name("lit")
    done = _run([str(lit), "-v", str(BUILD / "test" / "Execute" / "checks.mlir")], lines, tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert message in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        ("python/test_expectations.py -- it is told", 0, "1 passed, 1 skipped"),
        ("python/test_expectations.py -- it is not told", 1, "does not list it: it is told to"),
        ("python/test_jit.py -- it is told", 1, "does not list it"),
        ("", 1, "1 failed, 1 passed"),
        ("python/test_expectations.py", 4, "no reason is given"),
        ("python/test_gone.py -- it is told", 4, "there is no file"),
    ],
)
def test_skips(lines: str, status: int, message: str, tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "for_the_skips"]
    done = _run([*command, "test/python/test_expectations.py"], lines, tmp_path, "STEELYARD_EXPECTED_SKIPS")
    assert done.returncode == status, done.stdout + done.stderr
    assert message in done.stdout + done.stderr
