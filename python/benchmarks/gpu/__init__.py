# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled code on a GPU beside torch.compile and jax.jit.

``python -m benchmarks.gpu prepare DIR`` compiles, on a machine with the compiler; ``python -m benchmarks.gpu run DIR``
checks and times it on one with a GPU, PyTorch and JAX.
"""

from __future__ import annotations

import pathlib
import re


def is_selected(only: str, group: str, name: str) -> bool:
    """Whether ``--only`` means this work: it is a part of "group/name"."""
    return only in f"{group}/{name}"


def path_of(folder: pathlib.Path, *names: str) -> pathlib.Path:
    """Where compiled work of these names lies."""
    return folder / (re.sub(r"[^a-z0-9]+", "_", "_".join(names).lower()).strip("_") + ".so")
