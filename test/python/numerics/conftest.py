# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Puts `support` beside these tests on the path, however pytest is called."""

import pathlib
import sys
from collections.abc import Iterator

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture(autouse=True)
def numpy_is_quiet() -> Iterator[None]:
    """Overflow, underflow and signalling NaNs are what is converted here, not mistakes."""
    with np.errstate(all="ignore"):
        yield
