# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Puts `support` beside these tests on the path, however pytest is called."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
