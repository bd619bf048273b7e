# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Applies test/expected-failures.txt."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from expectations import FOLDER, expected_failures  # noqa: E402


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
