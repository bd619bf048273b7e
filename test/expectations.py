# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads expected-failures.txt, for lit and for pytest, and expected-skips.txt."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import lit.formats

FOLDER = pathlib.Path(__file__).resolve().parent


def _lines(path: pathlib.Path) -> Iterator[tuple[str, str, str]]:
    """File and line, test, reason."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, separator, reason = (part.strip() for part in line.partition(" -- "))
        where = f"{path}:{number}"
        if not separator or not reason:
            raise ValueError(f"{where}: no reason is given; a line is 'test -- reason'")
        yield where, name, reason


def expected_skips() -> frozenset[tuple[str, str]]:
    """Files and beginnings of reasons; a line that can't be right raises ValueError."""
    path = pathlib.Path(os.environ.get("STEELYARD_EXPECTED_SKIPS", FOLDER / "expected-skips.txt"))
    skips = set()
    for where, file, reason in _lines(path):
        if not file.endswith(".py") or not (FOLDER / file).is_file():
            raise ValueError(f"{where}: there is no file {file} of Python tests")
        skips.add((file, reason))
    return frozenset(skips)


def expected_failures() -> dict[str, str]:
    """Reasons by the tests' names; a line that can't be right raises ValueError."""
    path = pathlib.Path(os.environ.get("STEELYARD_EXPECTED_FAILURES", FOLDER / "expected-failures.txt"))
    reasons: dict[str, str] = {}
    for where, name, reason in _lines(path):
        if name in reasons:
            raise ValueError(f"{where}: {name} is there twice")
        file, is_node, _ = name.partition("::")
        if not (FOLDER / file).is_file() or file.endswith(".mlir") == bool(is_node):
            raise ValueError(f"{where}: there is no test {name}")
        reasons[name] = reason
    return reasons


class ShTest(lit.formats.ShTest):
    """lit's own, where a listed test has to fail."""

    def __init__(self) -> None:
        super().__init__(execute_external=False)
        self._expected = frozenset(expected_failures())

    def execute(self, test: Any, lit_config: Any) -> Any:
        if "/".join(test.path_in_suite) in self._expected:
            test.xfails.append("*")
        return super().execute(test, lit_config)
