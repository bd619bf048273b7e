# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Applies test/expected-failures.txt and test/expected-skips.txt."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Generator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from expectations import FOLDER, expected_failures, expected_skips  # noqa: E402

os.environ["STEELYARD_CACHE_DIR"] = ""  # what is tested is compiled

_skips = pytest.StashKey[frozenset[tuple[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[_skips] = expected_skips()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip that is not listed is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        file = item.path.relative_to(FOLDER).as_posix()
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not any(file == listed and reason.startswith(start) for listed, start in item.config.stash[_skips]):
            report.outcome = "failed"
            report.longrepr = f"skipped, and test/expected-skips.txt does not list it: {reason}"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what has to fail; before -k and -m select."""
    try:
        expected = expected_failures()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    found, files = set(), set()
    for item in items:
        file = item.path.relative_to(FOLDER).as_posix()
        name = f"{file}::{item.nodeid.partition('::')[2]}"
        found.add(name)
        files.add(file)
        if name in expected:
            item.add_marker(pytest.mark.xfail(reason=expected[name], strict=True))
    if any("::" in argument for argument in config.args):
        return  # not whole files
    missing = [name for name in expected if name.partition("::")[0] in files and name not in found]
    if missing:
        raise pytest.UsageError(f"expected-failures.txt names tests that are not there: {', '.join(missing)}")
