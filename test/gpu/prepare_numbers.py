# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles elementary functions and casts for a GPU, and computes the casts on this machine."""

from __future__ import annotations

import pathlib

import numpy as np
import steelyard
from steelyard._runtime import Target, compile_library

from gpu import numbers
from gpu.prepare import HOST, write_commit


def cast_checksums(source: str, target: str, folder: pathlib.Path) -> dict[str, numbers.Array]:
    """Of the CPU target's results."""
    path = folder / f"{source}-{target}.cpu.so"
    compile_library(numbers.casts_text(source, target), "", HOST, "casts", str(path))
    results = numbers.run_casts(steelyard.load(path), source)
    path.unlink()
    return {name: numbers.checksums(result) for name, result in results.items()}


def prepare(folder: pathlib.Path, chip: str, only: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = Target("cuda", chip=chip)
    for name, function in numbers.FUNCTIONS.items():
        path = folder / f"function-{name}.so"
        if only in path.stem:
            compile_library(numbers.function_text(function), "", HOST, name, str(path), target)
    for pair in numbers.CASTS:
        path = folder / f"cast-{'-'.join(pair)}.so"
        if only in path.stem:
            compile_library(numbers.casts_text(*pair), "", HOST, path.stem, str(path), target)
            np.savez_compressed(path.with_suffix(".npz"), **cast_checksums(*pair, folder))
    write_commit(folder)
